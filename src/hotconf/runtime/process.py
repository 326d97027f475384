"""The driver of this process: `claim` starts it for the first watcher, `release` ends it after the last.

There is one, because inotify instances are scarce: 128 a user. A forked child gets its own.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Final

from hotconf.logs import records
from hotconf.runtime.driver import Driver
from hotconf.system import fork, threads

if TYPE_CHECKING:
    import threading

_END_S: Final = 0.5
"""How long the exit waits for threads to end by an exception, after their time to end by themselves."""


class _Process(fork.ForkAware):
    """Who uses the driver."""

    __slots__ = ("_claims", "_registered", "driver", "lock")

    def __init__(self) -> None:
        self.lock = threads.rlock()
        """For callers among themselves: no thread waits for another while it holds it."""
        self.driver: Driver | None = None
        self._claims: set[object] = set()
        self._registered = False

    def claim(self, who: object) -> Driver:
        """The driver, started if there is none. Always `release` it, even if this raises."""
        with self.lock:
            if self.driver is None or self.driver.over:
                self._claims = set()
                self.driver = self._new()
            used = self.driver
            self._claims.add(who)
            used.begin()
            return used

    def _new(self) -> Driver:
        fork.register(self)
        driver = Driver()
        if not self._registered:
            self._registered = True
            atexit.register(_end_threads)  # the first registered is the last to run
        atexit.register(_close_all, driver)
        return driver

    def release(self, who: object, used: Driver | None, timeout_s: float) -> None:
        """`who` needs no driver any more. After the last one the driver's thread and the loaders' have ended, unless
        they are busy for longer than `timeout_s`. May be repeated; `used` is None if `claim` raised.
        """
        with self.lock:
            mine = self.driver if used is None else used
            if mine is None:
                return
            if self.driver is mine:
                self._claims.discard(who)
                if self._claims:
                    return
                self.driver = None
                atexit.unregister(_close_all)  # before the next driver registers
        mine.stop(timeout_s)

    # Forks

    def locks(self) -> tuple[tuple[int, threading.RLock], ...]:
        """Its own."""
        return ((fork.SHARED, self.lock),)

    def abandon(self) -> None:
        """No driver: the first watcher that claims one starts it."""
        self.lock = threads.rlock()
        self.driver = None
        atexit.unregister(_close_all)


def _end_threads() -> None:
    """At exit, after all watchers were closed: end what they no longer waited for."""
    threads.end_all(_END_S)


def _close_all(driver: Driver) -> None:
    for owner in driver.owners:
        owner.close()
    records.finish()  # what is first logged here would register too late for the exit


_process: Final = _Process()
claim: Final = _process.claim
release: Final = _process.release


def current() -> Driver | None:
    """The driver, if there is one."""
    return _process.driver
