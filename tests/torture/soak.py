"""`make soak`: random edits by several processes under readers, for as long as wanted; figures in the end.

`python -m torture.soak SECONDS [SEED]`. The edits come in bursts. After each the files are looked at by hand: if they
are whole, they are what every reader must see before long; if not, that must be told, and the old state stay.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from realtools import workplace
from torture.harness import PATIENCE_S, DiedError, HungError, Process
from torture.judge import State, meaning
from torture.vandal import FOLDER, MAIN, STORE, whole

VANDALS = 3
READERS = 4
OWN = 900_000_000
"""The numbers of the soak's own repairs begin here."""


@dataclass
class Figures:
    """What happened."""

    seconds: float = 0.0
    bursts: int = 0
    acts: int = 0
    good: int = 0
    """Bursts after which the files were whole."""
    published: int = 0
    failures: int = 0
    looks: int = 0
    resident: list[int] = field(default_factory=list)
    """After each burst, in bytes."""
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        settled = self.resident[len(self.resident) // 10 :] or [0]
        tenth = max(len(settled) // 10, 1)
        first, last = (sum(part) / len(part) / 2**20 for part in (settled[:tenth], settled[-tenth:]))
        return [
            f"{self.seconds:.0f} s, {self.bursts} bursts of {self.acts} edits by {VANDALS} processes",
            f"{self.good} settled states were whole, {self.bursts - self.good} broken; each seen: {not self.faults}",
            f"{self.published} publications, {self.failures} failures told, {self.looks} looks of {READERS} readers",
            f"memory {first:.1f} MiB at first, {last:.1f} MiB at last, {max(settled) / 2**20:.1f} MiB at most",
            f"descriptors {min(self.descriptors)} to {max(self.descriptors)}, threads {min(self.threads)} to "
            f"{max(self.threads)}",
            *self.faults,
        ]


class Soak:
    """One soak in a directory."""

    def __init__(self, root: Path, seed: str) -> None:
        self.root, self.path = root, root / MAIN
        self.dice = random.Random(seed)
        self.figures = Figures()
        self._number = OWN
        self._judged = 0
        self._latest: State = ()
        for folder in (FOLDER, STORE):
            (root / folder).mkdir()
        self.path.write_text(whole(self.path, OWN))
        self._vandals = [self._vandal(number, seed) for number in range(1, VANDALS + 1)]
        self._process = Process()
        self._options = {"schema": "guarded", "callbacks": [], "debounce_ms": 50, "watch_paths": [f"{FOLDER}/*.toml"]}

    def run(self, seconds: float) -> Figures:
        """Bursts until the time is over."""
        began = time.monotonic()
        try:
            self._process.ask("watch", path=str(self.path), **self._options)
            self._process.ask("read", readers=READERS)
            while time.monotonic() - began < seconds and len(self.figures.faults) < 10:
                self._burst()
            self._process.ask("close")
        except (HungError, DiedError) as error:
            self.figures.faults.append(f"hung: {error}")
        finally:
            self._process.kill()
            for vandal in self._vandals:
                vandal.kill()
                vandal.communicate()
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _vandal(self, number: int, seed: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "torture.vandal", str(self.root), str(number), seed]
        tests = Path(__file__).parents[1]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tests, stdin=pipe, stdout=pipe, text=True)

    def _burst(self) -> None:
        figures = self.figures
        for vandal in self._vandals:
            if vandal.stdin is not None:
                vandal.stdin.write(f"{self.dice.choice([20, 100, 300, 600])}\n")
                vandal.stdin.flush()
        figures.acts += sum(int(vandal.stdout.readline()) for vandal in self._vandals if vandal.stdout is not None)
        figures.bursts += 1
        if self.dice.random() < 0.7:
            self._repair()
        final = self._files()
        figures.good += final is not None
        seen = [(path, text[:30]) for path, text in final or ()]
        self._expect(lambda: self._settled(final), f"deaf: {seen} is not seen" if seen else "deaf: not told")
        holds = self._process.ask("figures")
        figures.resident.append(holds["resident"])
        figures.descriptors.append(len(holds["descriptors"]))
        figures.threads.append(len(holds["threads"]))
        self._forget()

    def _repair(self) -> None:
        """Somebody makes all files whole again."""
        folder = self.root / FOLDER
        folder.mkdir(exist_ok=True)
        for path in (self.path, *folder.glob("*.toml")):
            if _number(path, _text(path)) is None:
                self._number += 1
                beside = self.root / STORE / "repaired"
                beside.write_text(whole(path, self._number))
                beside.replace(path)

    def _files(self) -> State | None:
        """What the files say, if all of them are whole."""
        fragments = sorted((self.root / FOLDER).glob("*.toml")) if (self.root / FOLDER).is_dir() else []
        files = tuple(
            (str(path), _text(path)) for path in (self.path, *(each for each in fragments if each.exists()))
        )
        return files if all(_number(Path(path), text) is not None for path, text in files) else None

    def _judge(self) -> State:
        """Look at every publication since the last time; the latest."""
        lines = list(self._process.lines)
        for line in lines[self._judged :]:
            if "published" in line:
                self.figures.published += 1
                self._latest = tuple((path, text) for path, text in line["published"])
                halves = [pair for pair in self._latest if _number(Path(pair[0]), pair[1]) is None]
                if halves:
                    self.figures.faults.append(f"wrong: published {halves}")
                elif line["says"] != meaning(self._latest):
                    self.figures.faults.append(f"wrong: readers see {line['says']}")
            elif str(line.get("event", "")).startswith("ReloadFailed"):
                self.figures.failures += 1
        self._judged = len(lines)
        return self._latest

    def _settled(self, final: State | None) -> bool:
        """Whether all see the final content of the files, or that nothing is left of the folder."""
        latest = self._judge()
        if final is None or len(final) == 1 < len(latest):
            return self._last().startswith("ReloadFailed")
        return latest == final and self._all_read(final)

    def _all_read(self, final: State) -> bool:
        """Whether each reader has seen it; what they saw before was whole, too."""
        readers = self._process.ask("readers")
        self.figures.looks = sum(reader["looks"] for reader in readers)
        for reader in readers:
            if reader["wrong"]:
                self.figures.faults.append(f"wrong: a reader saw {reader['wrong']}")
        return all(reader["saw"] == meaning(final) for reader in readers)

    def _last(self) -> str:
        endings = (line["event"] for line in reversed(list(self._process.lines)) if "event" in line)
        return next((ending for ending in endings if not ending.startswith("FileChanged")), self._told)

    _told = ""
    """The last ending before the lines were forgotten."""

    def _forget(self) -> None:
        """What was judged is not needed any more."""
        self._told = self._last()
        with self._process.news:
            del self._process.lines[: self._judged]
            self._judged = 0

    def _expect(self, condition: object, otherwise: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():  # type: ignore[operator]
            if time.monotonic() > deadline_s:
                self.figures.faults.append(f"{otherwise}; the last ending is {self._last()}")
                return
            time.sleep(0.01)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path, text: str) -> int | None:
    """Which number a file says, if it is whole."""
    words = text.partition("first = ")[2].split("\n", 1)[0]
    return int(words) if words.isdecimal() and text == whole(path, int(words)) else None


def soak(seconds: float, seed: str) -> Figures:
    """Soak for so long."""
    with workplace("soak-") as root:
        return Soak(root, seed).run(seconds)


if __name__ == "__main__":
    chosen = sys.argv[2] if len(sys.argv) > 2 else str(random.randrange(2**31))
    print(f"seed {chosen}", flush=True)
    result = soak(float(sys.argv[1]), chosen)
    print("\n".join(result.lines()))
    sys.exit(bool(result.faults))
