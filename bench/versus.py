"""hotconf beside its peers, in turn within one run: all are started, and then each saves, one after the other."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import idle
from bench.budget import Budget
from bench.peer import PEERS, SECTION, WATCHING, WINDOWED
from bench.process import Subject
from bench.table import Row, median, percentile, spread
from bench.writer import Writer

MS = 1_000_000
WINDOW_MS = 100
LONGER_MS = 500
EARLY_NS = 8 * MS
OURS = "hotconf"
RECIPES = ("watchdog + Timer", "watchfiles")
"""Those that settle; the poll has no window, and is late by half a second as a rule."""
BARE = "a bare thread"
WHERE = ("idle", "one busy thread", "two busy threads", "a busy event loop", "told in the loop", "refused", "by hand")


@dataclass(slots=True)
class Found:
    """What was measured of one peer; latencies in milliseconds, beyond the window."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: {where: [] for where in WHERE})
    unseen: int = 0
    """Saves that were not seen, or told of, within twenty seconds."""
    footprints: list[tuple[float, float]] = field(default_factory=list)
    """Bytes added and milliseconds of the start, of each process; the first one may have had to compile."""
    resting: idle.Idle | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """A peer in its process, and who saves for it."""

    name: str
    subject: Subject
    writer: Writer
    window_ms: int
    found: Found
    bare: Found


def measure(python: str, budget: Budget, idle_s: float, generations: int) -> dict[str, Found]:
    """All of them; in each generation their processes are new."""
    found = {name: Found() for name in (*PEERS, BARE)}
    for nth in range(generations):
        share = budget.share(1 / generations)
        with ExitStack() as stack:
            everyone = [
                _started(stack, name, python, WINDOW_MS, found) for name in random.sample(list(PEERS), len(PEERS))
            ]
            time.sleep(1)  # those that watch in a thread have begun to
            if nth == 0:
                resting = idle.watched([each.subject.proc for each in everyone], idle_s)
                for each, rest in zip(everyone, resting, strict=True):
                    each.found.resting = rest
            for turn in share.samples(2, 1000):
                for each in random.sample(everyone, len(everyone)):
                    _turn(each, turn)
    return found


def measure_busy(python: str, budget: Budget, least: int) -> dict[str, Found]:
    """hotconf alone, with a window in which a load has room beside busy threads, too."""
    found = {name: Found() for name in (OURS, BARE)}
    with ExitStack() as stack:
        each = _started(stack, OURS, python, LONGER_MS, found)
        for _ in budget.samples(least, 100):
            _busy(each, "one busy thread", 0)
    return found


def busy_rows(found: dict[str, Found]) -> list[Row]:
    """As those of the peers."""
    where = "one busy thread"
    what = f"with {where}, window of {LONGER_MS} ms"
    return [*_latencies(found, what, where), *against_bare(found, where, LONGER_MS)]


def _started(stack: ExitStack, name: str, python: str, window_ms: int, found: dict[str, Found]) -> Contender:
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    writer = Writer(Path(directory), clean=True, section=SECTION.get(name, ""))
    subject = stack.enter_context(Subject("bench.surroundings", name, writer.path, window_ms, python=python))
    added, started_ms, _ = subject.ask("footprint")
    found[name].footprints.append((added, started_ms))
    return Contender(name, subject, writer, window_ms if name in WINDOWED else 0, found[name], found[BARE])


def _turn(each: Contender, nth: int) -> None:
    """One save in each of the surroundings; three where it sleeps."""
    if each.name not in WATCHING:
        each.found.latencies["by hand"].append(each.subject.ask("reload"))
    elif each.name not in WINDOWED:
        _idle(each)
    else:
        for _ in range(3):
            _idle(each)
        _busy(each, "one busy thread", 0)
        _busy(each, "two busy threads", 1)
        _looping(each)
        if nth % 2 == 0:
            _refused(each)


def _idle(each: Contender) -> None:
    _pause()
    saved = each.writer.save().monotonic
    seen = each.subject.ask("look", saved + each.window_ms * MS - EARLY_NS)["seen"]
    _note(each, "idle", seen, saved)


