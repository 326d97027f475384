"""What the files under torture say: a number at their beginning and the same one at their end.

A half of such a file, and a mixture of two, can be told from a whole one, though both may be valid TOML.
"""

from __future__ import annotations

from typing import Final

from watcher.watched import Frozen

FILLING: Final = 20
"""Lines of comment between the two numbers."""


class Pair(Frozen):
    """What one file says. Whatever is missing has a default, so that halves, too, are valid."""

    first: int = 0
    last: int = 0


class Loose(Pair):
    """Accepts any half of a file: if one is published, nothing but the watcher's care was missing."""

    extra: Pair = Pair()

    @property
    def says(self) -> list[int]:
        return [self.first, self.last, self.extra.first, self.extra.last]


class WholePair(Frozen):
    """Requires both ends."""

    first: int
    last: int


class Guarded(WholePair):
    """Requires what every complete file says: the remedy against writers that nobody can tell from people."""

    extra: WholePair | None = None

    @property
    def says(self) -> list[int]:
        extra = self.extra or Pair()
        return [self.first, self.last, extra.first, extra.last]


SCHEMAS: Final = {"loose": Loose, "guarded": Guarded}


def main(number: int, filling: int = FILLING) -> str:
    """The main file that says this number."""
    return f"first = {number}\n{_filled(number, filling)}last = {number}\n"


def fragment(number: int, filling: int = FILLING) -> str:
    """A fragment that says this number."""
    return f"[extra]\n{main(number, filling)}"


def _filled(number: int, lines: int) -> str:
    return "".join(f"# line {line} of {number}\n" for line in range(lines))
