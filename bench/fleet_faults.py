"""What instances do when etcd, or the way to it, fails: when they report it, what they serve, when they catch up.

Real servers, real processes; packets vanish in loopback proxies. The processes look at themselves every 20 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from bench.fleet_subject import document
from bench.process import ROOT
from bench.table import OK, OVER, aligned
from fleet import etcd
from fleet.proxy import Proxy
from hotconf.fleet import Fleet, FleetError, UnchangedError
from waiting import wait_until

T = TypeVar("T")

NAME: Final = "faults"
COUNT: Final = 6
OUTAGE_S: Final = 60.0
SHORT_S: Final = 20.0
PATIENCE_S: Final = 60.0
REPORTED_S: Final = 6.0
VANISHED_S: Final = 16.0
CAUGHT_UP_S: Final = 12.0
MISSED: Final = 5
"""Publishes while one instance is away."""


class Seen(NamedTuple):
    """How a process was from then on."""

    at: int
    """In monotonic nanoseconds."""
    number: int
    """Of the document that it serves."""
    status: str
    """Of its `health()`."""


@dataclass
class Patient:
    """A process that follows the fleet, behind a network of its own."""

    process: subprocess.Popen[str]
    network: list[Proxy]
    """To each server."""
    seen: list[Seen] = field(default_factory=list)

    def read(self) -> None:
        """Until it ends."""
        for line in self.process.stdout or ():
            self.seen.append(Seen(*json.loads(line)))

    @property
    def now(self) -> Seen | None:
        """How it is."""
        return self.seen[-1] if self.seen else None

    def first(self, since: int, is_so: Callable[[Seen], bool]) -> float | None:
        """How many seconds after `since` it was so for the first time."""
        earlier = [seen for seen in self.seen if seen.at <= since][-1:]
        later = [seen for seen in self.seen if seen.at > since]
        found = next((seen for seen in (*earlier, *later) if is_so(seen)), None)
        return None if found is None else max(0.0, (found.at - since) / 1e9)

    def served(self, since: int, until: int) -> set[int]:
        """All that it served between these."""
        earlier = [seen for seen in self.seen if seen.at <= since][-1:]
        return {seen.number for seen in (*earlier, *self.seen) if seen in earlier or since < seen.at < until}


class Ward:
    """Etcd, some instances, and who publishes to them."""

    def __init__(self, stack: ExitStack, root: Path) -> None:
        self.root = root
        self.number = 0
        self.cluster = stack.enter_context(etcd.running(root, 3, apart=True))
        self.fleet = stack.enter_context(Fleet(NAME, self.cluster.endpoints, by="bench"))
        self.publish()
        self.patients = [self._admit(stack, f"web-{at}") for at in range(COUNT)]
        self.all_well()

    def _admit(self, stack: ExitStack, name: str) -> Patient:
        network = [stack.enter_context(Proxy(member.client)) for member in self.cluster.members]
        endpoints = ",".join(proxy.endpoint for proxy in network)
        command = [sys.executable, "-c", "from bench.fleet_subject import suffer; suffer()", NAME, endpoints, name]
        patient = Patient(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True), network)
        stack.callback(patient.process.communicate)
        stack.callback(patient.process.kill)
        threading.Thread(target=patient.read, daemon=True).start()
        return patient

    def publish(self) -> float:
        """Another document, as soon as etcd takes it: the seconds that took."""
        self.number += 1
        began = time.monotonic_ns()
        wait_until(self._published, PATIENCE_S)
        return (time.monotonic_ns() - began) / 1e9

    def _published(self) -> bool:
        try:
            self.fleet.publish(document(self.number))
        except UnchangedError:  # its answer was lost
            return True
        except FleetError:
            return False
        return True

    def connections(self, member: etcd.Member) -> int:
        """How many the instances have to that server."""
        at = self.cluster.members.index(member)
        return sum(patient.network[at].open for patient in self.patients)

    def reached(self) -> bool:
        """Whether all serve what was published last."""
        return all(patient.now is not None and patient.now.number == self.number for patient in self.patients)

    def all_well(self) -> None:
        """Wait until they do, and say that all is well."""
        wait_until(lambda: self.reached() and all(each.seen[-1].status == "ok" for each in self.patients), PATIENCE_S)

    def served(self, since: int, until: int) -> set[int]:
        """All that any of them served between these."""
        return set().union(*(patient.served(since, until) for patient in self.patients))


@dataclass
class Case:
    """What came of a fault."""

    what: str
    lasted_s: float
    reported_s: list[float] | None
    """After how long each that was concerned said so; None: nothing is promised of that."""
    allowed_s: float
    strange: set[int]
    """What was served meanwhile that should not have been."""
    caught_up_s: list[float]
    note: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """As text."""
        reported, caught_up = self.reported_s, max(self.caught_up_s)
        told = "nothing to report" if reported is None else f"{max(reported):.1f} s (≤ {self.allowed_s:.0f} s)"
        served = f"what it should not: {sorted(self.strange)}" if self.strange else "the old"
        good = (reported is None or max(reported) <= self.allowed_s) and not self.strange
        good = good and caught_up <= CAUGHT_UP_S
        caught = f"{caught_up:.1f} s (≤ {CAUGHT_UP_S:.0f} s){self.note}"
        lasted = f"{self.lasted_s:.0f} s" if self.lasted_s else ""
        return self.what, lasted, told, served, caught, OK if good else OVER


HEADER: Final = (
    "what happens",
    "for",
    "reported, the last after",
    "served meanwhile",
    "caught up, the last after",
    "",
)


def table() -> str:
    """Everything that goes wrong, one after the other."""
    with tempfile.TemporaryDirectory(prefix="etcd-") as name, ExitStack() as stack:
        ward = Ward(stack, Path(name))
        return aligned([HEADER, *(case.cells for case in _cases(ward))])


def _cases(ward: Ward) -> Iterator[Case]:
    yield from _servers(ward)
    one = ward.patients[:1]
    yield _outage(ward, one, "one instance is cut off: its connections are closed", _each(one, Proxy.cut), SHORT_S)
    vanish = _each(one, Proxy.swallow)
    yield _outage(ward, one, "packets of one instance vanish, to all servers", vanish, 2 * SHORT_S, VANISHED_S)
    yield _compacted(ward, one)
    servers = ward.cluster.members
    stopped = partial(_all, etcd.Member.pause, servers), partial(_all, etcd.Member.resume, servers)
    yield _outage(ward, ward.patients, "all servers are stopped (SIGSTOP)", stopped, OUTAGE_S, VANISHED_S)
    killed = ward.cluster.stop, ward.cluster.start
    yield _outage(ward, ward.patients, "all servers are killed, and started again", killed, OUTAGE_S)
    yield _restored(ward)


Fault = tuple[Callable[[], object], Callable[[], object]]
"""How it begins and ends."""


def _each(patients: list[Patient], act: Callable[[Proxy], None]) -> Fault:
    proxies = [proxy for patient in patients for proxy in patient.network]
    return partial(_all, act, proxies), partial(_all, Proxy.heal, proxies)


def _all(act: Callable[[T], object], things: list[T]) -> None:
    for thing in things:
        act(thing)


def _outage(
    ward: Ward, concerned: list[Patient], what: str, fault: Fault, lasts_s: float, allowed_s: float = REPORTED_S
) -> Case:
    """Nobody of those that are concerned reaches any server."""
    old, all_ = ward.number, concerned is ward.patients
    began = time.monotonic_ns()
    fault[0]()
    if not all_:
        ward.publish()
    time.sleep(max(0.0, lasts_s - (time.monotonic_ns() - began) / 1e9))
    healed = time.monotonic_ns()
    fault[1]()
    note = f", published {ward.publish():.1f} s after" if all_ else ""
    ward.all_well()
    return Case(
        what,
        lasts_s,
        [_sure(each.first(began, lambda seen: seen.status == "degraded"), lasts_s) for each in concerned],
        allowed_s,
        set().union(*(each.served(began, healed) for each in concerned)) - {old},
        [_sure(each.first(healed, lambda seen: seen[1:] == (ward.number, "ok"))) for each in concerned],
        note,
    )


def _sure(found: float | None, at_most: float = float("inf")) -> float:
    """Never is later than anything."""
    return float("inf") if found is None or found > at_most else found


def _servers(ward: Ward) -> Iterator[Case]:
    """The one with the most instances does not work: they go to another one."""
    cluster = ward.cluster
    faults: dict[str, tuple[Callable[[etcd.Member], object], Callable[[etcd.Member], object]]] = {
        "is cut off from the others": (cluster.cut_off, cluster.join),
        "is stopped (SIGSTOP)": (etcd.Member.pause, etcd.Member.resume),
        "is killed": (etcd.Member.kill, cluster.start),
    }
    for leads in (False, True):
        for what, (begin, end) in faults.items():
            member = max(cluster.members, key=ward.connections)
            cluster.lead(member if leads else next(each for each in cluster.members if each is not member))
            old, began = ward.number, time.monotonic_ns()
            begin(member)
            note = f", published after {ward.publish():.1f} s"
            wait_until(ward.reached, PATIENCE_S)
            ended = time.monotonic_ns()
            end(member)
            caught_up = [_sure(each.first(began, lambda seen: seen.number == ward.number)) for each in ward.patients]
            strange = ward.served(began, ended) - {old, ward.number}
            wait_until(cluster.healthy, PATIENCE_S)
            ward.all_well()
            who = "the leader" if leads else "a follower"
            yield Case(f"{who} {what}; a publish at once", 0, None, 0, strange, caught_up, note)


def _compacted(ward: Ward, concerned: list[Patient]) -> Case:
    (one,) = concerned
    old = ward.number
    began = time.monotonic_ns()
    begin, end = _each(concerned, Proxy.cut)
    begin()
    for _ in range(MISSED):
        ward.publish()
    status = ward.cluster.json("endpoint", "status")
    ward.cluster.ctl("compaction", str(status[0]["Status"]["header"]["revision"]))
    wait_until(lambda: one.seen[-1].status == "degraded", PATIENCE_S)
    healed = time.monotonic_ns()
    end()
    ward.all_well()
    caught_up = [_sure(one.first(healed, lambda seen: seen[1:] == (ward.number, "ok")))]
    what = f"one instance is cut off, misses {MISSED} publishes, and etcd is compacted"
    reported = [_sure(one.first(began, lambda seen: seen.status == "degraded"))]
    return Case(what, (healed - began) / 1e9, reported, REPORTED_S, one.served(began, healed) - {old}, caught_up)


def _restored(ward: Ward) -> Case:
    """It knows nothing of the last two publishes."""
    kept = ward.root / "kept"
    ward.cluster.ctl("snapshot", "save", str(kept), at=ward.cluster.members[0])
    for _ in range(2):
        ward.publish()
    ward.all_well()
    old = ward.number
    ward.cluster.restore(kept)
    began = time.monotonic_ns()
    wait_until(lambda: len(ward.fleet.status().of("ahead")) == COUNT, PATIENCE_S)
    reported = (time.monotonic_ns() - began) / 1e9
    published = time.monotonic_ns()
    ward.publish()
    ward.all_well()
    strange = ward.served(began, published) - {old}
    caught_up = [_sure(each.first(published, lambda seen: seen.number == ward.number)) for each in ward.patients]
    what = "etcd is restored from a snapshot, older by two publishes; then a publish"
    return Case(what, 0, [reported], CAUGHT_UP_S, strange, caught_up, " after it")
