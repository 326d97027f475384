"""One etcd for the tests of a worker that do not hurt it; three nodes with TLS and users for those that need them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import etcd as servers


@pytest.fixture(scope="session")
def one_node() -> Iterator[servers.Cluster]:
    """One server, in plain text. Tests use names of their own in it."""
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory, servers.running(Path(directory)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def three_nodes() -> Iterator[servers.Cluster]:
    """Three servers with TLS that know users: `root`, `publisher`, and `web-1`, which is an instance of `shop`."""
    with (
        tempfile.TemporaryDirectory(prefix="etcd-") as directory,
        servers.running(Path(directory), 3, encrypted=True) as cluster,
    ):
        fleet = "/hotconf/shop/"
        cluster.add_role("publishers", "publisher", ("readwrite", fleet))
        mine = [("readwrite", f"{fleet}{kind}/web-1/") for kind in ("vote", "instance")]
        cluster.add_role("web-1", "web-1", ("read", f"{fleet}ctl/"), ("read", f"{fleet}doc/"), *mine)
        cluster.require_users()
        yield cluster
