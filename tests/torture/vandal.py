"""One of several processes that do things to the files of a soak: `python -m torture.vandal DIRECTORY NUMBER SEED`.

Each line on stdin is a number of milliseconds to go on for; each line on stdout says how many acts that were.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from torture.contents import fragment, main

MAIN: Final = "config.toml"
FOLDER: Final = "conf.d"
STORE: Final = "store"
FRAGMENTS: Final = ("a.toml", "b.toml", "c.toml")
FILLING: Final = 12


def whole(path: Path, number: int) -> str:
    """What a complete file at this path says."""
    return main(number, FILLING) if path.name == MAIN else fragment(number, FILLING, f"parts.{path.stem}")


class Vandal:
    """Knows every way to spoil a file, and some to mend it."""

    def __init__(self, root: Path, number: int, seed: str) -> None:
        self.root, self.number = root, number * 1_000_000
        self.dice = random.Random(f"{seed} {number}")
        self.acts: list[Callable[[Path, str], None]] = [
            self.writes,
            self.writes,
            self.renames,
            self.renames,
            self.writes_slowly,
            self.spoils,
            self.tears,
            self.empties,
            self.deletes,
            self.links,
            self.links,
            self.links_hard,
            self.moves_away_and_back,
            self.changes_mode,
            self.replaces_the_folder,
        ]

    def go_on(self, seconds: float) -> int:
        """Acts until the time is over; how many."""
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            count += 1
            self.number += 1
            name = self.dice.choice((MAIN, MAIN, *FRAGMENTS))
            path = self.root / (name if name == MAIN else f"{FOLDER}/{name}")
            with suppress(OSError):  # another one was here first
                self.dice.choice(self.acts)(path, whole(path, self.number))
            time.sleep(self.dice.choice([0.0, 0.001, 0.01, 0.05]))
        return count

    def writes(self, path: Path, text: str) -> None:
        path.write_text(text)

    def writes_slowly(self, path: Path, text: str) -> None:
        with path.open("w") as file:
            for line in text.splitlines(keepends=True):
                file.write(line)
                file.flush()
                time.sleep(self.dice.choice([0.0, 0.0, 0.01]))

    def renames(self, path: Path, text: str) -> None:
        self._beside(text).replace(path)

    def spoils(self, path: Path, text: str) -> None:
        path.write_text(text.replace("last =", self.dice.choice(["last = [", "last", "= ", "[[", "last = 'x' #"])))

    def tears(self, path: Path, text: str) -> None:
        path.write_text(text[: self.dice.randrange(len(text) - 1)])

    def empties(self, path: Path, text: str) -> None:
        os.truncate(path, 0)

    def deletes(self, path: Path, text: str) -> None:
        path.unlink()

    def links(self, path: Path, text: str) -> None:
        target = self.root / STORE / f"{os.getpid()}-{self.number % 20}-{path.name}"
        target.write_text(text)
        beside = self.root / STORE / f"link-{os.getpid()}"
        beside.symlink_to(target)
        beside.replace(path)

    def links_hard(self, path: Path, text: str) -> None:
        beside = self._beside(text)
        path.unlink()
        path.hardlink_to(beside)

    def moves_away_and_back(self, path: Path, text: str) -> None:
        away = self.root / STORE / f"away-{os.getpid()}"
        path.replace(away)
        time.sleep(self.dice.choice([0.0, 0.01]))
        away.replace(path)

    def changes_mode(self, path: Path, text: str) -> None:
        path.chmod(self.dice.choice([0o600, 0o644]))
        os.utime(path)

    def replaces_the_folder(self, path: Path, text: str) -> None:
        if self.dice.random() < 0.7:
            return
        fresh, old = self.root / f"fresh-{os.getpid()}", self.root / f"old-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        fresh.mkdir()
        for name in FRAGMENTS[: self.dice.randrange(len(FRAGMENTS) + 1)]:
            (fresh / name).write_text(whole(fresh / name, self.number))
        (self.root / FOLDER).rename(old)
        fresh.rename(self.root / FOLDER)
        shutil.rmtree(old, ignore_errors=True)

    def _beside(self, text: str) -> Path:
        beside = self.root / STORE / f"beside-{os.getpid()}"
        beside.unlink(missing_ok=True)
        beside.write_text(text)
        return beside


if __name__ == "__main__":
    vandal = Vandal(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    for line in sys.stdin:
        print(vandal.go_on(int(line) / 1000), flush=True)
