"""Whose an exception is that came out of users' code: a validator, a check, `describe`.

The rule: on a thread of ours whatever is raised is that code's failure, and ends no thread. On a thread of the
program, where the load at start runs, what is no `Exception` (Ctrl+C, `SystemExit`, a killed greenlet) belongs to the
program and goes through, and so does all that a signal handler raised: it ran in the midst of that code by chance.
"""

from __future__ import annotations

import signal  # here: when it is needed there may be no descriptor left to import it with
import threading
from typing import TYPE_CHECKING

from hotconf.runtime import threads

if TYPE_CHECKING:
    from types import CodeType


def belongs_to_caller(error: BaseException) -> bool:
    """Whether `error`, which is being handled, goes through to the program."""
    return not threads.ours() and (not isinstance(error, Exception) or from_handler(error))


def goes_through(error: BaseException) -> bool:
    """The same, for any load; in a command a check that ends the process has failed."""
    from hotconf.runtime.loader import inside

    return belongs_to_caller(error) and (inside() or not isinstance(error, SystemExit) or from_handler(error))


def from_handler(error: BaseException) -> bool:
    """Whether a signal handler raised it, as its traceback tells. Handlers run in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = {_code(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False


def _code(handler: object) -> CodeType | None:
    """The code of a function, a method, a partial of one, or an object that can be called."""
    for name in ("func", "__func__"):
        handler = getattr(handler, name, handler)
    function = handler if hasattr(handler, "__code__") else vars(type(handler)).get("__call__")
    return getattr(function, "__code__", None)
