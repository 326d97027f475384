"""What an operator does, with real etcd and simulated instances."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

from fleet.etcd import Cluster
from fleet.proxy import Proxy
from fleet.simulated import Judge, Simulated, accept
from hotconf.errors import UsageError
from hotconf.fleet.errors import DeniedError, FleetError, TooLargeError, UnreachableError
from hotconf.fleet.etcd.access import access
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Document, Offer
from hotconf.fleet.publishing.publisher import Fleet
from hotconf.fleet.publishing.results import AbortedError, ConflictError, UnchangedError
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_numbers = count()
Join = Callable[..., Simulated]


@pytest.fixture
def fleet(one_node: Cluster) -> Iterator[Fleet]:
    """A fleet of the test's own."""
    with Fleet(f"publisher-{next(_numbers)}", one_node.endpoints, by="me") as made:
        yield made


@pytest.fixture
def other(one_node: Cluster, fleet: Fleet) -> Iterator[Fleet]:
    """Another publisher of it."""
    with Fleet(fleet.name, one_node.endpoints, by="you") as made:
        yield made


@pytest.fixture
def join(one_node: Cluster, fleet: Fleet) -> Iterator[Join]:
    """Instances that join."""
    with ExitStack() as stack:

        def made(name: str, judge: Judge = accept, **labels: str) -> Simulated:
            return stack.enter_context(
                Simulated(access(one_node.endpoints), Keys.of(fleet.name), name, judge, labels)
            )

        yield made


def refusing(*versions: str) -> Judge:
    """One that refuses these."""
    return lambda document: "port: too large" if document.version in versions else None


def test_a_publish_reaches_all(fleet: Fleet, join: Join) -> None:
    """`wait` returns once each has said so."""
    instances = [join(f"web-{at}") for at in range(3)]
    published = fleet.publish(b"port = 1", note="first")
    assert (published.epoch, published.version, published.by, published.note) == (1, "1", "me", "first")
    waited = fleet.wait(published)
    assert waited.everywhere
    assert [each.served for each in instances] == [[(1, "1")]] * 3
    assert waited.status.versions == {"1": 3}
    assert waited.status.states == {"ack": 3}


def test_an_instance_refuses(fleet: Fleet, join: Join) -> None:
    """It keeps the old, and says why; its neighbours go on."""
    join("good")
    join("bad", refusing("2"))
    fleet.wait(fleet.publish(b"port = 1"))
    waited = fleet.wait(fleet.publish(b"port = 2"))
    assert not waited.everywhere
    (refused,) = waited.refused
    assert (refused.instance, refused.version, refused.reason) == ("bad", "1", "port: too large")
    assert waited.status.versions == {"1": 1, "2": 1}


def test_who_does_not_answer_is_named(fleet: Fleet, one_node: Cluster) -> None:
    """When the time is over."""
    silent = Simulated(access(one_node.endpoints), Keys.of(fleet.name), "silent")
    with silent:
        silent._stream.cut()
        silent._thread.join()
        waited = fleet.wait(fleet.publish(b"port = 1"), timeout_s=0.3)
    assert [member.name for member in waited.missing] == ["silent (pid 1)"]


def test_what_is_no_document_is_not_published(fleet: Fleet) -> None:
    """What cannot be read, is too large, or would end all reloading."""
    for data, said in [
        (b"port = ", "is no TOML"),
        (b"\xff", "is no TOML"),
        (b"[hot_reload]\nenabled = false", "could not be published to again"),
        (b"[hot_reload]\nenabled = 'false'", "could not be published to again"),
        ("port = 1", "give the bytes"),
    ]:
        with pytest.raises(UsageError, match=said):
            fleet.publish(data)  # type: ignore[arg-type]
    with pytest.raises(TooLargeError, match=r"1 MiB, because etcd takes at most 1\.5 MiB"):
        fleet.publish(b"#" * ((1 << 20) + 1))
    assert fleet.status().current is None
    fleet.publish(b"#" * (1 << 20))


def test_the_same_again_is_refused(fleet: Fleet) -> None:
    """It is current already. In another format the same bytes are another document."""
    fleet.publish(b"port = 1")
    with pytest.raises(UnchangedError, match="is version 1, current already"):
        fleet.publish(b"port = 1")
    fleet.publish(b'{"port": 1}', format="json")
    assert fleet.publish(b'{"port": 1}', format="yaml").version == "3"
    fleet.rollback("1")
    with pytest.raises(UnchangedError):
        fleet.rollback("1")


