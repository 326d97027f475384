"""Watchers that follow a fleet: real etcd, real watchers, real processes."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from fleet.etcd import Cluster, running
from fleet.proxy import Proxy
from hotconf import ConfigError, HotReloadWatcher
from hotconf.errors import UsageError
from hotconf.fleet import Etcd, Fleet, Published, UnchangedError, UnreachableError
from hotconf.fleet.etcd import gateway
from hotconf.fleet.instance import follower as following
from hotconf.fleet.instance import lease
from hotconf.fleet.instance.watching import Outage
from hotconf.fleet.protocol.keys import Keys
from system.green import ORDERS, run_green
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_numbers = count()


class Config(BaseModel, frozen=True):
    """What the instances read."""

    port: int = Field(default=0, le=1000)


Start = Callable[..., HotReloadWatcher[Config]]


@pytest.fixture
def fleet(one_node: Cluster) -> Iterator[Fleet]:
    """A fleet of the test's own, in which something is published."""
    with Fleet(f"source-{next(_numbers)}", one_node.endpoints, by="me") as made:
        made.publish(b"port = 1")
        yield made


@pytest.fixture
def start(one_node: Cluster, fleet: Fleet) -> Iterator[Start]:
    """Watchers that follow it, closed in the end."""
    with ExitStack() as stack:

        def made(name: str, endpoints: list[str] | None = None, **more: object) -> HotReloadWatcher[Config]:
            state_dir = more.pop("state_dir", None)
            source = Etcd(fleet.name, endpoints or one_node.endpoints, instance=name, **more)  # type: ignore[arg-type]
            watcher = HotReloadWatcher(source, Config, state_dir=state_dir)  # type: ignore[arg-type]
            return stack.enter_context(watcher)

        yield made


def port(watcher: HotReloadWatcher[Config], wanted: int) -> None:
    """Wait until it has that."""
    wait_until(lambda: watcher.config.port == wanted)


def test_it_starts_on_what_is_published_and_follows(fleet: Fleet, start: Start) -> None:
    """And says in the fleet what it serves."""
    watcher = start("web-1")
    assert watcher.config.port == 1
    published = fleet.publish(b"port: 2", format="yaml")
    port(watcher, 2)
    waited = fleet.wait(published)
    assert waited.everywhere
    (member,) = waited.status.members
    assert (member.instance, member.version, member.epoch, member.status) == ("web-1", "2", 2, "ack")
    assert member.pid == os.getpid()
    watcher.close()
    assert fleet.status().members == ()


def test_an_instance_that_refuses_keeps_the_old(fleet: Fleet, start: Start) -> None:
    """Its reason names the place and no value; what is published next is applied."""
    watcher = start("web-1")
    waited = fleet.wait(fleet.publish(b"port = 123456"))
    (refused,) = waited.refused
    assert (refused.version, refused.epoch, refused.seen) == ("1", 1, 2)
    assert "port" in refused.reason
    assert "123456" not in refused.reason
    assert watcher.config.port == 1
    assert fleet.wait(fleet.publish(b"port = 3")).everywhere
    assert watcher.config.port == 3


def test_nothing_is_published_yet(one_node: Cluster) -> None:
    """The start fails, and says so; with `require=False` the first publish starts it."""
    with Fleet(f"source-{next(_numbers)}", one_node.endpoints) as fleet:
        with pytest.raises(ConfigError, match="nothing is published"):
            HotReloadWatcher(Etcd(fleet.name, one_node.endpoints), Config).start()
        watcher = HotReloadWatcher(Etcd(fleet.name, one_node.endpoints), Config)
        watcher.start(require=False)
        fleet.publish(b"port = 1")
        wait_until(lambda: watcher.generation)
        assert watcher.config.port == 1
        watcher.close()


