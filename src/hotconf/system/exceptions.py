"""Who owns an exception that users' code (a validator, a check, `describe`) raises.

The rule: on a thread of ours any exception is a failure of that code, and does not end the thread. On a thread of the
program, where the load at start runs, anything but an `Exception` (Ctrl+C, `SystemExit`, a killed greenlet) belongs
to the program and propagates, as does whatever a signal handler raised: it only happened to run during that code. In
a command, where no watcher loads, a check that calls `sys.exit()` has failed.
"""

from __future__ import annotations

import os
import signal  # imported early: once it is needed there may be no descriptor left to import it with
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from hotconf.errors import UsageError
from hotconf.system import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


loading: Final[set[tuple[int, int]]] = set()
"""The threads and greenlets in which a load is under way."""


def in_load() -> bool:
    """Whether this thread or greenlet is inside a load, that is in a validator, check or `describe`."""
    return threads.greenlet_ident() in loading


factories: Final[list[Callable[[], bool]]] = []
"""Whether the caller is inside a factory of resources, once there are any."""


def refuse_in_load(method: str, *, handlers: bool = False) -> None:
    """Raise `UsageError` if users' code that is part of a load, or makes resources, calls `method`.

    With `handlers` not if a signal handler calls it, which only happened to interrupt that code, nor in a child that
    such code has forked: the load is the parent's.
    """
    if in_load():
        why = "a check, validator or describe: they are part of a load"
    elif any(inside() for inside in factories):
        why = "a factory: it is part of a reload"
    else:
        return
    if not (handlers and (_in_handler() or threads.in_forked_child())):
        raise UsageError(f"{method}() cannot be called from {why}")


def propagates(error: BaseException) -> bool:
    """Whether `error`, which is being handled, belongs to the program. Ends the process if users' code forked it."""
    if isinstance(error, SystemExit) and threads.in_forked_child():
        end_process(error)
    if threads.is_ours():
        return False
    failure = isinstance(error, Exception) or (isinstance(error, SystemExit) and not in_load())
    return not failure or _from_handler(error)


def end_process(error: SystemExit) -> NoReturn:
    """End a child that users' code forked and that called `sys.exit()`: to end this thread is not enough."""
    known = error.code is None or isinstance(error.code, int)
    with suppress(Exception):  # flushing them may fail
        if not known:
            sys.stderr.write(f"{error.code}\n")
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(error.code or 0) & 0xFF if known else 1)


def _from_handler(error: BaseException) -> bool:
    """Whether a signal handler raised it, according to its traceback."""
    handlers, trace = _handlers(), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _in_handler() -> bool:
    """Whether the caller is called by a signal handler."""
    handlers, frame = _handlers(), sys._getframe(1)
    while handlers and frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code in handlers:
            return True
    return False


def _handlers() -> set[CodeType | None]:
    """Those that can run in this thread: they run in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return set()
    # Not `valid_signals`: its names take longer than all the rest, and there may be thousands of errors.
    return {_code(signal.getsignal(number)) for number in range(1, signal.NSIG)} - {None}


def _code(handler: object) -> CodeType | None:
    """The code of a function, a method, a partial of one, or a callable object."""
    for name in ("func", "__func__"):
        handler = getattr(handler, name, handler)
    function = handler if hasattr(handler, "__code__") else vars(type(handler)).get("__call__")
    return getattr(function, "__code__", None)
