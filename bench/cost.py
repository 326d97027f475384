"""What a reload costs the process: CPU, and memory while it runs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.budget import Budget
from bench.process import Subject
from bench.table import Row, median, spread
from bench.writer import Writer

WINDOW_MS = 100
TAIL_S = 0.02
"""After an ending was told there is still a little to be done."""
KIB = 1024
MB = 1_000_000


def rows(budget: Budget, least: int) -> list[Row]:
    """CPU a reload, and peaks of memory."""
    warned, first, later = _reloads(budget.share(0.4), least, clean=False)
    clean, *_ = _reloads(budget.share(0.4), least, clean=True)
    traced, traced_clean = (_traced(clean=clean) / MB for clean in (False, True))
    cpu = median(warned)
    return [
        Row("reload: CPU of all threads", "10–20 % for ~50 ms", "≤ 6 ms", spread(warned), cpu <= 6),
        Row("  if there is nothing to warn of", "", "", spread(clean)),
        Row("reload: peak of traced allocations", "~1 MB", "≤ 1 MB", f"{traced:.2f} MB", traced <= 1),
        Row("  if there is nothing to warn of", "", "", f"{traced_clean:.2f} MB"),
        Row("  peak of resident memory, the first reload", "", "", f"{first / MB:+.2f} MB"),
        Row("  peak of resident memory, later ones", "", "", f"{later / MB:+.2f} MB"),
    ]


def _reloads(budget: Budget, least: int, *, clean: bool) -> tuple[list[float], float, float]:
    """Milliseconds of CPU of each reload; by how many bytes the first, and later ones, raise the peak of memory."""
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), clean=clean)
        with Subject("bench.subject", writer.path, WINDOW_MS) as subject:
            time.sleep(0.5)
            first = _peak(writer, subject)[1]
            used = [_cpu_ms(subject, writer) for _ in budget.samples(least, 200)]
            later = median(_peak(writer, subject)[1] for _ in range(3))
            return used, first, later


def _cpu_ms(subject: Subject, writer: Writer) -> float:
    """Of all threads, for one save; what they use while they wait is too little to be seen here."""
    before = subject.ask("cpu")
    writer.save()
    subject.ask("last")
    time.sleep(TAIL_S)
    used: float = (subject.ask("cpu") - before) / 1e6
    return used


def _traced(*, clean: bool) -> float:
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), clean=clean)
        with Subject("bench.subject", writer.path, WINDOW_MS) as subject:
            _peak(writer, subject)
            subject.ask("trace")
            return median(_peak(writer, subject)[0] for _ in range(3))


def _peak(writer: Writer, subject: Subject) -> tuple[float, float]:
    """Bytes above what there was before one reload: traced, resident."""
    traced, resident = subject.ask("mark")
    writer.save()
    subject.ask("last")
    traced_peak, resident_peak = subject.ask("peak")
    return traced_peak - traced, (resident_peak - resident) * KIB
