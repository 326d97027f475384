"""The state of a fleet: read at one revision, then kept up to date by a watch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Found, Get, Pair, Seen, Txn, under
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known, Unreadable, known, paused, stray, understood, unreadable
from hotconf.fleet.protocol.records import HIGHEST, Instance, Vote
from hotconf.fleet.publishing.results import FleetStatus, Published, members

_DIGITS: Final = 12
"""Longer versions in records are ignored."""
_MOST_STRAYS: Final = 100
"""Of those below `log/`: the conditions of a transaction are limited, too."""


@dataclass(slots=True)
class State:
    """The state of a fleet. For one thread."""

    keys: Keys
    revision: int
    current: Pair | None = None
    offer: Pair | None = None
    pause: Pair | None = None
    instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    """By instance and boot id."""
    votes: dict[tuple[str, str], Vote] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    logged: int = 0
    """The epoch of the newest entry."""
    strays: set[bytes] = field(default_factory=set)
    """The keys below `instance/` and `log/` that are not understood."""

    @property
    def known(self) -> Known:
        """The current document and the offer."""
        return known(self.current, self.offer)

    @property
    def epoch(self) -> int:
        """The next epoch: higher than any before it, and than any that a process serves or has read."""
        said = self.known.current
        theirs = (max(each.epoch, each.seen) for each in self.instances.values())
        return max(self.logged, 0 if said is None else said.epoch, *(each for each in theirs if each <= HIGHEST)) + 1

    @property
    def version(self) -> str:
        """The next version: higher than that of any document, and than any that a process serves or voted on."""
        names = {
            *self.documents,
            *(each.version for each in self.instances.values()),
            *(each.version for each in self.votes.values()),
        }
        numbers = (int(name) for name in names if name.isdecimal() and len(name) <= _DIGITS)
        return str(max((number for number in numbers if number <= HIGHEST), default=0) + 1)

    @property
    def strange_entries(self) -> tuple[bytes, ...]:
        """The keys below `log/` that are no entries."""
        return tuple(key for key in self.strays if key.startswith(self.keys.log))

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """All keys that are not understood."""
        keys = self.keys
        gone = {keys.instance(*who) for who in self.votes if who not in self.instances} - self.strays
        votes = sorted(keys.votes + key.removeprefix(keys.instances) for key in gone)
        waits = "of no process, and all-or-nothing publishes wait for its vote"
        return (
            *unreadable(keys, self.current, self.offer, self.pause),
            *map(stray, sorted(self.strays)),
            *(stray(key, waits) for key in votes),
        )

    @property
    def status(self) -> FleetStatus:
        """The state for operators."""
        current, _, offer, _ = self.known
        published = None if current is None else Published.of(current)
        found = members(current, self.instances, self.votes)
        return FleetStatus(self.revision, published, offer, paused(self.pause), found, self.unreadable)

    def apply(self, seen: Seen) -> set[tuple[str, str]]:
        """Apply what a watch reports. Returns the processes concerned: all, if the current document has changed."""
        self.revision = max(self.revision, seen.revision)
        concerned: set[tuple[str, str]] = set()
        for pair in seen.pairs:
            concerned |= self._written(pair)
        for key in seen.deleted:
            concerned |= self._deleted(key)
        return concerned

    def _written(self, pair: Pair) -> set[tuple[str, str]]:
        keys = self.keys
        if pair.key.startswith(keys.instances):
            who, said = _who(pair.key, keys.instances), understood(Instance, pair)
            if said is None:
                self.instances.pop(who, None)
                self.strays.add(pair.key)
            else:
                self.instances[who] = said
                self.strays.discard(pair.key)
            return {who}
        if pair.key.startswith(keys.votes):
            self.votes[who := _who(pair.key, keys.votes)] = Vote.decode(pair.value)
            return {who}
        if pair.key.startswith(keys.documents):
            self.documents.add(pair.key.removeprefix(keys.documents).decode(errors="replace"))
        elif pair.key.startswith(keys.log):
            if epoch := epoch_of(keys, pair.key):
                self.logged = max(self.logged, epoch)
            else:
                self.strays.add(pair.key)
        elif pair.key == keys.current:
            self.current = pair
            return set(self.instances)
        elif pair.key == keys.offer:
            self.offer = pair
        elif pair.key == keys.pause:
            self.pause = pair
        return set()

    def _deleted(self, key: bytes) -> set[tuple[str, str]]:
        keys = self.keys
        self.strays.discard(key)
        if key.startswith(keys.instances):
            self.instances.pop(who := _who(key, keys.instances), None)
            return {who}
        if key.startswith(keys.votes):
            self.votes.pop(who := _who(key, keys.votes), None)
            return {who}
        if key.startswith(keys.documents):
            self.documents.discard(key.removeprefix(keys.documents).decode(errors="replace"))
        elif key == keys.current:
            self.current = None
        elif key == keys.offer:
            self.offer = None
        elif key == keys.pause:
            self.pause = None
        return set()


def read(gateway: Gateway, keys: Keys) -> State:
    """The state now, at one revision."""
    return read_with(gateway, keys)[0]


def read_with(gateway: Gateway, keys: Keys, *more: Get) -> tuple[State, tuple[Found, ...]]:
    """The state now, and the answers to `more`, at one revision."""
    wanted: tuple[Get, ...] = (
        *(under(keys.control), under(keys.instances), under(keys.votes)),
        *(under(keys.documents, keys_only=True), under(keys.log, newest=True, limit=_MOST_STRAYS, keys_only=True)),
    )
    outcome = gateway.commit(Txn((), wanted + more))
    found = outcome.found[: len(wanted)]
    state = State(keys, outcome.revision)
    pairs: Iterable[Pair] = (pair for each in found for pair in each.pairs)
    state.apply(Seen(outcome.revision, tuple(pairs)))
    return state, outcome.found[len(wanted) :]


def epoch_of(keys: Keys, entry: bytes) -> int:
    """The epoch of an entry's key; 0 if it is none."""
    digits = entry.removeprefix(keys.log)
    epoch = int(digits) if digits.isdigit() and len(digits) <= _DIGITS else 0
    return epoch if epoch <= HIGHEST and entry == keys.entry(epoch) else 0


def number_of(keys: Keys, document: bytes) -> int:
    """The number of a document's key; 0 if malformed."""
    digits = document.removeprefix(keys.documents)
    return int(digits) if digits.isdigit() and len(digits) <= _DIGITS and not digits.startswith(b"0") else 0


def _who(key: bytes, prefix: bytes) -> tuple[str, str]:
    instance, _, boot = key.removeprefix(prefix).decode(errors="replace").partition("/")
    return instance, boot
