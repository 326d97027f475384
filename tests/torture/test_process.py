"""What happens to the process itself: it is stopped, forked, its clock is set, it ends; its own code misbehaves."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL
from torture.harness import WINDOW_MS, Case
from torture.patterns import plain

TURNS = 8 if FULL else 3
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def save(path: Path, number: int) -> None:
    """In one act."""
    fresh = path.with_name("fresh")
    fresh.write_text(main(number))
    fresh.replace(path)


def test_stopped(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """SIGSTOP and SIGCONT: at any moment of a round; what was saved meanwhile is published afterwards."""
    path = plain(root).config
    with begin(path, own=True) as case:
        case.will(main(1000))
        for turn in range(4 * TURNS):
            number = 2000 + 10 * turn
            for step in range(3):
                case.will(main(number + step))
                save(path, number + step)
                if step == 0:
                    time.sleep(dice.uniform(0, WINDOW_MS / 700))
                    case.process.signal(signal.SIGSTOP)
                else:
                    time.sleep(dice.uniform(0, WINDOW_MS / 2000))
            case.process.signal(signal.SIGCONT)
            if dice.random() < 0.5:
                case.settles()
        case.settles()


DAY_S = 86_400
JUMPS_S = [0, -DAY_S, DAY_S, -3600, -3650 * DAY_S, 3650 * DAY_S, 1]


def test_clock_jumps(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Wall clock jumps: years back and forth, amid a window and between two; saves are published all the same."""
    path = plain(root).config
    with begin(path, own=True, reconcile_s=0.5) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            for index, jump_s in enumerate(JUMPS_S):
                number = 2000 + 100 * turn + index
                case.will(main(number))
                save(path, number)
                time.sleep(dice.choice([0.0, WINDOW_MS / 2000]))
                case.process.ask("set_clock", by_s=jump_s)
                case.settles()


@pytest.mark.parametrize("child", ["exit", "close", "exec"])
def test_forks(root: Path, begin: Callable[..., Case], dice: random.Random, child: str) -> None:
    """Forks: at any moment; whatever the child does, the parent goes on hearing."""
    path = plain(root).config
    with begin(path, own=True) as case:
        case.will(main(1000))
        for turn in range(2 * TURNS):
            case.will(main(2000 + turn))
            save(path, 2000 + turn)
            time.sleep(dice.uniform(0, WINDOW_MS / 700))
            assert case.process.ask("fork", ending=child) == 0
            case.settles()


@pytest.mark.parametrize("callbacks", [[], ["blocks", "reenters"]], ids=["no callbacks", "callbacks"])
def test_ends(root: Path, begin: Callable[..., Case], dice: random.Random, callbacks: list[str]) -> None:
    """Interpreter exit without close(): at any moment of a round; it ends by itself, with its own exit code."""
    path = plain(root).config
    for turn in range(TURNS):
        with begin(path, own=True, callbacks=callbacks) as case:
            case.will(main(1000 + turn))
            case.will(main(1001 + turn))
            save(path, 1001 + turn)
            time.sleep(dice.uniform(0, WINDOW_MS / 500))
            assert case.process.end() == 0


def test_callbacks(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Callbacks: one raises, one exits, one blocks, one reloads, one re-enters, all of them for every event."""
    path = plain(root).config
    with begin(path, own=True, callbacks=["raises", "exits", "blocks", "reloads", "reenters"]) as case:
        case.will(main(1000))
        for turn in range(6 * TURNS):
            case.will(main(2000 + turn))
            save(path, 2000 + turn)
            time.sleep(dice.choice([0.0, WINDOW_MS / 2000, WINDOW_MS / 700]))
        case.settles()


def test_callback_closes(root: Path, begin: Callable[..., Case]) -> None:
    """Callbacks that close: the watcher is closed, in the midst of its own round."""
    path = plain(root).config
    for turn in range(TURNS):
        with begin(path, callbacks=["raises", "closes"]) as case:
            case.will(path.read_text())
            case.will(main(2000 + turn))
            save(path, 2000 + turn)
            case.closes()


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits")
def test_many_lives(root: Path, begin: Callable[..., Case]) -> None:
    """Lives: started, reloaded and closed again and again; memory stays what it was."""
    path = plain(root).config
    with begin(path, own=True) as case:
        case.will(main(1000))
        case.settles()
    process = begin(path, own=True).process
    lives = 200 if FULL else 40
    options = {"path": str(path), "schema": "loose", "callbacks": ["blocks"], "debounce_ms": 0}
    for count in range(lives):
        process.ask("watch", **options)
        process.ask("reload")
        process.ask("close")
        if count == lives // 4:
            before = process.ask("figures")
    after = process.ask("figures")
    assert after["descriptors"] == before["descriptors"]
    assert after["threads"] == before["threads"]
    assert after["resident"] - before["resident"] < 8 * 1024 * 1024