def test_a_start_without_etcd(fleet: Fleet, start: Start, tmp_path: Path, one_node: Cluster) -> None:
    """It comes up on the last good state, says what is wrong, and catches up by itself."""
    with Proxy(one_node.members[0].client) as proxy:
        start("web-1", [proxy.endpoint], state_dir=tmp_path / "state").close()
        proxy.cut()
        watcher = start("web-1", [proxy.endpoint], state_dir=tmp_path / "state")
        assert watcher.config.port == 1
        assert watcher.stats.degraded
        fleet.publish(b"port = 2")
        proxy.heal()
        port(watcher, 2)
        assert fleet.wait(fleet.publish(b"port = 3")).everywhere


def test_states_of_another_fleet_of_the_same_name_are_not_its_own(
    one_node: Cluster, fleet: Fleet, tmp_path: Path
) -> None:
    """The prefix tells production from staging."""
    watcher = HotReloadWatcher(Etcd(fleet.name, one_node.endpoints, instance="a"), Config, state_dir=tmp_path)
    with watcher:
        wait_until(lambda: list(tmp_path.glob("*/0*")) or list(tmp_path.rglob("*.json")))
    away = Etcd(fleet.name, "127.0.0.1:1", instance="a", prefix="/other")
    with pytest.raises(ConfigError), HotReloadWatcher(away, Config, state_dir=tmp_path):
        pass
    with HotReloadWatcher(Etcd(fleet.name, "127.0.0.1:1", instance="a"), Config, state_dir=tmp_path) as watcher:
        assert watcher.config.port == 1


