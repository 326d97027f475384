"""Where callbacks and log handlers run: in a plain program, on our threads.

If gevent or eventlet patched it, in a greenlet among the program's own: patched locks, sockets and pools work only
there.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from hotconf.system import threads

if TYPE_CHECKING:
    from collections.abc import Callable

PUMP_S: Final = 0.05
"""eventlet's hub cannot be woken by another thread: a greenlet checks this often for work."""


class _Home:
    """The hub in which the program runs."""

    __slots__ = ("_hub", "_pumping", "_queue", "_watchers")

    def __init__(self) -> None:
        self._hub: ref[Any] | None = None
        self._watchers: set[int] = set()
        self._queue: deque[tuple[Callable[[], None], threads.Event]] = deque()
        self._pumping = False

    def enter(self, watcher: object) -> None:
        """A watcher is started in this hub, so its callbacks run here."""
        self._watchers.add(id(watcher))
        hub = _gevent_hub() if threads.patched() else None
        if hub is not None:
            self._hub = ref(hub)
        eventlet = _eventlet()
        if eventlet is not None and not self._pumping:
            self._pumping = True
            eventlet.spawn_n(self._pump, eventlet)

    def leave(self, watcher: object) -> None:
        """The watcher is closed."""
        self._watchers.discard(id(watcher))

    def run(self, work: Callable[[], None]) -> None:
        """Run `work`, which raises nothing, in the hub, and wait for it."""
        if not threads.patched():
            work()
            return
        done = threads.Event()
        if self._start(work, done):
            done.wait()
        else:
            work()

    def _start(self, work: Callable[[], None], done: threads.Event) -> bool:
        """Schedule it in the hub. Returns False if there is none, or this thread runs it."""
        if sys.modules.get("gevent.monkey") is not None and (hub := self._find()) is not None:
            if hub is _gevent_hub():
                return False
            hub.loop.run_callback_threadsafe(_spawn, sys.modules["gevent"].spawn, work, done)
            return True
        if self._pumping:
            self._queue.append((work, done))
        return self._pumping

    def _find(self) -> Any:
        """The hub where a watcher was started; otherwise the main thread's, if it has one by now."""
        hub = None if self._hub is None else self._hub()
        if hub is None or hub.dead:
            kind = sys.modules["gevent.hub"].Hub
            hubs = (each for each in gc.get_objects() if isinstance(each, kind))
            hub = next((each for each in hubs if each.main_hub and not each.dead), None)
            self._hub = None if hub is None else ref(hub)
        return hub

    def _pump(self, eventlet: Any) -> None:
        try:
            while self._watchers or self._queue:
                while self._queue:
                    _spawn(eventlet.spawn, *self._queue.popleft())
                eventlet.sleep(PUMP_S)
        finally:
            self._pumping = False


def _spawn(spawn: Any, work: Callable[[], None], done: threads.Event) -> None:
    """Spawn a greenlet. The link is called even if the program kills it before it begins."""
    spawn(work).link(lambda *_: done.set())


def _gevent_hub() -> Any:
    gevent = sys.modules.get("gevent.hub")
    return None if gevent is None else gevent._get_hub()


def _eventlet() -> Any:
    patcher = sys.modules.get("eventlet.patcher")
    return sys.modules.get("eventlet") if patcher is not None and patcher.is_monkey_patched("thread") else None


_home: Final = _Home()
enter: Final = _home.enter
leave: Final = _home.leave
run: Final = _home.run
