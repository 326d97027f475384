"""What watchers cost while nothing happens, told by the kernel's own counters from outside; all at the same time."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.process import Subject
from bench.table import Row
from bench.writer import Writer

WINDOW_MS = 100
CROWDS = (1, 10, 50, 200)
KB = 1000
SETTLED_S = 3
"""After which nothing is left to do for what was started."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What all threads of a process did in a while, beyond sleeping."""

    cpu_percent: float
    wakeups: float
    """A second."""
    threads: int

    def __str__(self) -> str:
        return f"{self.cpu_percent:.3f} % CPU, {self.wakeups:.1f} wake-ups/s, {self.threads} threads"


def rows(seconds: float) -> list[Row]:
    """Alone, beside a busy neighbour, and with many watchers in a process."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        alone, path = _settled(stack, Path(name) / "alone")
        bare = stack.enter_context(Subject("bench.statting", path))
        beside, path = _settled(stack, Path(name) / "beside")
        crowds = [stack.enter_context(Subject("bench.crowd", count)) for count in CROWDS]
        kept = [crowd.ask("kept") for crowd in crowds]
        stop = threading.Event()
        log = threading.Thread(target=_chatter, args=(path.with_name("debug.log"), stop))
        log.start()
        time.sleep(SETTLED_S)
        processes = [alone.proc, bare.proc, beside.proc, *(crowd.proc for crowd in crowds)]
        idle, control, noisy, *many = watched(processes, seconds)
        stop.set()
        log.join()
    return [
        Row("idle: CPU", "< 0.5 %", "≤ 0.05 %", f"{idle.cpu_percent:.4f} %", idle.cpu_percent <= 0.05),
        _against(idle, control),
        Row("idle: wake-ups", "", "≤ 1/s", f"{idle.wakeups:.2f}/s", idle.wakeups <= 1),
        Row("  threads, the main one included", "", "", f"{idle.threads}"),
        Row("  next to a log in the same directory, 100 lines a second", "", "", f"{noisy}"),
        *_crowds(dict(zip(CROWDS, many, strict=True)), dict(zip(CROWDS, kept, strict=True))),
    ]


def _against(idle: Idle, control: Idle) -> Row:
    what = "idle: CPU ÷ a bare thread that stats one file every 2 s"
    ratio = idle.cpu_percent / control.cpu_percent
    return Row(what, "", "≤ 4 ×", f"{ratio:.1f} × ({control.cpu_percent:.4f} %)", ratio <= 4, what)


def _crowds(idle: dict[int, Idle], kept: dict[int, int]) -> list[Row]:
    most = max(idle)
    each = {count: (kept[count] - kept[1]) / (count - 1) / KB for count in idle if count > 1}
    more = idle[most].threads - idle[1].threads
    threads, cpu = (
        f"{most} watchers in one process: threads more than with one",
        f"{most} watchers in one process: CPU",
    )
    memory = "memory for each watcher more, its config of 10 keys included"
    return [
        *(
            Row(
                f"{count} watcher{'s' if count > 1 else ''} in one process",
                "",
                "",
                f"{found}" + (f", {each[count]:.1f} KB for each more" if count in each else ""),
            )
            for count, found in idle.items()
        ),
        Row(f"  {threads}", "", "0", f"{more}", more <= 0, threads),
        Row(f"  {cpu}", "", "≤ 0.2 %", f"{idle[most].cpu_percent:.3f} %", idle[most].cpu_percent <= 0.2, cpu),
        Row(f"  {memory}", "", "≤ 100 KB + config", f"{each[most]:.1f} KB", each[most] <= 100, memory),
    ]


def _settled(stack: ExitStack, directory: Path) -> tuple[Subject, Path]:
    """After two reloads, so that every thread is there."""
    directory.mkdir()
    writer = Writer(directory)
    subject = stack.enter_context(Subject("bench.subject", writer.path, WINDOW_MS))
    for _ in range(2):
        writer.save()
        subject.ask("last")
    return subject, writer.path


def watched(processes: Sequence[Path], seconds: float) -> list[Idle]:
    """What each process did in so many seconds, by the kernel's counters."""
    began = time.monotonic()
    before = [_counters(proc) for proc in processes]
    time.sleep(seconds)
    after = [_counters(proc) for proc in processes]
    passed = time.monotonic() - began
    return [
        Idle(100 * (cpu_now - cpu) / passed, (switches_now - switches) / passed, threads)
        for (cpu, switches, _), (cpu_now, switches_now, threads) in zip(before, after, strict=True)
    ]


def _counters(proc: Path) -> tuple[float, int, int]:
    """Seconds of CPU, times that a thread went back to sleep, and threads."""
    tasks = list((proc / "task").iterdir())
    cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    lines = [line for task in tasks for line in (task / "status").read_text().splitlines()]
    return cpu, sum(int(line.split()[1]) for line in lines if line.startswith("voluntary")), len(tasks)


def _chatter(path: Path, stop: threading.Event) -> None:
    with path.open("w") as log:
        while not stop.wait(0.01):
            print("[DEBUG] something happened", file=log, flush=True)
