"""`LayerWatches`: the layers that notice their changes themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from hotconf.logs import log
from hotconf.problems import ConfigError, Problem
from hotconf.sources.base import FileLayer, Layer, WatchedLayer
from hotconf.text import printable

Post: TypeAlias = Callable[[Callable[[], object]], None]


class LayerWatches:
    """Those of one watcher."""

    def __init__(self, path: Path) -> None:
        """`path`: what the log calls the watcher."""
        self._path = path
        self._ends: list[Callable[[], object]] = []
        self._asked: Post | None = None

    def begin(self, layers: Iterable[Layer | FileLayer], changed: Callable[[], object], *, require: bool) -> None:
        """Have each of `layers` that can call `changed`. Raises `ConfigError` if one fails and `require` is true."""
        for layer in layers:
            if isinstance(layer, WatchedLayer):
                try:
                    self._ends.append(layer.watch(changed))
                except Exception as error:
                    if require:
                        text = f"Cannot watch the layer: {type(error).__name__}"
                        raise ConfigError([Problem(text, kind="unreadable", where=layer.name)]) from error
                    log.fault("watch", "The layer %s is not watched: only reload() reads it", printable(layer.name))

    def ask(self, post: Post, load: Callable[[], object]) -> None:
        """`post` what loads, unless that was done and it has not begun: a layer may call as often as it can."""
        if post == self._asked:
            return
        try:
            self._asked = post
            post(partial(self._load, load))
        except BaseException:  # of a signal handler: perhaps it was not posted
            self._asked = None
            raise

    def _load(self, load: Callable[[], object]) -> None:
        self._asked = None  # first: this load may miss what changes from now on
        load()

    def also_end(self, end: Callable[[], object]) -> None:
        """Call this, too, when they end."""
        if end not in self._ends:
            self._ends.append(end)

    def end(self) -> None:
        """End them. After an exception, another call does the rest."""
        while self._ends:
            try:
                self._ends.pop()()
            except Exception:  # noqa: BLE001 - it may be users' code
                log.fault("watch", "A layer of %s cannot be closed", self._path)

    def forget(self) -> None:
        """In a forked child: they are the parent's."""
        self._ends.clear()
