"""`Row`: one line of a list as the app shows it, made of spans with a tone. The theme decides how a tone looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hotconf.report.cells import steady
from hotconf.text import path_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Tone: TypeAlias = Literal["plain", "muted", "strong", "key", "value", "good", "bad", "warn", "accent", "match"]
"""What a span means, not what it looks like."""
Key: TypeAlias = tuple[str | int, ...]
"""Names a row for as long as what it shows is there."""

RESTART: Final = "↻"
"""Marks what needs a restart."""
WARNING: Final = "⚠"
"""Marks what there is a warning about."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one tone; always steady, whatever it was made of."""

    text: str
    tone: Tone = "plain"

    def __post_init__(self) -> None:
        """Escape what is not printable, or not of the same width in all terminals."""
        if not (self.text.isascii() and self.text.isprintable()):
            object.__setattr__(self, "text", steady(self.text))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an editor should open."""

    file: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """`/srv/app/config.toml:4:9`, or `shop/prod:4:9`, as much of it as is known."""
        return ":".join(str(part) for part in (path_name(self.file), self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Row:
    """One line."""

    key: Key
    spans: tuple[Span, ...]
    right: tuple[Span, ...] = ()
    """Stands at the right edge, if there is room."""
    depth: int = 0
    expanded: bool | None = None
    """None: there is nothing below it."""
    place: Place | None = None
    """What it is about, for the editor."""
    copy: str = ""
    """What it puts into the clipboard; empty: its text."""

    @property
    def text(self) -> str:
        """The spans as plain text."""
        return "".join(span.text for span in self.spans)


def counted(number: int, noun: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def highlighted(text: str, tone: Tone, query: str) -> Iterator[Span]:
    """`text` in `tone`, with the first place where `query`, which is in lower case, is found in it as a match."""
    at = text.casefold().find(query) if query else -1
    if at < 0 or len(text.casefold()) != len(text):
        yield Span(text, tone)
        return
    end = at + len(query)
    parts: tuple[tuple[str, Tone], ...] = ((text[:at], tone), (text[at:end], "match"), (text[end:], tone))
    yield from (Span(part, t) for part, t in parts if part)
