"""`LayerWatches`: the layers that notice their changes themselves, and what else ends with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
        self._others: dict[Callable[[], object], bool] = {}
        """And whether it is spared, if the watcher starts anew."""
        self._sparing = self._ended = False
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

    def also_end(self, end: Callable[[], object], *, lasting: bool = False) -> None:
        """Call this, too, when they end. `lasting`: it is for all lives of a watcher that starts anew."""
        self._others.setdefault(end, lasting)

    def end(self) -> None:
        """End them. After an exception, another call does the rest."""
        self._ended = True
        while (end := self._next()) is not None:
            try:
                end()
            except Exception:  # noqa: BLE001 - it may be users' code
                log.fault("watch", "A layer of %s cannot be closed", self._path)

    def _next(self) -> Callable[[], object] | None:
        if self._ends:
            return self._ends.pop()
        for end, lasting in reversed(list(self._others.items())):
            if not (lasting and self._sparing):
                self._others.pop(end, None)
                return end
        return None

    @contextmanager
    def sparing(self) -> Iterator[None]:
        """Within it what is lasting is not ended, so that it can be taken over; otherwise it is ended after it."""
        self._sparing = True
        try:
            yield
        finally:
            self._sparing = False
            if self._ended:
                self.end()

    def take_over(self, other: LayerWatches) -> None:
        """What is lasting is ended with these."""
        for end in [end for end, lasting in other._others.items() if lasting]:
            self.also_end(end, lasting=True)
            del other._others[end]

    def forget(self) -> None:
        """In a forked child: the layers' are the parent's. What else ends with them is inherited."""
        self._ends.clear()
