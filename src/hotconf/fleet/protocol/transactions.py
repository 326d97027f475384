"""Each act of the protocol as one transaction of etcd: pure. What it reads if it fails is what decides then.

| act | if | then |
|---|---|---|
| offer | no offer; current as known; no such document | the document; the offer, on the publisher's lease |
| register | own vote absent | vote `-` and record, on the instance's lease |
| vote | the same offer; current as it was offered on; own vote exists | `yes v` or `no v` |
| withdraw | the same offer | `no v`; if it fails, the decision is read |
| commit | the same offer; current as it was offered on; **all** votes are `yes v` | current, its entry; no offer |
| abort | the same offer | no offer |
| publish, promote, roll back | current as known; no offer, or it goes | current, its entry, the document |
| prune | current and offer as known | no entries and documents that nobody needs |

An offer is the same by the revision at which it was created, what is current by the one at which it was written.
Whatever becomes current has an epoch without an entry, and there is none of a higher one: when the store was
restored, revisions come again, and what was read before it could look as if nothing had changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotconf.fleet.etcd.requests import (
    Compare,
    Delete,
    Get,
    Op,
    Put,
    Txn,
    absent,
    after,
    all_equal,
    created,
    exists,
    none_between,
    none_since,
    unchanged,
)
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known
from hotconf.fleet.protocol.records import NO_VOTE, Current, Instance, Offer, Pause, no, yes


def offer(keys: Keys, made: Offer, data: bytes, lease: int) -> Txn:
    """Ask all instances to prepare a document. If it fails: current, offer."""
    document = keys.document(made.document.version)
    conditions = (absent(keys.offer), unchanged(keys.current, made.base), absent(document))
    then = (Put(document, data), Put(keys.offer, made.encode(), lease))
    return Txn(conditions, then, (Get(keys.current), Get(keys.offer)))


def register(keys: Keys, instance: str, boot: str, record: Instance, lease: int) -> Txn:
    """Take part. If it fails, this process has a vote already."""
    vote = keys.vote(instance, boot)
    then = (Put(vote, NO_VOTE, lease), Put(keys.instance(instance, boot), record.encode(), lease))
    return Txn((absent(vote),), then)


def record(keys: Keys, instance: str, boot: str, record: Instance, lease: int) -> Txn:
    """Say what this process serves, if it still takes part."""
    then = (Put(keys.instance(instance, boot), record.encode(), lease),)
    return Txn((exists(keys.vote(instance, boot)),), then)


def vote(
    keys: Keys, instance: str, boot: str, made: Offer, create: int, lease: int, refusal: str | None = None
) -> Txn:
    """Say yes, or no with a reason, to the offer that was created at that revision. If it fails: current, offer,
    own vote.
    """
    mine, version = keys.vote(instance, boot), made.document.version
    conditions = (created(keys.offer, create), unchanged(keys.current, made.base), exists(mine))
    said = yes(version) if refusal is None else no(version, refusal)
    return Txn(conditions, (Put(mine, said, lease),), (Get(keys.current), Get(keys.offer), Get(mine)))


def withdraw(keys: Keys, instance: str, boot: str, made: Offer, create: int, lease: int, reason: str) -> Txn:
    """Take a yes back. If it fails, it is decided: current, offer."""
    said = Put(keys.vote(instance, boot), no(made.document.version, reason), lease)
    return Txn((created(keys.offer, create),), (said,), (Get(keys.current), Get(keys.offer)))


def commit(keys: Keys, made: Offer, create: int, current: Current) -> Txn:
    """Make it current, if every process that is registered has said yes. If it fails: current, offer."""
    conditions = (*_undecided(keys, made, create, current), all_equal(keys.votes, yes(made.document.version)))
    return Txn(conditions, (*_entered(keys, current), Delete(keys.offer)), (Get(keys.current), Get(keys.offer)))


def commit_counted(keys: Keys, made: Offer, create: int, current: Current, counted: int) -> Txn:
    """Make it current, if no vote was cast, and nobody has come or gone on, since they were counted."""
    conditions = (*_undecided(keys, made, create, current), none_since(keys.votes, counted))
    return Txn(conditions, (*_entered(keys, current), Delete(keys.offer)), (Get(keys.current), Get(keys.offer)))


def abort(keys: Keys, create: int) -> Txn:
    """Take an offer back. If it fails, it is decided: current, offer."""
    return Txn((created(keys.offer, create),), (Delete(keys.offer),), (Get(keys.current), Get(keys.offer)))


def publish(keys: Keys, current: Current, base: int, data: bytes | None = None, *, override: bool = False) -> Txn:
    """Make it current in the place of what was written at the revision `base` (0: nothing). `data`: the document, if
    that is new; else it has to be there. `override`: an offer goes. If it fails: current, offer.
    """
    document = keys.document(current.document.version)
    conditions = [
        *(unchanged(keys.current, base), none_between(keys.entry(current.epoch), after(keys.log))),
        exists(document) if data is None else absent(document),
    ]
    if not override:
        conditions.append(absent(keys.offer))
    then: list[Op] = [*_entered(keys, current)]
    if data is not None:
        then.append(Put(document, data))
    if override:
        then.append(Delete(keys.offer))
    return Txn(tuple(conditions), tuple(then), (Get(keys.current), Get(keys.offer)))


def prune(keys: Keys, known: Known, doomed: Sequence[bytes], first: int = 0) -> Txn:
    """Delete these keys, at most as many as a transaction may have operations, if there is no entry before the epoch
    `first`. If it fails: current, offer.
    """
    entered = (none_between(keys.entry(0), keys.entry(first)),) if first else ()
    conditions = (unchanged(keys.current, known.base), created(keys.offer, known.offered), *entered)
    return Txn(conditions, tuple(map(Delete, doomed)), (Get(keys.current), Get(keys.offer)))


def pause(keys: Keys, made: Pause) -> Txn:
    """Have all instances hold."""
    return Txn((), (Put(keys.pause, made.encode()),))


def resume(keys: Keys) -> Txn:
    """Have them go on."""
    return Txn((), (Delete(keys.pause),))


def _undecided(keys: Keys, made: Offer, create: int, current: Current) -> tuple[Compare, ...]:
    return (
        created(keys.offer, create),
        unchanged(keys.current, made.base),
        none_between(keys.entry(current.epoch), after(keys.log)),
    )


def _entered(keys: Keys, current: Current) -> tuple[Put, Put]:
    data = current.encode()
    return Put(keys.current, data), Put(keys.entry(current.epoch), data)