def test_two_publishers_at_once(fleet: Fleet, other: Fleet) -> None:
    """One wins; the other learns what is current now."""
    fleet.publish(b"port = 1")
    told: list[ConflictError] = []
    won = []
    start = threading.Barrier(2)

    def publish(who: Fleet, data: bytes) -> None:
        start.wait()
        try:
            won.append(who.publish(data, expect="1"))
        except ConflictError as error:
            told.append(error)

    threads = [threading.Thread(target=publish, args=args) for args in ((fleet, b"port = 2"), (other, b"port = 3"))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == len(told) == 1
    assert told[0].current == won[0]
    assert [each.epoch for each in fleet.history()] == [2, 1]


def test_a_lost_answer_is_looked_up(one_node: Cluster, fleet: Fleet) -> None:
    """What was published without an answer is published once."""
    with Proxy(one_node.members[0].client) as proxy, Fleet(fleet.name, [proxy.endpoint]) as cut:
        cut._gateway._timeout_s = 0.3
        commit, lost = cut._gateway.commit, []

        def losing(txn: object) -> object:
            if getattr(txn, "conditions", ()) and not lost:
                lost.append(txn)
                proxy.swallow_answers()
                try:
                    return commit(txn)  # type: ignore[arg-type]
                finally:
                    proxy.heal()
            return commit(txn)  # type: ignore[arg-type]

        cut._gateway.commit = losing  # type: ignore[method-assign, assignment]
        published = cut.publish(b"port = 1")
    assert lost
    assert [each.publish_id for each in fleet.history()] == [published.publish_id]


def test_no_etcd_is_no_publish() -> None:
    """And it is said that nothing was done."""
    with Fleet("shop", "127.0.0.1:1") as fleet, pytest.raises(UnreachableError, match="connection refused"):
        fleet.publish(b"port = 1")


def test_back_to_what_was_before(fleet: Fleet) -> None:
    """Each time a version further; or to the version that is given. The order goes on."""
    for port in range(1, 5):
        fleet.publish(f"port = {port}".encode())
    assert fleet.rollback().version == "3"
    assert fleet.rollback().version == "2"
    back = fleet.rollback("4")
    assert (back.epoch, back.version, back.action) == (7, "4", "rollback")
    assert fleet.show().data == b"port = 4"
    assert fleet.show("1").data == b"port = 1"
    with pytest.raises(UsageError, match="has no version 9"):
        fleet.rollback("9")
    assert [each.version for each in fleet.history(3)] == ["4", "2", "3"]


def test_there_is_nothing_before_the_first(fleet: Fleet) -> None:
    """Nor before nothing."""
    with pytest.raises(UsageError, match="no version before"):
        fleet.rollback()
    fleet.publish(b"port = 1")
    with pytest.raises(UsageError, match="no version before"):
        fleet.rollback()


def test_canaries_go_first(fleet: Fleet, join: Join) -> None:
    """All others stay on what is stable until they are promoted."""
    instances = {name: join(name, zone="eu" if name == "web-1" else "us") for name in ("web-1", "web-2", "web-3")}
    fleet.wait(fleet.publish(b"port = 1"))
    for rule, many in (("1", 1), ("50%", 2), ("zone=eu", 1)):
        published = fleet.publish(f"port = 2 # {rule}".encode(), canary=rule)
        assert (published.canary, published.stable) == (rule, "1")
        waited = fleet.wait(published)
        assert waited.everywhere
        assert waited.status.versions == {"1": 3 - many, published.version: many}
        assert sum(member.canary for member in waited.status.members) == many
    assert instances["web-1"].served[-1] == (4, "4")
    promoted = fleet.wait(fleet.promote())
    assert promoted.status.versions == {"4": 3}
    with pytest.raises(UsageError, match="no canaries to promote"):
        fleet.promote()
    fleet.publish(b"port = 5", canary="1")
    back = fleet.rollback()
    assert (back.version, back.canary) == ("4", None)


@pytest.mark.parametrize("rule", ["0", "3", "100%", "0%", "zone=asia", "many", "-1", ""])
def test_canaries_that_cannot_be(fleet: Fleet, join: Join, rule: str) -> None:
    """Nobody, everybody, or what is no rule; before anything is published."""
    for name in ("web-1", "web-2", "web-3"):
        join(name)
    fleet.publish(b"port = 1")
    with pytest.raises(UsageError, match="canary"):
        fleet.publish(b"port = 2", canary=rule)
    assert len(fleet.history()) == 1


def test_a_guarded_publish_goes_back(fleet: Fleet, join: Join) -> None:
    """As soon as too many refuse."""
    join("good")
    join("bad", refusing("2", "4"))
    fleet.wait(fleet.publish(b"port = 1"))
    guarded = fleet.guard(fleet.publish(b"port = 2"), bake_s=30)
    assert guarded.rolled_back is not None
    assert guarded.rolled_back.version == "1"
    assert guarded.rolled_back.note == "refused by bad (pid 1)"
    assert fleet.wait(guarded.rolled_back).everywhere
    kept = fleet.guard(fleet.publish(b"port = 4"), bake_s=0.5, max_nack=1)
    assert kept.rolled_back is None


def test_all_or_nothing_switches_all(fleet: Fleet, join: Join) -> None:
    """Once each has prepared it."""
    instances = [join(f"web-{at}") for at in range(3)]
    fleet.publish(b"port = 1")
    published = fleet.publish_all_or_nothing(b"port = 2")
    assert published.all_or_nothing
    assert (published.epoch, published.version) == (2, "2")
    assert fleet.wait(published).everywhere
    assert all(each.served[-1] == (2, "2") for each in instances)
    assert fleet.status().offer is None


def test_all_or_nothing_is_nothing_if_one_refuses(fleet: Fleet, join: Join) -> None:
    """It says who, and why; the offer is gone, and something else can be published."""
    instances = [join("good"), join("bad", refusing("2"))]
    fleet.wait(fleet.publish(b"port = 1"))
    with pytest.raises(AbortedError, match=r"bad \(pid 1\) refuses: port: too large") as raised:
        fleet.publish_all_or_nothing(b"port = 2")
    assert [member.instance for member in raised.value.refused] == ["bad"]
    assert fleet.status().offer is None
    assert fleet.wait(fleet.publish(b"port = 3")).everywhere
    assert [each.served for each in instances] == [[(1, "1"), (2, "3")]] * 2


def test_all_or_nothing_waits_for_all(fleet: Fleet, join: Join) -> None:
    """Who does not answer is named when the time is over."""
    join("good")
    join("silent").votes = False
    with pytest.raises(AbortedError, match=r"no answer in 1 s from silent \(pid 1\)") as raised:
        fleet.publish_all_or_nothing(b"port = 1", wait_s=1)
    assert [member.instance for member in raised.value.missing] == ["silent"]


def test_all_or_nothing_needs_somebody(fleet: Fleet) -> None:
    """Nobody's consent is none."""
    with pytest.raises(AbortedError, match="no process is registered"):
        fleet.publish_all_or_nothing(b"port = 1")


def test_a_quorum_suffices(fleet: Fleet, join: Join) -> None:
    """Neither one who refuses nor one who is silent is in the way: the first keeps the old, the fleet is mixed."""
    members = [join(f"web-{at}") for at in range(4)]
    members.append(join("bad", refusing("2")))
    fleet.wait(fleet.publish(b"port = 1"))
    silent = join("silent")
    silent.votes = False
    published = fleet.publish_with_quorum(b"port = 2", "60%")
    assert (published.quorum, published.all_or_nothing, published.asked) == ("60%", False, "quorum 60%")
    waited = fleet.wait(published)
    assert [member.instance for member in waited.refused] == ["bad"]
    assert waited.status.versions == {"1": 1, "2": 5}
    assert fleet.history()[0].quorum == "60%"
    assert fleet.status().offer is None
    silent.votes = True
    assert fleet.publish_with_quorum(b"port = 3", "6").version == "3"


def test_a_quorum_that_cannot_be_reached(fleet: Fleet, join: Join) -> None:
    """Once too many refuse, or when the time is over: nobody has changed, and it says who and why."""
    instances = [join("good"), join("bad", refusing("2", "3", "4", "5")), join("silent")]
    fleet.wait(fleet.publish(b"port = 1"))
    instances[2].votes = False
    with pytest.raises(AbortedError, match=r"1 of 3 processes said yes, and 2 have to \(quorum 50%\)") as raised:
        fleet.publish_with_quorum(b"port = 2", "50%", wait_s=1)
    assert [member.instance for member in raised.value.missing] == ["silent"]
    for quorum in ("99%", "3", "4"):
        with pytest.raises(AbortedError, match=r"bad \(pid 1\) refuses: port: too large|have to") as raised:
            fleet.publish_with_quorum(b"port = 3", quorum)
    assert fleet.status().offer is None
    assert [each.served for each in instances] == [[(1, "1")]] * 3
    for rule in ("0", "100%", "0%", "most", "", "-1", 3):
        with pytest.raises(UsageError, match="quorum"):
            fleet.publish_with_quorum(b"port = 3", rule)  # type: ignore[arg-type]


def test_a_vote_after_the_count_counts(fleet: Fleet, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes their mind between the count and the commit is counted again."""
    first, second = join("first"), join("second")
    fleet.wait(fleet.publish(b"port = 1"))
    commit_counted, changed = acts.commit_counted, []

    def late(keys: Keys, made: Offer, create: int, *rest: Any) -> object:
        if not changed:
            changed.append(second._gateway.commit(acts.vote(keys, "second", "1", made, create, second._lease, "no")))
        return commit_counted(keys, made, create, *rest)

    monkeypatch.setattr(acts, "commit_counted", late)
    with pytest.raises(AbortedError, match=r"second \(pid 1\) refuses: no"):
        fleet.publish_with_quorum(b"port = 2", "2")
    assert changed
    assert first.served == [(1, "1")]


def test_an_open_offer_is_in_the_way_of_others(fleet: Fleet, other: Fleet, join: Join) -> None:
    """A publish fails because of it, or overrides it: then the offer has no effect."""
    join("silent").votes = False
    failed: list[Exception] = []

    def offer() -> None:
        try:
            fleet.publish_all_or_nothing(b"port = 1")
        except ConflictError as error:
            failed.append(error)

    offering = threading.Thread(target=offer)
    offering.start()
    wait_until(lambda: other.status().offer)
    with pytest.raises(ConflictError, match="me is publishing version 1, all or nothing"):
        other.publish(b"port = 2")
    with pytest.raises(ConflictError):
        other.publish_all_or_nothing(b"port = 2")
    published = other.publish(b"port = 2", override=True)
    offering.join()
    assert [str(error) for error in failed] == [
        "the offer was overridden, or has expired; version 2 is current (epoch 1)"
    ]
    assert published.version == "2"


def test_the_epoch_is_higher_than_any_processs(fleet: Fleet, join: Join) -> None:
    """After a restore, too: then instances are ahead of what is current."""
    ahead = join("ahead")
    ahead.served.append((41, "30"))
    fleet.wait(fleet.publish(b"port = 1"))
    ahead.served.append((41, "30"))
    record = ahead._record("ahead", 1)
    ahead._gateway.commit(acts.record(ahead.keys, "ahead", "1", record, ahead._lease))
    status = fleet.status()
    assert status.states == {"ahead": 1}
    published = fleet.publish(b"port = 2")
    assert (published.epoch, published.version) == (42, "31")
    fleet.wait(published)  # or its own record comes after this one
    learned = ahead._record("deferred", 50)  # it had not come to serving that
    ahead._gateway.commit(acts.record(ahead.keys, "ahead", "1", learned, ahead._lease))
    assert fleet.publish(b"port = 3").epoch == 51


def test_pause_and_resume_are_shown(fleet: Fleet) -> None:
    """With who, and why."""
    fleet.pause("release")
    pause = fleet.status().pause
    assert pause is not None
    assert (pause.by, pause.note) == ("me", "release")
    fleet.resume()
    assert fleet.status().pause is None


def test_a_pause_is_a_status(fleet: Fleet) -> None:
    """A pause is reported when it begins and ends, though no process has changed."""
    fleet.publish(b"port = 1")
    statuses = fleet.statuses(timeout_s=30)
    assert next(statuses).pause is None
    fleet.pause("maintenance")
    assert next(statuses).pause is not None
    fleet.resume()
    assert next(statuses).pause is None
    statuses.close()  # type: ignore[attr-defined] # a generator


def test_statuses_are_followed(fleet: Fleet, join: Join) -> None:
    """From what is now on."""
    statuses = fleet.statuses(timeout_s=30)
    assert next(statuses).members == ()
    join("web-1")
    assert wait_until(lambda: next(statuses)).members[0].instance == "web-1"
    statuses.close()  # type: ignore[attr-defined] # a generator


def test_users_of_roles_publish(three_nodes: Cluster) -> None:
    """A publisher may; an instance may not, and gets an error."""

    def who(name: str) -> dict[str, object]:
        return {"tls": three_nodes.tls, "user": name, "password": f"{name}-secret"}

    with Fleet("shop", three_nodes.endpoints, **who("publisher")) as fleet:  # type: ignore[arg-type]
        fleet.publish(b"port = 1", override=True)
        assert fleet.wait(fleet.publish(b"port = 2")).everywhere
    instance = Fleet("shop", three_nodes.endpoints, **who("web-1"))  # type: ignore[arg-type]
    with instance, pytest.raises(DeniedError, match="permission denied"):
        instance.publish(b"port = 3")


def test_a_document_that_was_changed_is_noticed(one_node: Cluster, fleet: Fleet) -> None:
    """Its digest tells."""
    fleet.publish(b"port = 1")
    one_node.ctl("put", Keys.of(fleet.name).document("1").decode(), "port = 2")
    with pytest.raises(FleetError, match="no longer kept, or was changed"):
        fleet.show("1")
    assert not Document("1", fleet.history()[0].sha256).matches(b"port = 2")
