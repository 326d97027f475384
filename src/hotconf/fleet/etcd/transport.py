"""HTTP to etcd's endpoints, with detection of connections that died silently."""

from __future__ import annotations

import _socket
import encodings.idna
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from hotconf.fleet.errors import FleetError, MalformedError, ReplyLostError, SilentError, UnreachableError
from hotconf.integrations.missing import needs
from hotconf.system import threads
from hotconf.text import printable, shortened

with needs("fleet", "httpcore", of="hotconf.fleet"):
    import httpcore  # the transport of httpx, which itself would import a command line and 5 to 10 MB

    from hotconf.fleet.etcd import native

if TYPE_CHECKING:
    from hotconf.fleet.etcd.access import Access, Endpoint

CONNECT_S: Final = 2.0
_ALIVE: Final = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, 5),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, 2),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, 3),
    ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, 11_000),
)
"""A vanished peer is noticed after eleven seconds, where the system has these options."""
_EARLY: Final = encodings.idna
"""Imported early: name lookups would import it late, perhaps during a fork."""
_ABOUT_OURS: Final = re.compile(r"ALERT_((?:BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_[A-Z]+|UNKNOWN_CA)$")
"""OpenSSL's reasons if the server rejects our certificate, or requires one."""
_LARGEST_LINE: Final = 8 << 20
_LARGEST: Final = 128 << 20
"""Of an answer: some hundred thousand processes have less to say."""
_WHOLE: Final = 10
"""How many times as long as its beginning a whole answer may take."""
_LONGEST: Final = 200


