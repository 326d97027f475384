"""A Python that other users can run: the one that runs the tests may be in root's home directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest

import hotconf

NOBODY = 65534


def outsiders_python() -> tuple[str, dict[str, str]]:
    """The interpreter, and its environment. Without one the test is skipped, but fails in CI."""
    found = _found()
    if found is None and os.environ.get("CI"):
        pytest.fail("there is no Python that other users can run")
    if found is None:
        pytest.skip("there is no Python that other users can run")
    return found


@cache
def _found() -> tuple[str, dict[str, str]] | None:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    elsewhere = shutil.which(name, path="/usr/bin:/usr/local/bin")
    below = [str(Path(hotconf.__file__).parents[1]), sysconfig.get_path("purelib"), str(Path(__file__).parent)]
    for python, environment in ((sys.executable, {}), (elsewhere, {"PYTHONPATH": os.pathsep.join(below)})):
        if python is not None and _runs(python, environment):
            return python, environment
    return None


def _runs(python: str, environment: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import hotconf.cli, hotconf.watcher, pydantic"],
            env={**os.environ, **environment},
            cwd="/",
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0
