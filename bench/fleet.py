"""The figures of a fleet, on real etcd: `python -m bench.fleet [--processes N] [--write DIR]`.

Three servers and all instances are on this machine, and share its processors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from bench import fleet_faults, machine, page
from bench.fleet_subject import Config, document
from bench.idle import watched
from bench.process import ROOT, Subject
from bench.table import Row, percentile, rendered
from fleet import etcd
from hotconf import HotReloadWatcher
from hotconf.fleet import AbortedError, ConflictError, Fleet, FleetError, Published
from hotconf.fleet.etcd.access import access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Put, Txn, after, base64_of
from hotconf.fleet.protocol import transactions
from waiting import wait_until

NAME: Final = "bench"
SAMPLES: Final = 20
STORM: Final = 50
WATCHES: Final = 1_000
IDLE_S: Final = 180
"""27 times a lease is kept alive: once more or less does not matter."""
MB: Final = 1e6
PATIENCE_S: Final = 60.0


class Crowd:
    """Instances, each a process of its own, and when each has applied what."""

    def __init__(self, stack: ExitStack, endpoints: list[str], count: int) -> None:
        self.count = count
        self.applied: dict[int, list[int]] = {}
        """When each of them had, by the number of the document; in monotonic nanoseconds."""
        self.wrong = 0
        """How often one went back."""
        self.numbers = 0
        for at in range(count):
            process = _program("follow", NAME, ",".join(endpoints), f"web-{at}")
            stack.callback(_end, process)
            threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        latest = 0
        for line in process.stdout or ():
            number, at = map(int, line.split())
            self.wrong += number < latest
            latest = number
            self.applied.setdefault(number, []).append(at)

    def next(self, refused_by: str = "") -> tuple[int, bytes]:
        """Another document."""
        self.numbers += 1
        return self.numbers, document(self.numbers, refused_by)

    def all_at(self, number: int, count: int | None = None) -> int:
        """When the last of them had applied it."""
        wait_until(lambda: len(self.applied.get(number, ())) >= (count or self.count), PATIENCE_S)
        return max(self.applied[number])


def _program(what: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", f"from bench.fleet_subject import {what}; {what}()", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def rows(count: int) -> list[Row]:
    """All that is promised of it."""
    with tempfile.TemporaryDirectory(prefix="etcd-") as name, ExitStack() as stack:
        cluster = stack.enter_context(etcd.running(Path(name), 3))
        fleet = stack.enter_context(Fleet(NAME, cluster.endpoints, by="bench"))
        fleet.publish(document(0))
        probes = [*_memory(cluster.endpoints), *_idle(cluster.endpoints)]
        with ExitStack() as instances:
            crowd = Crowd(instances, cluster.endpoints, count)
            wait_until(lambda: fleet.status().states.get("ack", 0) == count, 10 * PATIENCE_S)
            time.sleep(2)
            found = [
                *_publishes(fleet, crowd),
                *_offers(fleet, crowd),
                *_refusals(fleet, crowd),
                _race(fleet, cluster, crowd),
                *_leader(fleet, cluster, crowd),
            ]
    return [*found, *probes, _watches()]


def _publishes(fleet: Fleet, crowd: Crowd) -> Iterator[Row]:
    took, answered = [], []
    before = machine.load().split()[0]
    for _ in range(SAMPLES):
        number, data = crowd.next()
        began = time.monotonic_ns()
        published = fleet.publish(data)
        took.append((crowd.all_at(number) - began) / 1e6)
        if not fleet.wait(published, timeout_s=PATIENCE_S).everywhere:
            raise AssertionError("not everywhere")
        answered.append((time.monotonic_ns() - began) / 1e6)
    bare, cores = _bare_ms(), machine.cores()
    worst = 100 + crowd.count * bare / cores
    good = percentile(took, 0.5) <= 50 and max(took) <= worst
    goal = f"≤ 50 / ≤ 100 + {crowd.count} × {bare:.1f} ÷ {cores} cores = {worst:.0f} ms"
    what = f"publish of 1 KB → applied by all of {crowd.count} processes, p50 / worst of {SAMPLES}"
    yield Row(what, "", goal, f"{_two(took)}, at a load of {before}", good)
    yield Row("  publish → acknowledged by all", "", "", _two(answered))


def _offers(fleet: Fleet, crowd: Crowd) -> Iterator[Row]:
    took, whole = [], []
    for _ in range(SAMPLES):
        number, data = crowd.next()
        began = time.monotonic_ns()
        with _noted() as sent:
            fleet.publish_all_or_nothing(data, wait_s=PATIENCE_S)
        took.append((crowd.all_at(number) - sent[-1]) / 1e6)
        whole.append((crowd.all_at(number) - began) / 1e6)
    what = f"all or nothing: commit sent → served by the last of {crowd.count}, p50 / worst of {SAMPLES}"
    yield Row(what, "", "≤ 100 ms", _two(took), max(took) <= 100)
    yield Row("  the whole, from the offer on", "", "", _two(whole))


@contextmanager
def _noted() -> Iterator[list[int]]:
    """When commits are about to be sent."""
    commit, sent = transactions.commit, list[int]()

    def noted(*arguments: Any) -> Txn:
        sent.append(time.monotonic_ns())
        return commit(*arguments)

    with patch.object(transactions, "commit", noted):
        yield sent


def _refusals(fleet: Fleet, crowd: Crowd) -> Iterator[Row]:
    told, shown = [], []
    switched = 0
    for at in range(SAMPLES):
        number, data = crowd.next(refused_by=f"web-{at % crowd.count}")
        began = time.monotonic_ns()
        try:
            fleet.publish_all_or_nothing(data, wait_s=PATIENCE_S)
        except AbortedError:
            told.append((time.monotonic_ns() - began) / 1e6)
        switched += len(crowd.applied.get(number, ()))
    what = f"all or nothing, one of {crowd.count} refuses: told after, p50 / worst of {SAMPLES}"
    good = max(told) <= 1000 and not switched and len(told) == SAMPLES
    yield Row(what, "", "≤ 1 s, none switched", f"{_two(told)}, {switched} switched", good)
    for at in range(SAMPLES):
        number, data = crowd.next(refused_by=f"web-{at % crowd.count}")
        began = time.monotonic_ns()
        fleet.publish(data)
        next(status for status in fleet.statuses(PATIENCE_S) if status.of("nack"))
        shown.append((time.monotonic_ns() - began) / 1e6)
        crowd.all_at(number, crowd.count - 1)
    what = "an instance refuses: status says why after, its neighbours have applied; p50 / worst"
    yield Row(what, "", "≤ 1 s", _two(shown), max(shown) <= 1000)


def _race(fleet: Fleet, cluster: etcd.Cluster, crowd: Crowd) -> Row:
    """Two publishers at once."""
    right, both = 0, 0
    with Fleet(NAME, cluster.endpoints, by="other") as other:
        for _ in range(SAMPLES):
            outcomes: list[Published | FleetError] = []
            start = threading.Barrier(2)
            threads = [
                threading.Thread(target=_publish_at, args=(each, crowd.next()[1], start, outcomes))
                for each in (fleet, other)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            won = [each for each in outcomes if isinstance(each, Published)]
            lost = [each for each in outcomes if isinstance(each, ConflictError)]
            both += len(won) == 2
            right += len(won) == 1 and len(lost) == 1 and lost[0].current == won[0]
    measured = f"{right} times of {SAMPLES}; {both} times one came after the other"
    return Row(
        "two publishers at once: one wins, the other knows what is current",
        "",
        "always",
        measured,
        right + both == SAMPLES,
    )


def _publish_at(fleet: Fleet, data: bytes, start: threading.Barrier, outcomes: list[Published | FleetError]) -> None:
    start.wait()
    try:
        outcomes.append(fleet.publish(data))
    except FleetError as error:
        outcomes.append(error)


def _leader(fleet: Fleet, cluster: etcd.Cluster, crowd: Crowd) -> Iterator[Row]:
    """Killed in a storm."""
    fleet.wait(fleet.publish(crowd.next()[1]), timeout_s=PATIENCE_S)
    slowest = 0.0
    number = killed = 0
    for at in range(STORM):
        number, data = crowd.next()
        if at == STORM // 2:
            cluster.leader().kill()
            killed = time.monotonic_ns()
        began = time.monotonic_ns()
        fleet.publish(data)
        slowest = max(slowest, (time.monotonic_ns() - began) / 1e6)
        if at == STORM // 2:
            back = (crowd.all_at(number, 1) - killed) / 1e6
    crowd.all_at(number)
    strange = set(crowd.applied) - set(range(crowd.numbers + 1))
    measured = f"all at the last, {crowd.wrong} went back, {len(strange)} were not published"
    what = f"leader killed -9 in a storm of {STORM} publishes"
    yield Row(what, "", "all at the last epoch, none goes back", measured, not crowd.wrong and not strange)
    yield Row("  the slowest publish; applied by the first after the kill", "", "", f"{slowest:.0f}; {back:.0f} ms")


def _bare_ms() -> float:
    """The CPU of a reload of the same document from a file."""
    took = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config.toml"
        path.write_bytes(document(0))
        with HotReloadWatcher(path, Config) as watcher:
            for at in range(SAMPLES):
                path.write_bytes(document(at + 1))
                began = time.process_time_ns()
                watcher.reload()
                took.append((time.process_time_ns() - began) / 1e6)
    return percentile(took, 0.5)


def _memory(endpoints: list[str]) -> Iterator[Row]:
    added: dict[str, list[float]] = {"file": [], "fleet": []}
    for _ in range(3):
        for how, values in added.items():
            process = _program("main", how, NAME, ",".join(endpoints))
            if process.stdout is None:
                raise AssertionError("no pipe")
            values.append(json.loads(process.stdout.readline()) / MB)
            process.communicate()
    more = percentile(added["fleet"], 0.5) - percentile(added["file"], 0.5)
    what = "memory of an instance beyond that of a file's watcher"
    yield Row(what, "", "≤ 8 MB", f"{more:.1f} MB (a file: {percentile(added['file'], 0.5):.1f} MB)", more <= 8)


def _idle(endpoints: list[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="etcd-") as name, ExitStack() as stack:
        secure = stack.enter_context(etcd.running(Path(name), encrypted=True))
        with Fleet(NAME, secure.endpoints, tls=secure.tls, by="bench") as fleet:
            fleet.publish(document(0))
        program = ("bench.fleet_subject", "fleet", NAME)
        plain = stack.enter_context(Subject(*program, ",".join(endpoints)))
        encrypted = stack.enter_context(Subject(*program, ",".join(secure.endpoints), *etcd.client_files(secure)))
        time.sleep(5)
        found = watched([plain.proc, encrypted.proc], IDLE_S)
    for what, idle in zip(("idle instance", "idle instance, TLS"), found, strict=True):
        yield Row(f"{what}: CPU", "", "≤ 0.02 %", f"{idle.cpu_percent:.4f} %", idle.cpu_percent <= 0.02)
        yield Row(f"{what}: wake-ups", "", "≤ 1/s", f"{idle.wakeups:.2f}/s", idle.wakeups <= 1)


def _watches() -> Row:
    """Connections that watch one node, in one process that only notes when something comes."""
    with tempfile.TemporaryDirectory(prefix="etcd-") as name, etcd.running(Path(name)) as cluster:
        (member,) = cluster.members
        with Gateway(access(cluster.endpoints)) as gateway:
            took = asyncio.run(
                _watching(member.client, lambda: gateway.commit(Txn((), (Put(b"/x/ctl/current", b"1"),))))
            )
    what = f"{WATCHES:,} watching connections on one node: written → seen by the last, p50 / worst of {SAMPLES}"
    return Row(what, "", "≤ 150 ms", _two(took), max(took) <= 150)


async def _watching(port: int, write: Callable[[], object]) -> list[float]:
    seen, news = [0], asyncio.Event()

    async def watch() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made = {"key": base64_of(b"/x/ctl/"), "range_end": base64_of(after(b"/x/ctl/"))}
        body = json.dumps({"create_request": made}).encode()
        head = f"POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        writer.write(head + body)
        while data := await reader.read(65536):
            if b'"created":true' in data or b'"events"' in data:
                seen[0] += 1
                if seen[0] == WATCHES:
                    news.set()

    tasks = []
    for _ in range(WATCHES):
        tasks.append(asyncio.create_task(watch()))
        await asyncio.sleep(0.002)
    await asyncio.wait_for(news.wait(), PATIENCE_S)
    took = []
    for _ in range(SAMPLES):
        seen[0] = 0
        news.clear()
        await asyncio.sleep(0.2)
        began = time.monotonic_ns()
        await asyncio.to_thread(write)
        await asyncio.wait_for(news.wait(), PATIENCE_S)
        took.append((time.monotonic_ns() - began) / 1e6)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took


def _two(values: list[float]) -> str:
    return f"{percentile(values, 0.5):.0f} / {max(values):.0f} ms"


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="The figures of a fleet.")
    parser.add_argument("--processes", type=int, default=60, help="how many instances")
    parser.add_argument("--write", metavar="DIR", type=Path, help="renew the section in performance.md there")
    given = parser.parse_args()
    facts = machine.facts()
    print("\n".join(facts), flush=True)
    began = time.monotonic()
    table = f"{rendered(rows(given.processes))}\n\n{page.FLEET_FAULTS}\n{fleet_faults.table()}"
    version = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    took = time.monotonic() - began
    facts.append(f"{version}; load average at the end {machine.load()}; took {took:.0f} s")
    print(f"\n{table}\n\n{facts[-1]}")
    if given.write:
        page.write_fleet(given.write, facts, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
