"""Real editors and tools, and a place to work in where they behave as in a home directory.

Not in the system's directory for temporary files: there vim and others save in another way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_WORK = Path(__file__).parents[1] / ".test-work"


@contextmanager
def workplace(prefix: str) -> Iterator[Path]:
    """An empty directory below the checkout, removed in the end."""
    _WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_WORK, prefix=prefix) as directory:
        yield Path(directory)


def nobodys(home: Path) -> dict[str, str]:
    """The environment of a user without any settings, at home in `home`."""
    mine = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    return {"PATH": os.environ["PATH"], **mine}


def need(tool: str) -> str:
    """The path of `tool`. Without it the test is skipped, but fails in CI, where all of them are installed."""
    found = shutil.which(tool)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{tool} is not installed")
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


def run(directory: Path, environment: dict[str, str], *command: str, stdin: str | None = None) -> None:
    """Run a tool to its end."""
    need(command[0])
    subprocess.run(
        command, cwd=directory, env=environment, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL
    )
