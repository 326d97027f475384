"""What the files under torture say: a number at their beginning and the same one at their end.

A half of such a file, and a mixture of two, can be told from a whole one, though both may be valid TOML.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator

from watcher.watched import Frozen

FILLING: Final = 20
"""Lines between the two, which say the same."""


class Open(Frozen):
    """Takes keys that it does not know, and warns of none."""

    model_config = ConfigDict(extra="allow")


class Pair(Open):
    """What one file says. Whatever is missing has a default, so that halves, too, are valid."""

    first: int = 0
    last: int = 0


class Loose(Pair):
    """Accepts any half of a file: if one is published, nothing but the watcher's care was missing."""

    extra: Pair = Pair()

    @property
    def says(self) -> list[int]:
        return [self.first, self.last, self.extra.first, self.extra.last]


class WholePair(Open):
    """Requires both ends, and that they and all between them agree."""

    first: int
    last: int

    @model_validator(mode="after")
    def agree(self) -> Self:
        numbers = (value for value in (self.model_extra or {}).values() if isinstance(value, int))
        if {self.first, self.last, *numbers} != {self.first}:
            raise ValueError("it does not agree with its beginning")
        return self


class Guarded(WholePair):
    """Requires what every complete file says: the remedy against writers that nobody can tell from people."""

    extra: WholePair | None = None
    parts: dict[str, WholePair] = Field(default_factory=dict)

    @property
    def says(self) -> list[int]:
        extra = self.extra or Pair()
        parts = (number for name in sorted(self.parts) for number in (self.parts[name].first, self.parts[name].last))
        return [self.first, self.last, extra.first, extra.last, *parts]


SCHEMAS: Final = {"loose": Loose, "guarded": Guarded}


def main(number: int, filling: int = FILLING) -> str:
    """The main file that says this number."""
    return f"first = {number}\n{_filled(number, filling)}last = {number}\n"


def fragment(number: int, filling: int = FILLING, table: str = "extra") -> str:
    """A fragment that says this number."""
    return f"[{table}]\n{main(number, filling)}"


def _filled(number: int, lines: int) -> str:
    return "".join(f"line_{line} = {number}\n" for line in range(lines))
