"""The inputs and effects of `machine.step`."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from hotconf.fleet.protocol.known import Unreadable
from hotconf.fleet.protocol.records import Current, Document, Offer, Pause
from hotconf.sources.source import Verdict


class View(NamedTuple):
    """The keys below `ctl/`, at one revision."""

    current: Current | None
    base: int
    """The revision at which `current` was written; 0 if there is none."""
    offer: Offer | None
    offered: int
    """The revision at which `offer` was created; 0 if there is none."""
    pause: Pause | None
    unreadable: tuple[Unreadable, ...] = ()


class Read(NamedTuple):
    """The keys were read: at each connect, and after each change."""

    view: View


class Cut(NamedTuple):
    """The connection is lost."""

    now_ns: int


class Due(NamedTuple):
    """The deadline is reached."""

    now_ns: int


class Registered(NamedTuple):
    """The process has joined, and has not voted."""


class Unregistered(NamedTuple):
    """The lease is lost, and with it the vote."""


class Loaded(NamedTuple):
    """The watcher's verdict on the document that it has read."""

    verdict: Verdict


class Answered(NamedTuple):
    """The watcher's verdict on an offer."""

    verdict: Verdict


class Unfetched(NamedTuple):
    """A document could not be fetched. `reason`: why; None if a retry may succeed."""

    label: str
    reason: str | None
    again: bool = False
    """Whether to retry after the next reread; without a reason, it is retried anyway."""


class Withdrew(NamedTuple):
    """Whether a yes was taken back in time; if not, the decision will be read."""

    label: str
    done: bool


Input: TypeAlias = Read | Cut | Due | Registered | Unregistered | Loaded | Answered | Unfetched | Withdrew


class Serve(NamedTuple):
    """Let the watcher read this document from now on."""

    label: str
    document: Document


class Prepare(NamedTuple):
    """Let the watcher prepare this document."""

    label: str
    document: Document


class Switch(NamedTuple):
    """Let the watcher commit the prepared document."""

    label: str


class Discard(NamedTuple):
    """Let the watcher discard the prepared document."""

    label: str


class Vote(NamedTuple):
    """Vote yes, or no with a reason."""

    offer: Offer
    offered: int
    refusal: str | None


class TakeBack(NamedTuple):
    """Take back a yes; answered by `Withdrew`."""

    label: str
    offer: Offer
    offered: int
    reason: str


Effect: TypeAlias = Serve | Prepare | Switch | Discard | Vote | TakeBack
