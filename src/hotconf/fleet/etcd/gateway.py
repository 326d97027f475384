"""etcd through its JSON gateway: each call tries one endpoint after the other, until one answers.

Rule 1: reads are retried at the next endpoint. Writes are retried only if they certainly did not happen; otherwise
they raise `ReplyLostError`, and the caller looks up what happened.
Rule 2: an invalid token is renewed, once per call.
Rule 3: an answer with a lower revision than one seen before the call means that the store was restored: `restores`
counts these, and watchers reread.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple, Self, TypeVar

from hotconf.fleet.errors import (
    CompactedError,
    DeniedError,
    FleetError,
    LeaseLostError,
    MalformedError,
    RefusedError,
    ReplyLostError,
    SilentError,
    TooLargeError,
    UnreachableError,
)
from hotconf.fleet.etcd import permissions, requests
from hotconf.fleet.etcd.access import Access, Endpoint
from hotconf.fleet.etcd.patience import Patience
from hotconf.fleet.etcd.requests import Found, Get, Outcome, Seen, Txn
from hotconf.fleet.etcd.transport import Stream, Transport
from hotconf.system import threads
from hotconf.text import printable, shortened

T = TypeVar("T")

TIMEOUT_S: Final = 5.0
SILENCE_S: Final = 30.0
_SPREAD: Final = 0.2
_LONGEST: Final = 200
_TOO_LARGE: Final = ("request is too large", "larger than max")
_STALE: Final = ("invalid auth token", "revision of auth store is old", "user name is empty")
"""etcd's messages for invalid tokens; the last is for requests without one."""
_NOT_DONE: Final = ("no leader",)
"""Transient refusals of requests that were not executed."""
_MOMENTARY: Final = ("leader changed", "request timed out", "server stopped", "not capable", "too many requests")
"""Transient refusals of requests that may have been executed."""
_UNAVAILABLE: Final = 14
_DENIED: Final = (7, 16)


class Lease(NamedTuple):
    """Keys attached to a lease are deleted when it ends."""

    id: int
    ttl_s: int


