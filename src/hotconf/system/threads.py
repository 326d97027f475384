"""Native threads, locks and waits, whatever gevent or eventlet patch, and whenever.

Rule 1: our threads are native. Patching `threading` does not change how they wait or wake.
Rule 2: no users' code runs, and no greenlet switches, while one of our locks is held.
Rule 3: a greenlet that calls us waits cooperatively: the other greenlets of its thread keep running.
Rule 4: if a signal handler raises during a wait, nothing is lost: the caller may wait again.

A program may patch before or after it imports hotconf.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from weakref import ref

from hotconf.system import signals

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

_FIRST_PAUSE_S: Final = 0.000_1
_LONGEST_PAUSE_S: Final = 0.01
"""How often a waiting greenlet checks: the pauses double from the first to the longest."""
_SLICE_S: Final = 0.05
"""How often `join` checks whether a thread died silently."""
_AGAIN_S: Final = 0.02
"""A thread that caught the exception that was to end it gets another one after this."""


def original(module: str, name: str) -> Any:
    """`name` of a module of the standard library as it was before gevent or eventlet patched it."""
    if (gevent := sys.modules.get("gevent.monkey")) is not None and gevent.is_module_patched(module):
        return gevent.get_original(module, name)
    if (eventlet := sys.modules.get("eventlet.patcher")) is not None and eventlet.already_patched:
        return getattr(eventlet.original(module), name)
    return getattr(import_module(module), name)


lock: Final[Callable[[], threading.Lock]] = original("_thread", "allocate_lock")
"""A native lock."""
rlock: Final[Callable[[], threading.RLock]] = original("_thread", "RLock")
"""A native reentrant lock. The greenlets of one thread share it, so none may switch while it is held.

Keep it in an object with slots: eventlet replaces those that it finds in modules and their objects' dictionaries.
"""
ident: Final[Callable[[], int]] = original("_thread", "get_ident")
"""The identifier of this native thread, the same for all its greenlets."""


def greenlet_ident() -> tuple[int, int]:
    """Distinguishes this thread from others, and this greenlet from others of the same thread."""
    current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    return ident(), 0 if current is None else id(current())


def pause(seconds: float) -> None:
    """Sleep; in a greenlet, let others run."""
    (_green_sleep() or original("time", "sleep"))(seconds)


def acquire(lock: threading.Lock | threading.RLock, timeout_s: float | None = None) -> bool:
    """Acquire a native lock, and return whether that succeeded in time; in a greenlet, let others run meanwhile."""
    if lock.acquire(blocking=False):
        return True
    sleep = _green_sleep()
    if sleep is None:
        return lock.acquire(timeout=-1 if timeout_s is None else min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))
    until = None if timeout_s is None else time.monotonic() + timeout_s
    step = _FIRST_PAUSE_S
    while not lock.acquire(blocking=False):
        left = step if until is None else until - time.monotonic()
        if left <= 0:
            return False
        sleep(min(step, left))
        step = min(2 * step, _LONGEST_PAUSE_S)
    return True


class Event:
    """Set once, by any thread; any number of threads and greenlets may wait for it."""

    __slots__ = ("_lock", "_set")

    def __init__(self) -> None:
        self._set = False
        self._lock = lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def set(self) -> None:
        """Wake all waiters. Idempotent; never waits."""
        self._set = True
        with suppress(RuntimeError):  # it was set
            self._lock.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set. Returns whether that was in time."""
        if not self._set and acquire(self._lock, timeout_s):
            self.set()  # the next waiter
        return self._set


async def entered(
    enter: Callable[[], object], leave: Callable[[], object], *, interrupt: Callable[[], object] | None = None
) -> None:
    """Call `enter` in another thread. If the task is cancelled meanwhile, have `leave` called, perhaps twice.

    If `enter` has not returned then, `interrupt` is called, so that it does.
    """
    import asyncio

    ended, unowned = Event(), Event()

    def run() -> None:
        try:
            enter()
        finally:
            ended.set()
            if unowned.is_set():
                leave()

    try:
        await asyncio.to_thread(run)
    except (asyncio.CancelledError, GeneratorExit):
        unowned.set()
        call = leave if ended.is_set() else interrupt
        if call is not None:
            try:  # in a third thread: what it waits for may need this one
                asyncio.get_running_loop().run_in_executor(None, call)
            except RuntimeError:  # no loop runs here any more
                call()
        raise


