"""The states that are kept, and their directory: whatever becomes of it, reloads go on; the newest whole one is used.

What is kept is looked at by hand: none of hotconf's own reading helps.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL, thinned
from torture.harness import PATIENCE_S, Case
from torture.patterns import plain
from torture.test_limits import without_privileges
from torture.test_mounts import NAMESPACE, do, fill, inside, may_mount
from waiting import removed, wait_until

TURNS = 4 if FULL else 2
DAMAGES = 84 if FULL else 28
BROKEN = "first = [\n"
NOBODY = 65534

__all__ = ["may_mount"]


def save(path: Path, text: str) -> None:
    """In one act."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def kept(states: Path) -> list[tuple[int, int]]:
    """Every state that is there, the oldest first: its number, and the one that the file says in it."""
    found = []
    for file in sorted(states.glob("*/*.state")):
        said = re.findall(rb"^last = (\d+)$", file.read_bytes(), re.MULTILINE)
        found.append((int(file.stem), int(said[-1]) if said else -1))
    return found


def newest(states: Path) -> int | None:
    """What the file says in the newest of them."""
    found = kept(states)
    return found[-1][1] if found else None


def is_kept(states: Path, number: int) -> None:
    """Sooner or later the newest state says that."""
    wait_until(lambda: newest(states) == number, PATIENCE_S)


def saved(case: Case, path: Path, *numbers: int) -> None:
    """Each is saved, and published."""
    for number in numbers:
        case.will(main(number))
        save(path, main(number))
        case.settles()


def comes_up(begin: Callable[..., Case], path: Path, states: Path, number: int, **how: object) -> None:
    """A start on a broken file comes up on the state that says this, and recovers with the next good save."""
    save(path, BROKEN)
    with begin(path, state_dir=str(states), **how) as case:
        case.will(main(number))
        case.falls_back()
        saved(case, path, number + 1)


