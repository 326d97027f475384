"""How programs save a file, and how a file may lie there: each pattern is done to each layout.

A pattern gets the path to save at, the whole new text, and `gap`: what it does in `with gap(…)` leaves the file in a
state that is not complete. Nobody may see that state, unless the machine was so slow that it stood for a window.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from torture.contents import fragment, main


class Gap(Protocol):
    """`standing`: what stands there meanwhile, None if nothing; `held`: the writer keeps the file open."""

    def __call__(self, standing: str | None, *, held: bool = False) -> AbstractContextManager[None]: ...


Pattern: TypeAlias = Callable[[Path, str, Gap], None]

PAUSE_S = 0.01


def in_place(path: Path, text: str, gap: Gap) -> None:
    """As `>`, `tee`, `cp`, nano, micro, kakoune, ed, joe and VS Code do."""
    path.write_text(text)


def in_pieces(path: Path, text: str, gap: Gap) -> None:
    """In place, in two pieces that meet at the end of a line: the first is valid by itself."""
    half = _half(text)
    with gap(half, held=True), path.open("w") as file:
        file.write(half)
        file.flush()
        time.sleep(PAUSE_S)
        file.write(text[len(half) :])


def line_by_line(path: Path, text: str, gap: Gap) -> None:
    """In place, a system call for each line."""
    with gap(_half(text), held=True), path.open("w", buffering=1) as file:
        for line in text.splitlines(keepends=True):
            file.write(line)


def emptied_first(path: Path, text: str, gap: Gap) -> None:
    """Emptied, and written a moment later."""
    with gap("", held=True), path.open("w") as file:
        time.sleep(PAUSE_S)
        file.write(text)


def overwritten(path: Path, text: str, gap: Gap) -> None:
    """Never emptied: the new bytes go over the old ones."""
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def cut_at_last(path: Path, text: str, gap: Gap) -> None:
    """Too long at first, then cut by `truncate(2)`, after which no close is told of."""
    with path.open("r+") as file:
        file.write(text + "[" * 10)
    os.truncate(path, len(text))


def mapped(path: Path, text: str, gap: Gap) -> None:
    """Through memory: the kernel tells of it when the map is closed."""
    with path.open("r+b") as file:
        file.truncate(len(text))
        with mmap.mmap(file.fileno(), 0) as memory:
            memory[:] = text.encode()
            memory.flush()


def renamed(path: Path, text: str, gap: Gap) -> None:
    """As atomic writers, `sed -i`, `perl -i`, `mv` and rsync do."""
    _beside(path, text).replace(path)


def exchanged(path: Path, text: str, gap: Gap) -> None:
    """The old and the new file change names, in one step (`RENAME_EXCHANGE`)."""
    beside = _beside(path, text)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(beside), -100, os.fsencode(path), 2):
        beside.replace(path)  # this file system does not know how
    else:
        beside.unlink()


def by_vim(path: Path, text: str, gap: Gap) -> None:
    """A probe for permissions, the old file out of the way, a new one under its name, and the old one gone."""
    probe, backup = path.with_name("4913"), path.with_name(path.name + "~")
    probe.touch()
    probe.unlink()
    with gap(None):
        path.rename(backup)
        path.write_text(text)
    backup.unlink()


def by_emacs(path: Path, text: str, gap: Gap) -> None:
    """A dangling link as a lock, the old file kept under another name, a new one under its own."""
    lock = path.with_name(".#" + path.name)
    lock.symlink_to("somebody@somewhere.1234:5678")
    with gap(None):
        path.replace(path.with_name(path.name + "~"))
        path.write_text(text)
    lock.unlink()


def recreated(path: Path, text: str, gap: Gap) -> None:
    """As `install` and `git checkout` do; the inode's number may be the same."""
    with gap(None):
        path.unlink()
        path.write_text(text)


def recreated_later(path: Path, text: str, gap: Gap) -> None:
    """As stow does: gone for a while."""
    with gap(None):
        path.unlink()
        time.sleep(PAUSE_S)
        path.write_text(text)


