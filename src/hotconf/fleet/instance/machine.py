"""The state machine of an instance: what to serve, vote and report. Pure, in virtual time.

`step(state, input) -> (state, effects)`. Inputs may repeat: after each reconnect, everything is reread.

Rule 1: epochs decide the order. An instance that serves a higher one than the current one keeps it, and reports
`ahead`: the store was restored.
Rule 2: a yes is given only for a prepared document, which is kept until the decision is read or the yes is taken
back. An instance that is cut off for longer than an offer and three leases can last gives it up.
Rule 3: while the fleet is paused, nothing changes, except by an earlier commit.
Rule 4: the status is about the newest epoch handled; the version served is what the watcher reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from hotconf.fleet.instance.steps import (
    Answered,
    Cut,
    Discard,
    Due,
    Effect,
    Input,
    Loaded,
    Prepare,
    Read,
    Registered,
    Serve,
    Switch,
    TakeBack,
    Unfetched,
    Unregistered,
    View,
    Vote,
    Withdrew,
)
from hotconf.fleet.protocol.records import Current, Document, Offer, Status
from hotconf.sources.source import Verdict

TTL_S: Final = 20
"""How long a silent process stays registered."""
_NS: Final = 1_000_000_000
_PAUSED: Final = "the fleet is paused"
_AHEAD: Final = "the current version is older than what it serves"
_CUT_OFF: Final = "it was cut off for too long"


def label_of(version: str, epoch: int) -> str:
    """`7@12`: the version of a document in the watcher: fleet version and epoch."""
    return f"{version}@{epoch}"


def parts_of(label: str) -> tuple[str, int]:
    """Version and epoch of a label; an empty text and 0 if malformed."""
    version, _, epoch = label.rpartition("@")
    return (version, int(epoch)) if version and epoch.isdecimal() else ("", 0)


class Said(NamedTuple):
    """What the instance reports."""

    version: str
    epoch: int
    status: Status
    seen: int
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """An offer that the watcher is preparing, or has prepared."""

    label: str
    offer: Offer
    offered: int
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The document for the watcher."""

    label: str
    epoch: int
    document: Document
    publish_id: str
    fetched: bool = True
    """False if it could not be fetched yet."""
    status: Status = "deferred"
    reason: str = "loading"

    @property
    def counts(self) -> bool:
        """Whether it is fetched and not refused: it is served, or about to be."""
        return self.fetched and self.status != "nack"


@dataclass(frozen=True, slots=True)
class State:
    """The state of the machine."""

    instance: str
    labels: Mapping[str, str]
    view: View | None = None
    target: Target | None = None
    serving: str = ""
    """The label that the watcher reports as in force."""
    prepared: Prepared | None = None
    handled: tuple[int, str] | None = None
    """The last offer handled: its revision, and its `publish_id`, because revisions repeat after a restore."""
    refusal: str | None = None
    """Why that offer is refused, if it is."""
    registered: bool = False
    cut_ns: int | None = None
    """When the connection was lost."""
    ahead: bool = False
    paused: bool = False

    @property
    def said(self) -> Said:
        """What to report."""
        status: Status = "deferred"
        reason, seen = "starting", 0
        if self.target is not None:
            status, reason, seen = self.target.status, self.target.reason, self.target.epoch
        if self.ahead:
            status, reason = "ahead", _AHEAD
        elif self.paused:
            status, reason = "paused", _PAUSED
        return Said(*parts_of(self.serving), status, seen, reason)

    @property
    def due_ns(self) -> int | None:
        """When to input a `Due`: the prepared offer is given up then."""
        if self.prepared is None or self.cut_ns is None:
            return None
        return self.cut_ns + round((self.prepared.offer.wait_s + 3 * TTL_S) * _NS)

    @property
    def epoch(self) -> int:
        """The epoch served, or about to be: the instance never goes below it."""
        served = parts_of(self.serving)[1]
        return max(served, self.target.epoch) if self.target is not None and self.target.counts else served


Step: TypeAlias = tuple[State, tuple[Effect, ...]]


def step(state: State, given: Input) -> Step:
    """The next state, and the effects, in order."""
    match given:
        case Read(view):
            return _read(replace(state, view=view, cut_ns=None), view)
        case Cut(now_ns):
            return replace(state, cut_ns=now_ns) if state.cut_ns is None else state, ()
        case Due(now_ns):
            return _given_up(state, now_ns)
        case Registered():
            return _registered(replace(state, registered=True))
        case Unregistered():
            return replace(state, registered=False, handled=None, refusal=None), ()
        case Loaded(verdict):
            return _loaded(state, verdict), ()
        case Answered(verdict):
            return _answered(state, verdict)
        case Unfetched(label, reason, again):
            return _unfetched(state, label, reason, again=again)
        case Withdrew(label, done):
            if done and state.prepared is not None and state.prepared.label == label:
                return replace(state, prepared=None, refusal=_PAUSED), (Discard(label),)
            return state, ()


def _read(state: State, view: View) -> Step:
    state, decided = _decide(state, view)
    state, done = _consider(state, view)
    return state, decided + done


