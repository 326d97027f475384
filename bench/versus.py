"""hotconf beside its peers, in turn within one run: each is started, measured and ended, in rounds."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench import idle
from bench.peer import PEERS, WATCHING
from bench.process import Subject
from bench.table import Row, both, median, percentile
from bench.writer import Writer

MS = 1_000_000
WINDOW_MS = 100
EARLY_NS = 8 * MS
OURS = "hotconf"
SECTION = {"dynamic-config-py": "app"}
WINDOWLESS = ("mtime poll, 1 s",)
LIBRARIES = ("dynamic-config-py", "dynaconf")
BARE = "a bare thread"


@dataclass(slots=True)
class Found:
    """What was measured of one peer."""

    idle: list[float] = field(default_factory=list)
    """Milliseconds from the save to the reader, beyond the window; the process sleeps."""
    busy: list[float] = field(default_factory=list)
    """The same, beside a thread that never pauses."""
    unseen: int = 0
    """Saves that were not seen within twenty seconds."""
    read_ns: list[float] = field(default_factory=list)
    reload_ms: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    started_ms: list[float] = field(default_factory=list)
    threads: int = 0
    resting: idle.Idle | None = None


def measure(python: str, rounds: int, saves: int, idle_s: float) -> dict[str, Found]:
    """All of them, so many times so many saves each."""
    found = {name: Found() for name in (*PEERS, BARE)}
    for nth in range(rounds):
        for name in random.sample(list(PEERS), len(PEERS)):
            with tempfile.TemporaryDirectory() as directory:
                _one(found[name], found[BARE], name, python, Path(directory), saves, idle_s if nth == 0 else 0)
    return found


def _one(found: Found, bare: Found, name: str, python: str, directory: Path, saves: int, idle_s: float) -> None:
    window_ms = 0 if name in WINDOWLESS else WINDOW_MS
    writer = Writer(directory, clean=True, section=SECTION.get(name, ""))
    with Subject("bench.peer", name, writer.path, WINDOW_MS, python=python) as subject:
        time.sleep(0.5)
        added, started_ms, _, found.threads = subject.ask("footprint")
        found.added.append(added)
        found.started_ms.append(started_ms)
        if idle_s:
            found.resting = idle.watched(subject.proc, idle_s)
        found.read_ns += subject.ask("reads", 50)
        found.reload_ms += subject.ask("reload", saves)
        for _ in range(saves if name in WATCHING else 0):
            time.sleep(random.uniform(0.06, 0.14))
            saved = writer.save().monotonic
            seen = subject.ask("look", saved + window_ms * MS - EARLY_NS)["seen"]
            _note(found.idle, found, seen, saved, window_ms)
        for _ in range(saves if name in WATCHING and window_ms != 0 else 0):
            time.sleep(random.uniform(0.2, 0.3))
            subject.send("spin")
            time.sleep(random.uniform(0.06, 0.14))
            saved = writer.save().monotonic
            _note(found.busy, found, subject.receive()["seen"], saved, window_ms)
            if name == OURS:
                deadline = time.monotonic_ns() + WINDOW_MS * MS
                bare.busy.append((subject.ask("bare", deadline)["seen"] - deadline) / MS)


def _note(values: list[float], found: Found, seen: int, saved: int, window_ms: int) -> None:
    if seen < 0:
        found.unseen += 1
    else:
        values.append((seen - saved) / MS - window_ms)


def rows(found: dict[str, Found]) -> list[Row]:
    """Every peer beside the others, and the goals that are about them."""
    ours = found[OURS]
    best = min(percentile(found[name].idle, 0.5) for name in WATCHING if name != OURS and found[name].idle)
    bare = percentile(found[BARE].busy, 0.5)
    beyond, busy = percentile(ours.idle, 0.5), percentile(ours.busy, 0.5)
    reads = {name: min(each.read_ns) for name, each in found.items() if each.read_ns}
    fastest = min(reads[name] for name in LIBRARIES)
    return [
        *_latencies("save → visible, beyond the window, idle", {name: found[name].idle for name in WATCHING}),
        Row("  the best recipe ÷ hotconf, p50", "", "≥ 5 ×", f"{best / beyond:.1f} ×", best >= 5 * beyond),
        *_latencies("the same beside a busy thread", {name: found[name].busy for name in (*WATCHING, BARE)}),
        Row("  hotconf ÷ the bare thread, p50", "", "≤ 1.2 ×", f"{busy / bare:.2f} ×", busy <= 1.2 * bare),
        Row("  hotconf beside a busy thread, p50", "", "≤ 6 ms", f"{busy:.2f} ms", busy <= 6),
        *(Row(f"read, {name} (with the call around it)", "", "", f"{value:.0f} ns") for name, value in reads.items()),
        Row(
            "  ÷ the fastest library's (recipes: a slot)",
            "",
            "< 1",
            f"{reads[OURS] / fastest:.2f} ×",
            reads[OURS] < fastest,
        ),
        *(
            Row(f"reload by hand, {name}", "", "", f"{both(each.reload_ms)} ms")
            for name, each in found.items()
            if each.reload_ms
        ),
        *(Row(f"at rest, {name}", "", "", _rest(each)) for name, each in found.items() if each.resting),
    ]


def _latencies(what: str, found: dict[str, list[float]]) -> list[Row]:
    return [
        Row(f"{what}, {name}", "", "", " / ".join(f"{percentile(each, share):.2f}" for share in SHARES) + " ms")
        for name, each in found.items()
        if each
    ]


SHARES = (0.5, 0.95, 0.99, 1)


def _rest(found: Found) -> str:
    rest = found.resting
    if rest is None:
        return ""
    return (
        f"{rest.cpu_percent:.3f} % CPU, {rest.wakeups:.1f} wake-ups/s, {found.threads} threads, "
        f"{median(found.added) / 1e6:+.1f} MB, start {median(found.started_ms):.0f} ms"
    )
