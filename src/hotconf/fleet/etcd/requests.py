"""Requests to etcd's JSON gateway and its answers, as types.

Rule 1: no request is written by hand. The gateway ignores unknown fields, and a comparison with a misspelt target
succeeds on an absent key.
Rule 2: in JSON, integers are strings in both directions; absent means zero, false or empty.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from hotconf.fleet.errors import MalformedError

Json: TypeAlias = dict[str, Any]

_VALUES: Final = {"CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value"}


def after(prefix: bytes) -> bytes:
    """The end of the range of all keys with `prefix`, which must not be empty."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


@dataclass(frozen=True, slots=True)
class Compare:
    """One condition of a transaction. With `until`, it must hold for every key of the range."""

    key: bytes
    target: Literal["CREATE", "MOD", "VALUE"]
    result: Literal["EQUAL", "GREATER", "LESS"]
    value: int | bytes
    until: bytes = b""

    def json(self) -> Json:
        """As the gateway takes it."""
        value = base64_of(self.value) if isinstance(self.value, bytes) else str(self.value)
        made = {"key": base64_of(self.key), "target": self.target, "result": self.result, _VALUES[self.target]: value}
        return made | ({"range_end": base64_of(self.until)} if self.until else {})


def absent(key: bytes) -> Compare:
    """The key does not exist."""
    return Compare(key, "CREATE", "EQUAL", 0)


def exists(key: bytes) -> Compare:
    """The key exists."""
    return Compare(key, "CREATE", "GREATER", 0)


def created(key: bytes, revision: int) -> Compare:
    """The key exists, and was created at `revision`."""
    return Compare(key, "CREATE", "EQUAL", revision)


def unchanged(key: bytes, revision: int) -> Compare:
    """The key was last written at `revision`; 0: the key does not exist."""
    return Compare(key, "MOD", "EQUAL", revision)


def equals(key: bytes, value: bytes) -> Compare:
    """The key exists, and has this value."""
    return Compare(key, "VALUE", "EQUAL", value)


def all_equal(prefix: bytes, value: bytes) -> Compare:
    """There are keys with `prefix`, and all have this value."""
    return Compare(prefix, "VALUE", "EQUAL", value, after(prefix))


def none_between(key: bytes, until: bytes) -> Compare:
    """There is no key from `key` on before `until`."""
    return Compare(key, "CREATE", "EQUAL", 0, until)


def none_since(prefix: bytes, revision: int) -> Compare:
    """No key with `prefix` was written after `revision`."""
    return Compare(prefix, "MOD", "LESS", revision + 1, after(prefix))


@dataclass(frozen=True, slots=True)
class Get:
    """Read a key; with `until`, the keys of a range, sorted."""

    key: bytes
    until: bytes = b""
    limit: int = 0
    newest: bool = False
    """In reverse order."""
    keys_only: bool = False
    here: bool = False
    """A serializable read: cheaper, but the server may be behind. For keys that never change."""

    def json(self) -> Json:
        """As the gateway takes it."""
        made: Json = {"key": base64_of(self.key)} | ({"serializable": True} if self.here else {})
        if self.until:
            made["range_end"] = base64_of(self.until)
        if self.limit:
            made["limit"] = str(self.limit)
        if self.newest:
            made |= {"sort_order": "DESCEND", "sort_target": "KEY"}
        return made | ({"keys_only": True} if self.keys_only else {})


def under(prefix: bytes, *, limit: int = 0, newest: bool = False, keys_only: bool = False) -> Get:
    """Read the keys with `prefix`."""
    return Get(prefix, after(prefix), limit, newest, keys_only)


