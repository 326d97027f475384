"""The other process: saves the configuration as programs do, and says when."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench import config

KINDS = ("atomic", "in place")
"""A new file renamed over the old one; the old one truncated and written."""


@dataclass(frozen=True, slots=True)
class Saved:
    """When a save was finished: around its last system call, in nanoseconds."""

    before: int
    monotonic: int
    wall: int


class Writer:
    """Saves one version after the other; the kinds take turns."""

    def __init__(self, directory: Path, *, clean: bool = False, section: str = "") -> None:
        # A directory below: its parent is watched as well, and that of `directory` is everybody's.
        self.path = directory / "application" / "config.toml"
        self.path.parent.mkdir(exist_ok=True)
        self.kind = KINDS[1]
        """Of the latest save."""
        self._version = 0
        self._clean = clean
        self._section = section
        self.path.write_bytes(self._text())

    def save(self) -> Saved:
        """The next version, in the next way."""
        self._version += 1
        self.kind = KINDS[self._version % 2]
        content = self._text()
        return self._atomic(content) if self.kind == "atomic" else self._in_place(content)

    def spoil(self) -> Saved:
        """A state that is not valid, renamed into place: the next version has a model that is a number."""
        self._version += 1
        return self._atomic(self._text().replace(b'model = "gpt-5"', b"model = 5", 1))

    def _text(self) -> bytes:
        written = config.text(self._version, clean=self._clean)
        return config.below(self._section, written) if self._section else written

    def _atomic(self, content: bytes) -> Saved:
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        before = time.monotonic_ns()
        os.rename(new, self.path)  # noqa: PTH104 - one system call, timed
        return Saved(before, time.monotonic_ns(), time.time_ns())

    def _in_place(self, content: bytes) -> Saved:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_TRUNC)
        os.write(descriptor, content)
        before = time.monotonic_ns()
        os.close(descriptor)
        return Saved(before, time.monotonic_ns(), time.time_ns())
