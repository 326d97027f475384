"""The thread that reads and watches `ctl/`: after any failure, it rereads and watches again.

Rule 1: each watch begins with a read, and continues from its revision. Watches are never resumed, so a restored or
compacted store needs no special case.
Rule 2: the pauses between failures double from a tenth of a second to five (thirty, if etcd forbids it), each varied
by half, so that a thousand instances do not reconnect at once.
Rule 3: when requests fail over to another server, so does the watch: one that hangs would stay silent.
Rule 4: decisions depend on durations, never on the time of day.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from hotconf.fleet.errors import CompactedError, DeniedError, FleetError, MalformedError
from hotconf.fleet.etcd.access import Endpoint
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Pair, under
from hotconf.fleet.etcd.transport import Stream
from hotconf.fleet.instance.steps import View
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import known, paused, unreadable
from hotconf.logs import log
from hotconf.system import threads

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
LONGEST_FORBIDDEN_S: Final = 30.0


class Outage:
    """Since when something has been failing, and why. Written by one thread, read by any."""

    __slots__ = ("_now",)

    def __init__(self) -> None:
        self._now: tuple[float, str] | None = None

    def begin(self, why: str, since_s: float | None = None) -> None:
        """A failure, since `since_s` (by default, now), unless an earlier one is still open."""
        was = self._now
        since_s = time.monotonic() if since_s is None else since_s
        self._now = (since_s if was is None else was[0], why)

    def end(self) -> None:
        """A success."""
        self._now = None

    def after(self, seconds: float) -> str | None:
        """Why it is failing, if it has been for that long."""
        now = self._now
        return None if now is None or time.monotonic() - now[0] < seconds else now[1]

    @property
    def open(self) -> bool:
        """Whether it is failing."""
        return self._now is not None


class ControlWatch:
    """Reports the keys below `ctl/`, in `run`, until it is closed."""

    def __init__(self, gateway: Gateway, keys: Keys, read: Callable[[View], None], cut: Callable[[], None]) -> None:
        """`read` is called with the keys at each connect, and after each change; `cut`, when the connection is lost.
        Both must return quickly.
        """
        self.outage = Outage()
        self.failures = 0
        """The failures since the last connect."""
        self._gateway = gateway
        self._keys = keys
        self._read = read
        self._cut = cut
        self._stream = Stream()
        self._at: Endpoint | None = None
        self._closed = threads.Event()

    def run(self) -> None:
        """Body of the thread."""
        while not self._closed.is_set():
            longest = LONGEST_PAUSE_S
            try:
                self._connect()
                continue
            except CompactedError:  # between the read and the watch
                self.failures += 1
            except FleetError as error:
                if isinstance(error, DeniedError | MalformedError):
                    longest = LONGEST_FORBIDDEN_S
                self._fail(str(error))
            except Exception as error:  # noqa: BLE001 - our own fault must not end the thread
                log.fault("fleet", "The watch failed, and is retried")
                self._fail(f"internal error: {type(error).__name__}")
            pause = min(FIRST_PAUSE_S * 2 ** min(self.failures - 1, 20), longest)
            self._closed.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - it spreads load

    @property
    def left(self) -> bool:
        """Whether requests have failed over to another server than the watched one."""
        at = self._at
        return at is not None and at != self._gateway.endpoint

    def again(self) -> None:
        """Reread soon, after a failure elsewhere. Thread-safe."""
        self._stream.cut()

    def close(self) -> None:
        """Stop. Thread-safe."""
        self._closed.set()
        self._stream.cut()

    def _fail(self, why: str) -> None:
        if self._closed.is_set():
            return
        self.failures += 1
        self.outage.begin(why)
        self._cut()

    def _connect(self) -> None:
        """Read, then watch until nothing has happened for a while."""
        self._at = None
        self._stream = Stream()
        restores = self._gateway.restores
        found = self._gateway.get(under(self._keys.control))
        self._at = self._gateway.endpoint
        pairs = {pair.key: pair for pair in found.pairs}
        self._read(self._view(pairs))
        for seen in self._gateway.watch(self._keys.control, found.revision + 1, self._stream):
            self.failures = 0
            self.outage.end()
            if self._closed.is_set() or self._gateway.restores != restores:
                return
            pairs |= {pair.key: pair for pair in seen.pairs}
            for key in seen.deleted:
                pairs.pop(key, None)
            if seen.pairs or seen.deleted:
                self._read(self._view(pairs))

    def _view(self, pairs: dict[bytes, Pair]) -> View:
        keys = self._keys
        current, offer, pause = (pairs.get(key) for key in (keys.current, keys.offer, keys.pause))
        return View(*known(current, offer), paused(pause), unreadable(keys, current, offer, pause))
