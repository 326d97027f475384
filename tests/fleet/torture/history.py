"""What happened in a fleet, as it was recorded in etcd, by its publishers, and in each process. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Current, Instance, Offer, Vote

current_of: Final = lru_cache(1024)(Current.decode)
_instance_of: Final = lru_cache(1024)(Instance.decode)

Outcome: TypeAlias = Literal["done", "nothing", "unknown"]
T = TypeVar("T")

What: TypeAlias = Literal["made", "closed", "serves"]


class Event(NamedTuple):
    """A key was written, or deleted."""

    revision: int
    key: bytes
    value: bytes | None


@dataclass
class Era:
    """One history of etcd: until it is restored from a snapshot."""

    base: int = 0
    """The revision of the era before to which it went back."""
    events: list[Event] = field(default_factory=list)


@dataclass
class Act:
    """What a publisher did, and what it was answered."""

    note: str
    """Its own."""
    number: int | None = None
    """Of the document, if it is a new one."""
    began: float = 0
    ended: float = 0
    outcome: Outcome = "unknown"
    said: str = ""
    epoch: int = 0


class Done(NamedTuple):
    """What a process did."""

    at: float
    what: What
    number: int
    """Of the document."""
    label: str = ""
    """Of what is served: version and epoch; empty if it was only looked at."""


@dataclass
class Process:
    """One process of an instance."""

    instance: str
    pid: int
    labels: dict[str, str] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)
    """When it was cut off, stopped, or forced to let go of what it had prepared."""
    ended: Literal["", "closed", "killed"] = ""

    @property
    def open(self) -> set[int]:
        """What it has made and not closed."""
        made: set[int] = set()
        for done in self.done:
            if done.what == "made":
                made.add(done.number)
            elif done.what == "closed":
                made.discard(done.number)
        return made

    @property
    def serves(self) -> Done | None:
        """What it serves in the end."""
        return next((done for done in reversed(self.done) if done.what == "serves"), None)

    def was_away(self, since: float, until: float) -> bool:
        """Whether it was, at some time between these."""
        return any(left <= until and back >= since for left, back in self.away)


@dataclass
class History:
    """All of it."""

    keys: Keys
    documents: dict[int, str] = field(default_factory=dict)
    """The digest of each document that was ever given to a publisher, by its number."""
    refusing: dict[int, frozenset[str]] = field(default_factory=dict)
    """The instances that refuse it."""
    eras: list[Era] = field(default_factory=lambda: [Era()])
    restored: list[float] = field(default_factory=list)
    """When."""
    acts: list[Act] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    def full(self) -> Iterator[list[Event]]:
        """The events of each era, with those before it that still count."""
        before: list[Event] = []
        for era in self.eras:
            before = [event for event in before if event.revision <= era.base] + era.events
            yield before

    def entries(self) -> dict[str, Current]:
        """All that ever was current, by the act."""
        found = {}
        for era in self.eras:
            for event in era.events:
                if event.key.startswith(self.keys.log) and event.value is not None:
                    current = current_of(event.key, event.value)
                    found[current.publish_id] = current
        return found

    def process(self, pid: int) -> Process | None:
        """That one."""
        return next((process for process in self.processes if process.pid == pid), None)


class Walk:
    """The keys as they were at each event."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.votes: dict[tuple[str, str], Vote] = {}
        self.records: dict[tuple[str, str], Instance] = {}
        self.current: Current | None = None
        self.paused = False

    def take(self, event: Event) -> None:
        """The next one."""
        keys, key, value = self.keys, event.key, event.value
        if key == keys.current:
            self.current = None if value is None else current_of(key, value)
        elif key == keys.pause:
            self.paused = value is not None
        elif key.startswith(keys.votes):
            _keep(self.votes, _who(key, keys.votes), None if value is None else Vote.decode(value))
        elif key.startswith(keys.instances):
            record = None if value is None else _instance_of(key, value)
            _keep(self.records, _who(key, keys.instances), record)


def _keep(kept: dict[tuple[str, str], T], key: tuple[str, str], value: T | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value


def _who(key: bytes, prefix: bytes) -> tuple[str, str]:
    instance, _, boot = key.removeprefix(prefix).decode().partition("/")
    return instance, boot


def offers(history: History) -> Iterator[Offer]:
    """All that were made."""
    for era in history.eras:
        for event in era.events:
            if event.key == history.keys.offer and event.value is not None:
                yield Offer.decode(event.key, event.value)