def test_killed(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """States of a process that is killed: at any moment of a storm of saves; the newest is whole, and used."""
    path, states = plain(root).config, root / "states"
    number = 1000
    for _ in range(2 * TURNS):
        with begin(path, own=True, state_dir=str(states), debounce_ms=0) as case:
            case.will(path.read_text())
            wait_until(lambda: newest(states) is not None)
            until = time.monotonic() + dice.uniform(0, 0.3)
            while time.monotonic() < until:
                number += 1
                case.will(main(number))
                save(path, main(number))
                time.sleep(dice.choice([0.0, 0.001, 0.01]))
            case.process.kill()
        last = newest(states)
        assert last is not None
        comes_up(begin, path, states, last)
        number = max(number, last) + 1


# Damage


def zeroed(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """As after a loss of power: the room is there, its content is not."""
    return data[:begin] + bytes(end - begin) + data[end:]


def cut_out(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """Something is missing."""
    return data[:begin] + data[end:]


def doubled(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """Something is there twice."""
    return data[:end] + data[begin:]


def mixed(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """The last lines of another state's file, which are as long, stand in it; or it is that state."""
    last = 20 + (end - begin) % 200
    return other if begin % 2 else data[:-last] + other[-last:]


def truncated(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """It is cut off."""
    return data[:begin]


def torn(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """From somewhere on it is the other one."""
    return data[:begin] + other[begin:] if data[begin:] != other[begin:] else other


def longer(data: bytes, begin: int, end: int, other: bytes) -> bytes:
    """Something follows."""
    return data + data[begin:end]


DAMAGE = (zeroed, cut_out, doubled, mixed, truncated, torn, longer)


def test_damage(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """States that are damaged: any range zeroed, missing, doubled, of another state; the newest whole one is used."""
    path, states = plain(root).config, root / "states"
    with begin(path, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        for number in (1001, 1002):
            is_kept(states, number - 1)
            saved(case, path, number)
        is_kept(states, 1002)
    save(path, BROKEN)
    files = sorted(states.glob("*/*.state"))
    whole = [file.read_bytes() for file in files]
    for turn in range(DAMAGES):
        damaged = dice.choice([1, 1, 2])
        for file, data in zip(files[-damaged:], whole[-damaged:], strict=True):
            first, last = sorted(dice.sample(range(len(data) + 1), 2))
            way = DAMAGE[turn % len(DAMAGE)]
            file.write_bytes(way(data, first, last, whole[0]))
        with begin(path, state_dir=str(states)) as case:
            case.will(main(1002 - damaged))
            case.falls_back()
        for file, data in zip(files, whole, strict=True):
            file.write_bytes(data)


# The directory


class Way:
    """Something that is done to the directory; what does harm returns how it is undone."""

    def __init__(self, states: Path) -> None:
        self.states = states

    @property
    def own(self) -> Path:
        """The directory of the one configuration."""
        return next(path for path in self.states.glob("*-*") if path.is_dir())  # not that of statuses

    def removed(self) -> None:
        wait_until(lambda: removed(self.states))

    def part_removed(self) -> None:
        shutil.rmtree(self.own)

    def emptied(self) -> None:
        for file in self.own.iterdir():
            file.unlink()

    def replaced(self) -> None:
        self.states.rename(self.states.with_name("old"))
        self.states.mkdir(mode=0o700, exist_ok=True)  # the process may have written its status meanwhile

    def replaced_by_a_link(self) -> None:
        self.states.rename(self.states.with_name("elsewhere"))
        wait_until(self._linked)

    def _linked(self) -> bool:
        try:
            self.states.symlink_to("elsewhere")
        except FileExistsError:  # the process has written its status meanwhile
            self.removed()
            return False
        return True

    def lock_removed(self) -> None:
        (self.own / "lock").unlink()

    def open_to_others(self) -> None:
        self.own.chmod(0o770)

    HARMLESS = (removed, part_removed, emptied, replaced, replaced_by_a_link, lock_removed, open_to_others)

    def turned_to_file(self) -> Callable[[], object]:
        wait_until(self._turned_to_file)
        return self.states.unlink

    def _turned_to_file(self) -> bool:
        self.removed()
        try:
            self.states.write_text("no directory")
        except IsADirectoryError:
            return False
        return True

    def part_turned_to_link(self) -> Callable[[], object]:
        own = self.own
        own.rename(self.states.with_name("elsewhere"))
        own.symlink_to(self.states.with_name("elsewhere"))
        return own.unlink

    def unwritable(self) -> Callable[[], object]:
        own = self.own
        own.chmod(0o500)
        return lambda: own.chmod(0o700)

    def unreadable(self) -> Callable[[], object]:
        self.states.chmod(0)
        return lambda: self.states.chmod(0o700)

    def all_open_to_others(self) -> Callable[[], object]:
        self.states.chmod(0o770)
        return lambda: self.states.chmod(0o700)

    def of_a_stranger(self) -> Callable[[], object]:
        if os.geteuid() != 0:
            pytest.skip("only root can give something away")
        own = self.own
        os.chown(own, NOBODY, NOBODY)
        return lambda: os.chown(own, os.geteuid(), os.getegid())

    HARMFUL = (turned_to_file, part_turned_to_link, unwritable, unreadable, all_open_to_others, of_a_stranger)


@pytest.mark.parametrize("way", Way.HARMLESS, ids=lambda way: way.__name__)
def test_directory(root: Path, begin: Callable[..., Case], way: Callable[[Way], None]) -> None:
    """The directory of states is removed, replaced, emptied: the next state is kept where it should be."""
    path, states = plain(root).config, root / "states"
    with begin(path, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        is_kept(states, 1000)
        for number in range(2000, 2000 + (1 if "replaced" in way.__name__ else TURNS)):
            way(Way(states))
            saved(case, path, number)
            is_kept(states, number)
        assert case.process.ask("states")["trouble"] is None
    comes_up(begin, path, states, number)


@pytest.mark.parametrize("way", thinned(Way.HARMFUL, 2, 0), ids=lambda way: way.__name__)
def test_directory_that_is_no_use(
    root: Path, begin: Callable[..., Case], way: Callable[[Way], Callable[[], object]]
) -> None:
    """The directory of states is not to be used for a while: told, reloads go on, nothing is written; then it is."""
    path, states = plain(root).config, root / "states"
    prefix = without_privileges()
    with begin(path, prefix=prefix, own=True, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        is_kept(states, 1000)
        undo = way(Way(states))
        before = [str(file) for file in sorted(root.rglob("*.state"))]
        saved(case, path, 2000, 2001)
        wait_until(lambda: case.process.ask("states")["trouble"] is not None)
        assert [str(file) for file in sorted(root.rglob("*.state"))] == before
        undo()
        saved(case, path, 3000)
        is_kept(states, 3000)
        wait_until(lambda: case.process.ask("states")["trouble"] is None)
    comes_up(begin, path, states, 3000, prefix=prefix, own=True)


@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize("room", ["size=64k", "size=1m,nr_inodes=40"], ids=["no room", "no inodes"])
def test_disk_full(root: Path, begin: Callable[..., Case], room: str) -> None:
    """The disk of the states is full: told, reloads go on, what is there stays whole; with room again it is used."""
    path, states = plain(root).config, root / "states"
    states.mkdir(mode=0o700)
    with begin(path, prefix=NAMESPACE, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        is_kept(states, 1000)
        do(case, "mount", "-t", "tmpfs", "-o", f"mode=0700,{room}", "none", states)
        seen, number = inside(case, states), 2000
        for _ in range(TURNS):
            saved(case, path, number)
            is_kept(seen, number)
            fill(seen, with_bytes="inodes" not in room)
            saved(case, path, number + 1, number + 2)
            wait_until(lambda: case.process.ask("states")["trouble"] is not None)
            assert newest(seen) == number
            for filler in seen.glob("filler*"):
                filler.unlink()
            saved(case, path, number + 3)
            is_kept(seen, number + 3)
            number += 10
        do(case, "umount", "--lazy", states)
        saved(case, path, 5000)
        is_kept(states, 5000)
        assert [said for _, said in kept(states)] == [1000, 5000]
    comes_up(begin, path, states, 5000)


def test_several_processes(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Several processes keep states of one file: one at a time writes, and another one when that is killed."""
    path, states = plain(root).config, root / "states"
    number = 1000
    with ExitStack() as stack:

        def another() -> Case:
            case = stack.enter_context(begin(path, own=True, state_dir=str(states), debounce_ms=0))
            case.will(path.read_text())
            case.settles()
            return case

        cases = [another() for _ in range(3)]
        for _ in range(TURNS):
            for _ in range(dice.randrange(5, 20)):
                number += 1
                for case in cases:
                    case.will(main(number))
                save(path, main(number))
                time.sleep(dice.choice([0.0, 0.001, 0.02]))
            cases.pop(dice.randrange(len(cases))).process.kill()
            for case in cases:
                case.settles()
            cases.append(another())
            number += 1
            for case in cases:
                case.will(main(number))
            save(path, main(number))
            for case in cases:
                case.settles()
            is_kept(states, number)
        numbers, said = zip(*kept(states), strict=True)
        assert list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))
        assert all(one != next_ for one, next_ in pairwise(said)), "nothing twice in a row"
    comes_up(begin, path, states, number)


@pytest.mark.usefixtures("may_mount")
def test_read_only(root: Path, begin: Callable[..., Case]) -> None:
    """The disk of the states is read-only at the start, or becomes so: reported, reloads go on; existing states are
    used.
    """
    path, states = plain(root).config, root / "states"
    states.mkdir(mode=0o700)
    with begin(path, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        is_kept(states, 1000)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    prefix = [*NAMESPACE, "sh", "-ec", script, str(states)]
    with begin(path, prefix=prefix, state_dir=str(states)) as case:
        case.will(main(1000))
        case.settles()
        saved(case, path, 2000)
        wait_until(lambda: case.process.ask("states")["trouble"] is not None)
        do(case, "mount", "-o", "remount,rw,bind", states)
        saved(case, path, 3000)
        is_kept(states, 3000)
        wait_until(lambda: case.process.ask("states")["trouble"] is None)
        do(case, "mount", "-t", "tmpfs", "-o", "ro,mode=0700", "none", states)
        saved(case, path, 4000)
        wait_until(lambda: "Read-only file system" in str(case.process.ask("states")["trouble"]))
    save(path, BROKEN)
    with begin(path, prefix=prefix, state_dir=str(states)) as case:
        case.will(main(3000))
        case.falls_back()
