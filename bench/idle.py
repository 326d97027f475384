"""What a watcher costs while nothing happens, told by the kernel's own counters from outside."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.process import Subject
from bench.table import Row
from bench.writer import Writer

WINDOW_MS = 100


@dataclass(frozen=True, slots=True)
class Idle:
    """What all threads of a process did in a while, beyond sleeping."""

    cpu_percent: float
    wakeups: float
    """A second."""
    threads: int


def rows(seconds: float) -> list[Row]:
    """Alone, and beside a busy neighbour."""
    alone = measure(seconds, neighbour=False)
    beside = measure(seconds, neighbour=True)
    return [
        Row("idle: CPU", "< 0.5 %", "≤ 0.05 %", f"{alone.cpu_percent:.4f} %", alone.cpu_percent <= 0.05),
        Row("idle: wake-ups", "", "≤ 1/s", f"{alone.wakeups:.2f}/s", alone.wakeups <= 1),
        Row("  threads, the main one included", "", "", f"{alone.threads}"),
        Row(
            "  beside a log in the same directory, 100 lines a second",
            "",
            "",
            f"{beside.cpu_percent:.4f} %, {beside.wakeups:.2f}/s",
        ),
    ]


def measure(seconds: float, *, neighbour: bool) -> Idle:
    """After two reloads, so that every thread is there."""
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name))
        with Subject("bench.subject", writer.path, WINDOW_MS) as subject:
            for _ in range(2):
                writer.save()
                time.sleep(0.5)
            subject.ask("last")
            time.sleep(1)
            stop = threading.Event()
            log = threading.Thread(target=_chatter, args=(writer.path.with_name("debug.log"), stop))
            if neighbour:
                log.start()
            idle = watched(subject.proc, seconds)
            stop.set()
            if neighbour:
                log.join()
            return idle


def watched(proc: Path, seconds: float) -> Idle:
    """What the process did in so many seconds, by the kernel's counters."""
    began = time.monotonic()
    cpu, switches, _ = _counters(proc)
    time.sleep(seconds)
    cpu_now, switches_now, threads = _counters(proc)
    passed = time.monotonic() - began
    return Idle(100 * (cpu_now - cpu) / passed, (switches_now - switches) / passed, threads)


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