def hard_linked(path: Path, text: str, gap: Gap) -> None:
    """A link to a file that was written elsewhere."""
    beside = _beside(path, text)
    with gap(None):
        path.unlink()
        path.hardlink_to(beside)
    beside.unlink()


def same_time(path: Path, text: str, gap: Gap) -> None:
    """Renamed into place with the old one's times, as `touch -r` and `rsync -t` may leave them; and the same size."""
    beside, old = _beside(path, text), path.stat()
    os.utime(beside, ns=(old.st_atime_ns, old.st_mtime_ns))
    beside.replace(path)


def copied(path: Path, text: str, gap: Gap) -> None:
    """Copied within the kernel."""
    beside = _beside(path, text)
    shutil.copyfile(beside, path)
    beside.unlink()


PATTERNS: tuple[Pattern, ...] = (
    in_place,
    in_pieces,
    line_by_line,
    emptied_first,
    overwritten,
    cut_at_last,
    mapped,
    renamed,
    exchanged,
    by_vim,
    by_emacs,
    recreated,
    recreated_later,
    hard_linked,
    same_time,
    copied,
)


def _half(text: str) -> str:
    """The first half, up to the end of a line."""
    return text[: text.index("\n", len(text) // 2) + 1]


def _beside(path: Path, text: str) -> Path:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    return beside


# Layouts


@dataclass
class Laid:
    """Files as they lie there: `config` is watched; a save goes to `at`."""

    config: Path
    at: Path
    write: Callable[[int], str] = main
    """The text that says a number."""
    fragments: list[Path] = field(default_factory=list)

    def state(self, text: str | None) -> list[tuple[Path, str]]:
        """All files, when the one that is saved says this; None: there is no such file."""
        if not self.fragments:
            return [] if text is None else [(self.config, text)]
        return [(self.config, main(1000)), *([] if text is None else [(self.fragments[0], text)])]

    @property
    def options(self) -> dict[str, object]:
        """For the watcher."""
        return {"watch_paths": [str(path) for path in self.fragments]}


def plain(root: Path) -> Laid:
    """A file."""
    path = _made(root / "home" / "config.toml")
    return Laid(path, path)


def linked(root: Path) -> Laid:
    """A link to a file in another directory, where it is saved, as most editors do."""
    target = _made(root / "dotfiles" / "app.toml")
    return Laid(_link(root / "home" / "config.toml", "../dotfiles/app.toml"), target)


def over_the_link(root: Path) -> Laid:
    """A link; what is saved goes to its name."""
    laid = linked(root)
    return Laid(laid.config, laid.config)


def chained(root: Path) -> Laid:
    """Links to links in several directories, one of which is a link itself; saved at the end of it all."""
    target = _made(root / "store" / "v1" / "app.toml")
    (root / "store" / "current").symlink_to("v1")
    _link(root / "links" / "two.toml", str(root / "store" / "current" / "app.toml"))
    _link(root / "links" / "one.toml", "two.toml")
    return Laid(_link(root / "home" / "config.toml", "../links/one.toml"), target)


def amid_the_chain(root: Path) -> Laid:
    """Links to links; what is saved goes to the name of one in the middle."""
    laid = chained(root)
    return Laid(laid.config, root / "links" / "two.toml")


def included(root: Path) -> Laid:
    """A fragment, beside a main file that stays as it is."""
    path = _made(root / "home" / "config.toml")
    extra = _made(root / "home" / "conf.d" / "extra.toml", fragment(1000))
    return Laid(path, extra, fragment, [extra])


def included_link(root: Path) -> Laid:
    """A fragment that is a link, saved at its target."""
    path = _made(root / "home" / "config.toml")
    target = _made(root / "dotfiles" / "extra.toml", fragment(1000))
    extra = _link(root / "home" / "conf.d" / "extra.toml", "../../dotfiles/extra.toml")
    return Laid(path, target, fragment, [extra])


LAYOUTS: tuple[Callable[[Path], Laid], ...] = (
    plain,
    linked,
    over_the_link,
    chained,
    amid_the_chain,
    included,
    included_link,
)


def _made(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or main(1000))
    return path


def _link(path: Path, target: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path
