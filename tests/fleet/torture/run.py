"""`make torture-fleet`: real etcd, real processes, and everything that happens to them, for as long as wanted.

`python -m fleet.torture.run SECONDS [SEED]`. What happens is drawn from the seed; how long each thing takes is not.
Servers are killed, stopped and cut off from each other, the network between them and all others is cut or swallows
what is sent, etcd is compacted and restored from a snapshot; publishers publish meanwhile. In the end everything is
healed and checked.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Final

from fleet import etcd
from fleet.proxy import Proxy
from fleet.torture.checker import check
from fleet.torture.history import History
from fleet.torture.publishers import Documents, Publisher
from fleet.torture.recorder import Recorder
from fleet.torture.subjects import NAME, PATIENCE_S, Subject
from hotconf.fleet import Fleet, Member, Published
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.publishing import following, voting
from waiting import wait_until

NETWORKS: Final = ("a", "b", "c")
"""Each instance and each publisher is in one of them."""
FIRST: Final = 6
MOST: Final = 9
GREEN: Final = 0.35
"""The share of the programs in which gevent has patched everything."""
STORM_S: Final = 20.0
CALM_S: Final = 10.0
"""After each storm everything is healed, and goes on: so something gets done, too."""


class Torture:
    """One run."""

    def __init__(self, stack: ExitStack, root: Path, seed: str) -> None:
        self.seed = seed
        self.root = root
        self.history = History(Keys.of(NAME))
        self.documents = Documents(self.history, lambda: [subject.process.instance for subject in list(self._alive)])
        self.faults = self.documents.faults
        self.outcomes = self.documents.outcomes
        self._numbers = count(1)
        self._dice = random.Random(seed)
        self._snapshot: tuple[Path, int] | None = None
        self._undo: list[tuple[float, int, Callable[[], None]]] = []
        self.cluster = stack.enter_context(etcd.running(root, 3, apart=True))
        members = self.cluster.members
        self.proxies = {name: [stack.enter_context(Proxy(member.client)) for member in members] for name in NETWORKS}
        self.recorder = Recorder(self.cluster, self.history)
        self.subjects: list[Subject] = []

    def endpoints(self, network: str) -> list[str]:
        """Where those in a network find etcd."""
        return [proxy.endpoint for proxy in self.proxies[network]]

    # What happens

    def run(self, seconds: float) -> list[str]:
        """Let it happen, heal everything, check."""
        with Fleet(NAME, self.cluster.endpoints, by="first") as fleet:
            self._publish_clean(fleet)
        for _ in range(FIRST):
            self.join()
        publishers = [
            Publisher(self.documents, f"publisher-{network}", self.endpoints(network), f"{self.seed}/{network}")
            for network in NETWORKS[:2]
        ]
        for publisher in publishers:
            publisher.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.faults:
            self._storm(min(until, time.monotonic() + STORM_S))
            self._heal()
            time.sleep(max(0.0, min(CALM_S, until - time.monotonic())))
        for publisher in publishers:
            publisher.stopped.set()
        self._heal()
        for publisher in publishers:
            publisher.join(PATIENCE_S)
        self._settle()
        self.recorder.collect()
        settled = check(self.history)
        self._end()
        return list(dict.fromkeys([*self.faults, *settled, *check(self.history)]))

    def _storm(self, until: float) -> None:
        while time.monotonic() < until:
            self._happen()
            next_s = time.monotonic() + self._dice.uniform(0.1, 2)
            while time.monotonic() < next_s:
                self._undo_until(time.monotonic())
                time.sleep(0.02)

    def _happen(self) -> None:
        kinds = {
            self.kill_server: 4,
            self.stop_server: 3,
            self.part_server: 4,
            self.cut: 5,
            self.stop_instance: 4,
            self.kill_instance: 2,
            self.close_instance: 1,
            self.join: 4,
            self.busy: 4,
            self.jump: 3,
            self.force: 1,
            self.compact: 1,
            self.snapshot: 3,
            self.restore: 2,
        }
        what = self._dice.choices(list(kinds), list(kinds.values()))[0]
        self.outcomes[what.__name__] += 1
        what()

    def _later(self, low: float, high: float, undo: Callable[[], None]) -> None:
        heappush(self._undo, (time.monotonic() + self._dice.uniform(low, high), next(self._numbers), undo))

    def _undo_until(self, now: float) -> None:
        while self._undo and self._undo[0][0] <= now:
            heappop(self._undo)[2]()

    def kill_server(self) -> None:
        """One, mostly; sometimes enough to leave no majority."""
        running = [member for member in self.cluster.members if member.process is not None]
        for member in self._dice.sample(running, min(len(running), self._dice.choice([1, 1, 1, 2, 3]))):
            member.kill()
            self._later(0.5, 4, lambda member=member: self._start(member))  # type: ignore[misc]

    def _start(self, member: etcd.Member) -> None:
        if member.process is None:
            member.start(self.cluster.names)

    def stop_server(self) -> None:
        """It is a black hole."""
        member = self._dice.choice(self.cluster.members)
        if member.process is not None:
            member.pause()
            self._later(0.5, 6, lambda: self._resume(member))

    def _resume(self, member: etcd.Member) -> None:
        if member.process is not None:
            member.resume()

    def part_server(self) -> None:
        """It and the others lose each other; all of them still answer."""
        member = self._dice.choice(self.cluster.members)
        self.cluster.cut_off(member)
        self._later(0.5, 12, lambda: self.cluster.join(member))

    def cut(self) -> None:
        """A network loses some servers, or all of them."""
        network = self._dice.choice(NETWORKS)
        proxies = self._dice.sample(self.proxies[network], self._dice.choice([1, 2, 3, 3]))
        how = self._dice.choice(["cut", "swallow", "swallow_answers"])
        for proxy in proxies:
            getattr(proxy, how)()
        began = time.monotonic()

        def heal() -> None:
            for proxy in proxies:
                proxy.heal()
            # Until it has noticed: connections that were swallowed take their time.
            self._were_away(began, time.monotonic() + 15, lambda subject: subject.network == network)

        self._later(0.5, 12, heal)

    def _were_away(self, began: float, ended: float, which: Callable[[Subject], bool]) -> None:
        for subject in self.subjects:
            if which(subject):
                subject.process.away.append((began, ended))

    def _one(self) -> Subject | None:
        alive = [subject for subject in self.subjects if not subject.process.ended]
        return self._dice.choice(alive) if alive else None

    def stop_instance(self) -> None:
        """It stands still; for it, all clocks jump."""
        if (subject := self._one()) is not None:
            began = time.monotonic()
            subject.signal(signal.SIGSTOP)

            def resume() -> None:
                subject.signal(signal.SIGCONT)
                subject.process.away.append((began, time.monotonic() + 5))

            self._later(0.2, 9, resume)

    def kill_instance(self) -> None:
        """It is dead, and its lease lives on."""
        if (subject := self._one()) is not None and len(self._alive) > 2:
            subject.kill()

    def close_instance(self) -> None:
        """It ends."""
        if (subject := self._one()) is not None and len(self._alive) > 2:
            subject.say("close")

    @property
    def _alive(self) -> list[Subject]:
        return [subject for subject in self.subjects if not subject.process.ended]

    def join(self) -> None:
        """Another process; sometimes of an instance that is there, or was, with what that has kept."""
        if len(self._alive) >= MOST:
            return
        known = [subject.process.instance for subject in self.subjects]
        again = known and self._dice.random() < 0.3
        name = self._dice.choice(known) if again else f"web-{next(self._numbers)}"
        network, zone = self._dice.choice(NETWORKS), self._dice.choice(["eu", "us"])
        state = ""
        if name not in {subject.process.instance for subject in self._alive} and self._dice.random() < 0.5:
            (self.root / f"state-{name}").mkdir(mode=0o700, exist_ok=True)
            state = str(self.root / f"state-{name}")
        endpoints = ",".join(self.endpoints(network))
        log, green = str(self.root / f"{name}-{len(self.subjects)}.log"), self._dice.random() < GREEN
        self.outcomes["green" if green else "native"] += 1
        self.subjects.append(Subject(self.history, name, network, zone, endpoints, state, log, green=green))

    def busy(self) -> None:
        """It does something that must not be disturbed."""
        if (subject := self._one()) is not None:
            subject.say(f"busy {self._dice.uniform(0.2, 4):.2f}")

    def jump(self) -> None:
        """Its time of day is another one."""
        if (subject := self._one()) is not None:
            subject.say(f"jump {self._dice.choice([-1, 1]) * 10 ** self._dice.uniform(0, 7):.1f}")

    def force(self) -> None:
        """What it has prepared is given up."""
        if (subject := self._one()) is not None:
            subject.process.away.append((time.monotonic(), time.monotonic() + 10))
            subject.say("force")

    def compact(self) -> None:
        """etcd forgets what was."""
        with suppress(subprocess.SubprocessError, AssertionError):
            self.recorder.collect()
            self.cluster.ctl("compaction", str(self.recorder.revision), timeout_s=3)

    def snapshot(self) -> None:
        """To go back to."""
        path = self.root / f"snapshot-{next(self._numbers)}"
        member = next((member for member in self.cluster.members if member.process is not None), None)
        with suppress(subprocess.SubprocessError):
            if member is not None:
                self.cluster.ctl("snapshot", "save", str(path), timeout_s=3, at=member)
                status = json.loads(self.cluster.ctl("snapshot", "status", str(path), "--write-out", "json"))
                self._snapshot = path, status["revision"]

    def restore(self) -> None:
        """All servers go back to the snapshot."""
        if self._snapshot is None:
            return
        self._heal_servers()
        for proxy in self._all_proxies():
            proxy.cut()
        began = time.monotonic()
        time.sleep(0.3)  # what is under way gets done, and nobody learns of it
        self.recorder.collect()
        path, revision = self._snapshot
        self._snapshot = None
        self.cluster.restore(path)
        self.recorder.gone_back(revision)
        for proxy in self._all_proxies():
            proxy.heal()
        self.history.restored.append(began)
        self.outcomes["restored"] += 1

    def _all_proxies(self) -> list[Proxy]:
        return [proxy for proxies in self.proxies.values() for proxy in proxies]

    # The end

    def _heal_servers(self) -> None:
        for member in self.cluster.members:
            self._resume(member)
            self._start(member)
            self.cluster.join(member)
        wait_until(self.cluster.healthy)

    def _heal(self) -> None:
        self._undo_until(float("inf"))
        self._heal_servers()
        for proxy in self._all_proxies():
            proxy.heal()

    def _settle(self) -> None:
        """What was published last, after everything, reaches all."""
        with Fleet(NAME, self.cluster.endpoints, by="last") as fleet:
            fleet.resume()
            self._until_all_are_there(fleet)
            published = self._publish_clean(fleet)
            waited = fleet.wait(published, timeout_s=PATIENCE_S)
            alive = {subject.process.pid for subject in self._alive}
            deadline = time.monotonic() + PATIENCE_S
            while not self._settled(waited.status.members, alive, published) and time.monotonic() < deadline:
                time.sleep(0.5)
                waited = fleet.wait(published, timeout_s=5)
            if not self._settled(waited.status.members, alive, published):
                said = [
                    f"{member.name}: {member.state} of {member.seen}: {member.reason}" for member in waited.missing
                ]
                self.faults.append(f"not all have applied epoch {published.epoch}: {said}, alive: {sorted(alive)}")

    def _until_all_are_there(self, fleet: Fleet) -> None:
        """After a restore an epoch is above those of the processes that are registered."""
        alive = {subject.process.pid for subject in self._alive}
        deadline = time.monotonic() + PATIENCE_S
        while not alive <= {member.pid for member in fleet.status().members} and time.monotonic() < deadline:
            time.sleep(0.5)

    def _settled(self, members: tuple[Member, ...], alive: set[int], published: Published) -> bool:
        said = {member.pid for member in members if member.state == "ack" and member.seen == published.epoch}
        served = ((subject.process.open, subject.process.serves) for subject in self._alive)
        return alive <= said and all(last is not None and held == {last.number} for held, last in served)

    def _publish_clean(self, fleet: Fleet) -> Published:
        number, data = self.documents.document(None)
        act = self.documents.act(number)
        published = fleet.publish(data, note=act.note, override=True)
        act.outcome, act.epoch, act.ended = "done", published.epoch, time.monotonic()
        return published

    def _end(self) -> None:
        for subject in self._alive:
            subject.say("close")
        for subject in self.subjects:
            try:
                subject.join()
            except subprocess.TimeoutExpired:
                self.faults.append(f"{subject.process.instance} (pid {subject.process.pid}) does not end")
                subject.kill()
            self.faults += [f"{subject.process.instance}: {line}" for line in subject.faults]


def torture(seconds: float, seed: str) -> tuple[list[str], Torture]:
    """What was found, and all that happened."""
    voting.TTL_S = 5  # type: ignore[misc]
    following.SILENCE_S = 10  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory, ExitStack() as stack:
        made = Torture(stack, Path(directory), seed)
        try:
            return made.run(seconds), made
        finally:
            for subject in made.subjects:
                if not subject.process.ended:
                    subject.kill()


if __name__ == "__main__":
    chosen = sys.argv[2] if len(sys.argv) > 2 else str(random.randrange(2**31))
    print(f"seed {chosen}", flush=True)
    found, made = torture(float(sys.argv[1]), chosen)
    print(", ".join(f"{name} {number}" for name, number in sorted(made.outcomes.items())))
    acts, eras = len(made.history.acts), made.history.eras
    events = sum(len(era.events) for era in eras)
    print(f"{acts} acts, {len(made.history.processes)} processes, {len(eras)} histories of {events} events")
    print("\n".join(found) or "nothing is wrong")
    sys.exit(bool(found))