def test_a_start_without_etcd_and_without_a_state(tmp_path: Path) -> None:
    """It fails, and says why."""
    with pytest.raises(ConfigError, match=r"etcd cannot be read: .*connection refused"):
        HotReloadWatcher(Etcd("shop", "127.0.0.1:1"), Config).start()


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_cut_off_it_serves_the_old_and_catches_up(
    fleet: Fleet, start: Start, one_node: Cluster, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its connections are closed or silent: the outage is reported, and so is its end."""
    monkeypatch.setattr(following, "TROUBLE_S", 0.2)
    monkeypatch.setattr(lease, "BEAT_S", 0.5)
    with Proxy(one_node.members[0].client) as proxy:
        watcher = start("web-1", [proxy.endpoint])
        getattr(proxy, how)()
        fleet.publish(b"port = 2")
        wait_until(lambda: watcher.stats.trouble)
        assert watcher.config.port == 1
        proxy.heal()
        port(watcher, 2)
        wait_until(lambda: watcher.stats.trouble is None)
        assert fleet.wait(fleet.publish(b"port = 3")).everywhere


def test_a_request_that_took_long_to_fail_has_failed_since_it_was_sent() -> None:
    """So what waits in vain for an answer is trouble as soon as it gives up."""
    outage = Outage()
    outage.begin("no answer in time", time.monotonic() - following.TROUBLE_S)
    assert outage.after(following.TROUBLE_S) == "no answer in time"
    outage.begin("connection refused")
    assert outage.after(following.TROUBLE_S) == "connection refused"


def test_after_an_outage_its_record_is_written_again(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """The store may have been restored meanwhile, to what it said earlier."""
    with Proxy(one_node.members[0].client) as proxy:
        start("web-1", [proxy.endpoint])
        wait_until(lambda: fleet.status().of("ack"))
        key = one_node.ctl("get", "--prefix", Keys.of(fleet.name).instances.decode(), "--keys-only").strip()
        proxy.cut()
        one_node.ctl("put", key, "{}")
        assert fleet.status().members == ()
        proxy.heal()
        wait_until(lambda: fleet.status().of("ack"))


def test_another_server_takes_over(
    fleet: Fleet, start: Start, one_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black hole is left for a server that answers; also by the watch, which does not notice it."""
    monkeypatch.setattr(lease, "BEAT_S", 0.5)
    monkeypatch.setattr(gateway, "SILENCE_S", 3600)
    with Proxy(one_node.members[0].client) as first, Proxy(one_node.members[0].client) as second:
        watcher = start("web-1", [first.endpoint, second.endpoint])
        wait_until(lambda: fleet.status().of("ack"))  # it has nothing to say, but that it is there
        (first if first.connections else second).swallow()
        fleet.publish(b"port = 2")
        port(watcher, 2)


def test_a_server_that_the_others_have_lost_is_left(tmp_path: Path) -> None:
    """It still answers, but has nothing new: its watchers move to another server."""
    with ExitStack() as stack:
        cluster = stack.enter_context(running(tmp_path, 3, apart=True))
        fleet = stack.enter_context(Fleet("shop", cluster.endpoints))
        fleet.publish(b"port = 1")
        proxies = {stack.enter_context(Proxy(member.client)): member for member in cluster.members}
        source = Etcd("shop", [proxy.endpoint for proxy in proxies])
        watcher = stack.enter_context(HotReloadWatcher(source, Config))
        at = next(member for proxy, member in proxies.items() if proxy.connections)
        cluster.cut_off(at)
        published = wait_until(lambda: attempt(fleet, b"port = 2"))
        port(watcher, 2)
        cluster.join(at)
        assert fleet.wait(published).everywhere


def test_paused_instances_hold(fleet: Fleet, start: Start) -> None:
    """Until they are to go on; one that starts meanwhile serves what is current."""
    watcher = start("web-1")
    fleet.pause("release")
    fleet.publish(b"port = 2")
    held = wait_until(lambda: fleet.status().of("paused"))
    assert held[0].version == "1"
    assert start("web-2").config.port == 2
    assert watcher.config.port == 1
    fleet.resume()
    port(watcher, 2)


def test_canaries_and_the_others(fleet: Fleet, start: Start) -> None:
    """Instances with the label serve the new version, also after a restart."""
    eu, us = start("web-1", labels={"zone": "eu"}), start("web-2", labels={"zone": "us"})
    waited = fleet.wait(fleet.publish(b"port = 2", canary="zone=eu"))
    assert waited.everywhere
    assert (eu.config.port, us.config.port) == (2, 1)
    assert start("web-3").config.port == 1
    assert fleet.wait(fleet.promote()).everywhere
    assert us.config.port == 2


def test_a_document_that_was_changed_is_refused(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """Its digest tells, at the start and later."""
    watcher = start("web-1")
    keys = Keys.of(fleet.name)
    fleet.pause()
    published = fleet.publish(b"port = 2")
    one_node.ctl("put", keys.document("2").decode(), "port = 3")
    fleet.resume()
    waited = fleet.wait(published)
    assert "digest" in waited.refused[0].reason
    assert watcher.config.port == 1
    with pytest.raises(ConfigError, match="does not have the digest"):
        start("web-2")


def test_what_is_no_record_is_trouble(
    fleet: Fleet, start: Start, one_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that is not understood is reported, without quoting it, and the next publish is followed."""
    monkeypatch.setattr(following, "TROUBLE_S", 0.2)
    watcher = start("web-1")
    key = Keys.of(fleet.name).current.decode()
    good = one_node.ctl("get", key, "--print-value-only")
    one_node.ctl("put", key, "swordfish")
    trouble = wait_until(lambda: watcher.stats.trouble)
    assert "holds no record of a fleet" in trouble
    assert "swordfish" not in trouble
    assert watcher.config.port == 1
    one_node.ctl("put", key, good.strip())
    fleet.publish(b"port = 2")
    port(watcher, 2)


def test_a_store_that_was_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance serves what it has and says `ahead`; the first publish after it reaches it."""
    with running(tmp_path) as cluster, Fleet("shop", cluster.endpoints) as fleet:
        fleet.publish(b"port = 1")
        with HotReloadWatcher(Etcd("shop", cluster.endpoints), Config) as watcher:
            cluster.ctl("snapshot", "save", str(tmp_path / "kept"))
            for at in (2, 3):
                fleet.wait(fleet.publish(f"port = {at}".encode()))
            cluster.restore(tmp_path / "kept")
            ahead = wait_until(lambda: fleet.status().of("ahead"))
            assert (ahead[0].version, ahead[0].epoch) == ("3", 3)
            assert watcher.config.port == 3
            published = fleet.publish(b"port = 4")
            assert (published.epoch, published.version) == (4, "4")
            port(watcher, 4)
            assert fleet.wait(published).everywhere


def test_the_leader_is_killed_in_a_storm(tmp_path: Path) -> None:
    """Every instance ends at the last epoch, serves nothing that was not published, and never goes back."""
    with ExitStack() as stack:
        cluster = stack.enter_context(running(tmp_path, 3))
        fleet = stack.enter_context(Fleet("shop", cluster.endpoints))
        fleet.publish(b"port = 0")
        served: list[list[int]] = [[], [], []]
        for at, seen in enumerate(served):
            watcher = HotReloadWatcher(Etcd("shop", cluster.endpoints, instance=f"web-{at}"), Config)
            watcher.on_change(lambda config: config.port, lambda _, new, seen=seen: seen.append(new))
            stack.enter_context(watcher)
        wait_until(lambda: len(fleet.status().members) == 3)
        published = []
        for number in range(1, 31):
            if number == 10:
                cluster.leader().kill()
            # A lost answer is looked up; when nothing was done, or that is not known, it is published once more.
            published.append(wait_until(lambda number=number: attempt(fleet, f"port = {number}".encode())))
        assert fleet.wait(published[-1]).everywhere
        epochs = [entry.epoch for entry in fleet.history(100)]
        assert epochs == sorted(set(epochs), reverse=True)
        for seen in served:
            wait_until(lambda seen=seen: seen and seen[-1] == 30)
            assert seen == sorted(seen)


def attempt(fleet: Fleet, data: bytes) -> Published | None:
    """What is published; None if it could not be."""
    try:
        return fleet.publish(data)
    except UnreachableError:
        return None
    except UnchangedError:  # an answer was lost for good: it had been published
        return fleet.history(1)[0]


def test_compacted_while_it_was_away(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """It reads the current state again."""
    with Proxy(one_node.members[0].client) as proxy:
        watcher = start("web-1", [proxy.endpoint])
        proxy.cut()
        for at in (2, 3):
            fleet.publish(f"port = {at}".encode())
        revision = one_node.json("endpoint", "status")[0]["Status"]["header"]["revision"]
        one_node.ctl("compaction", str(revision))
        proxy.heal()
        port(watcher, 3)


def test_a_forked_child_is_a_process_of_its_own(fleet: Fleet, start: Start) -> None:
    """It registers as another process, follows by itself, and leaves the parent's connections alone."""
    watcher = start("web-1")
    wait_until(lambda: fleet.status().of("ack"))
    done, ended = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ended)
            until = time.monotonic() + 30
            while watcher.config.port != 2 and time.monotonic() < until:
                time.sleep(0.01)
            os.read(done, 1)
            os._exit(0 if watcher.config.port == 2 else 1)
        finally:
            os._exit(2)
    os.close(done)
    both = wait_until(lambda: len(members := fleet.status().members) == 2 and members)
    assert {member.pid for member in both} == {os.getpid(), child}
    assert len({member.boot for member in both}) == 2
    wait_until(lambda: len(fleet.status().of("ack")) == 2)  # it has nothing to load, and says so
    waited = fleet.wait(fleet.publish(b"port = 2"))
    assert waited.status.versions == {"2": 2}
    assert watcher.config.port == 2
    os.close(ended)
    assert os.waitpid(child, 0)[1] == 0


GREEN = """
    import gc
    from pydantic import BaseModel
    from hotconf import HotReloadWatcher
    from hotconf.fleet import Etcd, Fleet

    class Config(BaseModel, frozen=True):
        port: int = 0

    def hubs():
        return [each for each in gc.get_objects() if type(each).__name__ == "Hub"]

    with HotReloadWatcher(Etcd({name!r}, {endpoint!r}, instance="green"), Config) as watcher:
        with Fleet({name!r}, {endpoint!r}) as fleet:
            waited = fleet.wait(fleet.publish(b"port = 2"))
            assert waited.everywhere and waited.status.members and watcher.config.port == 2, waited
        assert len(hubs()) == 1, hubs()  # a native thread that makes one may deadlock with another that does
    print("done")
"""


@pytest.mark.parametrize(("name", "late"), ORDERS)
def test_green_threads(fleet: Fleet, one_node: Cluster, tmp_path: Path, name: str, late: bool) -> None:
    """Under gevent and eventlet, patched before or after the import; our threads make no hubs."""
    program = GREEN.format(name=fleet.name, endpoint=one_node.endpoints[0])
    assert run_green(program, name, late=late, cwd=tmp_path) == "done\n"


def test_users_may_be_needed(three_nodes: Cluster) -> None:
    """With TLS, a user and a role of its own; what it may not do is reported."""

    def who(name: str) -> dict[str, object]:
        return {"tls": three_nodes.tls, "user": name, "password": f"{name}-secret"}

    with Fleet("shop", three_nodes.endpoints, **who("publisher")) as fleet:  # type: ignore[arg-type]
        first = fleet.publish(f"port = {os.getpid() % 1000} # users".encode(), override=True)
        source = Etcd("shop", three_nodes.endpoints, instance="web-1", **who("web-1"))  # type: ignore[arg-type]
        assert "web-1-secret" not in repr(source)
        with HotReloadWatcher(source, Config) as watcher:
            assert fleet.wait(first).status.versions == {first.version: 1}
            assert fleet.wait(fleet.publish(b"port = 2 # users")).everywhere
            assert watcher.config.port == 2
        wrong = Etcd("shop", three_nodes.endpoints, instance="web-1", **who("web-1") | {"password": "swordfish"})  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="invalid user ID or password") as raised:
            HotReloadWatcher(wrong, Config).start()
        assert "swordfish" not in str(raised.value)


def test_reading_without_watching(fleet: Fleet, one_node: Cluster) -> None:
    """As commands do: nobody registers."""
    source = Etcd(fleet.name, one_node.endpoints)
    fetched = source.read()
    assert getattr(fetched, "data", None) == b"port = 1"
    assert fleet.status().members == ()
    assert getattr(Etcd("nothing", one_node.endpoints).read(), "kind", None) == "missing"
    assert getattr(Etcd("nothing", "127.0.0.1:1").read(), "kind", None) == "unreadable"


def test_an_observer_takes_no_part(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """A command or an app follows what that instance serves: it has no record, and nobody waits for its vote."""
    mine = Etcd(fleet.name, one_node.endpoints, instance="web-1", labels={"zone": "eu"})
    with HotReloadWatcher(mine.as_observer(), Config) as looking:
        assert fleet.status().members == ()
        start("web-2", labels={"zone": "eu"})
        fleet.publish(b"port = 2", canary="zone=eu")
        port(looking, 2)
        fleet.promote()
        fleet.publish_all_or_nothing(b"port = 3", wait_s=30)
        port(looking, 3)
        assert [member.instance for member in fleet.status().members] == ["web-2"]


def test_a_source_is_pickled_as_its_arguments(one_node: Cluster) -> None:
    """So that a process that is spawned has its own."""
    source = Etcd("shop/prod", one_node.endpoints, instance="web-1", labels={"zone": "eu"})
    again = pickle.loads(pickle.dumps(source))
    assert (again.name, again.instance, repr(again)) == ("shop/prod", "web-1", repr(source))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"instance": "a b"}, "instance='a b'"),
        ({"instance": ""}, "instance=''"),
        ({"labels": {"zone": 1}}, "labels=1"),
        ({"labels": "zone"}, "labels='zone'"),
        ({"prefix": "a//b"}, "prefix="),
    ],
)
def test_arguments_that_cannot_work(more: dict[str, object], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=said):
        Etcd("shop", "127.0.0.1", **more)  # type: ignore[arg-type]


def test_a_source_belongs_to_one_watcher(one_node: Cluster, fleet: Fleet) -> None:
    """A second one would take the document from the first: it is refused until that one is closed."""
    source = Etcd(fleet.name, one_node.endpoints, instance="a")
    with HotReloadWatcher(source, Config) as first:
        with pytest.raises(UsageError, match="belongs to another watcher: give each watcher a source of its own"):
            HotReloadWatcher(source, Config).start()
        fleet.publish(b"port = 2")
        port(first, 2)
    with HotReloadWatcher(source, Config) as second:
        port(second, 2)
