"""The holds of a watcher; `Busy` and `Override`, the context managers that users enter.

A signal handler may raise at nearly every instruction of the main thread. So that no hold is left behind, each change
of the holds is one call into C: `Busy.__enter__` undoes it on any exception, and `Busy.__exit__` is C up to the point
where the hold has ended, because a handler can raise at the first instruction of any Python function.
"""

from __future__ import annotations

from _io import _IOBase
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from hotconf.arguments import wrong
from hotconf.keypath import KeyPath, dotted
from hotconf.system import threads

if TYPE_CHECKING:
    from types import TracebackType

Hold: TypeAlias = tuple[str, int]
"""The reason, and the thread that entered it."""


class Holds:
    """All holds. No lock guards them: the driver must not wait for a thread that a signal handler interrupted."""

    __slots__ = ("_held", "add", "pop")

    def __init__(self) -> None:
        self._fill({})

    def _fill(self, held: dict[object, Hold]) -> None:
        self._held = held
        self.add: Callable[[object, Hold], None] = held.__setitem__
        self.pop: Callable[[object, None], Hold | None] = held.pop

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons for being busy, oldest first."""
        if not self._held:
            return ()  # nearly always
        return tuple(dict.fromkeys([reason for reason, _ in list(self._held.values())]))

    def abandon(self) -> tuple[str, ...]:
        """In a forked child: keep this thread's holds. Returns the reasons that were dropped."""
        here = threads.ident()
        gone = [token for token, (_, thread) in self._held.items() if thread != here]
        reasons = dict.fromkeys(self._held.pop(token)[0] for token in gone)
        return tuple(reason for reason in reasons if reason not in self.reasons)


class Holder(Protocol):
    """A running watcher, as `Busy` sees it."""

    @property
    def holds(self) -> Holds:
        """Its holds."""

    def barrier(self) -> None:
        """Return once every earlier step has ended."""

    def released(self, hold: Hold | None) -> None:
        """A hold has ended: return once what was pending is published, unless something else delays it."""

    async def released_async(self, hold: Hold | None) -> None:
        """A hold of `async with` has ended: return once what was pending is published."""


_NEVER: Final = object()


class _Leave(_IOBase):
    """Its `__exit__` is written in C, ignores its arguments, and calls `close`."""

    closed = True  # so that freeing this object does not call it as well

    def __init__(self, close: Callable[[], Any]) -> None:
        self.close = close  # type: ignore[method-assign]


class Busy:
    """A reason not to publish now; a reentrant context manager, sync and async."""

    if not TYPE_CHECKING:
        __slots__ = ("__aexit__", "__exit__", "_holder", "_reason", "_tokens")
    else:

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """End the latest hold; on return what was pending is published."""

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """End the latest hold; on return what was pending is published."""

    def __init__(self, holder: Holder, reason: object) -> None:
        if not isinstance(reason, str) or not reason:
            raise wrong("reason", reason, "a string that says what reloads wait for")
        self._holder = holder
        self._reason = reason
        self._tokens: list[object] = []
        self.__exit__ = self._leaving(holder.released)  # type: ignore[method-assign]
        self.__aexit__ = self._leaving(holder.released_async)  # type: ignore[method-assign]

    def _leaving(self, then: Callable[[Hold | None], object]) -> Callable[..., Any]:
        """A callable that ends the latest hold, all in C, and calls `then` with it."""
        ended = map(self._holder.holds.pop, iter(self._tokens.pop, _NEVER), repeat(None))
        return _Leave(map(then, ended).__next__).__exit__

    def __enter__(self) -> None:
        token = object()
        try:
            self._enter(token)
        except BaseException:
            self._forget(token)
            raise

    async def __aenter__(self) -> None:
        token = object()
        try:  # not through `__enter__`: an exception right after that would leave the hold
            self._enter(token)
        except BaseException:
            self._forget(token)
            raise

    def _enter(self, token: object) -> None:
        self._tokens.append(token)
        self._holder.holds.add(token, (self._reason, threads.ident()))
        self._holder.barrier()

    def _forget(self, token: object) -> None:
        self._holder.holds.pop(token, None)
        with suppress(ValueError):
            self._tokens.remove(token)


class Overridable(Protocol):
    """A running watcher, as `Override` sees it."""

    def enter(self, token: object, values: dict[KeyPath, Any], thread: int) -> None:
        """From now on these values override all layers. Raises if what results is not valid."""

    def leave(self, token: object) -> None:
        """What was entered as `token` counts no longer. Never raises, and may be called twice."""


class Override:
    """Values that override all layers; a reentrant context manager, sync and async."""

    __slots__ = ("_tokens", "_values", "_watcher")

    def __init__(self, watcher: Overridable, values: object) -> None:
        from hotconf.sources.override import flattened  # late: most programs override nothing

        self._watcher = watcher
        self._values = flattened(values)
        self._tokens: list[object] = []

    def __repr__(self) -> str:
        """The keys, never the values."""
        return f"Override({', '.join(map(dotted, self._values))})"

    def __enter__(self) -> None:
        token = object()
        self._watcher.enter(token, self._values, threads.ident())
        self._tokens.append(token)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the latest one that was entered."""
        self._watcher.leave(self._tokens.pop())

    async def __aenter__(self) -> None:
        token = object()
        enter = partial(self._watcher.enter, token, self._values, threads.ident())
        await threads.entered(enter, partial(self._watcher.leave, token))
        self._tokens.append(token)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the latest one that was entered."""
        import asyncio

        leaving = asyncio.to_thread(self._watcher.leave, self._tokens.pop())
        await asyncio.shield(leaving)  # it goes on if the task is cancelled
