"""Children of a fork: what they do, and how they end."""

from __future__ import annotations

import faulthandler
import os
import signal
import traceback
import warnings
from collections.abc import Callable

from waiting import wait_until

LONG_S = 30


def fork(work: Callable[[], object]) -> int:
    """A child that does `work` and ends: well, if that raises nothing. Its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: that is what is tried here
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the child ends here, whatever it is
            os.write(2, traceback.format_exc().encode())
            faulthandler.dump_traceback(2)  # of all threads: what they wait for
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for a child; its exit code."""
    found: list[int] = []

    def gone() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            found.append(os.waitstatus_to_exitcode(status))
        return bool(pid)

    try:
        wait_until(gone, LONG_S + 10)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return found[0]


class Told:
    """One word from one process to another."""

    def __init__(self) -> None:
        self._end, self._begin = os.pipe()

    def tell(self) -> None:
        os.write(self._begin, b".")

    def wait(self) -> None:
        assert os.read(self._end, 1) == b"."

    def close(self) -> None:
        os.close(self._end)
        os.close(self._begin)
