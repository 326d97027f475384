"""What the keys of a fleet hold, as JSON. None of it holds a value of a configuration.

Fields that are not known are ignored: an older hotconf reads what a newer one wrote.
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
"""`ack`: it serves what it is to serve. `nack`: it refused that, and serves what it did before. `deferred`: it is
valid, and something is busy. `paused`: the fleet is. `ahead`: what it serves is newer than what is current.
"""
Action: TypeAlias = Literal["publish", "promote", "rollback"]

_LARGEST: Final = (1 << 63) - 1
"""Of whole numbers: etcd's revisions have 64 bits."""
_LONGEST_VERSION: Final = 64
_HIGHEST_EPOCH: Final = 10**11
"""Keys of the log have room for twelve digits."""
NO_VOTE: Final = b"-"
"""Registered, and not asked yet, or not decided."""


class Record:
    """What one key holds."""

    __slots__ = ()

    def encode(self) -> bytes:
        """As it is stored."""
        return json.dumps(_table(self), separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def decode(cls, key: bytes, data: bytes) -> Self:
        """What is stored at `key`. Raises `MalformedError`, which quotes nothing of it."""
        try:
            made = _record(cls, json.loads(data))
        except (ValueError, TypeError, RecursionError):
            raise MalformedError(f"{key.decode(errors='replace')} holds what is not of a fleet") from None
        return made  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Document(Record):
    """Which bytes."""

    version: str
    """The key of the document: a whole number, which rises."""
    sha256: str
    format: FormatName = "toml"

    def matches(self, data: bytes) -> bool:
        """Whether these are the bytes."""
        return sha256(data).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True)
class Canary(Record):
    """Who is to serve the new document; all others serve the stable one."""

    rule: str
    """As it was given: `1`, `10%` or `zone=eu`."""
    stable: Document
    label: tuple[str, str] | None = None
    """Instances with this label."""
    salt: str = ""
    until: str = ""
    """Instances whose rank is at most this: the publisher has ranked those that were there."""

    def includes(self, instance: str, labels: Mapping[str, str]) -> bool:
        """Whether it is one of them."""
        if self.label is not None:
            return labels.get(self.label[0]) == self.label[1]
        return rank(self.salt, instance) <= self.until


def rank(salt: str, instance: str) -> str:
    """Where an instance stands in an order that differs with the salt."""
    return sha256(f"{salt}/{instance}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Current(Record):
    """What is to be served from this epoch on."""

    epoch: int
    """The order of everything: it rises with each publish, promotion and rollback."""
    document: Document
    publish_id: str
    """Of the act by which it became current."""
    by: str = ""
    at: str = ""
    """When, by the publisher's clock, in UTC. It decides nothing."""
    note: str = ""
    action: Action = "publish"
    all_or_nothing: bool = False
    canary: Canary | None = None

    def document_for(self, instance: str, labels: Mapping[str, str]) -> Document:
        """What that instance is to serve."""
        if self.canary is None or self.canary.includes(instance, labels):
            return self.document
        return self.canary.stable

    @property
    def stable(self) -> Document:
        """What those serve that are no canaries."""
        return self.document if self.canary is None else self.canary.stable


@dataclass(frozen=True, slots=True)
class Offer(Record):
    """What is being voted on."""

    document: Document
    epoch: int
    """The one it will have."""
    base: int
    """The revision at which what is current was written; 0: nothing is."""
    wait_s: float
    """How long its publisher waits."""
    by: str = ""
    note: str = ""
    publish_id: str = ""


@dataclass(frozen=True, slots=True)
class Pause(Record):
    """Instances hold."""

    by: str = ""
    at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Instance(Record):
    """What one process says of itself."""

    version: str
    """What it serves; empty: nothing yet, or what it kept from before."""
    epoch: int
    """The epoch of that; 0 if that is not known."""
    status: Status
    seen: int = 0
    """The epoch that `status` is about."""
    reason: str = ""
    """Why, without values and secrets."""
    since: str = ""
    """Since when, by its own clock, in UTC. It decides nothing."""
    host: str = ""
    pid: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no fleet reaches: the next publish must be higher than what any process says."""
        if max(self.epoch, self.seen) > _HIGHEST_EPOCH or len(self.version) > _LONGEST_VERSION:
            raise TypeError


def yes(version: str) -> bytes:
    """The vote of one that has prepared it."""
    return f"yes {version}".encode()


def no(version: str, reason: str) -> bytes:
    """The vote of one that has not, and will not."""
    return f"no {version} {reason}".rstrip().encode()


@dataclass(frozen=True, slots=True)
class Vote:
    """One process's."""

    answer: Literal["yes", "no"] | None
    version: str = ""
    reason: str = ""

    @classmethod
    def decode(cls, data: bytes) -> Vote:
        """What is no vote counts as none."""
        word, _, rest = data.decode(errors="replace").partition(" ")
        version, _, reason = rest.partition(" ")
        if word == "yes" and version and not reason:
            return cls("yes", version)
        return cls("no", version, reason) if word == "no" and version else cls(None)


def _table(record: object) -> dict[str, Any]:
    """Without what is as by default."""
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
    """`value`, if it is what the field holds. Raises `TypeError`."""
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
