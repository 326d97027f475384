"""Every object is closed once, none while it is leased, none is left: under load, switches and exceptions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from resources.underload import Verdict
from torture.extent import FULL

TESTS = Path(__file__).parent.parent
USES, GENERATIONS = (100_000, 1_000) if FULL else (1_000, 60)
STORM_S = 30.0 if FULL else 1.5


def verdict(*arguments: object) -> tuple[Verdict, int]:
    """What a process of its own finds, and how many exceptions arrived."""
    command = [sys.executable, "-m", "resources.underload", *map(str, arguments)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout, done.stderr
    *found, booms = json.loads(done.stdout)
    return Verdict(*found), booms


def test_beside_generations_that_come_and_go() -> None:
    """Eight threads lease, while generations are published and retired."""
    found, _ = verdict("ours", "load", USES, GENERATIONS)
    assert found == Verdict(0, 0, 0, GENERATIONS)


def test_under_exceptions() -> None:
    """As before, whatever is raised where."""
    found, booms = verdict("ours", "storm", STORM_S)
    assert found.faults == 0, found
    assert booms > 20
    assert found.generations > 5


def test_a_counter_fails() -> None:
    """Both tests find what is wrong with a counter that has no lock."""
    assert verdict("counted", "load", 1_000, 60)[0].faults
    assert verdict("counted", "storm", 1.5)[0].faults
