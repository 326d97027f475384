"""Each act of the protocol as one transaction of etcd. Pure. A failed transaction returns the keys that decide what
to do next.

| act | if | then |
|---|---|---|
| offer | no offer; current unchanged; no such document | put the document, and the offer on the publisher's lease |
| register | no vote of its own; or then: one of its own | put the vote `-` and the record, on the instance's lease |
| vote | the same offer; current unchanged since it; own vote exists | put `yes v` or `no v` |
| withdraw | the same offer | put `no v`; if it fails, read the decision |
| commit | the same offer; current unchanged since it; **all** votes are `yes v` | put current and entry; no offer |
| commit with a quorum | the same offer; current unchanged since it; no vote written since the count | the same |
| abort | the same offer | delete the offer |
| publish, promote, roll back | current unchanged; no offer, or override it | put current, its entry, the document |
| prune | current and offer unchanged | delete entries and documents that are no longer needed |

Offers are compared by the revision at which they were created, the current document by the revision at which it was
written. After a restore of the store, revisions repeat, and a comparison with what was read before it could succeed:
so no entry may have the new epoch, or a higher one, and a commit compares the text of its offer, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
    equals,
    exists,
    none_between,
    none_since,
    unchanged,
)
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known
from hotconf.fleet.protocol.records import NO_VOTE, Current, Instance, Offer, Pause, no, yes


def offer(keys: Keys, made: Offer, data: bytes, lease: int) -> Txn:
    """Offer a document to all instances. Reads current and offer if it fails."""
    document = keys.document(made.document.version)
    conditions = (absent(keys.offer), unchanged(keys.current, made.base), absent(document))
    then = (Put(document, data), Put(keys.offer, made.encode(), lease))
    return Txn(conditions, then, (Get(keys.current), Get(keys.offer)))


def register(keys: Keys, instance: str, boot: str, record: Instance, lease: int, *, again: bool = False) -> Txn:
    """Join the fleet. It fails if this process has a vote already; `again`: if it has none."""
    vote = keys.vote(instance, boot)
    then = (Put(vote, NO_VOTE, lease), Put(keys.instance(instance, boot), record.encode(), lease))
    return Txn((exists(vote) if again else absent(vote),), then)


def record(keys: Keys, instance: str, boot: str, record: Instance, lease: int) -> Txn:
    """Write the record of this process, if it is still registered."""
    then = (Put(keys.instance(instance, boot), record.encode(), lease),)
    return Txn((exists(keys.vote(instance, boot)),), then)


def vote(
    keys: Keys, instance: str, boot: str, made: Offer, create: int, lease: int, refusal: str | None = None
) -> Txn:
    """Vote yes, or no with a reason, on the offer created at revision `create`. Reads current, offer and own vote if
    it fails.
    """
    mine, version = keys.vote(instance, boot), made.document.version
    conditions = (created(keys.offer, create), unchanged(keys.current, made.base), exists(mine))
    said = yes(version) if refusal is None else no(version, refusal)
    return Txn(conditions, (Put(mine, said, lease),), (Get(keys.current), Get(keys.offer), Get(mine)))


def withdraw(keys: Keys, instance: str, boot: str, made: Offer, create: int, lease: int, reason: str) -> Txn:
    """Take back a yes. If it fails, the offer is decided: reads current and offer."""
    said = Put(keys.vote(instance, boot), no(made.document.version, reason), lease)
    return Txn((created(keys.offer, create),), (said,), (Get(keys.current), Get(keys.offer)))


def commit(keys: Keys, made: Offer, create: int, current: Current, strays: Iterable[bytes] = ()) -> Txn:
    """Make the offer current, if every registered process has voted yes. Reads current and offer if it fails.
    `strays`: as in `publish`.
    """
    conditions = (*_undecided(keys, made, create, current, strays), all_equal(keys.votes, yes(made.document.version)))
    return Txn(conditions, (*_entered(keys, current), Delete(keys.offer)), (Get(keys.current), Get(keys.offer)))


def commit_counted(
    keys: Keys, made: Offer, create: int, current: Current, counted: int, strays: Iterable[bytes] = ()
) -> Txn:
    """Make the offer current, if no vote was written, and no process has joined, since the revision `counted`. If it
    fails: current, offer.
    """
    conditions = (*_undecided(keys, made, create, current, strays), none_since(keys.votes, counted))
    return Txn(conditions, (*_entered(keys, current), Delete(keys.offer)), (Get(keys.current), Get(keys.offer)))


def abort(keys: Keys, create: int) -> Txn:
    """Withdraw an offer. If it fails, the offer is decided: reads current and offer."""
    return Txn((created(keys.offer, create),), (Delete(keys.offer),), (Get(keys.current), Get(keys.offer)))


def publish(
    keys: Keys,
    current: Current,
    base: int,
    data: bytes | None = None,
    *,
    override: bool = False,
    strays: Iterable[bytes] = (),
) -> Txn:
    """Make a document current in place of the one written at revision `base` (0: none). `data`: the document if it is
    new; otherwise it must be in the store. `override`: delete an offer. `strays`: keys below `log/`
    that are no entries. Reads current and offer if it fails.
    """
    document = keys.document(current.document.version)
    conditions = [
        *(unchanged(keys.current, base), *_no_entry_from(keys, current.epoch, strays)),
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
    """Delete these keys, at most as many as etcd allows operations in a transaction, if no entry has an epoch below
    `first`. Reads current and offer if it fails.
    """
    entered = (none_between(keys.entry(0), keys.entry(first)),) if first else ()
    conditions = (unchanged(keys.current, known.base), created(keys.offer, known.offered), *entered)
    return Txn(conditions, tuple(map(Delete, doomed)), (Get(keys.current), Get(keys.offer)))


def pause(keys: Keys, made: Pause) -> Txn:
    """Pause the fleet."""
    return Txn((absent(keys.pause),), (Put(keys.pause, made.encode()),), (Get(keys.pause),))


def resume(keys: Keys) -> Txn:
    """Resume the fleet."""
    return Txn((), (Delete(keys.pause),))


def _undecided(
    keys: Keys, made: Offer, create: int, current: Current, strays: Iterable[bytes] = ()
) -> tuple[Compare, ...]:
    same = created(keys.offer, create), equals(keys.offer, made.encode()), unchanged(keys.current, made.base)
    return (*same, *_no_entry_from(keys, current.epoch, strays))


def _no_entry_from(keys: Keys, epoch: int, strays: Iterable[bytes]) -> Iterator[Compare]:
    start = keys.entry(epoch)
    for stray in sorted(stray for stray in strays if stray >= start):
        yield none_between(start, stray)
        start = stray + b"\0"
    yield none_between(start, after(keys.log))


def _entered(keys: Keys, current: Current) -> tuple[Put, Put]:
    data = current.encode()
    return Put(keys.current, data), Put(keys.entry(current.epoch), data)
