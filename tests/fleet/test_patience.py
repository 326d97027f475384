"""How long answers are waited for: alone, with a server that is made up, and with a real one that is slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel

from fleet.etcd import Cluster
from fleet.proxy import Proxy
from hotconf import HotReloadWatcher
from hotconf.fleet import Etcd, Fleet
from hotconf.fleet.errors import ReplyLostError, SilentError, UnreachableError
from hotconf.fleet.etcd import patience
from hotconf.fleet.etcd.access import Endpoint, access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.patience import Patience
from hotconf.fleet.etcd.requests import Get, Put, Txn
from waiting import wait_until

_numbers = count()


class Config(BaseModel, frozen=True):
    """What the instance reads."""

    port: int = 0


@pytest.mark.parametrize(
    ("happens", "seconds"),
    [
        ([], 1),
        ([("exhausted", 1.0)], 2),
        ([("exhausted", 1.0), ("exhausted", 1.0)], 2),  # two threads that have waited for the same time
        ([("exhausted", 1.0), ("exhausted", 2.0)], 4),
        ([("exhausted", 1.0), ("exhausted", 2.0), ("exhausted", 4.0)], 5),
        ([("exhausted", 1.0), ("answered", 0.5)], 2),  # a quarter is not quick
        ([("exhausted", 1.0), ("answered", 0.49)], 1),
        ([("exhausted", 1.0), ("exhausted", 2.0), ("answered", 0.1)], 2),
        ([("answered", 0.0)], 1),
    ],
)
def test_patience_grows_with_silence_and_shrinks_with_quick_answers(
    happens: list[tuple[str, float]], seconds: float
) -> None:
    """It doubles up to the longest, and is halved down to a second."""
    made = Patience(5.0)
    for name, time_s in happens:
        getattr(made, name)(time_s)
    assert made.seconds == seconds


def test_whoever_waits_less_than_a_second_at_most_waits_that() -> None:
    """The longest is the longest, from the first request on."""
    made = Patience(0.2)
    made.exhausted(0.2)
    made.answered(0.0)
    assert made.seconds == 0.2


@pytest.mark.parametrize("takes_s", [0.0, 0.9, 1.5, 2.1, 3.9])
def test_a_server_that_always_takes_as_long_is_lost_a_few_times_only(takes_s: float) -> None:
    """Then its answers are waited for, and never again for too short a time."""
    made, lost = Patience(4.0), 0
    for _ in range(100):
        if takes_s < made.seconds:
            made.answered(takes_s)
        else:
            lost += 1
            made.exhausted(made.seconds)
    assert lost <= 2
    assert made.seconds <= max(1, 4 * takes_s)


def test_a_new_kind_begins_with_what_is_known_of_others() -> None:
    """A network that is slow is so for all."""
    assert Patience(5.0, [Patience(5.0), Patience(2.0)]).seconds == 1
    slow = Patience(5.0)
    slow.exhausted(1.0)
    assert Patience(5.0, [Patience(5.0), slow]).seconds == 2


class Slow:
    """In the place of a `Transport`: a server that answers what it is asked after some seconds of its own time."""

    def __init__(self, **takes_s: float) -> None:
        self.takes_s = takes_s
        """By the last word of the path: `range`, `txn`."""
        self.waited: list[float] = []

    def post(
        self, endpoint: Endpoint, path: str, _body: Mapping[str, Any], _headers: object, timeout_s: float
    ) -> tuple[int, dict[str, Any]]:
        """An answer, if it is waited for."""
        self.waited.append(timeout_s)
        if self.takes_s.get(path.rpartition("/")[2], 0.0) > timeout_s:
            raise SilentError(f"{endpoint}: no answer in time")
        return 200, {"succeeded": True}

    def close(self) -> None:
        """Nothing is open."""


WRITE = Txn((), (Put(b"a", b"1"),))


@pytest.fixture
def slow() -> Slow:
    """A server."""
    return Slow()


@pytest.fixture
def gateway(slow: Slow) -> Iterator[Gateway]:
    """A way to it that insists."""
    with Gateway(access("127.0.0.1")) as made:
        made._transport = slow  # type: ignore[assignment]
        yield made


def test_what_reads_is_asked_again(slow: Slow, gateway: Gateway) -> None:
    """With more patience each time, while the whole does not take too long."""
    slow.takes_s["range"] = 3.0
    gateway.get(Get(b"a"))
    assert slow.waited == [1, 2, 4]
    slow.takes_s["range"] = 99.0
    with pytest.raises(UnreachableError, match="no answer in time"):
        gateway.get(Get(b"a"))
    assert max(slow.waited) == 5


def test_what_writes_is_not_asked_again(slow: Slow, gateway: Gateway) -> None:
    """It may have been done; a retry waits longer, even while reads are quick."""
    slow.takes_s["txn"] = 1.5
    with pytest.raises(ReplyLostError):
        gateway.commit(WRITE)
    for _ in range(10):
        gateway.get(Get(b"a"))
    gateway.commit(WRITE)
    assert slow.waited == [1, 2, *[1] * 9, 2]


def test_whoever_asks_again_by_himself_gets_one_try(slow: Slow) -> None:
    """An instance reads again after each failure, and must not be kept waiting by one request."""
    slow.takes_s["range"] = 99.0
    with Gateway(access("127.0.0.1"), timeout_s=4.0, insists=False) as gateway:
        gateway._transport = slow  # type: ignore[assignment]
        for _ in range(4):
            with pytest.raises(UnreachableError):
                gateway.get(Get(b"a"))
    assert slow.waited == [1, 2, 4, 4]


@pytest.mark.real_tool
def test_a_slow_etcd_is_followed(one_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers take longer than they are waited for at first: the instance starts, registers, and follows, and
    its connection stays.
    """
    monkeypatch.setattr(patience, "FIRST_S", 0.2)
    name = f"patience-{next(_numbers)}"
    with Proxy(one_node.members[0].client) as proxy, Fleet(name, one_node.endpoints) as fleet:
        fleet.publish(b"port = 1")
        proxy.slow(0.3)
        with HotReloadWatcher(Etcd(name, proxy.endpoint, instance="web-1"), Config) as watcher:
            assert watcher.config.port == 1
            wait_until(lambda: fleet.status().members)
            assert fleet.wait(fleet.publish_all_or_nothing(b"port = 2")).everywhere
            connections = proxy.connections
            for port in range(3, 8):
                assert fleet.wait(fleet.publish(f"port = {port}".encode())).everywhere
            assert proxy.connections <= connections + 2
            wait_until(lambda: not watcher.stats.trouble)
