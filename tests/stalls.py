"""What all threads are doing, and what those of hotconf have to do: for the message of a test that waits in vain."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from hotconf.logs.records import LogQueue
from hotconf.runtime.driver import Driver
from hotconf.runtime.observers import Observers
from hotconf.runtime.supervision import Supervision
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.delivery import Delivery
from hotconf.system.threads import Thread
from hotconf.system.wait import KernelWaiter, ThreadWaiter
from hotconf.system.worker import Worker, _Runner
from hotconf.watch.background import Background

_SHOWN = (Background, Bus, Delivery, Driver, KernelWaiter, LogQueue, Observers, Supervision, ThreadWaiter, Worker)
_LONGEST = 400


def report() -> str:
    """The stack of each thread, and the attributes of what drives hotconf's. Opens no file."""
    gc.unfreeze()  # frozen objects are not listed
    names = {each.ident: each.name for each in threading.enumerate()}
    stacks = (
        "\n".join([f"{names.get(number, number)}:", *_stack(frame)])
        for number, frame in sys._current_frames().items()
    )
    objects = gc.get_objects()
    # By type: isinstance() would ask lazy objects of others for their class, which may raise.
    running = [each for each in objects if issubclass(type(each), Thread) and each.alive]
    runners = [each for each in objects if issubclass(type(each), _Runner) and each.thread.alive]
    shown = [each for each in objects if issubclass(type(each), _SHOWN)]
    states = (f"{each!r}: {_state(each)}" for each in (*shown, *running, *runners))
    return "\n".join([*stacks, f"At {time.monotonic_ns()}:", *states])


def _stack(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield f"    {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        frame = frame.f_back


def _state(each: object) -> dict[str, str]:
    slots = (name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ()))
    names = (name for name in (*slots, *getattr(each, "__dict__", ())) if name != "__weakref__")
    return {name: repr(getattr(each, name, "-"))[:_LONGEST] for name in names}