def _busy(each: Contender, where: str, others: int) -> None:
    _pause()
    each.subject.send("spin", others)
    _pause()
    saved = each.writer.save().monotonic
    _note(each, where, each.subject.receive()["seen"], saved)
    if each.name == OURS:
        # For comparison, in the same surroundings, within the second.
        deadline = time.monotonic_ns() + each.window_ms * MS
        late = (each.subject.ask("bare", deadline, others)["seen"] - deadline) / MS
        each.bare.latencies[where].append(late)


def _looping(each: Contender) -> None:
    _pause()
    each.subject.send("loop")
    _pause()
    saved = each.writer.save().monotonic
    found = each.subject.receive()
    _note(each, "a busy event loop", found["seen"], saved)
    if each.name == OURS:
        _note(each, "told in the loop", found["told"], saved)


def _refused(each: Contender) -> None:
    if each.subject.ask("listen"):
        _pause()
        saved = each.writer.spoil().monotonic
        _note(each, "refused", each.subject.ask("refusal")["seen"], saved)
        each.writer.save()
        each.subject.ask("look", 0)


def _pause() -> None:
    """The saves come at any phase of the clocks."""
    time.sleep(random.uniform(0.03, 0.08))


def _note(each: Contender, where: str, seen: int, saved: int) -> None:
    if seen < 0:
        each.found.unseen += 1
    else:
        each.found.latencies[where].append((seen - saved) / MS - each.window_ms)


def rows(found: dict[str, Found]) -> list[Row]:
    """Every peer beside the others, and the goals that are about them."""
    return [
        *_latencies(found, "save → visible, idle", "idle"),
        _best(found),
        *_latencies(found, "with one busy thread", "one busy thread"),
        *against_bare(found, "one busy thread", WINDOW_MS),
        *_latencies(found, "with two busy threads", "two busy threads"),
        *against_bare(found, "two busy threads", WINDOW_MS, goal=False),
        *_latencies(found, "in an event loop that is never idle", "a busy event loop"),
        *_latencies(found, "  delivered to an `async for` in that loop", "told in the loop"),
        *_latencies(found, "an invalid save → reported", "refused"),
        *_latencies(found, "reload by hand", "by hand"),
        *(Row(f"at rest, {name}", "", "", _rest(each)) for name, each in found.items() if each.resting),
        *(
            Row(f"  never seen or reported, {name}", "", "", f"{each.unseen} saves")
            for name, each in found.items()
            if each.unseen
        ),
    ]


def against_bare(found: dict[str, Found], where: str, window_ms: int, *, goal: bool = True) -> list[Row]:
    """hotconf beside busy threads, against a bare thread there: a save waits for the GIL twice, a sleep once."""
    ours, bare = (percentile(found[name].latencies[where], 0.5) for name in (OURS, BARE))
    ratio, plain = (
        f"hotconf ÷ the bare thread, p50, {where}, window of {window_ms} ms",
        f"hotconf, p50, {where}, window of {window_ms} ms",
    )
    if not goal:
        return [Row(f"  {ratio}", "", "", f"{ours / bare:.2f} ×")]
    return [
        Row(f"  {ratio}", "", "", f"{ours / bare:.2f} ×"),
        Row(f"  {plain}", "", "≤ 2 × a bare thread + 1 ms", f"{ours:.2f} ms", ours <= 2 * bare + 1, plain),
    ]


def _best(found: dict[str, Found]) -> Row:
    best = min(percentile(found[name].latencies["idle"], 0.5) for name in RECIPES if found[name].latencies["idle"])
    ratio = best / percentile(found[OURS].latencies["idle"], 0.5)
    what = "the best Python recipe ÷ hotconf, p50, idle, window of 100 ms"
    return Row(f"  {what}", "", "≥ 5 ×", f"{ratio:.1f} ×", ratio >= 5, what)


def _latencies(found: dict[str, Found], what: str, where: str) -> list[Row]:
    return [
        Row(f"{what}, {name}", "", "", spread(each.latencies[where]))
        for name, each in found.items()
        if each.latencies[where]
    ]


def p50(found: dict[str, Found], wheres: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """For the plot: of each peer, in each of the surroundings."""
    return {
        where: {name: percentile(each.latencies[where], 0.5) for name, each in found.items() if each.latencies[where]}
        for where in wheres
    }


def _rest(found: Found) -> str:
    added, started_ms = (median(column) for column in zip(*(found.footprints[1:] or found.footprints), strict=True))
    return f"{found.resting}, {added / 1e6:+.1f} MB, start {started_ms:.0f} ms"
