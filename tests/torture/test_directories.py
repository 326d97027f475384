"""Whatever becomes of any directory on the way to the file: what is there in the end is seen, by events alone."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL, some
from torture.harness import WINDOW_MS, Case

DEPTH = 3
"""Directories above the file that are done things to, each way to the file."""
TURNS = 6 if FULL else 2


def laid(root: Path) -> tuple[Path, list[Path]]:
    """A link in directories to a file in others; every directory on the way, the nearest first on either side."""
    target = root / "t1" / "t2" / "t3" / "app.toml"
    path = root / "d1" / "d2" / "d3" / "config.toml"
    for file in (target, path):
        file.parent.mkdir(parents=True)
    target.write_text(main(1000))
    path.symlink_to(target)
    return path, [*list(path.parents)[:DEPTH], *list(target.parents)[:DEPTH]]


def written(tree: Path, original: Path, number: int) -> Path:
    """A copy of the tree at `original` in which the file, if it is there and not a link to it, says this number."""
    shutil.copytree(original, tree, symlinks=True)
    for file in tree.rglob("*.toml"):
        if not file.is_symlink():
            file.write_text(main(number))
    return tree


def replaced(directory: Path, number: int) -> None:
    """Another one is renamed into its place; the old one goes."""
    fresh = written(directory.with_name("fresh"), directory, number)
    directory.rename(directory.with_name("old"))
    fresh.rename(directory)
    shutil.rmtree(directory.with_name("old"))


def replaced_and_kept(directory: Path, number: int) -> None:
    """Another one is renamed into its place; the old one stays, elsewhere."""
    fresh = written(directory.with_name("fresh"), directory, number)
    directory.rename(directory.with_name(f"old-{number}"))
    fresh.rename(directory)


def removed(directory: Path, number: int) -> None:
    """It is removed with all that is in it, and made anew."""
    fresh = written(directory.with_name("fresh"), directory, number)
    shutil.rmtree(directory)
    shutil.copytree(fresh, directory, symlinks=True)
    shutil.rmtree(fresh)


def renamed_away(directory: Path, number: int) -> None:
    """It is renamed, changed there, and renamed back."""
    away = directory.rename(directory.with_name("away"))
    for file in away.rglob("*.toml"):
        if not file.is_symlink():
            beside = file.with_name("beside")
            beside.write_text(main(number))
            beside.replace(file)
    away.rename(directory)


def turned_to_link(directory: Path, number: int) -> None:
    """A link takes its place, to another tree; then a directory takes that of the link."""
    fresh = written(directory.with_name(f"fresh-{number}"), directory, number)
    real = directory.with_name(f"real-{number}")
    directory.rename(real)
    directory.symlink_to(fresh.name)
    shutil.rmtree(real)
    directory.unlink()
    fresh.rename(directory)


def turned_to_file(directory: Path, number: int) -> None:
    """A file stands in its place for a while."""
    fresh = written(directory.with_name("fresh"), directory, number)
    shutil.rmtree(directory)
    directory.write_text("no directory")
    directory.unlink()
    fresh.rename(directory)


WAYS = (replaced, removed, renamed_away, turned_to_link, turned_to_file)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("level", range(2 * DEPTH))
def test_directories(
    root: Path, begin: Callable[..., Case], dice: random.Random, level: int, way: Callable[[Path, int], None]
) -> None:
    """Directories on the path: each is replaced, removed, renamed, becomes a link or a file; then life goes on."""
    path, directories = laid(root)
    behind_link = level >= DEPTH
    with begin(path) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            number = 2000 + 10 * turn
            # While only the way to the link is touched, its target says what it said.
            case.will(main(number) if behind_link else _text(path))
            way(directories[level], number)
            time.sleep(dice.choice([0.0, WINDOW_MS / 1000, WINDOW_MS / 400]))
            case.will(main(number + 1))
            path.write_text(main(number + 1))
            time.sleep(dice.choice([0.0, WINDOW_MS / 1000]))
        case.settles()


def _text(path: Path) -> str:
    return path.read_text()


@pytest.mark.parametrize("level", some(range(2 * DEPTH), 3))
def test_replaced_and_kept(root: Path, begin: Callable[..., Case], level: int) -> None:
    """Directories that are replaced while the old one lives on: from the third on upwards the reconcile finds it."""
    path, directories = laid(root)
    with begin(path, reconcile_s=0.2) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            number = 2000 + 10 * turn
            case.will(main(number) if level >= DEPTH else _text(path))
            replaced_and_kept(directories[level], number)
            case.settles()
            case.will(main(number + 1))
            path.write_text(main(number + 1))
            case.settles()


def test_all_at_once(root: Path, begin: Callable[..., Case], dice: random.Random) -> None:
    """Directories in turmoil: all of them, in any order, with no pause; the last save is published."""
    path, directories = laid(root)
    with begin(path) as case:
        case.will(main(1000))
        for number in range(3000, 3000 + 6 * TURNS):
            level = dice.randrange(2 * DEPTH)
            case.will(main(number) if level >= DEPTH else _text(path))
            dice.choice(WAYS)(directories[level], number)
        case.will(main(9000))
        path.write_text(main(9000))
        case.settles()


def test_missing_for_long(root: Path, begin: Callable[..., Case]) -> None:
    """Directories that are gone for long: the way is made anew step by step, each of them noticed."""
    path, _ = laid(root)
    with begin(path) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            shutil.rmtree(root / "d1")
            case.tells("ReloadFailed missing", turn + 1)
            for step in _steps(path.parent, root):
                step.mkdir()
                time.sleep(WINDOW_MS / 500)
            case.will(main(4000 + turn))
            path.write_text(main(4000 + turn))
            case.settles()


def _steps(directory: Path, root: Path) -> Iterator[Path]:
    for parent in reversed(directory.relative_to(root).parents):
        if parent != Path():
            yield root / parent
    yield directory


def test_nothing_at_first(root: Path, begin: Callable[..., Case]) -> None:
    """Nothing is there at the start: neither the file nor any directory; the first good save is published."""
    path = root / "a" / "b" / "c" / "config.toml"
    with begin(path) as case:
        path.parent.mkdir(parents=True)
        case.will(main(5000))
        path.write_text(main(5000))
        case.settles()
