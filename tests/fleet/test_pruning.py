"""What is old is deleted, and nothing else: with real etcd. What could go wrong meanwhile is in test_world.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from fleet.etcd import Cluster
from fleet.simulated import Simulated
from hotconf.errors import UsageError
from hotconf.fleet import AbortedError, ConflictError, Fleet, Pruned
from hotconf.fleet.etcd.access import access
from hotconf.fleet.etcd.requests import Put, Txn, under
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Current, Document
from hotconf.fleet.publishing.pruning import MOST_OPERATIONS

pytestmark = pytest.mark.real_tool

_numbers = count()


@pytest.fixture
def fleet(one_node: Cluster) -> Iterator[Fleet]:
    """A fleet of the test's own."""
    with Fleet(f"pruning-{next(_numbers)}", one_node.endpoints, by="me") as made:
        yield made


def documents(fleet: Fleet) -> list[int]:
    """The versions that are there."""
    found = fleet._gateway.get(under(fleet._keys.documents, keys_only=True)).pairs
    return sorted(int(pair.key.rpartition(b"/")[2]) for pair in found)


def test_the_newest_entries_stay_with_their_documents(fleet: Fleet) -> None:
    """All others go, first as a list, then really; numbers go on."""
    for port in range(5):
        fleet.publish(f"port = {port}".encode())
    fleet.rollback("1")
    for port in range(2):
        fleet.publish(f"port = 1{port}".encode())
    expected = Pruned((1, 2, 3, 4, 5), ("2", "3", "4", "5"), 3, 3)
    assert fleet.prune(3, dry_run=True) == expected
    assert len(fleet.history()) == 8
    assert fleet.prune(3) == expected
    assert [entry.version for entry in fleet.history()] == ["7", "6", "1"]
    assert documents(fleet) == [1, 6, 7]
    assert fleet.prune(3) == Pruned((), (), 3, 3)
    with pytest.raises(UsageError, match="has no version 4"):
        fleet.rollback("4")
    assert (fleet.rollback().version, fleet.rollback().version) == ("6", "1")
    assert fleet.publish(b"port = 20").version == "8"


def test_what_is_served_offered_or_stable_stays(fleet: Fleet, one_node: Cluster) -> None:
    """Also if it is old; and so does the highest version."""
    reached, keys = access(one_node.endpoints), Keys.of(fleet.name)
    with (
        Simulated(reached, keys, "old", lambda doc: None if doc.version == "2" else "no"),
        Simulated(reached, keys, "b"),
    ):
        for port in range(4):
            fleet.wait(fleet.publish(f"port = {port}".encode()))
        with pytest.raises(AbortedError):
            fleet.publish_all_or_nothing(b"port = 5")
        fleet.publish(b"port = 6", canary="1")
        fleet.publish(b"port = 7", canary="1")
        assert fleet.prune(2).versions == ("1", "3", "5")
        assert documents(fleet) == [2, 4, 6, 7]
        for _ in range(2):
            fleet.rollback("4")
            fleet.rollback("6")
        fleet.prune(2)
        assert documents(fleet) == [2, 4, 6, 7]


def test_entries_that_came_later_stay(fleet: Fleet) -> None:
    """After a confirmation, what was listed is deleted, whatever was published meanwhile."""
    for port in range(5):
        fleet.publish(f"port = {port}".encode())
    listed = fleet.prune(3, dry_run=True)
    assert listed.epochs == (1, 2)
    for port in range(3):
        fleet.publish(f"port = 1{port}".encode())
    assert fleet.prune(3, before=3) == Pruned((1, 2), ("1", "2"), 6, 6)


def test_more_than_one_transaction_can_delete(fleet: Fleet) -> None:
    """A history of any length."""
    fleet.publish(b"port = 1")
    digest = Document("1", "0" * 64)
    many = 2 * MOST_OPERATIONS + 10
    for start in range(1, many, 60):
        puts = []
        for number in range(start, min(start + 60, many)):
            entry = Current(number, Document(str(number), digest.sha256), f"id-{number}")
            puts += [Put(fleet._keys.entry(number), entry.encode()), Put(fleet._keys.document(str(number)), b"x")]
        fleet._gateway.commit(Txn((), tuple(puts)))
    fleet.publish(b"port = 2")
    deleted = fleet.prune(10)
    assert deleted.epochs == tuple(range(1, many - 9))
    assert documents(fleet) == list(range(many - 9, many + 1))


@pytest.mark.parametrize("keep", [0, 1, 1001, True, "2"])
def test_what_cannot_be_kept(fleet: Fleet, keep: object) -> None:
    """At least two entries stay, and no more than can be gone back to."""
    with pytest.raises(UsageError, match="keep"):
        fleet.prune(keep)  # type: ignore[arg-type]


def test_others_publish_meanwhile(fleet: Fleet, one_node: Cluster) -> None:
    """Whatever is in the history, at any time, can be shown and gone back to."""
    over = threading.Event()
    failed: list[BaseException] = []

    def prune() -> None:
        with Fleet(fleet.name, one_node.endpoints) as other:
            while not over.is_set():
                try:
                    other.prune(2)
                except ConflictError:
                    continue
                except BaseException as error:  # noqa: BLE001 - it is shown
                    failed.append(error)
                    return

    pruning = threading.Thread(target=prune)
    fleet.publish(b"port = 0")
    pruning.start()
    try:
        for number in range(1, 25):
            fleet.publish(f"port = {number}".encode())
            fleet.rollback(fleet.history(2)[1].version)
            fleet.show()
    finally:
        over.set()
        pruning.join()
    assert failed == []
    assert len(fleet.history()) <= 2 or fleet.prune(2).entries_left == 2
