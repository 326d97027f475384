"""Forms of factories: what calling one gives, how its object comes from that, and how it is closed.

| calling it gives | the object | closed by |
|---|---|---|
| a generator, plain or async | what it yields | the code after `yield` |
| a coroutine | what it returns | nobody |
| anything else | that itself | nobody |
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import _AsyncGeneratorContextManager, _GeneratorContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from hotconf.errors import UsageError
from hotconf.resources.calls import NOTHING, TWICE, YIELDS_NOTHING, Outcome, run

if TYPE_CHECKING:
    import asyncio


class Life(Protocol):
    """An object from its making to its closing. Used on the keeper's thread, except `interrupt`."""

    @property
    def grace_s(self) -> float:
        """How much longer than a resource allows its thread may be busy with it."""

    @property
    def over(self) -> bool:
        """Whether, after `begin` failed or `end`, none of its code runs any more."""

    def begin(self) -> Outcome:
        """Make it."""

    def end(self) -> BaseException | None:
        """Close it, and return what that raised. Does nothing if it was not made, or is closed."""

    def interrupt(self) -> None:
        """Its making is no longer wanted."""


def is_async(made: object) -> TypeGuard[AsyncGenerator[Any, Any] | Coroutine[Any, Any, Any]]:
    """Whether what calling a factory gave lives in an event loop."""
    return isinstance(made, AsyncGenerator | Coroutine)


def life_of(
    made: object, loop: asyncio.AbstractEventLoop | None, limit_s: float, lost: Callable[[], object]
) -> Life | None:
    """How to make an object of what calling a factory gave, and how to close it; None: that is the object.

    `loop` is where async ones live, `lost` is called there when it ends. Raises `UsageError` for what is none of the
    forms, and for async ones without a loop.
    """
    if is_async(made):
        if loop is None:
            if isinstance(made, Coroutine):
                made.close()  # or Python says that it was never awaited
            raise UsageError("it is async, and no event loop has entered the watcher: use `async with` or `astart()`")
        from hotconf.resources.inloop import InLoop  # imported before, by the loop's thread

        return InLoop(made, loop, limit_s, lost)
    if isinstance(made, Generator):
        return Generated(made)
    if isinstance(made, _GeneratorContextManager | _AsyncGeneratorContextManager):
        decorator = "@contextmanager" if isinstance(made, _GeneratorContextManager) else "@asynccontextmanager"
        raise UsageError(f"it returned a context manager: remove {decorator}, a function that yields once is enough")
    if isinstance(made, Iterator):  # to type checkers it is a factory that yields
        kind = type(made).__qualname__
        raise UsageError(f"it returned an iterator ({kind}): `yield` the object, so that it can be closed after that")
    return None


class Generated:
    """What a generator yields; the code after `yield` closes it."""

    grace_s = 0.0
    over = True
    __slots__ = ("_generator",)

    def __init__(self, generator: Generator[Any, Any, Any]) -> None:
        self._generator = generator

    def begin(self) -> Outcome:
        """Run it up to its `yield`."""
        outcome = run(partial(next, self._generator, NOTHING))
        if outcome.value is NOTHING:
            return Outcome(error=UsageError(YIELDS_NOTHING))
        return outcome

    def end(self) -> BaseException | None:
        """Run the rest."""
        generator = self._generator
        if not getattr(generator, "gi_suspended", True):  # not begun, or over: none of its code runs
            return run(generator.close).error
        outcome = run(partial(next, generator, NOTHING))
        if outcome.error is not None and getattr(generator, "gi_suspended", False):  # the call itself was interrupted
            outcome = run(partial(next, generator, NOTHING))
        if outcome.error is not None or outcome.value is NOTHING:
            return outcome.error
        return run(generator.close).error or UsageError(TWICE)

    def interrupt(self) -> None:
        """Nothing can interrupt it."""
