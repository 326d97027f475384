"""Writers that pause, longer or shorter than the window, or are killed: nobody sees their halves."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL
from torture.harness import PATIENCE_S, Case
from torture.patterns import plain

WRITES = 6 if FULL else 2
WINDOW_MS = 400
CEILING_S = 2.0
"""Of that window."""


def cut(text: str, dice: random.Random, *, at_line_end: bool) -> int:
    """Somewhere in the text after its first line, at the end of a line or not."""
    ends = [index + 1 for index, char in enumerate(text[:-1]) if char == "\n"]
    return dice.choice(ends) if at_line_end else dice.choice(ends[1:]) - dice.randint(2, 4)


class Writer:
    """A process that writes the first part, and the rest when it is told to; it may be killed in between."""

    SCRIPT = """
import sys
path, text, cut, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
with open(path, mode) as file:
    file.write(text[:cut])
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
    file.write(text[cut:])
    file.truncate()
"""

    def __init__(self, path: Path, text: str, cut: int, mode: str = "w") -> None:
        command = [sys.executable, "-S", "-c", self.SCRIPT, str(path), text, str(cut), mode]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "half\n"
        self.began = time.monotonic()

    def goes_on(self) -> float:
        """It writes the rest and ends; how many seconds after the first part."""
        self._process.communicate("\n", timeout=PATIENCE_S)
        return time.monotonic() - self.began

    def is_killed(self) -> None:
        """It never comes to the rest."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("at_line_end", [False, True], ids=["amid a line", "at a line's end"])
@pytest.mark.parametrize("mode", ["w", "r+"], ids=["emptied", "overwritten"])
def test_pauses(root: Path, begin: Callable[..., Case], dice: random.Random, mode: str, at_line_end: bool) -> None:
    """Writers that pause, for longer than the window, with the file open: halves that are valid are not published."""
    path = plain(root).config
    with begin(path, debounce_ms=WINDOW_MS) as case:
        case.will(main(1000))
        for number in range(2000, 2000 + WRITES):
            text, before = main(number), path.read_text()
            where = cut(text, dice, at_line_end=at_line_end)
            half = text[:where] + ("" if mode == "w" else before[where:])
            mark = case.mark()
            case.will(text)
            writer = Writer(path, text, where, mode)
            time.sleep(WINDOW_MS / 1000 * dice.choice([0.5, 1.5, 2.5]))
            if writer.goes_on() > CEILING_S * 0.8:  # nothing is waited for for ever
                case.slow(mark, [(path, half)])
            case.settles()


@pytest.mark.parametrize("at_line_end", [False, True], ids=["amid a line", "at a line's end"])
@pytest.mark.parametrize("kill", [False, True], ids=["goes on", "is killed"])
def test_takes_too_long(
    root: Path, begin: Callable[..., Case], dice: random.Random, at_line_end: bool, kill: bool
) -> None:
    """Writers that pause past the ceiling, or are killed: a model that requires both ends is safe."""
    path = plain(root).config
    with begin(path, debounce_ms=60, schema="guarded") as case:
        case.will(main(1000))
        for turn in range(WRITES):
            text = main(2000 + turn)
            writer = Writer(path, text, cut(text, dice, at_line_end=at_line_end))
            case.tells("ReloadFailed", turn + 1)
            if kill:
                writer.is_killed()
                case.will(main(3000 + turn))
                path.write_text(main(3000 + turn))
            else:
                case.will(text)
                writer.goes_on()
            case.settles()


def test_closes_in_between(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Writers that open the file for each piece: halves are not published if the pieces come within a window."""
    path = plain(root).config
    with begin(path, debounce_ms=WINDOW_MS) as case:
        case.will(main(1000))
        for number in range(2000, 2000 + WRITES):
            mark, began = case.mark(), time.monotonic()
            case.will(main(number))
            pieces = main(number).splitlines(keepends=True)
            for count in range(1, len(pieces) + 1):
                with path.open("w" if count == 1 else "a") as file:
                    file.write(pieces[count - 1])
                time.sleep(0.002)
                if time.monotonic() - began > WINDOW_MS / 2000:  # a pause that long is the end of a save
                    case.slow(mark, [(path, "".join(pieces[:count]))])
                    mark += 1
                began = time.monotonic()
            case.settles()


def test_two_writers(root: Path, begin: Callable[..., Case]) -> None:
    """Two writers at once: one has the file open all the time, the other one replaces it."""
    path = plain(root).config
    with begin(path, debounce_ms=WINDOW_MS) as case:
        case.will(main(1000))
        for turn in range(WRITES):
            writer = Writer(path, main(2000), len(main(2000)) // 2)
            fresh = path.with_name("fresh")
            fresh.write_text(main(3000 + turn))
            case.will(main(3000 + turn))
            fresh.replace(path)
            case.settles()
            writer.goes_on()  # into a file that has no name any more
            case.settles()


def test_deleted_while_written(root: Path, begin: Callable[..., Case]) -> None:
    """A file that is removed while it is being written: it is missing, and back with the next save."""
    path = plain(root).config
    with begin(path, debounce_ms=60) as case:
        case.will(main(1000))
        for turn in range(WRITES):
            writer = Writer(path, main(2000), len(main(2000)) // 2)
            path.unlink()
            case.tells("ReloadFailed missing", turn + 1)
            writer.goes_on()
            case.will(main(3000 + turn))
            path.write_text(main(3000 + turn))
            case.settles()
