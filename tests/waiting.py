"""Waiting for what another thread does, with a deadline instead of a fixed sleep."""

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.005


def wait_until(condition: Callable[[], T], timeout_s: float = 60.0) -> T:
    """The first truthy value of ``condition()``; AssertionError when there is none in time."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() >= deadline_s:
            import stalls

            raise AssertionError(f"still {value!r} after {timeout_s} s: {condition!r}\n{stalls.report()}")
        time.sleep(_POLL_S)
    return value


def removed(directory: Path) -> bool:
    """Remove it with all that is in it. False if something was written into it meanwhile: try again."""
    try:
        shutil.rmtree(directory)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise
        return error.errno == errno.ENOENT and not directory.exists()
    return True
