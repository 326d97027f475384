"""State directories of every owner and mode: a valid configuration always starts; nothing unsafe is trusted."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from outsiders import outsiders_python
from torture.extent import FULL
from torture.owners import cases

PARTS = 13
"""All cases in so many tests. Prime, as is the step of a bounded run: so each part has every owner, mode and act."""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can act as other users")
@pytest.mark.parametrize("part", range(PARTS) if FULL else [0])
def test_owners(part: int) -> None:
    """State directories of any owner, group, mode and umask, opened between two starts, with intruders."""
    step = PARTS if FULL else 307
    python, needed = outsiders_python()
    done = subprocess.run(
        [python, "-m", "torture.owners", str(part), str(step)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **needed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert told["cases"] == len(cases()[part::step])
    assert min(told["counts"][name] for name in ("kept", "not kept", "fell back", "failed")) > 0, "nothing was tried"
