"""A process in a real etcd: its vote and its record live as long as its lease."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from fleet.etcd import Cluster
from hotconf.fleet.etcd.access import access
from hotconf.fleet.etcd.gateway import Gateway, Lease
from hotconf.fleet.etcd.requests import Get, Pair
from hotconf.fleet.instance.lease import Membership
from hotconf.fleet.instance.machine import Said
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import NO_VOTE, Instance

pytestmark = pytest.mark.real_tool

_numbers = count()


@pytest.fixture
def gateway(one_node: Cluster) -> Iterator[Gateway]:
    """A way into the server that is shared."""
    with Gateway(access(one_node.endpoints)) as made:
        yield made


def test_it_joins_anew_where_it_never_left(gateway: Gateway) -> None:
    """After a restore its vote and record may be there, on a lease of then: they go over to the new one."""
    keys = Keys.of(f"lease-{next(_numbers)}")
    member = Membership(gateway, keys, "web-1", {})

    def found(key: bytes) -> Pair:
        pair = gateway.get(Get(key)).one
        assert pair is not None
        return pair

    first, then = Said("1", 1, "ack", 1, ""), Said("2", 2, "ack", 2, "")
    member.beat(first)
    before = member.lease
    again = Membership(gateway, keys, "web-1", {})
    again.boot = member.boot
    again.beat(then)
    vote, record = found(keys.vote("web-1", member.boot)), found(keys.instance("web-1", member.boot))
    assert vote.lease == record.lease == again.lease != before
    assert vote.value == NO_VOTE
    assert Instance.decode(record.key, record.value).version == "2"
    gateway.revoke(Lease(before, 20))
    assert found(vote.key) == vote
    again.leave()
