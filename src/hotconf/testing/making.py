"""Watchers for tests: each of a file in a directory of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict, TypeVar

from hotconf import arguments
from hotconf.formats.registry import FormatName, named
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.sources.base import GivenLayer
from hotconf.testing.edits import encoded
from hotconf.testing.handle import TIMEOUT_S, WatcherHandle
from hotconf.watcher import MAX_RECONCILE_S, HotReloadWatcher

if TYPE_CHECKING:
    import os
    from contextlib import ExitStack
    from typing import Unpack

    import pytest
    from pydantic import TypeAdapter

T = TypeVar("T")

_QUIET: Final = {"observer": "poll", "reconcile_s": MAX_RECONCILE_S}
"""No watches, no comparisons: the watcher loads when its handle says so, and at no other time."""


class WatcherOptions(TypedDict, total=False):
    """Arguments of `HotReloadWatcher` that a test may want; relative `watch_paths` are relative to the file."""

    settings: HotReloadSettings | None
    debounce_ms: int | None
    watch_paths: Iterable[str | os.PathLike[str]] | None
    checks: Iterable[Callable[[Any], Iterable[Problem]]]
    max_bytes: int
    allow_empty: bool
    state_dir: str | os.PathLike[str] | None
    layers: Iterable[GivenLayer]


class MakeWatcher(Protocol):
    """The fixture `hotconf_watcher`: `watching`, entered, and left after the test."""

    def __call__(
        self,
        schema: type[T] | TypeAdapter[T] | Schema[T],
        text: str | None,
        *,
        format: FormatName = "toml",  # noqa: A002 - as for the watcher
        start: bool = True,
        timeout_s: float = TIMEOUT_S,
        **options: Unpack[WatcherOptions],
    ) -> WatcherHandle[T]:
        """A watcher of a new file with this text, started unless `start` is false."""


def watching(
    schema: type[T] | TypeAdapter[T] | Schema[T],
    text: str | None,
    *,
    format: FormatName = "toml",  # noqa: A002 - as for the watcher
    directory: str | os.PathLike[str] | None = None,
    timeout_s: float = TIMEOUT_S,
    **options: Unpack[WatcherOptions],
) -> WatcherHandle[T]:
    """A context manager, sync and async: a watcher of `config.toml` with this text, and a handle to change it.

        with watching(AppConfig, "n = 0") as handle:
            service = Service(handle.watcher)
            handle.set("n = 3")
            assert service.n == 3

    `text`: None for a watcher without a file. `format`: `toml`, `yaml` or `json`. `directory`: where the file is
    written; None: in a new one, which is removed at the end. `timeout_s`: how long each method waits. `options` are
    those of the watcher. It notices no change by itself: nothing happens unless the test asks for it.

    Raises `UsageError` for arguments that make no sense.
    """
    content = None if text is None else encoded("text", text)
    if named(format) is None:
        raise arguments.wrong("format", format, "toml, yaml or json")
    if directory is not None and not _is_directory(directory):
        raise arguments.wrong("directory", str(directory), "a directory that exists")
    temporary = TemporaryDirectory(prefix="hotconf-") if directory is None else None
    home = Path(directory if temporary is None else temporary.name)  # type: ignore[arg-type]
    path, cleanup = None, None if temporary is None else temporary.cleanup
    try:
        if content is not None:
            path = home / f"config.{format}"
            path.write_bytes(content)
        given: dict[str, Any] = {**_QUIET, **options}
        watcher = HotReloadWatcher(path, schema, format=None if path is None else format, **given)
        return WatcherHandle(watcher, timeout_s=timeout_s, quiet=True, cleanup=cleanup)
    except BaseException:
        if cleanup is not None:
            cleanup()
        raise


def _is_directory(given: object) -> bool:
    return isinstance(given, str | PathLike) and Path(given).is_dir()


class Maker:
    """The fixture: what it makes is closed with `stack`."""

    def __init__(self, stack: ExitStack, directories: pytest.TempPathFactory) -> None:
        self._stack = stack
        self._directories = directories

    def __call__(
        self,
        schema: type[T] | TypeAdapter[T] | Schema[T],
        text: str | None,
        *,
        format: FormatName = "toml",  # noqa: A002 - as for the watcher
        start: bool = True,
        timeout_s: float = TIMEOUT_S,
        **options: Unpack[WatcherOptions],
    ) -> WatcherHandle[T]:
        """See `MakeWatcher`."""
        directory = self._directories.mktemp("hotconf")
        handle = watching(schema, text, format=format, directory=directory, timeout_s=timeout_s, **options)
        self._stack.callback(handle.close)
        if start:
            handle.start()
        return handle
