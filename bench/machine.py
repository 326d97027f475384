"""The machine and the versions that the figures belong to."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.table import both


def facts() -> list[str]:
    """One line each."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("hotconf", "pydantic", "pydantic-core", "tomli"))
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{_cpu()}, {len(os.sched_getaffinity(0))} cores; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}; {packages}",
        f"files on {_file_system()}; load average {load()}",
        f"a bare sleep of 20 ms ends late by {both(_lateness())} ms (p50 / p95)",
    ]


def load() -> str:
    """The load averages of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def _file_system() -> str:
    """That of the temporary directory, in which everything is measured."""
    place = Path(tempfile.gettempdir()).resolve()
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    around = [mount for mount in mounts if place.is_relative_to(mount[1])]
    return max(around, key=lambda mount: len(mount[1]))[2] if around else "an unknown file system"


def _lateness() -> list[float]:
    late = []
    for _ in range(50):
        began = time.monotonic_ns()
        time.sleep(0.02)
        late.append((time.monotonic_ns() - began) / 1e6 - 20)
    return late
