"""Native sockets for our own threads, whatever gevent and eventlet patch, and whenever.

A green socket needs the hub of its thread. In a native thread, it would create one, which imports modules under green
locks: two threads that do so at once deadlock.
"""

from __future__ import annotations

import _socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpcore

from hotconf.system import threads

R = TypeVar("R")

_READABLE: Final = 0x1
"""`select.POLLIN`. By default `poll` asks as well whether it may be written, and any idle connection may."""
_RECORD: Final = 16_384 + 256
"""The largest TLS record."""


class Backend(httpcore.NetworkBackend):
    """Opens connections that block only the native thread."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - httpcore's; any will do
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that accepts."""
        with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
            error = OSError(f"no address of {host}")
            for family, kind, protocol, _, address in _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM):
                made = _socket.socket(family, kind, protocol)
                try:
                    made.settimeout(timeout)
                    made.connect(address)
                    for option in (*(socket_options or ()), (_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)):
                        made.setsockopt(*option)
                except OSError as failed:
                    made.close()
                    error = failed
                else:
                    return _Plain(made)
            raise error


class _Plain(httpcore.NetworkStream):
    def __init__(self, connection: _socket.socket) -> None:
        self._socket = connection
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told(httpcore.ReadTimeout, httpcore.ReadError):
            if self._socket.gettimeout() != timeout:
                self._socket.settimeout(timeout)  # a system call
            if unsent := self._unsent:
                self._unsent = b""
                self._write(unsent)
            return self._read(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - that of `read` counts
        """Sent by the next `read`, so that the head and the body of a request are one packet."""
        self._unsent += buffer

    def _read(self, max_bytes: int) -> bytes:
        return self._socket.recv(max_bytes)

    def _write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _told(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._socket.settimeout(timeout)
                return _Encrypted(self._socket, ssl_context, server_hostname)
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        if info == "socket":
            return self._socket
        if info == "is_readable":
            number = self._socket.fileno()
            return number < 0 or _readable(number)
        return None


class _Encrypted(_Plain):
    """TLS in memory: a patched context would create a green socket."""

    def __init__(self, connection: _socket.socket, context: ssl.SSLContext, name: str | None) -> None:
        super().__init__(connection)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._exchange(self._tls.do_handshake)

    def _read(self, max_bytes: int) -> bytes:
        try:
            return self._exchange(lambda: self._tls.read(max_bytes))
        except ssl.SSLEOFError:  # as with a socket: HTTP notices a truncated answer
            return b""

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._exchange(lambda rest=data: self._tls.write(rest)) :]  # type: ignore[misc]

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else super().get_extra_info(info)

    def _exchange(self, act: Callable[[], R]) -> R:
        """Call `act` until it succeeds, and send and receive what it needs."""
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self._send()
                if data := self._socket.recv(_RECORD):
                    self._in.write(data)
                else:
                    self._in.write_eof()
            except ssl.SSLError:
                self._send()  # the alert that says why
                raise
            else:
                self._send()
                return done

    def _send(self) -> None:
        if self._out.pending:
            self._socket.sendall(self._out.read())


def _readable(number: int) -> bool:
    poll = threads.original("select", "poll")()
    poll.register(number, _READABLE)
    return bool(poll.poll(0))


@contextmanager
def _told(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Raise the errors of httpcore."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:  # an SSLError is one
        raise failed(str(error)) from error