def _decide(state: State, view: View) -> Step:
    """Handle the current document."""
    current, target = view.current, state.target
    if current is None and view.base:  # it is not understood: nothing changes
        return state, ()
    if current is None or current.epoch < state.epoch or _other_history(current, target):
        return replace(state, ahead=state.epoch > 0, paused=False), ()
    state = replace(state, ahead=False, paused=False)
    if target is not None and target.publish_id == current.publish_id:
        # Again, if the document could not be fetched.
        again = () if target.fetched else (Serve(target.label, target.document),)
        return replace(state, target=replace(target, fetched=True)), again
    document = current.document_for(state.instance, state.labels)
    label = label_of(document.version, current.epoch)
    prepared = state.prepared
    committed = prepared is not None and prepared.ready and prepared.offer.publish_id == current.publish_id
    if view.pause is not None and not committed and (target is not None or state.serving):
        return replace(state, paused=True), ()
    state = replace(state, target=Target(label, current.epoch, document, current.publish_id), prepared=None)
    if committed:
        return state, (Switch(label),)
    return state, (*_discarded(prepared), Serve(label, document))


def _other_history(current: Current, target: Target | None) -> bool:
    """Whether the epoch served belongs to another act: the store was restored, and published to since."""
    if target is None or not target.counts:
        return False
    return target.epoch == current.epoch and target.publish_id != current.publish_id


def _discarded(prepared: Prepared | None) -> tuple[Effect, ...]:
    return () if prepared is None else (Discard(prepared.label),)


def _consider(state: State, view: View) -> Step:
    """Handle the offer. Votes are repeated, because an answer may be lost."""
    gone: tuple[Effect, ...] = ()
    prepared = state.prepared
    if prepared is not None and (prepared.offered, prepared.offer) != (view.offered, view.offer):
        prepared, gone = None, _discarded(prepared)
        state = replace(state, prepared=None)
    state, more = _ask(state, view) if prepared is None else (state, _again(state, prepared, view))
    return state, gone + more


def _again(state: State, prepared: Prepared, view: View) -> tuple[Effect, ...]:
    """The vote on the prepared offer."""
    if not prepared.ready or not state.registered:
        return ()
    if view.pause is not None:
        return (TakeBack(prepared.label, prepared.offer, prepared.offered, _PAUSED),)
    return (Vote(prepared.offer, prepared.offered, None),)


def _ask(state: State, view: View) -> Step:
    """Let the watcher prepare the offer, or refuse it."""
    offer = view.offer
    if offer is None or not state.registered or offer.base != view.base:
        return state, ()
    if state.handled == (view.offered, offer.publish_id):
        return state, () if state.refusal is None else (Vote(offer, view.offered, state.refusal),)
    state = replace(state, handled=(view.offered, offer.publish_id), refusal=None)
    if view.pause is not None or state.ahead:
        return _refuse(state, offer, view.offered, _PAUSED if view.pause is not None else _AHEAD)
    label = label_of(offer.document.version, offer.epoch)
    return replace(state, prepared=Prepared(label, offer, view.offered)), (Prepare(label, offer.document),)


def _refuse(state: State, offer: Offer, offered: int, reason: str) -> Step:
    return replace(state, prepared=None, refusal=reason), (Vote(offer, offered, reason),)


def _registered(state: State) -> Step:
    """The process has joined, perhaps again: a prepared offer stays valid."""
    view = state.view
    if view is None:
        return state, ()
    return _consider(state, view)


def _answered(state: State, verdict: Verdict) -> Step:
    prepared = state.prepared
    if prepared is None or prepared.label != verdict.version:
        return state, ()
    offer, offered = prepared.offer, prepared.offered
    if verdict.status == "ready":
        state = replace(state, prepared=replace(prepared, ready=True))
        return state, () if state.view is None else _again(state, replace(prepared, ready=True), state.view)
    reason = verdict.reason or verdict.status
    if not prepared.ready:
        return _refuse(state, offer, offered, reason)
    return replace(state, prepared=None, refusal=reason), (TakeBack(prepared.label, offer, offered, reason),)


def _loaded(state: State, verdict: Verdict) -> State:
    if verdict.serving:
        state = replace(state, serving=verdict.serving)
    target = state.target
    if target is None or verdict.version != target.label:
        return state
    status: Status = "ack"
    # What it serves it has accepted: then a later change of a layer is at fault, which is this machine's own affair.
    if verdict.status in ("deferred", "refused") and verdict.serving != target.label:
        status = "deferred" if verdict.status == "deferred" else "nack"
    return replace(state, target=replace(target, status=status, reason="" if status == "ack" else verdict.reason))


def _unfetched(state: State, label: str, reason: str | None, *, again: bool) -> Step:
    target, prepared = state.target, state.prepared
    if prepared is not None and prepared.label == label:
        if reason is None:
            return replace(state, prepared=None, handled=None), ()
        return _refuse(state, prepared.offer, prepared.offered, reason)
    if target is not None and target.label == label:
        lost = replace(target, fetched=reason is not None and not again)
        if reason is not None:
            lost = replace(lost, status="nack", reason=reason)
        return replace(state, target=lost), ()
    return state, ()


def _given_up(state: State, now_ns: int) -> Step:
    """Give up the prepared offer: after this time, its publisher has."""
    prepared, due_ns = state.prepared, state.due_ns
    if prepared is None or due_ns is None or now_ns < due_ns:
        return state, ()
    state = replace(state, prepared=None, refusal=_CUT_OFF)
    back = TakeBack(prepared.label, prepared.offer, prepared.offered, _CUT_OFF)
    return state, (*((back,) if prepared.ready else ()), Discard(prepared.label))
