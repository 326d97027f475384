"""systemd: notifications of a `Type=notify-reload` service: ready, reloading, and its status.

with HotReloadWatcher("config.toml", Config) as watcher:
    notify(watcher)
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from hotconf.errors import UsageError
from hotconf.events import FileChanged
from hotconf.integrations.serving import checked, running
from hotconf.logs import log
from hotconf.system import handlers, threads
from hotconf.system.inert import INERT
from hotconf.system.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from hotconf import ConfigReloadEvent, HotReloadWatcher

_SEND_S: Final = 1.0
"""How long a send waits for room in systemd's socket before it is retried."""


def notify(watcher: HotReloadWatcher[Any], *, signum: int | None = None) -> Service:
    """Notify systemd that the service is ready, and report the watcher's status from then on: `STATUS=running
    generation 5`.

    The signal `signum` (as in `ReloadSignal=`; SIGHUP by default) loads the files, as with `reload_on()`. `systemctl
    reload` returns when the reload has ended, successfully or not: the status says which, without values and secrets.
    Does nothing if systemd has not started the process (`NOTIFY_SOCKET` is not set).

    Call it in the main thread, when the watcher is running and the service can do its work. Raises `UsageError` if
    the watcher is not running, and as `reload_on()` does.
    """
    checked(watcher)
    if INERT.applies():
        return Service(watcher, "")
    if not running(watcher):
        raise UsageError("the watcher is not running: start() it before notifying systemd that the service is ready")
    service = Service(watcher, _address(os.environ.get("NOTIFY_SOCKET", "")))
    if service._address:
        service._begin(signal.SIGHUP if signum is None else signum)
    return service


class Service:
    """Notifies systemd of a watcher's reloads, until it or the watcher is closed."""

    def __init__(self, watcher: HotReloadWatcher[Any], address: str) -> None:
        self._watcher = watcher
        self._address = address
        self._socket: socket.socket | None = None
        self._pid = os.getpid()
        self._asked = False
        """A reload was requested, and has not begun."""
        self._due = False
        """A status is to be sent, and has not been computed."""
        self._open = True
        self._said = ""
        self._ends: list[Callable[[], object]] = []
        self._worker = Worker("hotconf systemd", log.thread)

    def close(self) -> None:
        """Send nothing more, and restore the signal's handler. Idempotent."""
        self._open = False
        while self._ends:
            self._ends.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, signum: int) -> None:
        made: socket.socket = threads.original("socket", "socket")(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.settimeout(_SEND_S)
        self._socket = made
        self._ends.append(self._end)
        try:
            self._ends.append(handlers.on_signal(signum, self, self._ask).close)
        except UsageError:
            self.close()
            raise
        self._ends.append(self._watcher.on_event(self._event).close)
        self._watcher._reloader.layers.also_end(self.close)
        self._worker.submit(self._ready)

    def _end(self) -> None:
        if self._pid == os.getpid():
            self._worker.submit(self._hang_up)
            self._worker.stop(0)

    def _hang_up(self) -> None:
        taken, self._socket = self._socket, None
        if taken is not None:
            taken.close()

    def _ask(self) -> None:
        """Handles the signal: only posts, because it may interrupt anything."""
        if self._pid != os.getpid():  # the parent notifies systemd
            self._watcher._reloader.request()
        elif not self._asked:
            self._asked = True
            self._worker.submit(self._reload)

    def _event(self, event: ConfigReloadEvent) -> None:
        if self._pid == os.getpid() and not isinstance(event, FileChanged) and not self._due:
            self._due = True
            self._worker.submit(self._tell)

    # On a thread of its own

    def _reload(self) -> None:
        self._asked = False
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        with suppress(UsageError):  # it was closed meanwhile
            self._watcher.reload()
        self._ready()

    def _ready(self) -> None:
        self._said = self._status
        self._send(f"READY=1\nSTATUS={self._said}")

    def _tell(self) -> None:
        self._due = False
        status = self._status
        over = (
            not self._open or self._watcher._reloader.cycle.closed
        )  # checked after the status: "closed" is never sent
        if status != self._said and not over:
            self._said = status
            self._send(f"STATUS={status}")

    @property
    def _status(self) -> str:
        reason, generation = self._watcher.health().reason, self._watcher.generation
        now = f"running generation {generation}" if generation else "no configuration yet"
        return f"{reason} ({now})" if reason else now

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        late = False
        while True:
            try:
                self._socket.sendto(message.encode(), self._address)
            except TimeoutError:  # the socket is full, and systemd waits for this message
                if not late:
                    log.warning("reload", "systemd does not read its notifications: they are retried until it does")
                late = True
                if self._open:
                    continue
            except OSError as error:
                log.warning("reload", "systemd cannot be notified: %s", error.strerror or error)
            return


def _address(given: str) -> str:
    """The address of the socket; empty if there is none."""
    if not given:
        return ""
    if given[0] not in "/@":
        log.warning("reload", "systemd cannot be notified: NOTIFY_SOCKET is neither a path nor an abstract name")
        return ""
    return "\0" + given[1:] if given[0] == "@" else given