class Call(Generic[R]):
    """A call on another thread, for a caller that waits until it is `done`."""

    __slots__ = ("_action", "_error", "_outcome", "done")

    def __init__(self, action: Callable[[], R]) -> None:
        self._action = action
        self._outcome: list[R] = []
        self._error: BaseException | None = None
        self.done = Event()

    def __call__(self) -> None:
        """Run it."""
        try:
            self._outcome.append(self._action())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller
            self._error = error
        finally:
            self.done.set()

    def result(self) -> R:
        """What the action returned. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._outcome[0]


class Thread:
    """A native thread that never keeps the process alive. Started at most once."""

    __slots__ = ("_body", "_ended", "_ident", "_pid", "_target", "error", "name")

    def __init__(self, target: Callable[[], object], name: str) -> None:
        self.name = name
        self.error: BaseException | None = None
        """The exception that ended it, if any."""
        self._target = target
        self._ended = Event()
        self._ident = 0
        self._pid = 0
        self._body: ref[partial[None]] | None = None

    def start(self) -> None:
        """Start it. Raises `RuntimeError` if the system refuses a thread; may be retried."""
        start_new_thread = original("_thread", "start_new_thread")
        self._pid = os.getpid()
        permits = [True]
        body = partial(_run, self, permits)
        self._body = ref(body)
        try:
            start_new_thread(body, ())
        except BaseException:
            with suppress(IndexError):  # a signal handler raised, but the thread is running
                permits.pop()
                self._body = None
            raise
        finally:
            del body  # from here on only the thread itself holds it: see `alive`

    @property
    def alive(self) -> bool:
        """Whether it is running, in this process; also in its last steps. Detects any death."""
        return self._body is not None and self._body() is not None and self._pid == os.getpid()

    @property
    def here(self) -> bool:
        """Whether it is the calling thread."""
        return self._ident == ident() and self.alive

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for its end. Returns whether that was in time."""
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while self.alive and (left := until - time.monotonic()) > 0:
            if self._ended.wait(min(left, _SLICE_S)):
                pause(_FIRST_PAUSE_S)  # its last steps
        return not self.alive


def _run(thread: Thread, permits: list[bool]) -> None:
    try:
        permits.pop()
    except IndexError:  # `start` raised
        return
    thread._ident = ident()
    _ours[thread._ident] = thread
    try:
        signals.block()
        _introduce(thread.name)
        thread._target()
    except BaseException as error:  # noqa: BLE001 - its supervisor reports it
        thread.error = error
    finally:
        _ours.pop(thread._ident, None)
        _take_leave(thread._ident)
        thread._ended.set()


_ours: Final[dict[int, Thread]] = {}


def is_ours() -> bool:
    """Whether the caller is a thread of ours, not of the program."""
    return ident() in _ours


def in_forked_child() -> bool:
    """Whether the caller is such a thread in a child process that users' code forked from it."""
    thread = _ours.get(ident())
    return thread is not None and thread._pid != os.getpid()


def any_running() -> bool:
    """Whether threads of ours are running."""
    return bool(_ours)


class ExitingError(SystemExit):
    """Ends a thread of ours at exit."""


def end_all(timeout_s: float) -> None:
    """At exit: raise `ExitingError` in our threads until they end, for `timeout_s` at most.

    A thread inside a validator has Rust frames on its stack. An exception unwinds them; the end of the interpreter
    would tear them down and abort the process.
    """
    until = time.monotonic() + timeout_s
    while (left := [each for each in list(_ours.values()) if each.alive]) and time.monotonic() < until:
        for each in left:
            _raise_in(each)
        left[0].join(_AGAIN_S)


def _raise_in(thread: Thread) -> None:
    import ctypes

    number, kind = ctypes.c_ulong(thread._ident), ctypes.py_object(ExitingError)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, kind)


def _introduce(name: str) -> None:
    """Appear in `threading.enumerate()`, debuggers and coverage, as threads of `threading` do.

    Not if the program is patched: then `threading` counts greenlets.
    """
    trace, profile = threading.gettrace(), threading.getprofile()
    if trace is not None:
        sys.settrace(trace)
    if profile is not None:
        sys.setprofile(profile)
    if not patched():
        current = threading.current_thread()
        current.name = name
        # If a callback forks, this is the child's main thread, which Python < 3.13 ends only if it has this lock.
        if getattr(current, "_tstate_lock", current) is None:
            current._tstate_lock = lock()  # type: ignore[attr-defined]
            current._tstate_lock.acquire()  # type: ignore[attr-defined]


def _take_leave(number: int) -> None:
    # Python 3.13 does so by itself. Not only if patched: it may have appeared before the patching.
    getattr(threading, "_active", {}).pop(number, None)


def patched() -> bool:
    """Whether gevent or eventlet patched `threading`."""
    if (gevent := sys.modules.get("gevent.monkey")) is not None and gevent.is_module_patched("threading"):
        return True
    eventlet = sys.modules.get("eventlet.patcher")
    return eventlet is not None and bool(eventlet.is_monkey_patched("thread"))


def _green_sleep() -> Any:
    """The function by which this greenlet lets others run; None in a thread without greenlets, and in the hub."""
    current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    if current is None:
        return None
    if (gevent := sys.modules.get("gevent.hub")) is not None and hasattr(gevent, "sleep"):
        hub = gevent._get_hub()
        if hub is not None:
            return None if hub is current() else _as_sleep(gevent.sleep)
    if (eventlet := sys.modules.get("eventlet.hubs")) is not None:
        hub = getattr(getattr(eventlet, "_threadlocal", None), "hub", None)
        if hub is not None:
            return None if hub.greenlet is current() else _as_sleep(sys.modules["eventlet.greenthread"].sleep)
    return None


def _as_sleep(sleep: Any) -> Callable[[float], object]:
    made: Callable[[float], object] = sleep
    return made
