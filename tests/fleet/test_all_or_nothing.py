"""All or nothing over real watchers with real resources: a process that votes yes has made them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
from pydantic import BaseModel, Field

from fleet.etcd import Cluster
from fleet.proxy import Proxy
from hotconf import HotReloadWatcher
from hotconf.fleet import AbortedError, ConflictError, Etcd, Fleet, FleetError, Published
from hotconf.fleet.protocol.records import Vote
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_numbers = count()


class Config(BaseModel, frozen=True):
    """What the instances read."""

    port: int = Field(default=0, le=1000)


@dataclass
class Process:
    """One instance, and what it made of its configuration."""

    watcher: HotReloadWatcher[Config]
    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    refuses: int = -1
    """The port that no resource can be made for."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Until it is set nothing is opened but the first."""

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def open(self) -> set[int]:
        """What it holds now."""
        return set(Counter(self.opened) - Counter(self.closed))

    def pool(self, port: int) -> Iterator[int]:
        """A resource."""
        if port == self.refuses:
            raise OSError("port is taken")
        if self.opened:
            self.gate.wait(30)
        self.opened.append(port)
        yield port
        self.closed.append(port)


Start = Callable[..., Process]


@pytest.fixture
def fleet(one_node: Cluster) -> Iterator[Fleet]:
    """A fleet of the test's own, in which something is published."""
    with Fleet(f"together-{next(_numbers)}", one_node.endpoints, by="me") as made:
        made.publish(b"port = 1")
        yield made


@pytest.fixture
def start(one_node: Cluster, fleet: Fleet) -> Iterator[Start]:
    """Registered instances with a resource each."""
    with ExitStack() as stack:

        def made(name: str, endpoints: list[str] | None = None) -> Process:
            watcher = HotReloadWatcher(Etcd(fleet.name, endpoints or one_node.endpoints, instance=name), Config)
            process = Process(watcher)
            watcher.resource(lambda config: config.port)(process.pool)
            stack.enter_context(watcher)
            wait_until(lambda: any(member.instance == name for member in fleet.status().members))
            return process

        yield made


class Publishing(threading.Thread):
    """A publish that is under way."""

    def __init__(self, cluster: Cluster, fleet: Fleet, data: bytes) -> None:
        super().__init__()
        self.outcome: Published | FleetError | None = None
        self._call = (cluster.endpoints, fleet.name, data)
        self.start()

    def run(self) -> None:
        endpoints, name, data = self._call
        with Fleet(name, endpoints) as fleet:
            try:
                self.outcome = fleet.publish_all_or_nothing(data)
            except FleetError as error:
                self.outcome = error


def test_all_switch_once_all_are_ready(fleet: Fleet, start: Start) -> None:
    """Each uses what it prepared, and closes what it had."""
    processes = [start(f"web-{at}") for at in range(3)]
    published = fleet.publish_all_or_nothing(b"port = 2")
    assert fleet.wait(published).everywhere
    for process in processes:
        assert process.watcher.config.port == 2
        assert process.opened == [1, 2]
        wait_until(lambda process=process: process.open == {2})


@pytest.mark.parametrize(("port", "refused"), [(5000, 0), (666, 666)])
def test_one_refuses_and_nobody_has_changed(fleet: Fleet, start: Start, port: int, refused: int) -> None:
    """Because it is not valid there, or what it takes cannot be made; what the others prepared is closed."""
    good, bad = start("good"), start("bad")
    bad.refuses = refused
    with pytest.raises(AbortedError, match=r"(good|bad) \(pid \d+\) refuses: .*port") as raised:
        fleet.publish_all_or_nothing(f"port = {port}".encode())
    assert str(port) not in str(raised.value)
    assert {member.instance for member in raised.value.refused} <= ({"bad"} if refused else {"good", "bad"})
    for process in (good, bad):
        wait_until(lambda process=process: process.open == {1})
        assert (process.watcher.config.port, process.watcher.generation) == (1, 1)
    assert fleet.wait(fleet.publish(b"port = 3")).everywhere


