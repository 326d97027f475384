"""Storms of events, and a kernel queue that overflows: the last save is published, and memory stays what it was."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL, some
from torture.harness import PATIENCE_S, WINDOW_MS, Case
from torture.patterns import plain

EVENTS = 100_000 if FULL else 10_000
MOST_BYTES = 16 * 1024 * 1024
"""That much more memory after a storm is not a leak: queues, and what the allocator keeps."""
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")

NEIGHBOUR = """
import os, sys
directory, events, who = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for number in range(events // 3):  # created, closed, deleted
    name = f"{directory}/{who}-{number % 50}"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    os.unlink(name)
"""


def neighbours(directory: Path, events: int, who: str) -> subprocess.Popen[bytes]:
    """Somebody who makes that many events in the directory of the file."""
    return subprocess.Popen([sys.executable, "-S", "-c", NEIGHBOUR, str(directory), str(events), who])


def storm(case: Case, path: Path, dice: random.Random, events: int, *, first: int) -> None:
    """Neighbours make a storm, in which the file is saved all the time."""
    process = neighbours(path.parent, events, "x")
    number = first
    while process.poll() is None:
        number += 1
        case.will(main(number))
        fresh = path.with_name("fresh")
        fresh.write_text(main(number))
        fresh.replace(path)
        time.sleep(dice.choice([0.0, 0.001, WINDOW_MS / 500]))
    assert process.wait() == 0


def test_storm(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Storms: so many events of neighbours, and saves all the while; memory stays what it was."""
    path = plain(root).config
    with begin(path, own=True) as case:
        case.will(main(1000))
        storm(case, path, dice, 2000, first=2000)
        case.settles()
        before = case.process.ask("figures")["resident"]
        storm(case, path, dice, EVENTS, first=20_000)
        case.settles()
        grown = case.process.ask("figures")["resident"] - before
        if grown > MOST_BYTES:
            case.faults.append(("leaked", f"{grown} bytes more after {EVENTS} events"))


def test_storm_on_the_file(root: Path, begin: Callable[..., Case]) -> None:
    """Storms on the file itself: opened, written, closed, touched, linked and unlinked as fast as it goes."""
    path = plain(root).config
    with begin(path, own=True) as case:
        case.will(main(1000))
        for _ in range(EVENTS // 5):
            with path.open("r+") as file:
                file.write("f")  # the letter that stands there anyway
            path.chmod(0o644)
            path.with_name("other").hardlink_to(path)
            path.with_name("other").unlink()
        case.will(main(2000))
        path.write_text(main(2000))
        case.settles()


def test_storm_of_subjects(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Storms on links: each link of a chain is retargeted again and again."""
    one, two = root / "one.toml", root / "two.toml"
    one.write_text(main(1000))
    two.write_text(main(2000))
    path, middle = root / "config.toml", root / "middle"
    path.symlink_to("middle")
    middle.symlink_to("one.toml")
    turns = EVENTS // 20
    with begin(path) as case:
        for number in (1000, 2000) * (turns // 2 + 1):
            case.will(main(number))
        for turn in range(turns):
            fresh = root / "fresh"
            fresh.symlink_to("two.toml" if turn % 2 else "one.toml")
            fresh.replace(middle)
            if turn % 50 == 0:
                time.sleep(dice.choice([0.0, WINDOW_MS / 500]))
        case.will(main(3000))
        (root / "three.toml").write_text(main(3000))
        middle.unlink()
        middle.symlink_to("three.toml")
        case.settles()


@pytest.mark.parametrize("also", some(["the directory is replaced", "a writer stays", "nothing", "saved before"], 2))
def test_queue_overflow(root: Path, begin: Callable[..., Case], also: str) -> None:
    """Queue overflow: while the process is stopped the kernel loses events, that of the save among them."""
    path = plain(root).config
    most = int(QUEUE.read_text())
    if most > 1_000_000:
        pytest.skip(f"the queue holds {most} events")
    with begin(path, own=True) as case:
        case.will(main(1000))
        case.process.signal(signal.SIGSTOP)
        if also == "saved before":
            case.will(main(1500))
            path.write_text(main(1500))
        assert neighbours(path.parent, most + 3000, "a").wait(PATIENCE_S) == 0
        if also == "the directory is replaced":
            shutil.copytree(path.parent, path.parent.with_name("fresh"))
            path.parent.rename(path.parent.with_name("old"))
            path.parent.with_name("fresh").rename(path.parent)
        writer = path.open("a") if also == "a writer stays" else None
        if writer:
            writer.write("# ")
            writer.flush()
        case.will(main(2000))
        fresh = path.with_name("fresh.toml")
        fresh.write_text(main(2000))
        fresh.replace(path)
        case.process.signal(signal.SIGCONT)
        case.settles()
        if writer:
            writer.close()
        for number in (3000, 3001):  # and it still hears
            case.will(main(number))
            path.write_text(main(number))
            case.settles()
