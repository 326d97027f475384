"""However files and directories come, go and change below the patterns of `watch_paths`, kernel events alone suffice
to find it: the files are never polled.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from doubles.inside import reloader_of
from hotconf.runtime.load import load
from torture.extent import FULL
from waiting import wait_until

if sys.platform != "linux":
    pytest.skip("only inotify tells of all of it", allow_module_level=True)

NEVER_S: Final = 86_400.0
NAMES: Final = ("a", "b", "c", "a.toml", "b.toml", ".h", "x.txt")
PATTERNS: Final = (
    "conf.d",
    "rules/**/*.toml",
    "rules/*/*.toml",
    "rules/*/a.toml",
    "rules/a/b/*.toml",
    "**/a.toml",
    "**/b/*.toml",
    "rules/**/a/**/*.toml",
    "rules/?/**",
    "rules/[ab]*",
    "rules/a/a.toml",
    "rules/a",
    "link/*.toml",
    "link/**/*.toml",
    "*/*.toml",
    "later/deep/*.toml",
)


def state(files: Any) -> dict[Path, tuple[str, bytes]]:
    """What a load saw: each member, whether it could be read, and its bytes."""
    return {path: (read.problem.kind if read.problem else "", read.data) for path, read in files.reads.items()}


class Tree:
    """A directory to which random things happen."""

    def __init__(self, root: Path, dice: random.Random) -> None:
        self.root = root
        self.dice = dice
        self.told: list[str] = []
        self.tops = [root / name for name in ("conf.d", "rules", "link", "later")]
        self.count = 0

    def _places(self) -> list[Path]:
        """Directories, and names for them that are free, at most four levels down."""
        found = list(self.tops)
        for top in self.tops:
            for directory, names, _ in os.walk(top):
                if len(Path(directory).relative_to(self.root).parts) < 4:
                    found.extend(Path(directory, name) for name in names)
        return found

    def _any(self) -> Path:
        return self.dice.choice(self._places()) / self.dice.choice(NAMES)

    def _text(self) -> str:
        self.count += 1
        return f"n{self.count} = {self.count}\n"

    def act(self) -> None:
        """One of them, if it can be done."""
        acts: list[Callable[[], None]] = [
            *[self.create] * 3,
            *[self.rewrite] * 2,
            *[self.replace] * 2,
            *[self.make] * 3,
            *[self.move] * 3,
            *[self.link] * 2,
            *[self.move_in] * 2,
            self.remove,
            self.remove_tree,
            self.relink,
        ]
        chosen = self.dice.choice(acts)
        self.told.append(chosen.__name__)
        try:
            chosen()
        except OSError:
            self.told[-1] += " (refused)"

    def create(self) -> None:
        """A file, where there is a directory."""
        path = self._any()
        self.told.append(str(path.relative_to(self.root)))
        path.write_text(self._text())

    def rewrite(self) -> None:
        """A file that is there, in place."""
        files = [path for top in self.tops for path in top.rglob("*") if path.is_file()]
        if files:
            path = self.dice.choice(files)
            self.told.append(str(path.relative_to(self.root)))
            path.write_text(self._text())

    def replace(self) -> None:
        """Another file over one that may be there."""
        (self.root / "beside").write_text(self._text())
        (self.root / "beside").replace(self._any())

    def make(self) -> None:
        """Directories, one in the other, with a file in the last."""
        path = self._any() / self.dice.choice(NAMES)
        path.mkdir(parents=True)
        if self.dice.random() < 0.7:
            (path / "a.toml").write_text(self._text())

    def move(self) -> None:
        """A file or a tree to another place."""
        source, target = self._any(), self._any()
        self.told.append(f"{source.relative_to(self.root)} -> {target.relative_to(self.root)}")
        source.rename(target)

    def move_in(self) -> None:
        """A tree that was made elsewhere."""
        new = self.root / ".new"
        shutil.rmtree(new, ignore_errors=True)
        (new / "b").mkdir(parents=True)
        (new / "a.toml").write_text(self._text())
        (new / "b" / "b.toml").write_text(self._text())
        target = self.dice.choice(self._places())
        self.told.append(str(target.relative_to(self.root)))
        new.rename(target / self.dice.choice(NAMES) if target.is_dir() else target)

    def link(self) -> None:
        """A symlink to something, to nothing, or in a loop."""
        path = self.dice.choice([self._any(), self.dice.choice(self.tops)])
        target = self.dice.choice([self._any(), *self._places()])
        self.told.append(f"{path.relative_to(self.root)} -> {target.relative_to(self.root)}")
        path.symlink_to(os.path.relpath(target, path.parent))

    def relink(self) -> None:
        """A link in one step over what is there."""
        beside = self.root / "beside"
        beside.unlink(missing_ok=True)
        beside.symlink_to(self.dice.choice(self._places()))
        beside.replace(self._any())

    def remove(self) -> None:
        """A file or link."""
        self._any().unlink()

    def remove_tree(self) -> None:
        """A directory and all in it."""
        path = self.dice.choice(self._places())
        self.told.append(str(path.relative_to(self.root)))
        shutil.rmtree(path)


@pytest.mark.parametrize("seed", range(60 if FULL else 12))
def test_every_change_is_noticed(tmp_path, watch, seed):
    """After each burst of random acts, the last load saw the current members, their bytes, and what cannot be
    read.
    """
    dice = random.Random(f"{os.environ.get('HOTCONF_SEED', '')}{seed}")
    root = Path(os.path.realpath(tmp_path))
    main = root / "config.toml"
    main.write_text("")
    (root / "rules").mkdir()
    patterns = dice.sample(PATTERNS, dice.randint(1, 3))
    tree = Tree(root, dice)
    watcher, _ = watch(
        main, dict[str, Any], watch_paths=patterns, reconcile_s=NEVER_S, debounce_ms=0, allow_empty=True
    )
    reloader = reloader_of(watcher)
    for _ in range(60 if FULL else 25):
        tree.told.clear()
        for _ in range(dice.randint(1, 4)):
            tree.act()
        seen = wait_until_same(lambda: state(reloader.files), lambda: state(load(reloader.options).files))
        known, there = state(reloader.files), state(load(reloader.options).files)
        assert seen, (patterns, tree.told, known.items() ^ there.items())


def wait_until_same(one: Callable[[], object], other: Callable[[], object]) -> bool:
    """Whether both are the same before long."""
    try:
        wait_until(lambda: one() == other(), 10)
    except (AssertionError, TimeoutError):
        return False
    return True
