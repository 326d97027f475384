"""Forms of factories: what calling one gives, how its object comes from that, and how it is closed.

| calling it gives | the object | closed by |
|---|---|---|
| a generator | what it yields | the code after `yield` |
| anything else | that itself | nobody |

Whatever users' code raises here, of whatever kind, is its failure, and ends no thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from hotconf.errors import UsageError
from hotconf.system import green, signals, threads
from hotconf.system.exceptions import end_process

_NOTHING: Final = object()
_inside: Final[set[tuple[int, int]]] = set()
"""The threads and greenlets that run users' code here."""


class Outcome(NamedTuple):
    """What a call of users' code returned or raised."""

    value: Any = None
    error: BaseException | None = None


class Life(Protocol):
    """An object from its making to its closing."""

    def begin(self) -> Outcome:
        """Make it."""

    def end(self) -> BaseException | None:
        """Close it, and return what that raised. Does nothing if it was not made, or is closed."""


def in_factory() -> bool:
    """Whether this thread or greenlet is inside a factory: making or closing something."""
    return threads.greenlet_ident() in _inside


def life_of(made: object) -> Life | None:
    """How to make an object of what calling a factory gave, and how to close it; None: that is the object.

    Raises `UsageError` for what is none of the forms.
    """
    if isinstance(made, Generator):
        return Generated(made)
    if isinstance(made, Iterator):  # to type checkers it is a factory that yields
        kind = type(made).__qualname__
        raise UsageError(f"it returned an iterator ({kind}): `yield` the object, so that it can be closed after that")
    return None


class Generated:
    """What a generator yields; the code after `yield` closes it."""

    __slots__ = ("_generator",)

    def __init__(self, generator: Generator[Any, Any, Any]) -> None:
        self._generator = generator

    def begin(self) -> Outcome:
        """Run it up to its `yield`."""
        outcome = run(partial(next, self._generator, _NOTHING))
        if outcome.value is _NOTHING:
            return Outcome(error=UsageError("it ended without a yield: a factory yields what it makes, once"))
        return outcome

    def end(self) -> BaseException | None:
        """Run the rest."""
        generator = self._generator
        if not getattr(generator, "gi_suspended", True):  # not begun, or over: none of its code runs
            return run(generator.close).error
        outcome = run(partial(next, generator, _NOTHING))
        if outcome.error is not None or outcome.value is _NOTHING:
            return outcome.error
        return run(generator.close).error or UsageError("it yielded twice: a factory yields what it makes, once")


def run(work: Callable[[], Any]) -> Outcome:
    """Run users' code: with the signals of the main thread; under gevent and eventlet among its greenlets."""
    call = _Call(work)
    signals.run(partial(green.run, call))
    return call.outcome


class _Call:
    __slots__ = ("_work", "outcome")

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self.outcome = Outcome(error=RuntimeError("its greenlet was killed before it began"))

    def __call__(self) -> None:
        pid, here = os.getpid(), threads.greenlet_ident()
        try:
            _inside.add(here)
            self.outcome = Outcome(self._work())
        except BaseException as error:  # noqa: BLE001 - users' code
            if isinstance(error, SystemExit) and os.getpid() != pid:
                end_process(error)
            trace = error.__traceback__
            # Without our frame: who keeps the error does not keep what the object is made of.
            self.outcome = Outcome(error=error.with_traceback(trace and trace.tb_next))
        finally:
            _inside.discard(here)
