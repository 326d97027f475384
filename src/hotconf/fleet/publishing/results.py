"""The results of a publisher's calls. Only `Shown` contains values of the configuration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hotconf.fleet.errors import FleetError
from hotconf.fleet.protocol.known import Unreadable
from hotconf.fleet.protocol.records import Action, Current, Instance, Offer, Pause, Status, Vote
from hotconf.formats.registry import FormatName
from hotconf.text import natural, printable

State: TypeAlias = Literal["ack", "nack", "deferred", "paused", "ahead", "behind"]
"""A status; or `behind`: the process has not reported about the current epoch yet."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish, promotion or rollback made current."""

    epoch: int
    version: str
    sha256: str
    action: Action
    by: str
    at: str
    """In UTC, by the publisher's clock."""
    note: str
    format: FormatName
    canary: str | None
    """The rule for canaries, while only these serve it."""
    stable: str
    """The version that all other instances serve."""
    all_or_nothing: bool
    publish_id: str
    quorum: str | None = None
    """How many had prepared it before, by the rule that was given; None: that was not asked."""

    @property
    def asked(self) -> str:
        """Whom it asked first: `all or nothing`, `quorum 90%`, or nothing."""
        return "all or nothing" if self.all_or_nothing else f"quorum {self.quorum}" if self.quorum else ""

    @classmethod
    def of(cls, current: Current) -> Published:
        """From the record."""
        document, rule = current.document, None if current.canary is None else current.canary.rule
        who = (current.action, current.by, current.at, current.note)
        rest = (current.stable.version, current.all_or_nothing, current.publish_id, current.quorum)
        return cls(current.epoch, document.version, document.sha256, *who, document.format, rule, *rest)


@dataclass(frozen=True, slots=True)
class Shown:
    """A document."""

    version: str
    sha256: str
    format: FormatName
    data: bytes = field(repr=False)
    """It may contain secrets."""


@dataclass(frozen=True, slots=True)
class Member:
    """One process of the fleet, as it reports itself."""

    instance: str
    boot: str
    """Different for each process."""
    version: str
    """The version it serves; empty if none, or if it runs a kept state."""
    epoch: int
    seen: int
    """The epoch that `status` is about."""
    status: Status
    state: State
    reason: str
    since: str
    host: str
    pid: int
    labels: dict[str, str]
    canary: bool
    """Whether it is a canary."""
    vote: Vote = field(default_factory=lambda: Vote(None))

    @property
    def name(self) -> str:
        """`web-1 (pid 1234)`."""
        return printable(f"{self.instance} (pid {self.pid})")


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Who runs what, at one revision of the store."""

    revision: int
    current: Published | None
    """None if nothing is published yet."""
    offer: Offer | None
    pause: Pause | None
    members: tuple[Member, ...]
    """The registered processes; one that has died disappears when its lease expires."""
    unreadable: tuple[Unreadable, ...] = ()
    """The keys that are not understood, each with its advice; `str` has both."""

    @property
    def nothing(self) -> bool:
        """Whether nothing was published, rather than something that is not understood."""
        return self.current is None and not any(each.key.endswith("/ctl/current") for each in self.unreadable)

    @property
    def versions(self) -> Counter[str]:
        """The number of processes by version."""
        return Counter(member.version for member in self.members)

    @property
    def states(self) -> Counter[State]:
        """The number of processes by state."""
        return Counter(member.state for member in self.members)

    def of(self, *states: State) -> tuple[Member, ...]:
        """The processes in one of these states."""
        return tuple(member for member in self.members if member.state in states)

    @property
    def lag(self) -> int:
        """By how many epochs the last process is behind."""
        newest = 0 if self.current is None else self.current.epoch
        return max((newest - member.seen for member in self.members), default=0)

    @property
    def settled(self) -> bool:
        """Whether all processes have accepted or refused the current version."""
        return not self.of("behind", "deferred", "paused", "ahead")


@dataclass(frozen=True, slots=True)
class Waited:
    """The result of waiting for a publish."""

    published: Published
    status: FleetStatus
    superseded: bool
    """Another version became current meanwhile."""

    @property
    def refused(self) -> tuple[Member, ...]:
        """The processes that refused it, each with its reason."""
        return self.status.of("nack")

    @property
    def missing(self) -> tuple[Member, ...]:
        """The processes that have neither accepted nor refused it yet."""
        return self.status.of("behind", "deferred", "paused", "ahead")

    @property
    def waited_for(self) -> tuple[Member, ...]:
        """The missing processes that may still answer; none while the fleet is paused."""
        return tuple(each for each in self.missing if self.status.pause is None or each.state != "paused")

    @property
    def everywhere(self) -> bool:
        """Whether every process serves it, or with canaries, the version meant for it."""
        return not (self.superseded or self.refused or self.missing)


@dataclass(frozen=True, slots=True)
class Pruned:
    """The result of pruning: what was deleted, or would be."""

    epochs: tuple[int, ...]
    """Entries of the history."""
    versions: tuple[str, ...]
    """Documents, to which no rollback is possible any more."""
    entries_left: int
    documents_left: int


class ConflictError(FleetError):
    """Another publisher was faster: nothing was published. `current` is what it published."""

    def __init__(self, text: str, current: Published | None = None, offer: Offer | None = None) -> None:
        super().__init__(text)
        self.current = current
        self.offer = offer


class UnchangedError(FleetError):
    """The document is current already."""


class AbortedError(FleetError):
    """A publish that asks first, all or nothing or by a quorum, was aborted: no process has changed anything."""

    def __init__(self, text: str, refused: tuple[Member, ...] = (), missing: tuple[Member, ...] = ()) -> None:
        super().__init__(text)
        self.refused = refused
        """The processes that voted no; `vote` has the reason."""
        self.missing = missing
        """The processes that had not voted when the time was up."""


def members(
    current: Current | None, instances: dict[tuple[str, str], Instance], votes: dict[tuple[str, str], Vote]
) -> tuple[Member, ...]:
    """All that have a record, in their natural order: `web-2` before `web-10`."""
    names = sorted(instances, key=lambda who: (natural(who[0]), who[1]))
    return tuple(_member(current, *who, instances[who], votes.get(who)) for who in names)


def _member(current: Current | None, instance: str, boot: str, said: Instance, vote: Vote | None) -> Member:
    epoch = 0 if current is None else current.epoch
    canary = current is not None and current.canary is not None and current.canary.includes(instance, said.labels)
    state: State = "behind" if said.seen < epoch and said.status not in ("ahead", "paused") else said.status
    what = (said.version, said.epoch, said.seen, said.status, state, said.reason, said.since)
    return Member(instance, boot, *what, said.host, said.pid, said.labels, canary, vote or Vote(None))
