"""What an instance gets to know, and what it wants done: the inputs and effects of `instance.step`."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from hotconf.fleet.protocol.records import Current, Document, Offer, Pause
from hotconf.sources.source import Verdict


class View(NamedTuple):
    """What an instance reads, at one revision."""

    current: Current | None
    base: int
    """The revision at which that was written."""
    offer: Offer | None
    offered: int
    """The revision at which that was created."""
    pause: Pause | None


class Read(NamedTuple):
    """It is connected, and this is what is there."""

    view: View


class Cut(NamedTuple):
    """It is not connected any more."""

    now_ns: int


class Due(NamedTuple):
    """Time has passed."""

    now_ns: int


class Registered(NamedTuple):
    """It takes part, and has not voted yet."""


class Unregistered(NamedTuple):
    """Its lease is lost, and its vote with it."""


class Loaded(NamedTuple):
    """What the watcher says of what it read."""

    verdict: Verdict


class Answered(NamedTuple):
    """What the watcher says of an offer."""

    verdict: Verdict


class Unfetched(NamedTuple):
    """A document cannot be had: for a reason, or for the moment."""

    label: str
    reason: str | None


class Withdrew(NamedTuple):
    """Whether a yes was taken back in time; else it is decided, and will be read."""

    label: str
    done: bool


Input: TypeAlias = Read | Cut | Due | Registered | Unregistered | Loaded | Answered | Unfetched | Withdrew


class Serve(NamedTuple):
    """Have the watcher read this document from now on."""

    label: str
    document: Document


class Prepare(NamedTuple):
    """Have the watcher prepare this document."""

    label: str
    document: Document


class Switch(NamedTuple):
    """Have the watcher publish what it has prepared."""

    label: str


class Discard(NamedTuple):
    """Have the watcher close what it has prepared."""

    label: str


class Vote(NamedTuple):
    """Say yes, or why not."""

    offer: Offer
    offered: int
    refusal: str | None


class TakeBack(NamedTuple):
    """Take a yes back, and tell by `Withdrew` whether that was in time."""

    label: str
    offer: Offer
    offered: int
    reason: str


Effect: TypeAlias = Serve | Prepare | Switch | Discard | Vote | TakeBack
