"""Calls of users' code: whatever it raises, of whatever kind, is its failure, and ends no thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from hotconf.system import green, signals, threads
from hotconf.system.exceptions import end_process, factories

NOTHING: Final = object()
UNCHANGED: Final = object()
"""What a resource is made of is the same as before: it is left as it is."""
YIELDS_NOTHING: Final = "it ended without a yield: a factory yields its object, once"
TWICE: Final = "it yielded twice: a factory yields its object, once"

_inside: Final[set[tuple[int, int]]] = set()
"""The threads and greenlets that run users' code here."""


class Outcome(NamedTuple):
    """What a call of users' code returned or raised."""

    value: Any = None
    error: BaseException | None = None


def in_factory() -> bool:
    """Whether this thread, greenlet or task is inside a factory: making or closing something."""
    inloop = sys.modules.get("hotconf.resources.inloop")
    return threads.greenlet_ident() in _inside or (inloop is not None and inloop.in_task())


factories.append(in_factory)


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
        except BaseException as error:
            if isinstance(error, threads.ExitingError):
                raise
            if isinstance(error, SystemExit) and os.getpid() != pid:
                end_process(error)
            self.outcome = Outcome(error=trimmed(error))
        finally:
            _inside.discard(here)


def trimmed(error: BaseException) -> BaseException:
    """The exception that is being handled, without the frame that handles it."""
    trace = error.__traceback__
    return error.with_traceback(trace and trace.tb_next)
