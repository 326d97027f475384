"""The driver of this process: `claim` starts it for the first watcher, `release` ends it after the last.

There is one, because inotify instances are scarce: 128 a user. A forked child gets its own.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Final, Protocol

from hotconf.logs import records
from hotconf.runtime.driver import Driver
from hotconf.system import fork, threads

if TYPE_CHECKING:
    import threading

_END_S: Final = 0.5
"""How long the exit waits for threads to end by an exception, once they did not end by themselves."""


class User(Protocol):
    """What uses the driver."""

    def close(self) -> None:
        """Called when the process ends."""


class _Process(fork.ForkAware):
    """The driver and its users."""

    __slots__ = ("_registered", "claims", "driver", "lock")

    def __init__(self) -> None:
        self.lock = threads.rlock()
        """Taken by callers; never held while waiting for another thread."""
        self.driver: Driver | None = None
        self.claims: set[User] = set()
        self._registered = False

    def claim(self, who: User) -> Driver:
        """The driver, started if there is none. Always `release` it, even if this raises."""
        with self.lock:
            if self.driver is None or self.driver.over:
                self.claims = set()
                self.driver = self._new()
            used = self.driver
            self.claims.add(who)
            used.begin()
            return used

    def _new(self) -> Driver:
        fork.register(self)
        if not self._registered:
            self._registered = True
            atexit.register(_end_threads)  # the first registered is the last to run
        atexit.register(_close_all)
        return Driver()

    def release(self, who: User, used: Driver | None, timeout_s: float) -> None:
        """`who` no longer needs the driver. After the last user, ends the threads of the driver and the loaders, but
        waits no longer than `timeout_s`. May be repeated; `used` is None if `claim` raised.
        """
        with self.lock:
            mine = self.driver if used is None else used
            if mine is None:
                return
            if self.driver is mine:
                self.claims.discard(who)
                if self.claims:
                    return
                self.driver = None
                atexit.unregister(_close_all)  # before the next driver registers
        mine.stop(timeout_s)

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """The lock under which drivers are claimed and released."""
        return ((fork.SHARED, self.lock),)

    def abandon(self) -> None:
        """In a forked child: there is no driver until a watcher claims one."""
        self.lock = threads.rlock()
        self.driver = None
        self.claims = set()
        atexit.unregister(_close_all)


def _end_threads() -> None:
    """At exit, after all watchers were closed: end the threads that outlived the wait."""
    threads.end_all(_END_S)


def _close_all() -> None:
    for user in list(_process.claims):
        user.close()
    records.finish()  # if logging were first used here, it would register too late for the exit


_process: Final = _Process()
claim: Final = _process.claim
release: Final = _process.release


def current() -> Driver | None:
    """The driver, if there is one."""
    return _process.driver