def test_a_quorum_takes_the_others_along(fleet: Fleet, start: Start) -> None:
    """Who still prepares switches later; who refuses keeps what it has; nothing else is left open."""
    good, slow, bad = start("good"), start("slow"), start("bad")
    bad.refuses = 2
    with late(slow):
        published = fleet.publish_with_quorum(b"port = 2", "30%")
        wait_until(lambda: good.watcher.config.port == 2)
        assert good.opened == [1, 2]
        assert slow.watcher.config.port == 1
    waited = fleet.wait(published)
    assert [member.instance for member in waited.refused] == ["bad"]
    assert (slow.watcher.config.port, bad.watcher.config.port) == (2, 1)
    for process, port in ((good, 2), (slow, 2), (bad, 1)):
        wait_until(lambda process=process, port=port: process.open == {port})


def test_busy_after_the_yes_is_deferred(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """It switches at its release, without preparing again; until then it says that it is deferred."""
    busy, other = start("busy"), start("other")
    with busy.watcher.busy("an import"):
        published = fleet.publish_all_or_nothing(b"port = 2")
        wait_until(lambda: other.watcher.config.port == 2)
        wait_until(lambda: any("an import" in member.reason for member in fleet.status().of("deferred")))
        assert busy.watcher.config.port == 1
    assert busy.watcher.config.port == 2
    assert busy.opened == [1, 2]
    assert fleet.wait(published).everywhere


def test_a_forced_reload_takes_the_yes_back(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """The publish comes to nothing, and says why."""
    process = start("web-1")
    silent = start("silent")
    with late(silent):
        publishing = Publishing(one_node, fleet, b"port = 2")
        wait_until(lambda: yes(fleet, "web-1"))
        assert process.open == {1, 2}
        process.watcher.reload(force=True)
        publishing.join(30)
    assert isinstance(publishing.outcome, AbortedError)
    assert [member.instance for member in publishing.outcome.refused] == ["web-1"]
    assert process.watcher.config.port == 1
    wait_until(lambda: process.open == {1})


def test_cut_off_after_the_yes(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """It keeps what it prepared, and switches when it learns of the commit."""
    with Proxy(one_node.members[0].client) as proxy:
        cut, silent = start("cut", [proxy.endpoint]), start("silent")
        with late(silent):
            publishing = Publishing(one_node, fleet, b"port = 2")
            wait_until(lambda: yes(fleet, "cut"))
            proxy.cut()
        publishing.join(30)
        assert isinstance(publishing.outcome, Published)
        wait_until(lambda: silent.watcher.config.port == 2)
        assert (cut.watcher.config.port, cut.open) == (1, {1, 2})
        proxy.heal()
        wait_until(lambda: cut.watcher.config.port == 2)
        assert cut.opened == [1, 2]


def test_its_publisher_dies(fleet: Fleet, start: Start, one_node: Cluster) -> None:
    """The offer ends with its lease: nobody has changed, what was prepared is closed."""
    process, silent = start("web-1"), start("silent")
    with late(silent):
        publishing = Publishing(one_node, fleet, b"port = 2")
        wait_until(lambda: yes(fleet, "web-1"))
        (offer,) = one_node.json("get", f"/hotconf/{fleet.name}/ctl/offer")["kvs"]
        one_node.ctl("lease", "revoke", f"{offer['lease']:x}")
        wait_until(lambda: process.open == {1})
    publishing.join(30)
    assert isinstance(publishing.outcome, ConflictError)
    assert process.watcher.config.port == 1


@contextmanager
def late(process: Process) -> Iterator[None]:
    """Inside it, that instance prepares, and does not get done."""
    process.gate.clear()
    yield
    process.gate.set()


def yes(fleet: Fleet, name: str) -> bool:
    """Whether it has voted so."""
    return any(m.instance == name and m.vote == Vote("yes", m.vote.version) for m in fleet.status().members)
