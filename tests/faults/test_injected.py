"""Whichever system call fails, once or for good: nothing is deaf, stuck, left open or unhandled."""

from __future__ import annotations

import errno
import random
import sys
from collections import Counter
from pathlib import Path
from typing import TypeVar

import pytest

if sys.platform != "linux":
    pytest.skip("the calls are Linux's", allow_module_level=True)

from faults import injection
from faults.injection import Always, Once, named
from faults.operations import OPERATIONS, count, trial
from faults.trials import Trial, faults_of, result_of
from torture.extent import FULL

T = TypeVar("T")

SAMPLE = 3
"""So many of the calls of each operation fail beside the other tests, each operation's with one error."""


def every(codes: tuple[int, ...]) -> list[tuple[str, int]]:
    """Operations and errors: all pairs in full, otherwise each operation with one of the errors."""
    names = list(OPERATIONS)
    pairs = [(name, code) for name in names for code in codes]
    return pairs if FULL else [(name, codes[at % len(codes)]) for at, name in enumerate(names)]


def some_of(found: list[T], seed: object) -> list[T]:
    """All in full, otherwise a few, always the same."""
    return found if FULL else random.Random(str(seed)).sample(found, min(SAMPLE, len(found)))


def calls_of(operation: str, directory: Path) -> list[str]:
    """What it calls, in a process of its own."""
    directory.mkdir()
    return [str(name) for name in result_of(lambda: count(OPERATIONS[operation], directory))]


def judge(trials: list[Trial]) -> None:
    """None of them goes wrong."""
    faults = faults_of(trials)
    assert not faults, "\n".join([f"{len(faults)} of {len(trials)}:", *faults])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("operation", "code"), every(injection.ONCE), ids=named)
def test_one_call_fails_once(tmp_path, operation, code):
    """Each of them in turn; afterwards all is as if nothing had happened.

    Python repeats what is interrupted (EINTR), except what is called through ctypes.
    """
    calls = Counter(calls_of(operation, tmp_path / "count"))
    if code == errno.EINTR:
        calls = Counter({name: times for name, times in calls.items() if name.startswith("system.")})
    run = OPERATIONS[operation]
    judge(
        [
            trial(run, tmp_path / f"{name}-{at}", Once(name, at, code), f"{operation} {name} {at} {named(code)}")
            for name, at in some_of([(name, at + 1) for name in sorted(calls) for at in range(calls[name])], code)
        ]
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("operation", "code"), every(injection.FOR_GOOD), ids=named)
def test_a_call_fails_for_good(tmp_path, operation, code):
    """Meanwhile a fallback works, or the reason why not is reported; once the call works again all is well."""
    names = sorted(set(calls_of(operation, tmp_path / "count")))
    run = OPERATIONS[operation]
    judge(
        [
            trial(run, tmp_path / name, Always(name, code), f"{operation} {name} {named(code)}")
            for name in some_of(names, (operation, code))
        ]
    )
