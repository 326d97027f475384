"""The machine and the versions that the figures belong to."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def facts() -> list[str]:
    """One line each."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("hotconf", "pydantic", "pydantic-core", "tomli"))
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{_cpu()}, {cores()} cores; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}; {packages}",
        f"files on {_file_system()}; load average {load()}",
    ]


def peers(python: str) -> list[str]:
    """The versions of the peers, in their environment."""
    names = ("watchdog", "watchfiles", "dynamic-config-py", "dynaconf", "pydantic-settings", "pydantic")
    code = f"from importlib.metadata import version; print(*(n + ' ' + version(n) for n in {names!r}), sep=', ')"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return [f"peers: {done.stdout.strip()}"]


def cores() -> int:
    """How many processors may be used."""
    return len(os.sched_getaffinity(0))


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
