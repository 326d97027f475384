"""The page about fleets, as a newcomer follows it: real etcd, real programs, every command and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.etcd import Cluster, free_ports, running
from fleet.terminal import follow, terminal
from hotconf import HotReloadWatcher
from hotconf.fleet import Etcd, Fleet
from hotconf.fleet.instance import lease
from hotconf.fleet.publishing import voting
from realtools import need
from waiting import wait_until

pytestmark = pytest.mark.real_tool


def test_the_tutorial_works_as_it_says(tmp_path: Path) -> None:
    """Its files are written and its commands typed, in order: each prints what the page shows."""
    for tool in ("etcd", "etcdctl", "bash"):
        need(tool)
    client, peer = free_ports(2)
    typed = 0
    with terminal(tmp_path, **_ports(client, peer)) as at:
        for command, said, printed in follow("docs/fleet.md", at, tmp_path, (":2379", f":{client}")):
            assert said == printed, f"{command}:\n{said}"
            typed += 1
    assert typed >= 20


def test_the_leases_are_as_the_page_says() -> None:
    """Each with its time, and how often it is renewed."""
    text = " ".join(Path("docs/fleet-operations.md").read_text("utf-8").split())
    assert f"{lease.TTL_S} s for a process, which renews it every {lease.BEAT_S:.0f} s" in text
    assert f"{voting.TTL_S} s for the publisher of an offer, which renews it every {voting.TTL_S / 3:.0f} s" in text


def test_tls_and_users_are_set_up_as_the_page_says(tmp_path: Path) -> None:
    """Each certificate is made, etcd demands them, and the program, the publisher and the reader get in."""
    for tool in ("etcd", "etcdctl", "bash", "openssl"):
        need(tool)
    client, peer = free_ports(2)
    ports = (":2379", f":{client}"), (":2380", f":{peer}")
    typed = 0
    with terminal(tmp_path) as at:
        for command, said, printed in follow("docs/fleet-tls.md", at, tmp_path, *ports):
            assert said == printed, f"{command}:\n{said}"
            typed += 1
    assert typed >= 40


def test_the_users_are_as_the_page_says(tmp_path: Path) -> None:
    """Its roles suffice, the publisher's for a publish, and the instance's for taking part and for nothing else."""
    with running(tmp_path) as cluster, terminal(tmp_path, **_where(cluster)) as at:
        for command, said, printed in follow("docs/fleet-operations.md", at, tmp_path):
            assert said == printed, f"{command}:\n{said}"
        endpoints = cluster.endpoints
        source = Etcd("shop/prod", endpoints, instance="web-1", user="web-1", password="web-1-secret")
        with (
            HotReloadWatcher(source, dict[str, int]) as watcher,
            Fleet("shop/prod", endpoints, user="ann", password="ann-secret") as fleet,
        ):
            assert watcher.config == {"port": 8000}
            wait_until(lambda: len(fleet.status().of("ack")) == 1)
            fleet.publish_all_or_nothing(b"port = 8001")
            assert watcher.wait_for(lambda config: config["port"] == 8001, timeout_s=20)
            fleet.pause()
            fleet.resume()
            assert [entry.version for entry in fleet.history()] == ["2", "1"]


def _where(cluster: Cluster) -> dict[str, str]:
    """How commands find it."""
    return {"ETCDCTL_ENDPOINTS": cluster.endpoints[0], "HOTCONF_ETCD_ENDPOINTS": cluster.endpoints[0]}


def _ports(client: int, peer: int) -> dict[str, str]:
    """What has etcd listen elsewhere than it does by default."""
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return {
        "ETCD_LISTEN_CLIENT_URLS": here,
        "ETCD_ADVERTISE_CLIENT_URLS": here,
        "ETCD_LISTEN_PEER_URLS": there,
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": there,
        "ETCD_INITIAL_CLUSTER": f"default={there}",
    }