class Gateway:
    """A client of one etcd cluster. Thread-safe; a forked child needs one of its own."""

    def __init__(
        self, access: Access, *, timeout_s: float = TIMEOUT_S, insists: bool = True, seed: int | None = None
    ) -> None:
        """`timeout_s`: the longest timeout of one request. `insists`: retry reads with more patience, or
        let callers retry. `seed`: for the order of the endpoints; by default, it differs between processes.
        """
        self.access = access
        self.restores = 0
        """How many restores of the store were noticed."""
        self.answers = 0
        """How often etcd has answered."""
        self._timeout_s = timeout_s
        self._insists = insists
        self._patience: dict[tuple[str, bool], Patience] = {}
        """Of each kind of request: a slow disk delays what writes, and nothing else."""
        self._random = random.Random(seed)  # noqa: S311 - it spreads load
        self._endpoints = self._random.sample(access.endpoints, len(access.endpoints))
        self._at = 0
        self._transport = Transport(access)
        self._token: str | None = None
        self._revision = 0
        self._lock = threads.lock()

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint in use."""
        return self._endpoints[self._at % len(self._endpoints)]

    @property
    def revision(self) -> int:
        """The highest revision seen; after a restore, the highest since then."""
        return self._revision

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fail_over(self, endpoint: Endpoint) -> None:
        """Use the next endpoint, if `endpoint` is still in use."""
        with self._lock:
            if self.endpoint == endpoint:
                self._at += 1

    # Requests

    def get(self, get: Get) -> Found:
        """Read keys, linearizably unless `get.here`."""
        with self._explained(Txn((), (get,))):
            return _understood(requests.read_found, self._call("/v3/kv/range", get.json(), writes=False))

    def commit(self, txn: Txn) -> Outcome:
        """Execute a transaction. Raises `ReplyLostError` if it may have been executed without an answer."""
        writes = any(not isinstance(op, Get) for op in txn.then)
        with self._explained(txn):
            return _understood(requests.read_outcome, self._call("/v3/kv/txn", txn.json(), writes=writes))

    def grant(self, ttl_s: int) -> Lease:
        """A new lease. If the answer is lost, the lease expires by itself."""
        answer = self._call("/v3/lease/grant", {"TTL": str(ttl_s)}, writes=False)
        return Lease(requests.number(answer, "ID"), requests.number(answer, "TTL"))

    def keep_alive(self, lease: Lease) -> None:
        """Renew the lease for its whole TTL. Raises `LeaseLostError` if it has expired."""
        answer = self._call("/v3/lease/keepalive", {"ID": str(lease.id)}, writes=False)
        if requests.number(answer, "TTL") <= 0:
            raise LeaseLostError("the lease has expired")

    def revoke(self, lease: Lease) -> None:
        """End the lease, and delete the keys attached to it."""
        with suppress(LeaseLostError):
            self._call("/v3/lease/revoke", {"ID": str(lease.id)}, writes=False)

    def watch(self, prefix: bytes, start: int, stream: Stream, *, silence_s: float | None = None) -> Iterator[Seen]:
        """Yields the changes below `prefix` from the revision `start` on; first, an empty one when the watch begins.

        Ends after `silence_s` (30 s ± 20 %) without a message: then read, and watch again. Raises `CompactedError`,
        `DeniedError`, or `UnreachableError`, also if `stream` is cut or the server has no leader.
        """
        at, token = self.endpoint, self._authenticated()
        patience = self._patience_for("/v3/watch", writes=False)
        first_s, began = patience.seconds, time.monotonic()
        if silence_s is None:
            silence_s = SILENCE_S * self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
        made = {"key": prefix, "range_end": requests.after(prefix)}
        create = {name: requests.base64_of(key) for name, key in made.items()} | {"start_revision": str(start)}
        request = {"create_request": create}
        floor = self._revision
        try:
            times = first_s, silence_s
            with self._transport.stream(at, "/v3/watch", request, _headers(token), *times, stream) as lines:
                patience.answered(time.monotonic() - began)
                for status, line in lines:
                    seen = self._watched(at, prefix, status, line, floor)
                    floor = max(floor, seen.revision)
                    yield seen
        except TimeoutError:
            return
        except DeniedError:
            self._forget(token)
            raise
        except (UnreachableError, MalformedError) as error:
            if isinstance(error, SilentError):
                patience.exhausted(first_s)
            self.fail_over(at)
            raise UnreachableError(str(error)) from None
        self.fail_over(at)
        raise UnreachableError(f"{at}: the server ended the watch")

    def _watched(self, at: Endpoint, prefix: bytes, status: int, line: Mapping[str, Any], floor: int) -> Seen:
        """One message of a watch."""
        if status != 200 or "error" in line:
            error = line.get("error", line)
            raise self._refusal(at, status, error if isinstance(error, dict) else line, writes=False)
        result = line.get("result")
        if not isinstance(result, dict):
            raise UnreachableError(f"{at}: the watch sent no result")
        if result.get("canceled") is True:
            if compacted := requests.number(result, "compact_revision"):
                raise CompactedError(f"revisions before {compacted} are compacted")
            # etcd 3.4 gives no reason for a forbidden watch; later versions do.
            lacks = permissions.advice([permissions.Grant("read", prefix)])
            raise DeniedError(f"{at}: permission denied ({self._who}): {lacks}")
        self._check_revision(requests.header_revision(result), floor)
        return _understood(requests.read_seen, result)

    # Calls

    def _call(self, path: str, body: Mapping[str, Any], *, writes: bool) -> dict[str, Any]:
        """The answer of the first endpoint that answers."""
        return self._first(path, lambda at: self._call_at(at, path, body, writes=writes), writes=writes)

    def _first(self, path: str, ask: Callable[[Endpoint], T], *, writes: bool) -> T:
        """What `ask` returns at the first endpoint that answers; all are asked again if patience has grown."""
        until = time.monotonic() + 2 * self._timeout_s
        patience = self._patience_for(path, writes=writes)
        errors: dict[Endpoint, UnreachableError] = {}
        lost = False
        while True:
            before_s = patience.seconds
            for _ in self._endpoints:
                at = self.endpoint
                try:
                    return ask(at)
                except UnreachableError as error:
                    self.fail_over(at)
                    errors[at] = error
                    lost = writes and isinstance(error, ReplyLostError)
                    if lost or time.monotonic() >= until:
                        break
            grown = patience.seconds > before_s and time.monotonic() + patience.seconds < until
            if lost or not (self._insists and grown):
                raise (ReplyLostError if lost else UnreachableError)("; ".join(map(str, errors.values()))) from None

    def _patience_for(self, path: str, *, writes: bool) -> Patience:
        kind = path, writes
        with self._lock:
            if kind not in self._patience:
                self._patience[kind] = Patience(self._timeout_s, self._patience.values())
            return self._patience[kind]

    def _call_at(self, at: Endpoint, path: str, body: Mapping[str, Any], *, writes: bool) -> dict[str, Any]:
        token = self._authenticated()
        try:
            return self._ask(at, path, body, token, writes=writes)
        except DeniedError as error:
            if token is None or not any(text in str(error) for text in _STALE):
                raise
            self._forget(token)
        return self._ask(at, path, body, self._authenticated(), writes=writes)

    def _ask(
        self, at: Endpoint, path: str, body: Mapping[str, Any], token: str | None, *, writes: bool
    ) -> dict[str, Any]:
        floor = self._revision
        patience = self._patience_for(path, writes=writes)
        waited_s, began = patience.seconds, time.monotonic()
        try:
            status, answer = self._transport.post(at, path, body, _headers(token), waited_s)
        except SilentError:
            patience.exhausted(waited_s)
            raise
        except MalformedError as error:
            raise (ReplyLostError if writes else UnreachableError)(str(error)) from None
        if status == 200:
            patience.answered(time.monotonic() - began)
            self.answers += 1
        answer = answer.get("result", answer)  # of streaming calls
        if status != 200 or not isinstance(answer, dict) or "error" in answer:
            raise self._refusal(at, status, answer if isinstance(answer, dict) else {}, writes=writes)
        self._check_revision(requests.header_revision(answer), floor)
        return answer

    def _check_revision(self, revision: int, floor: int) -> None:
        if not revision:
            return
        with self._lock:
            if revision < floor:
                self.restores += 1
                self._revision = revision
            else:
                self._revision = max(self._revision, revision)

    def _refusal(self, at: Endpoint, status: int, answer: Mapping[str, Any], *, writes: bool) -> FleetError:
        """etcd's error as one of ours. Its message contains keys and users at most."""
        if isinstance(inner := answer.get("error"), dict):  # of a stream
            answer = inner
        said = str(answer.get("message") or answer.get("error") or f"HTTP status {status}")
        text = f"{at}: {shortened(printable(said.removeprefix('etcdserver: ')), _LONGEST)}"
        code = answer.get("code", answer.get("grpc_code"))
        if any(each in said for each in _TOO_LARGE):
            return TooLargeError(text)
        if "lease not found" in said:
            return LeaseLostError(text)
        if "has been compacted" in said:
            return CompactedError(text)
        if any(each in said for each in _NOT_DONE):
            return UnreachableError(text)
        if code == _UNAVAILABLE or any(each in said for each in _MOMENTARY):
            return ReplyLostError(text) if writes else UnreachableError(text)
        if code in _DENIED or any(each in said for each in _STALE):
            return DeniedError(f"{text} ({self._who})")
        if "CommonName" in said:
            return DeniedError(f"{at}: etcd's gateway refuses client certificates with a CN: issue one without")
        if code is None:  # not etcd's: it is from a server in front of it, or from another program
            return ReplyLostError(text) if writes and status >= 500 else UnreachableError(text)
        return RefusedError(text)

    @contextmanager
    def _explained(self, txn: Txn) -> Iterator[None]:
        """If permission is denied for it, the error says what the user's roles lack."""
        try:
            yield
        except DeniedError as error:
            if self._token is None or "permission denied" not in str(error):
                raise
            tried = partial(self._call, "/v3/kv/txn", writes=False)
            grants = permissions.lacking(txn, lambda one: tried(one.json()))
            raise DeniedError(f"{error}: {permissions.advice(grants)}" if grants else str(error)) from None

    # Users

    @property
    def _who(self) -> str:
        return "nobody: no user was given" if self.access.user is None else f"the user {printable(self.access.user)}"

    def _authenticated(self) -> str | None:
        """A token, if there is a user."""
        if self.access.user is None or self._token is not None:
            return self._token
        body = {"name": self.access.user, "password": self._password()}
        path = "/v3/auth/authenticate"
        try:
            answer = self._first(path, lambda at: self._ask(at, path, body, None, writes=False), writes=False)
        except RefusedError as error:
            if "authentication is not enabled" in str(error):
                return None
            raise DeniedError(f"{error} ({self._who})") from None
        token = answer.get("token")
        if not isinstance(token, str) or not token:
            raise DeniedError(f"{self.endpoint}: no token for {self._who}")
        self._token = token
        return token

    def _password(self) -> str:
        try:
            found = self.access.secret()
        except threads.ExitingError:
            raise
        except (Exception, SystemExit) as error:  # it is users' code
            raise DeniedError(f"the function that is the password raised {type(error).__name__}") from error
        if not isinstance(found, str):
            raise DeniedError(f"the function that is the password returned {type(found).__name__}, and no str")
        return found

    def _forget(self, token: str | None) -> None:
        with self._lock:
            if self._token == token:
                self._token = None


def _understood(read: Callable[[Mapping[str, Any]], T], answer: Mapping[str, Any]) -> T:
    """What `read` makes of an answer. Raises `MalformedError` if it is none of etcd's."""
    try:
        return read(answer)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MalformedError("an answer that is none of etcd's") from None


def _headers(token: str | None) -> dict[str, str]:
    """Let a server without a leader fail, instead of serving what it has."""
    made = {"Grpc-Metadata-hasleader": "true"}
    return made if token is None else made | {"Authorization": token}


def retried(call: Callable[[], T], find: Callable[[], T | None], times: int = 4) -> T:
    """The result of `call`, which must be safe to repeat. If its answer is lost, that of `find`, or of another
    `call`.

    Raises `ReplyLostError` if an answer was lost and its outcome cannot be found, otherwise what `call` raises.
    """
    lost = False
    for left in range(times - 1, -1, -1):
        try:
            if lost and (found := find()) is not None:
                return found
            return call()
        except UnreachableError as error:
            lost |= isinstance(error, ReplyLostError)
            if not lost:
                raise
            if not left:
                raise ReplyLostError(str(error)) from None
    raise AssertionError
