"""Waiting for configurations in event loops: `newer`, and `Changes`, which follows one value.

Nothing calls either, so neither delays others or has to be closed: they look whenever something is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from hotconf.changes import MISSING
from hotconf.config.diff import equal
from hotconf.errors import UsageError
from hotconf.system.loops import running

if TYPE_CHECKING:
    from hotconf.snapshot import Snapshot
    from hotconf.subscribers.publications import Publications, Source

T = TypeVar("T")

_NOT_SELECTED: Final = object()


async def newer(source: Source[T], publications: Publications, since: int, timeout_s: float | None) -> Snapshot[T]:
    """Wait for a generation above `since`. Raises `TimeoutError`, and `UsageError` if the watcher is closed."""
    loop, life = running("changed()"), publications.life
    async with asyncio.timeout(timeout_s):
        while True:
            published, ended = publications.published, publications.ended(life)
            if (snapshot := source.snapshot) is not None and snapshot.generation > since:
                return snapshot
            if ended:
                raise UsageError("the watcher is closed: nothing changes any more")
            await published.awaited(loop)


class Changes:
    """An async iterator of `(old, new)`. A slow reader skips values: it gets the last one that it saw and the newest.

    It ends when the watcher is closed, after the last change. A cancelled wait loses nothing.
    """

    __slots__ = ("_baseline", "_generation", "_life", "_publications", "_select", "_source", "_value")

    def __init__(
        self,
        source: Source[Any],
        publications: Publications,
        select: Callable[[Any], object],
        *,
        initial: bool,
    ) -> None:
        """If it is not `initial`, it begins with what is given to `begin`."""
        self._source = source
        self._publications, self._life = publications, publications.life
        self._select = select
        self._baseline: Snapshot[Any] | None = None
        self._generation = 0
        self._value: object = MISSING if initial else _NOT_SELECTED

    def begin(self, snapshot: Snapshot[Any]) -> None:
        """Later values are compared with that of `snapshot`."""
        self._baseline = snapshot

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Any, Any]:
        """Wait for the next change. Raises what the selector raises; after that it can be called again."""
        loop = running("async for")
        while True:
            published, ended = self._publications.published, self._publications.ended(self._life)
            if (change := self._next()) is not None:
                return change
            if ended:
                raise StopAsyncIteration
            await published.awaited(loop)

    def _next(self) -> tuple[object, object] | None:
        if self._value is _NOT_SELECTED:
            if (before := self._baseline) is None:
                return None
            self._baseline, self._generation, self._value = None, before.generation, MISSING
            self._value = self._select(before.config)
        newest = self._source.snapshot
        if newest is None or newest.generation == self._generation:
            return None
        self._generation = newest.generation
        old, self._value = self._value, self._select(newest.config)
        return None if equal(old, self._value) else (old, self._value)
