"""The acts of the protocol, each in the situations that decide whether it is done: in memory, and in real etcd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

import pytest

from fleet.etcd import Cluster
from fleet.store import Store
from hotconf.fleet.etcd.access import access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Delete, Get, Outcome, Put, Txn, under
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known
from hotconf.fleet.protocol.records import Current, Document, Instance, Offer, Pause

_numbers = count()
RECORD = Instance("", 0, "deferred")


class Etcd(Protocol):
    """What takes transactions."""

    def commit(self, txn: Txn) -> Outcome: ...


@dataclass
class World:
    """A fleet whose publisher knows what it wrote."""

    etcd: Etcd
    keys: Keys
    offered: int = 0

    def do(self, txn: Txn) -> Outcome:
        """A transaction that is done."""
        outcome = self.etcd.commit(txn)
        assert outcome.succeeded
        return outcome

    @property
    def base(self) -> int:
        """The revision at which what is current was written."""
        found = self.etcd.commit(Txn((), (Get(self.keys.current),))).found[0].one
        return 0 if found is None else found.mod

    def publish(self, version: str = "1", epoch: int = 1) -> Outcome:
        """Something is current."""
        return self.do(acts.publish(self.keys, current(version, epoch), self.base, b"x"))

    def offer(self, version: str = "2") -> Outcome:
        """Something is offered."""
        outcome = self.do(acts.offer(self.keys, offer(version, self.base), b"x", 0))
        self.offered = outcome.revision
        return outcome

    def register(self, name: str = "a") -> Outcome:
        """An instance registers."""
        return self.do(acts.register(self.keys, name, "1", RECORD, 0))

    def vote(self, name: str = "a", refusal: str | None = None, version: str = "2") -> Outcome:
        """An instance votes."""
        return self.do(acts.vote(self.keys, name, "1", offer(version, self.base), self.offered, 0, refusal))

    def leave(self, name: str) -> Outcome:
        """Its lease has expired."""
        mine = (Delete(self.keys.vote(name, "1")), Delete(self.keys.instance(name, "1")))
        return self.do(Txn((), mine))


def current(version: str, epoch: int) -> Current:
    """What becomes current."""
    return Current(epoch, Document(version, "0" * 64), f"id-{epoch}")


def offer(version: str, base: int) -> Offer:
    """What is offered."""
    return Offer(Document(version, "0" * 64), 2, base, 30)


Act = Callable[[World], Txn]


def offering(w: World) -> Txn:
    """With what is current now."""
    return acts.offer(w.keys, offer("2", w.base), b"x", 0)


def stale_offering(w: World) -> Txn:
    """With what was current before."""
    return acts.offer(w.keys, offer("2", w.base - 1), b"x", 0)


def registering(w: World) -> Txn:
    """One process."""
    return acts.register(w.keys, "a", "1", RECORD, 0)


def recording(w: World) -> Txn:
    """One process."""
    return acts.record(w.keys, "a", "1", RECORD, 0)


def voting(w: World) -> Txn:
    """On the offer as it was made."""
    return acts.vote(w.keys, "a", "1", offer("2", w.base), w.offered, 0)


def stale_voting(w: World) -> Txn:
    """With what was current before."""
    return acts.vote(w.keys, "a", "1", offer("2", w.base - 1), w.offered, 0)


def withdrawing(w: World) -> Txn:
    """From the offer as it was made."""
    return acts.withdraw(w.keys, "a", "1", offer("2", w.base), w.offered, 0, "busy")


def committing(w: World) -> Txn:
    """With what is current now."""
    return acts.commit(w.keys, offer("2", w.base), w.offered, current("2", 2))


def stale_committing(w: World) -> Txn:
    """With what was current before."""
    return acts.commit(w.keys, offer("2", w.base - 1), w.offered, current("2", 2))


def counting(w: World) -> Txn:
    """Votes that were counted before the last one."""
    counted = w.etcd.commit(Txn((), (under(w.keys.votes),))).found[0]
    before = max(pair.mod for pair in counted.pairs) - 1
    return acts.commit_counted(w.keys, offer("2", w.base), w.offered, current("2", 2), before)


def counted(w: World) -> Txn:
    """Votes that were counted now."""
    found = w.etcd.commit(Txn((), (under(w.keys.votes),))).found[0]
    return acts.commit_counted(w.keys, offer("2", w.base), w.offered, current("2", 2), found.revision)


def aborting(w: World) -> Txn:
    """The offer as it was made."""
    return acts.abort(w.keys, w.offered)


def publishing(w: World) -> Txn:
    """With what is current now."""
    return acts.publish(w.keys, current("3", 3), w.base, b"x")


def stale_publishing(w: World) -> Txn:
    """With what was current before."""
    return acts.publish(w.keys, current("3", 3), w.base - 1, b"x")


def overriding(w: World) -> Txn:
    """Whatever is offered."""
    return acts.publish(w.keys, current("3", 3), w.base, b"x", override=True)


def pruning(w: World) -> Txn:
    """The first document and its entry, with what is current and offered now."""
    return pruning_as_of(w, w.base, w.offered)


def pruning_as_of(w: World, base: int, offered: int, first: int = 0) -> Txn:
    """The same, with what was current and offered then."""
    doomed = [w.keys.document("1")] if first else [w.keys.entry(1), w.keys.document("1")]
    return acts.prune(w.keys, Known(None, base, None, offered), doomed, first)


def pruning_entry(w: World) -> Txn:
    """The first one only."""
    return acts.prune(w.keys, Known(None, w.base, None, w.offered), [w.keys.entry(1)])


def publishing_again(w: World) -> Txn:
    """A version that is there already."""
    return acts.publish(w.keys, current("1", 3), w.base, b"y")


def rolling_back(w: World) -> Txn:
    """To a document that is there."""
    return acts.publish(w.keys, current("1", 3), w.base)


def rolling_back_to_nothing(w: World) -> Txn:
    """To a document that is not."""
    return acts.publish(w.keys, current("9", 3), w.base)


def voted(*names: str) -> tuple[Callable[[World], object], ...]:
    """An offer on which these have said yes."""
    joined = [lambda w, name=name: w.register(name) for name in names]
    said = [lambda w, name=name: w.vote(name) for name in names]
    return (World.publish, *joined, World.offer, *said)


def twice(*more: Callable[[World], object]) -> tuple[Callable[[World], object], ...]:
    """Two documents, of which the second is current."""
    return World.publish, lambda w: w.publish("2", 2), *more


ROWS: list[tuple[str, tuple[Callable[[World], object], ...], Act, bool]] = [
    ("offer over nothing", (), offering, True),
    ("offer", (World.publish,), offering, True),
    ("offer while one is open", (World.publish, World.offer), offering, False),
    ("offer over what moved", (World.publish,), stale_offering, False),
    ("offer a version that is there", (lambda w: w.publish("2"),), offering, False),
    ("register", (), registering, True),
    ("register twice", (World.register,), registering, False),
    ("record", (World.register,), recording, True),
    ("record after the lease", (World.register, lambda w: w.leave("a")), recording, False),
    ("vote", (World.publish, World.register, World.offer), voting, True),
    ("vote without being registered", (World.publish, World.offer), voting, False),
    ("vote when it is aborted", (World.register, World.offer, lambda w: w.do(aborting(w))), voting, False),
    ("vote on what moved", (World.publish, World.register, World.offer), stale_voting, False),
    (
        "vote on an earlier offer",
        (World.register, World.offer, lambda w: (w.do(aborting(w)), w.do(offering_again(w)))),
        voting,
        False,
    ),
    ("withdraw", voted("a"), withdrawing, True),
    ("withdraw too late", (*voted("a"), lambda w: w.do(committing(w))), withdrawing, False),
    ("commit", voted("a", "b"), committing, True),
    ("commit without instances", (World.publish, World.offer), committing, False),
    ("commit with one who has not voted", (*voted("a"), lambda w: w.register("b")), committing, False),
    ("commit after a no", (*voted("a", "b"), lambda w: w.vote("b", "no")), committing, False),
    ("commit after a withdrawal", (*voted("a"), lambda w: w.do(withdrawing(w))), committing, False),
    (
        "commit when one who has not voted is gone",
        (*voted("a"), lambda w: (w.register("b"), w.leave("b"))),
        committing,
        True,
    ),
    ("commit over what moved", voted("a"), stale_committing, False),
    ("commit twice", (*voted("a"), lambda w: w.do(committing(w))), committing, False),
    ("commit what was overridden", (*voted("a"), lambda w: w.do(overriding(w))), committing, False),
    (
        "commit at the revision of another offer",
        (*voted("a"), lambda w: w.do(overwriting_offer(w))),
        committing,
        False,
    ),
    ("commit a counted quorum", (*voted("a"), lambda w: w.register("b")), counted, True),
    ("commit a count of before", (*voted("a"), lambda w: w.register("b")), counting, False),
    ("abort", (World.offer,), aborting, True),
    ("abort what is committed", (*voted("a"), lambda w: w.do(committing(w))), aborting, False),
    ("publish first", (), publishing, True),
    ("publish an epoch that was", (World.publish, lambda w: w.publish("2", 3)), publishing, False),
    ("publish", (World.publish,), publishing, True),
    ("publish over what moved", (World.publish,), stale_publishing, False),
    ("publish while an offer is open", (World.publish, World.offer), publishing, False),
    ("publish over an offer", (World.publish, World.offer), overriding, True),
    ("publish a version that is there", (World.publish,), publishing_again, False),
    ("publish below an epoch", (World.publish, lambda w: w.publish("2", 4)), publishing, False),
    ("prune", twice(), pruning, True),
    ("prune while one is offered", twice(lambda w: w.offer("3")), pruning, True),
    ("prune after a publish", twice(), lambda w: pruning_as_of(w, w.base - 1, 0), False),
    ("prune after an offer", twice(lambda w: w.offer("3")), lambda w: pruning_as_of(w, w.base, 0), False),
    ("prune a document before its entry", twice(), lambda w: pruning_as_of(w, w.base, 0, 2), False),
    (
        "prune a document after its entry",
        twice(lambda w: w.do(pruning_entry(w))),
        lambda w: pruning_as_of(w, w.base, 0, 2),
        True,
    ),
    ("roll back", (World.publish, lambda w: w.publish("2", 2)), rolling_back, True),
    ("roll back to what is not there", (World.publish,), rolling_back_to_nothing, False),
]


def overwriting_offer(w: World) -> Txn:
    """Another offer of the same version, created at the same revision, as after a restore."""
    return Txn((), (Put(w.keys.offer, replace(offer("2", w.base), publish_id="x").encode()),))


def offering_again(w: World) -> Txn:
    """Another document."""
    return acts.offer(w.keys, offer("3", w.base), b"x", 0)


@pytest.fixture(params=["memory", pytest.param("etcd", marks=pytest.mark.real_tool)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """An empty fleet, in memory or in etcd."""
    keys = Keys.of(f"transactions-{next(_numbers)}")
    if request.param == "memory":
        yield World(Store(), keys)
        return
    cluster: Cluster = request.getfixturevalue("one_node")
    with Gateway(access(cluster.endpoints)) as gateway:
        yield World(gateway, keys)


@pytest.mark.parametrize(("before", "act", "done"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_act_is_done_if_nothing_is_against_it(
    world: World, before: tuple[Callable[[World], object], ...], act: Act, done: bool
) -> None:
    """Else nothing is changed at all."""
    for step in before:
        step(world)
    txn = act(world)
    everything = Txn((), (under(world.keys.root),))
    was = world.etcd.commit(everything).found[0].pairs
    assert world.etcd.commit(txn).succeeded is done
    now = world.etcd.commit(everything).found[0].pairs
    assert (now == was) is not done
    if done:
        for op in txn.then:
            kept = next((pair for pair in now if pair.key == op.key), None)
            assert (kept is not None and kept.value == op.value) if isinstance(op, Put) else kept is None


def test_whoever_fails_reads_the_decision(world: World) -> None:
    """What is current, and what is offered, at the revision that decided."""
    for step in voted("a"):
        step(world)
    world.do(committing(world))
    outcome = world.etcd.commit(withdrawing(world))
    one = outcome.found[0].one
    assert one is not None
    assert Current.decode(one.key, one.value).epoch == 2
    assert outcome.found[1].one is None


def test_pause_and_resume_are_of_nobodys_leave(world: World) -> None:
    """Whatever is current or offered."""
    world.publish()
    world.offer()
    world.do(acts.pause(world.keys, Pause("me")))
    world.do(acts.resume(world.keys))
    assert world.etcd.commit(Txn((), (Get(world.keys.pause),))).found[0].one is None