class Stream:
    """A streaming answer, which any thread may cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._cut = False

    def cut(self) -> None:
        """End it now: its reader gets an `UnreachableError`. Idempotent; does not block."""
        self._cut = True
        if self._socket is not None:
            with suppress(OSError):  # closed already
                _socket.socket.shutdown(_native(self._socket), socket.SHUT_RDWR)

    def attach(self, connection: socket.socket | None) -> None:
        """Set the connection that `cut` shuts down."""
        self._socket = connection
        if self._cut:
            self.cut()

    @property
    def is_cut(self) -> bool:
        """Whether it was cut."""
        return self._cut


class Transport:
    """HTTP to the endpoints of one etcd cluster. Thread-safe; a forked child needs one of its own."""

    def __init__(self, access: Access) -> None:
        # The default would load all CA certificates, even for plain text.
        self._context = access.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._presents = access.presents
        self._pools: dict[int, httpcore.ConnectionPool] = {}
        """One for each thread: a pool uses locks of `threading`, which gevent and eventlet replace by locks for the
        greenlets of one thread.
        """

    @property
    def _pool(self) -> httpcore.ConnectionPool:
        pool = self._pools.get(here := threads.ident())
        if pool is None:
            named = ((level, getattr(socket, name, None), value) for name, level, value in _ALIVE)
            options = [(level, number, value) for level, number, value in named if number is not None]
            pool = self._pools[here] = httpcore.ConnectionPool(
                ssl_context=self._context,
                max_connections=None,
                keepalive_expiry=60.0,
                socket_options=options,
                network_backend=native.Backend() if threads.is_ours() else None,
            )
        return pool

    def close(self) -> None:
        """Close all connections, which no other thread may use any more."""
        while self._pools:
            self._pools.popitem()[1].close()

    def post(
        self, endpoint: Endpoint, path: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, dict[str, Any]]:
        """The HTTP status and the answer.

        Raises `UnreachableError` if the request was not sent, `ReplyLostError` if it may have been, `SilentError` if
        nothing has come back in time.
        """
        until = time.monotonic() + _WHOLE * timeout_s
        try:
            with self._pool.stream(**_arguments(endpoint, path, body, headers, timeout_s)) as response:
                content = _whole(endpoint, response, until)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
            raise UnreachableError(f"{endpoint}: {_why(error, self._presents)}") from None
        except httpcore.TimeoutException as error:
            raise SilentError(f"{endpoint}: {_why(error, self._presents)}") from None
        except _LOST as error:
            raise ReplyLostError(f"{endpoint}: {_why(error, self._presents)}") from None
        return response.status, _json(endpoint, content, response.status)

    @contextmanager
    def stream(
        self,
        endpoint: Endpoint,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        timeout_s: float,
        silence_s: float,
        stream: Stream,
    ) -> Iterator[Iterator[tuple[int, dict[str, Any]]]]:
        """Yields an iterator of the HTTP status and each line of a streaming answer.

        Raises `TimeoutError` for the silence, `SilentError` if no answer begins in `timeout_s`, else as `post`.
        """
        arguments = _arguments(endpoint, path, body, headers, min(timeout_s, silence_s))
        silent = silence_s <= timeout_s
        try:
            with self._pool.stream(**arguments) as response:
                arguments["extensions"]["timeout"]["read"] = silence_s  # of the rest; httpcore asks for it then
                silent = True
                stream.attach(response.extensions["network_stream"].get_extra_info("socket"))
                yield _lines(endpoint, response)
        except httpcore.ReadTimeout as error:
            if silent:
                raise TimeoutError from None
            raise SilentError(f"{endpoint}: {_why(error, self._presents)}") from None
        except (*_LOST, httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
            raise UnreachableError(f"{endpoint}: {'cut' if stream.is_cut else _why(error, self._presents)}") from None
        finally:
            stream.attach(None)


def _native(given: object) -> _socket.socket:
    """The native socket: a TLS socket's own `shutdown` would break its reader, and green sockets' is for the
    greenlets of one thread.
    """
    for name in ("fd", "_sock"):
        if isinstance(inner := getattr(given, name, None), _socket.socket):
            return inner
    return given  # type: ignore[return-value] # any other is native


_LOST: Final = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
    *(OSError, ssl.SSLError),
)


@lru_cache
def _url(endpoint: Endpoint, path: str) -> httpcore.URL:
    return httpcore.URL(f"{endpoint}{path}")  # to parse it takes as long as all else of a request


def _arguments(
    endpoint: Endpoint, path: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
) -> dict[str, Any]:
    times = {"connect": min(CONNECT_S, timeout_s), "read": timeout_s, "write": timeout_s, "pool": timeout_s}
    return {
        "method": "POST",
        "url": _url(endpoint, path),
        "headers": {"Content-Type": "application/json", **headers},
        "content": json.dumps(body, separators=(",", ":")).encode(),
        "extensions": {"timeout": times},
    }


def _whole(endpoint: Endpoint, response: httpcore.Response, until: float) -> bytes:
    """The content, unless it is endless, or takes that long."""
    chunks, size = [], 0
    for chunk in response.iter_stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > _LARGEST or time.monotonic() > until:
            raise SilentError(f"{endpoint}: an answer without an end")
    return b"".join(chunks)


def _lines(endpoint: Endpoint, response: httpcore.Response) -> Iterator[tuple[int, dict[str, Any]]]:
    rest = b""
    for chunk in response.iter_stream():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield response.status, _json(endpoint, line, response.status)
        if len(rest) > _LARGEST_LINE:
            raise MalformedError(f"{endpoint}: the answer does not end")
    if rest:
        yield response.status, _json(endpoint, rest, response.status)


def _json(endpoint: Endpoint, body: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    if status == 200:
        raise MalformedError(f"{endpoint}: this is not the JSON gateway of etcd")
    # Not JSON: from a proxy, or from the gateway before it has asked etcd.
    text = body.decode("utf-8", "replace").strip()
    return {"message": shortened(printable(text), _LONGEST) or f"HTTP status {status}"}


def _why(error: BaseException, presents: bool | None) -> str:
    """The reason in a few words, from the system or OpenSSL, without secrets. `presents`: of `Access`."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None and below is not inner:
        inner = below
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {printable(inner.verify_message)}"
    if isinstance(inner, ssl.SSLError) and (about := _ABOUT_OURS.search(inner.reason or "")):
        return _refused(about[1].replace("_", " ").lower(), presents)
    if isinstance(inner, ssl.SSLError):
        return f"TLS failed: {printable(inner.reason or type(inner).__name__).replace('_', ' ').lower()}"
    if isinstance(error, httpcore.TimeoutException):
        return "no connection in time" if isinstance(error, httpcore.ConnectTimeout) else "no answer in time"
    if isinstance(error, httpcore.RemoteProtocolError):
        return "it closed the connection" if "disconnected" in str(error) else "the server does not speak HTTP"
    if isinstance(inner, OSError) and inner.strerror:
        return printable(inner.strerror).lower()
    if isinstance(error, FleetError):
        return str(error)
    return f"the connection broke ({type(error).__name__})"


def _refused(why: str, presents: bool | None) -> str:
    wanted = "it wants a client certificate (TLS(ca, cert, key); --cert, --key-file)"
    if presents is False:
        return wanted
    return f"it refuses the client certificate: {why}" if presents else f"{wanted}, or refuses it: {why}"
