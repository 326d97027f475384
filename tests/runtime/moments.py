"""Changes of files at any moment of a load: between any two calls to the system."""

from __future__ import annotations

import ctypes  # noqa: F401 - with it there are fewer calls to the system; a watcher brings it
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from hotconf.sources.base import FileSet
from torture.extent import thinned

CALLS: Final = ("stat", "lstat", "scandir", "listdir", "readlink", "open", "fstat", "read")
"""What a load asks of the system."""

Act: TypeAlias = Callable[[Path], object]
"""One change of the files below a directory."""
Seen: TypeAlias = dict[str, tuple[bytes, str | None]]
"""Of each member its content, or the kind of its problem."""


def move(name: str, to: str) -> Act:
    """Rename `name`."""
    return lambda root: (root / name).rename(root / to)


def put(name: str, text: str) -> Act:
    """A new file is renamed into place."""

    def act(root: Path) -> None:
        (root / "fresh").write_text(text)
        (root / "fresh").rename(root / name)

    return act


def link(name: str, to: str) -> Act:
    """A symlink is renamed into place."""

    def act(root: Path) -> None:
        (root / "fresh").symlink_to(to)
        (root / "fresh").rename(root / name)

    return act


def remove(name: str) -> Act:
    """A file is removed."""
    return lambda root: (root / name).unlink()


def away(name: str) -> Act:
    """A directory is gone, with all that is in it, in one step."""
    return move(name, "away")


def seen(files: FileSet, root: Path) -> Seen:
    """What a load read."""
    reads = files.reads.items()
    return {str(path.relative_to(root)): (read.data, read.problem and read.problem.kind) for path, read in reads}


class Moments:
    """Counts the calls to the system, and lets the acts happen right before some of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._acts: list[tuple[int, Callable[[], object]]] = []
        for name in CALLS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def plan(self, acts: Sequence[tuple[int, Callable[[], object]]]) -> None:
        """These acts, each before the call of that number from now on."""
        self.count, self._acts = 0, list(acts)

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            number = self.count
            self.count += 1
            while self._acts and self._acts[0][0] <= number:
                self._acts.pop(0)[1]()
            return real(*given, **named)

        return call

    def finish(self) -> None:
        """What is left of the acts happens now."""
        acts, self._acts = self._acts, []
        for _, act in acts:
            act()


def instants(calls: int, acts: int, row: int) -> Iterator[tuple[int, ...]]:
    """At which calls the acts happen; the last of them may come when the load is over."""
    pairs = [(first, then) for first in range(calls) for then in range(first, calls + 1)]
    singles = [(first,) for first in range(calls)]
    yield from singles if acts == 1 else thinned(pairs, 20, row)
