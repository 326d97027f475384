"""What a reload costs the process: CPU, and memory while it runs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.process import Subject
from bench.table import Row, median
from bench.writer import Writer

WINDOW_MS = 100
KIB = 1024
MB = 1_000_000


def rows(saves: int) -> list[Row]:
    """CPU a reload, and peaks of memory."""
    warned, first, later = _reloads(saves, clean=False)
    clean, *_ = _reloads(saves, clean=True)
    traced, traced_clean = (_traced(clean=clean) / MB for clean in (False, True))
    return [
        Row("reload: CPU of all threads", "10–20 % for ~50 ms", "≤ 5 ms", f"{warned:.2f} ms", warned <= 5),
        Row("  if there is nothing to warn of", "", "", f"{clean:.2f} ms"),
        Row("reload: peak of traced allocations", "~1 MB", "≤ 1 MB", f"{traced:.2f} MB", traced <= 1),
        Row("  if there is nothing to warn of", "", "", f"{traced_clean:.2f} MB"),
        Row("  peak of resident memory, the first reload", "", "", f"{first / MB:+.2f} MB"),
        Row("  peak of resident memory, later ones", "", "", f"{later / MB:+.2f} MB"),
    ]


def _reloads(saves: int, *, clean: bool) -> tuple[float, float, float]:
    """CPU of one reload in ms; by how many bytes the first one, and later ones, raise the peak of resident memory."""
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), clean=clean)
        with Subject("bench.subject", writer.path, WINDOW_MS) as subject:
            time.sleep(1)
            first = _peak(writer, subject)[1]
            idle = _cpu_ms(subject, writer, saves, saving=False)
            busy = _cpu_ms(subject, writer, saves, saving=True)
            later = median(_peak(writer, subject)[1] for _ in range(5))
            return (busy - idle) / saves, first, later


def _cpu_ms(subject: Subject, writer: Writer, times: int, *, saving: bool) -> float:
    before = subject.ask("cpu")
    for _ in range(times):
        if saving:
            writer.save()
        time.sleep(0.2)
    used: float = (subject.ask("cpu") - before) / 1e6
    return used


def _traced(*, clean: bool) -> float:
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), clean=clean)
        with Subject("bench.subject", writer.path, WINDOW_MS) as subject:
            _peak(writer, subject)
            subject.ask("trace")
            return median(_peak(writer, subject)[0] for _ in range(5))


def _peak(writer: Writer, subject: Subject) -> tuple[float, float]:
    """Bytes above what there was before one reload: traced, resident."""
    traced, resident = subject.ask("mark")
    writer.save()
    time.sleep(0.2)
    subject.ask("last")
    traced_peak, resident_peak = subject.ask("peak")
    return traced_peak - traced, (resident_peak - resident) * KIB
