"""The judge: knows every state in which all files were complete at once, and holds what was published against them.

It reads the files with Python's own parser and merges them by hand: nothing of hotconf's helps it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

State: TypeAlias = tuple[tuple[str, str], ...]
"""Every file that was there, in merging order, with its text."""


def state(files: Mapping[Path, str] | Sequence[tuple[Path, str]]) -> State:
    """The state in which these files, and no others, say this."""
    pairs = files.items() if isinstance(files, Mapping) else files
    return tuple((str(path), text) for path, text in pairs)


def meaning(files: State) -> list[int]:
    """What readers see when the files are these."""
    merged: dict[str, dict[str, int]] = {"": {}, "extra": {}}
    for _, text in files:
        table = tomllib.loads(text)
        for name, below in (("", table), ("extra", table.get("extra", {})), *sorted(table.get("parts", {}).items())):
            merged.setdefault(name, {}).update(below)
    return [
        merged[name].get(key, 0)
        for name in ("", "extra", *sorted(merged.keys() - {"", "extra"}))
        for key in ("first", "last")
    ]


@dataclass
class Judge:
    """States are announced before they are made, in the order in which they are."""

    states: list[State] = field(default_factory=list)
    seen: int = 0
    """The earliest of the states that the latest publication may be."""

    def expect(self, files: State) -> None:
        """From now on this, too, is a complete state of all files."""
        self.states.append(files)

    def wrong(self, files: State, says: list[int]) -> str | None:
        """What is wrong about a publication: no such state ever was, or only before the one published last."""
        later = [index for index in range(self.seen, len(self.states)) if self.states[index] == files]
        if not later:
            return self._why(files)
        self.seen = later[0]
        if says != meaning(files):
            return f"readers see {says}, the files say {meaning(files)}"
        return None

    def _why(self, files: State) -> str:
        short = [f"{Path(path).name}: {text[:20]!r} … {text[-12:]!r}" for path, text in files]
        if files in self.states:
            return f"published an earlier state than the one before: {short}"
        complete = {pair for each in self.states for pair in each}
        if files and complete.issuperset(files):
            return f"published a mixture of several states: {short}"
        return f"published what never was complete: {short}"
