"""The records in a fleet's keys, as JSON. None contains a value of a configuration.

Unknown fields are ignored, so an older hotconf can read the records of a newer one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from hashlib import sha256
from types import UnionType
from typing import Any, Final, Literal, Self, TypeAlias, get_args, get_origin, get_type_hints

from hotconf.fleet.errors import MalformedError
from hotconf.formats.registry import FormatName

Status: TypeAlias = Literal["ack", "nack", "deferred", "paused", "ahead"]
"""`ack`: the process serves its document. `nack`: it has refused the document, and still serves the one before.
`deferred`: the document is valid, and waits while something is busy. `paused`: the fleet is paused. `ahead`: it
serves a newer document than the current one.
"""
Action: TypeAlias = Literal["publish", "promote", "rollback"]

_LARGEST: Final = (1 << 63) - 1
"""The largest integer: etcd's revisions have 64 bits."""
_LONGEST_VERSION: Final = 64
HIGHEST: Final = 10**10
"""Publishers ignore higher epochs and versions that nothing but a key or a process claims."""
_HIGHEST_EPOCH: Final = 10**11
"""The keys of the history have room for twelve digits."""
NO_VOTE: Final = b"-"
"""The process is registered, and has not voted."""


class Record:
    """The value of one key."""

    __slots__ = ()

    def encode(self) -> bytes:
        """The bytes to store."""
        return json.dumps(_table(self), separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def decode(cls, key: bytes, data: bytes) -> Self:
        """The record in `data`, the value of `key`. Raises `MalformedError`, which quotes none of it."""
        try:
            made = _record(cls, json.loads(data))
        except (ValueError, TypeError, RecursionError):
            raise MalformedError(f"{key.decode(errors='replace')} holds no record of a fleet") from None
        return made  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Document(Record):
    """A reference to a document."""

    version: str
    """An integer, which rises; the document's key ends with it."""
    sha256: str
    format: FormatName = "toml"

    def matches(self, data: bytes) -> bool:
        """Whether `data` has the digest of this document."""
        return sha256(data).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True)
class Canary(Record):
    """The instances that serve the new document; all others serve the stable one."""

    rule: str
    """As the publisher gave it: `1`, `10%` or `zone=eu`."""
    stable: Document
    label: tuple[str, str] | None = None
    """Instances with this label are canaries."""
    salt: str = ""
    until: str = ""
    """Without a label, instances whose rank is at most this: the publisher ranked those that were registered."""

    def includes(self, instance: str, labels: Mapping[str, str]) -> bool:
        """Whether this instance is a canary."""
        if self.label is not None:
            return labels.get(self.label[0]) == self.label[1]
        return rank(self.salt, instance) <= self.until


def rank(salt: str, instance: str) -> str:
    """The rank of an instance; each salt gives another order."""
    return sha256(f"{salt}/{instance}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Current(Record):
    """The document to serve from this epoch on."""

    epoch: int
    """Orders all acts: it rises with each publish, promotion and rollback."""
    document: Document
    publish_id: str
    """Identifies the act that made it current."""
    by: str = ""
    at: str = ""
    """When, by the publisher's clock, in UTC. Nothing depends on it."""
    note: str = ""
    action: Action = "publish"
    all_or_nothing: bool = False
    canary: Canary | None = None
    quorum: str | None = None
    """The quorum that voted yes before the commit: `50` or `90%`."""

    def document_for(self, instance: str, labels: Mapping[str, str]) -> Document:
        """The document that this instance serves."""
        if self.canary is None or self.canary.includes(instance, labels):
            return self.document
        return self.canary.stable

    @property
    def stable(self) -> Document:
        """The document of all instances that are no canaries."""
        return self.document if self.canary is None else self.canary.stable


@dataclass(frozen=True, slots=True)
class Offer(Record):
    """A document that is being voted on."""

    document: Document
    epoch: int
    """The epoch that it will have."""
    base: int
    """The revision at which the current document was written; 0 if there is none."""
    wait_s: float
    """How many seconds its publisher waits for votes."""
    by: str = ""
    note: str = ""
    publish_id: str = ""
    quorum: str | None = None
    """How many have to say yes; None: all."""

    @property
    def asks(self) -> str:
        """Whose yes it needs: `all or nothing`, or `quorum 90%`."""
        return f"quorum {self.quorum}" if self.quorum else "all or nothing"


@dataclass(frozen=True, slots=True)
class Pause(Record):
    """The fleet is paused: instances change nothing."""

    by: str = ""
    at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Instance(Record):
    """The state of one process, as it reports it."""

    version: str
    """The version it serves; empty if none yet, or if it runs a kept state."""
    epoch: int
    """The epoch of that version; 0 if unknown."""
    status: Status
    seen: int = 0
    """The epoch that `status` is about."""
    reason: str = ""
    """Why it has this status, without values and secrets."""
    since: str = ""
    """Since when, by its own clock, in UTC. Nothing depends on it."""
    host: str = ""
    pid: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse epochs and versions that no fleet reaches: the next publish must exceed those of every process."""
        if max(self.epoch, self.seen) > _HIGHEST_EPOCH or len(self.version) > _LONGEST_VERSION:
            raise TypeError


def yes(version: str) -> bytes:
    """The vote of a process that has prepared the document."""
    return f"yes {version}".encode()


def no(version: str, reason: str) -> bytes:
    """The vote of a process that refuses the document."""
    return f"no {version} {reason}".rstrip().encode()


@dataclass(frozen=True, slots=True)
class Vote:
    """The vote of one process."""

    answer: Literal["yes", "no"] | None
    version: str = ""
    reason: str = ""

    @classmethod
    def decode(cls, data: bytes) -> Vote:
        """The vote in `data`; anything malformed counts as not voted."""
        word, _, rest = data.decode(errors="replace").partition(" ")
        version, _, reason = rest.partition(" ")
        if word == "yes" and version and not reason:
            return cls("yes", version)
        return cls("no", version, reason) if word == "no" and version else cls(None)


def _table(record: object) -> dict[str, Any]:
    """`record` as a dict, without fields that have their default."""
    made = {}
    for each in fields(record):  # type: ignore[arg-type] # all records are dataclasses
        value = getattr(record, each.name)
        if value != (each.default if each.default_factory is MISSING else each.default_factory()):
            made[each.name] = _table(value) if isinstance(value, Record) else value
    return made


_HINTS: Final[dict[type, dict[str, Any]]] = {}


def _record(kind: type, table: object) -> Any:
    if not isinstance(table, dict):
        raise TypeError
    hints = _HINTS.get(kind)
    if hints is None:
        hints = _HINTS[kind] = get_type_hints(kind)
    return kind(
        **{each.name: _value(hints[each.name], table[each.name]) for each in fields(kind) if each.name in table}
    )


def _value(hint: Any, value: object) -> object:
    """`value` as the type `hint`. Raises `TypeError` if it has another type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return None if value is None else _value(next(each for each in args if each is not type(None)), value)
    if origin is Literal:
        ok = value in args
    elif origin is tuple:
        ok = isinstance(value, list) and len(value) == len(args) and all(isinstance(each, str) for each in value)
        value = tuple(value) if ok else value  # type: ignore[arg-type]
    elif origin is dict:
        ok = isinstance(value, dict) and all(isinstance(each, str) for pair in value.items() for each in pair)
    elif issubclass(hint, Record):
        return _record(hint, value)
    elif hint is float:
        ok = isinstance(value, int | float) and not isinstance(value, bool)
    elif hint is int:
        ok = type(value) is int and 0 <= value <= _LARGEST
    else:
        ok = type(value) is hint
    if not ok:
        raise TypeError
    return value
