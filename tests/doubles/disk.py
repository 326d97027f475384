"""`Disk`: simulated files, each with a version that rises with every change, and writers that keep them open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from doubles.contents import Content


class Disk:
    """What the files say now. A version stands for all that `stat` tells: it differs after every change."""

    __slots__ = ("complete", "contents", "open", "renamed", "versions")

    def __init__(self, contents: Mapping[Path, Content | None]) -> None:
        self.contents = dict(contents)
        self.versions = dict.fromkeys(contents, 0)
        self.open: set[Path] = set()
        """Files that a writer has open."""
        self.renamed: set[Path] = set()
        """Files that were renamed into place, and not written to since."""
        self.complete: set[Path] = set()
        """Those, and files that a writer closed since it wrote to them."""

    def save(self, path: Path, content: Content | None) -> None:
        """Put `content` into the place of `path` in one step; None removes it."""
        self.open.discard(path)
        self._change(path, content)
        if content is not None:
            self.renamed.add(path)
            self.complete.add(path)

    def publish(self, path: Path, content: Content | None) -> None:
        """What is no file says something else: no read of it is half of one and half of another."""
        self.contents[path] = content

    def write(self, path: Path, content: Content) -> None:
        """Write `content` in place, and keep the file open."""
        self.open.add(path)
        self._change(path, content)

    def finish(self, path: Path) -> None:
        """Close what `write` opened. The times of the file change once more."""
        self.open.discard(path)
        self._change(path, self.contents[path])
        self.complete.add(path)

    def changed(self, since: Mapping[Path, int]) -> tuple[Path, ...]:
        """The files whose version is not the one in `since`."""
        return tuple(path for path, version in self.versions.items() if since.get(path) != version)

    def _change(self, path: Path, content: Content | None) -> None:
        self.contents[path] = content
        self.versions[path] += 1
        self.renamed.discard(path)
        self.complete.discard(path)