@dataclass(frozen=True, slots=True)
class Put:
    """Write a key."""

    key: bytes
    value: bytes
    lease: int = 0
    """The lease to attach the key to; 0: none, which also detaches the key."""

    def json(self) -> Json:
        """As the gateway takes it."""
        made = {"key": base64_of(self.key), "value": base64_of(self.value)}
        return made | ({"lease": str(self.lease)} if self.lease else {})


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a key; with `until`, the keys of a range."""

    key: bytes
    until: bytes = b""

    def json(self) -> Json:
        """As the gateway takes it."""
        return {"key": base64_of(self.key)} | ({"range_end": base64_of(self.until)} if self.until else {})


Op: TypeAlias = Get | Put | Delete
_OPS: Final[dict[type, str]] = {Get: "request_range", Put: "request_put", Delete: "request_delete_range"}


@dataclass(frozen=True, slots=True)
class Txn:
    """If all conditions hold, execute `then`, otherwise `otherwise`: atomically, at one revision."""

    conditions: tuple[Compare, ...]
    then: tuple[Op, ...]
    otherwise: tuple[Op, ...] = ()

    def json(self) -> Json:
        """As the gateway takes it."""
        return {
            "compare": [each.json() for each in self.conditions],
            "success": [{_OPS[type(op)]: op.json()} for op in self.then],
            "failure": [{_OPS[type(op)]: op.json()} for op in self.otherwise],
        }


class Pair(NamedTuple):
    """A key with its value."""

    key: bytes
    value: bytes
    create: int
    """The revision at which it was created."""
    mod: int
    """The revision at which it was last written."""
    lease: int = 0


class Found(NamedTuple):
    """The answer to a `Get`."""

    revision: int
    """The revision of the store at the read."""
    pairs: tuple[Pair, ...]

    @property
    def one(self) -> Pair | None:
        """The only key, if it exists."""
        return self.pairs[0] if self.pairs else None


class Outcome(NamedTuple):
    """The answer to a `Txn`."""

    succeeded: bool
    revision: int
    found: tuple[Found, ...]
    """One entry for each `Get` in the executed branch."""


class Seen(NamedTuple):
    """One message of a watch."""

    revision: int
    pairs: tuple[Pair, ...] = ()
    """Keys that were written, in order."""
    deleted: tuple[bytes, ...] = ()


def header_revision(answer: Mapping[str, Any]) -> int:
    """The store's revision in the header of an answer; 0 if there is none."""
    header = answer.get("header")
    return number(header, "revision") if isinstance(header, dict) else 0


def read_found(answer: Mapping[str, Any]) -> Found:
    """The answer to a `Get`."""
    return Found(header_revision(answer), tuple(map(_pair, _list(answer, "kvs"))))


def read_outcome(answer: Mapping[str, Any]) -> Outcome:
    """The answer to a `Txn`."""
    found = [each["response_range"] for each in _list(answer, "responses") if "response_range" in each]
    return Outcome(answer.get("succeeded") is True, header_revision(answer), tuple(map(read_found, found)))


def read_seen(answer: Mapping[str, Any]) -> Seen:
    """One message of a watch."""
    written, deleted = [], []
    for event in _list(answer, "events"):
        if event.get("type") == "DELETE":
            deleted.append(_bytes(event["kv"], "key"))
        else:
            written.append(_pair(event["kv"]))
    return Seen(header_revision(answer), tuple(written), tuple(deleted))


def number(table: Mapping[str, Any], name: str) -> int:
    """An integer of an answer; 0 if it is absent."""
    try:
        return int(table.get(name, 0))
    except (TypeError, ValueError):
        raise MalformedError(f"etcd's answer has a {name} that is not a number") from None


def _pair(kv: Mapping[str, Any]) -> Pair:
    revisions = number(kv, "create_revision"), number(kv, "mod_revision"), number(kv, "lease")
    return Pair(_bytes(kv, "key"), _bytes(kv, "value"), *revisions)


def _list(table: Mapping[str, Any], name: str) -> list[Any]:
    found = table.get(name, [])
    if not isinstance(found, list):
        raise MalformedError(f"etcd's answer has {name} that is not a list")
    return found


def _bytes(table: Mapping[str, Any], name: str) -> bytes:
    try:
        return b64decode(table.get(name, ""), validate=True)
    except (TypeError, ValueError):
        raise MalformedError(f"etcd's answer has a {name} that is not Base64") from None


def base64_of(value: bytes) -> str:
    """Encode a key or a value for the gateway."""
    return b64encode(value).decode("ascii")
