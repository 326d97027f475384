"""Everything that files can make large costs linear time and bounded memory, in every operation.

Each operation is measured, in CPU time, on each construct in sizes that double. A part in `make test`, all in
`make torture`: `HOTCONF_TORTURE=full pytest tests/growth`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from growth.constructs import CONSTRUCTS
from growth.operations import OPERATIONS
from growth.worker import is_fair
from torture.extent import FULL

TESTS: Final = Path(__file__).parents[1]
ALL: Final = [(operation, construct) for construct in CONSTRUCTS for operation in OPERATIONS]
OFTEN_FAILED: Final = [
    ("load", "long key"),
    ("load", "wrong alternatives"),
    ("load", "many unknown keys"),
    ("load", "texts to split"),
    ("load", "JSON of wrong alternatives"),
    ("load", "an unclosed string below"),
    ("expand", "nested folders and stars"),
    ("expand", "stars and long names"),
    ("reload", "many secrets by type"),
    ("reload, described", "many secrets"),
    ("rollback", "many secrets"),
    ("rollback", "many tables"),
    ("close", "fragments"),
    ("check text", "secrets and wrong numbers"),
    ("check github", "one line of strings"),
    ("check sarif", "wrong values in tables"),
    ("diff", "many keys"),
    ("show", "arrays of tables"),
    ("watch", "one line of numbers"),
    ("reload", "YAML: many tables"),
    ("check text", "YAML: wrong items"),
    ("diff", "YAML: secrets"),
]
CPU_S: Final = 0.3 if FULL else 0.06
WITHIN_S: Final = 60 if FULL else 1
MOST_MIB: Final = 400
"""The most memory of a process: pydantic and hotconf take 40 of it."""


@pytest.fixture(scope="module")
def worker() -> Iterator[subprocess.Popen[str]]:
    """A process without threads, which forks for each cell."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "growth.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TESTS, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(worker: subprocess.Popen[str], operation: str, construct: str, **how: float) -> dict[str, Any]:
    """The result of one cell."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(json.dumps({"operation": operation, "construct": construct, **how}), file=worker.stdin, flush=True)
    found: dict[str, Any] = json.loads(worker.stdout.readline())
    return found


@pytest.mark.parametrize(("operation", "construct"), ALL if FULL else OFTEN_FAILED)
def test_twice_as_large_takes_twice_as_long(worker, operation, construct):
    """At most 2.6 times as long, in CPU time; and no more memory than a process may have."""
    found = ask(worker, operation, construct, cpu_s=CPU_S, within_s=WITHIN_S)
    assert "failure" not in found, found["failure"]
    least = dict(zip(found["sizes"], found["seconds"], strict=True))
    assert is_fair(found["sizes"], least), least
    assert found["mib"] <= MOST_MIB


@pytest.mark.parametrize(
    "construct", CONSTRUCTS if FULL else ["wrong alternatives", "a long comment", "YAML: many tables"]
)
def test_a_megabyte_takes_bounded_memory(worker, construct):
    """Whatever it holds, and whether it is valid or not."""
    found = ask(worker, "load", construct, size=CONSTRUCTS[construct].most)
    assert "failure" not in found, found["failure"]
    assert found["mib"] <= MOST_MIB


def test_the_measure_finds_what_grows_too_fast():
    """Twice the size and four times the time fails, a little noise does not."""
    assert is_fair([1, 2, 4], {1: 0.01, 2: 0.1, 4: 0.21})
    assert not is_fair([1, 2, 4], {1: 0.01, 2: 0.1, 4: 0.4})
    assert is_fair([1, 2, 4], {1: 0.001, 2: 0.002, 4: 0.1})
