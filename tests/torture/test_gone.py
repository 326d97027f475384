"""Fragments that are removed and restored at random, within and beyond the ceiling, by several writers at once.

An oracle that knows when each file existed checks every published state: it may lack a file of the state before only
if its entry has others left, with a warning that names it, and after the ceiling.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from pydantic import Field

from doubles.inside import reloader_of
from hotconf import HotReloadWatcher, ReloadFailed, ReloadSuccess, Snapshot
from hotconf.engine.debounce import MILLISECOND, ceiling_ns
from hotconf.runtime.publisher import Publisher
from torture.extent import FULL, ROUNDS
from torture.harness import Tell
from waiting import wait_until
from watcher.watched import Frozen, save

WINDOW_MS: Final = 100
CEILING_NS: Final = ceiling_ns(WINDOW_MS * MILLISECOND)
SLACK_NS: Final = 2_000 * MILLISECOND
"""A file restored so shortly before a publication may have been read as gone."""
NAMES: Final = ("a", "b", "c")
ENTRIES: Final = {
    "directory": ["conf.d"],
    "glob": ["conf.d/*.toml"],
    "listed": [f"conf.d/{name}.toml" for name in NAMES],
}
SECONDS: Final = 40 if FULL else 6
WRITERS: Final = 3


class Limits(Frozen):
    """The content of the fragments, each with values of its own."""

    limits: dict[str, int] = Field(default_factory=dict)


class Publication(NamedTuple):
    """A state, when it was published, and when its round had begun."""

    at: int
    began: int | None
    snapshot: Snapshot[Any]


@dataclass
class Disk:
    """The fragments, and since when each was there or not."""

    root: Path
    dice: random.Random
    lock: threading.Lock = field(default_factory=threading.Lock)
    absent: dict[Path, list[list[int]]] = field(default_factory=dict)
    """For each file the times when it was absent; the last may be open."""
    number: int = 0

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.root / "conf.d"

    def present(self) -> list[Path]:
        """Those that are there, in the order in which they merge."""
        return sorted(self.folder.glob("*.toml")) if self.folder.is_dir() else []

    def text(self, name: str) -> str:
        """New content of that file."""
        self.number += 1
        return f"limits.{name} = {self.number}\n"

    def changing(self, act: Callable[[], None]) -> None:
        """Do it, and note which files went and which came."""
        with self.lock:
            before, began = set(self.present()), time.monotonic_ns()
            act()
            after, ended = set(self.present()), time.monotonic_ns()
            for path in before - after:
                self.absent.setdefault(path, []).append([began])
            for path in after - before:
                if self.absent.get(path) and len(self.absent[path][-1]) == 1:
                    self.absent[path][-1].append(ended)

    def restore(self) -> None:
        """Put back what is missing, one or all."""
        self.folder.mkdir(exist_ok=True)
        for name in NAMES if self.dice.random() < 0.5 else [self.dice.choice(NAMES)]:
            path = self.folder / f"{name}.toml"
            if not path.exists():
                save(path, self.text(name))

    def edit(self) -> None:
        """Save one that is there."""
        for path in self.present()[:1]:
            save(path, self.text(path.stem))

    def remove(self) -> None:
        """Remove one or all of them."""
        there = self.present()
        for path in there if self.dice.random() < 0.3 else there[-1:]:
            path.unlink()

    def move(self) -> None:
        """The directory goes, or comes back."""
        away = self.root / "away"
        if away.exists() and not self.folder.exists():
            away.rename(self.folder)
        elif self.folder.exists() and not away.exists():
            self.folder.rename(away)

    def replace(self) -> None:
        """The directory is replaced by one with some of them."""
        fresh, old = self.root / "fresh", self.root / f"old{self.number}"
        self.number += 1
        fresh.mkdir()
        for name in self.dice.sample(NAMES, self.dice.randint(0, len(NAMES))):
            (fresh / f"{name}.toml").write_text(self.text(name))
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)

    def go_on(self, until: float, dice: random.Random) -> None:
        """Act until then, with pauses within the ceiling and beyond it."""
        acts = [self.restore] * 4 + [self.edit, self.remove, self.remove, self.move, self.replace]
        while time.monotonic() < until:
            self.changing(dice.choice(acts))
            time.sleep(dice.choice([0.0, 0.01, 0.05, 0.2, 0.6, 1.5]))


def watched(
    root: Path, entries: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[HotReloadWatcher[Limits], list[Publication]]:
    """A watcher, and all that it publishes."""
    (root / "config.toml").write_text("# all in fragments\n")
    watcher = HotReloadWatcher(root / "config.toml", Limits, debounce_ms=WINDOW_MS, watch_paths=entries)
    publisher, publish, seen = reloader_of(watcher).publisher, Publisher.publish, []
    install, began = publisher.install, [None]

    def note_round(self: Publisher[Any], effect: Any, detect_ns: int) -> Any:
        began[0] = effect.round.first if effect.round is not None else None
        return publish(self, effect, detect_ns)

    def note(snapshot: Snapshot[Any]) -> None:
        seen.append(Publication(time.monotonic_ns(), began[0], snapshot))
        install(snapshot)

    monkeypatch.setattr(Publisher, "publish", note_round)
    publisher.install = note
    return watcher, seen


def faults(seen: list[Publication], disk: Disk, entries: list[str]) -> list[str]:
    """What the oracle objects to."""
    found = []
    for before, now in pairwise(seen):
        gone = missing(before.snapshot, now.snapshot)
        warned = {warning.file for warning in now.snapshot.warnings if warning.kind == "missing"}
        if gone and len(entries) > 1:
            found.append(f"a listed file is published away: {gone}")
        if gone and len(now.snapshot.files) == 1:
            found.append(f"all are published away: {gone}")
        found += [f"without a warning: {path}" for path in gone - warned]
        found += [f"too early: {path}" for path in gone if not long_enough(path, now, disk)]
    return found


def missing(before: Snapshot[Any], now: Snapshot[Any]) -> set[Path]:
    """Files of the state before that are in this one neither under their name nor under a new one."""
    old, new = ({file.path: file.content for file in each.files} for each in (before, now))
    fresh = {content for path, content in new.items() if path not in old}
    return {path for path, content in old.items() if path not in new and content not in fresh}


def long_enough(path: Path, now: Publication, disk: Disk) -> bool:
    """Whether it was away for a ceiling, or the round had taken three."""
    if now.began is not None and now.at - now.began >= 3 * CEILING_NS:
        return True
    spells = [(spell[0], spell[1] if len(spell) > 1 else now.at) for spell in disk.absent.get(path, [])]
    return any(began <= now.at - CEILING_NS and ended >= now.at - SLACK_NS for began, ended in spells)


def settled(watcher: HotReloadWatcher[Limits], disk: Disk, entries: list[str]) -> bool:
    """Whether the last event is true of the files as they are now."""
    there = disk.present()
    published = watcher.snapshot.files[1:]
    lacks = {file.path for file in published} - set(there)
    if lacks and (len(entries) > 1 or not there):
        return isinstance(watcher.last, ReloadFailed) and watcher.last.kind == "missing"
    same = [(file.path, file.content) for file in published] == [(path, path.read_bytes()) for path in there]
    return same and not isinstance(watcher.last, ReloadFailed)


@pytest.mark.parametrize("entries", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("number", range(ROUNDS if FULL else 1))
def test_removed_and_restored(
    root: Path, dice: random.Random, tell: Tell, monkeypatch: pytest.MonkeyPatch, entries: list[str], number: int
) -> None:
    """No limit disappears except by the rule, and in the end the last event matches the files."""
    disk = Disk(root, dice)
    save_all(disk)
    watcher, seen = watched(root, entries, monkeypatch)
    with watcher:
        until = time.monotonic() + SECONDS
        dices = [random.Random(dice.random()) for _ in range(WRITERS)]
        writers = [threading.Thread(target=disk.go_on, args=(until, each)) for each in dices]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        wait_until(lambda: settled(watcher, disk, entries))
        ended = watcher.stats.endings
    found = faults(seen, disk, entries)
    tell("Removed and restored", ["wrong"] if found else [])
    assert found == []
    assert ended["failed"] + ended["success"] + ended["unchanged"] > 1, "nothing happened"


def save_all(disk: Disk) -> None:
    """All fragments, at first."""
    disk.folder.mkdir()
    for name in NAMES:
        save(disk.folder / f"{name}.toml", disk.text(name))


def test_the_oracle_objects(root: Path, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the watcher ignores gone files, the oracle objects."""
    monkeypatch.setattr("hotconf.runtime.load.find", lambda *_: None)
    disk = Disk(root, dice)
    save_all(disk)
    watcher, seen = watched(root, ENTRIES["glob"], monkeypatch)
    with watcher:
        disk.changing(lambda: [path.unlink() for path in disk.present()[1:]].clear())
        wait_until(lambda: len(watcher.snapshot.files) == 2)
        disk.changing(disk.present()[0].unlink)
        wait_until(lambda: len(watcher.snapshot.files) == 1)
        assert isinstance(watcher.last, ReloadSuccess)
    found = "; ".join(faults(seen, disk, ENTRIES["glob"]))
    assert "all are published away" in found
    assert "without a warning" in found
    assert "too early" in found
