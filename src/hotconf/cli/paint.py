"""Text on a stream: in colour where that is wanted, wrapped to a terminal's width, in characters that it has.

Rule 1: colours add nothing but escapes: without them the text is the same.
Rule 2: where the stream is no terminal, nothing is wrapped or shortened, and colours are only on demand.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO, TypeAlias

import click

from hotconf.cli.common import COLOR
from hotconf.cli.echo import echo, stdout
from hotconf.cli.wrap import PAGE, terminal_cells, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotconf.report.problems.diagnostic import Line, Piece

_STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "message": {"bold": True},
    "frame": {"fg": "bright_blue", "bold": True},
    "label": {"fg": "cyan", "bold": True},
    "key": {"fg": "cyan"},
    "dim": {"dim": True},
    "good": {"fg": "green"},
    "note": {"fg": "yellow"},
    "bad": {"fg": "red"},
}
Kind: TypeAlias = Literal[
    "document", "changes", "difference", "history", "variables", "processes", "examination", "explanation", "outcome"
]
_KEY: Final = r'(?:"(?:[^"\\]|\\.)*"|[^\s":=#])+'
_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_OUTCOME: Final = (
    ("dim", r"(\d\d:\d\d:\d\d) "),
    ("good", r".*?(✅.*)"),
    ("error", r".*?(❌[^:]*)"),
    ("note", r" *(?:- )?([⚠⏸↻].*)"),
)
_PARTS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    "document": (
        ("message", r"(\[\[?[^\[\]]+\]\]?)(?:  #|$)"),
        ("key", rf"[ -]*+({_KEY})(?: = |:(?: |$))"),
        ("dim", r"(?:|.*)((?:^|  )# .*)"),
    ),
    "changes": (("key", rf"({_KEY}): "), ("note", r".*(\(restart required\))$"), *_OUTCOME),
    "difference": (
        ("message", r"((?:---|\+\+\+) .*)"),
        ("frame", r"(@@ .*)"),
        ("good", r"(\+(?!\+\+ ).*)"),
        ("bad", r"(-(?!-- ).*)"),
    ),
    "history": (
        ("label", r" *(@?\d+)  "),
        ("dim", rf" *@?\d+  ({_TIME})"),
        ("key", rf"@\d+  {_TIME}  ({_KEY}): "),
        ("bad", r" *\d+  (damaged: .*)"),
    ),
    "variables": (("key", r"(\S+)"), ("note", r".*?(\([^()]*required[^()]*\))")),
    "processes": (
        ("message", r"(PROCESS  .*)"),
        ("bad", r"(refused by .*)"),
        ("good", r".*  (ok)$"),
        ("note", r".*  ((?:pending|degraded|unwatched)(?:: .*)?)$"),
        ("bad", r".*  (failed(?:: .*)?)$"),
    ),
    "examination": (("bad", r"  (fix) "), ("note", r"  (note) "), ("good", r"  (ok) ")),
    "explanation": (("key", rf"({_KEY}) = "), ("dim", r"  (\S.*?)  ")),
    "outcome": _OUTCOME,
}
"""The parts of a line of each kind that have a style of their own: what group 1 of a pattern matches."""


def show(text: str, kind: Kind, *, hanging: int | None = None, err: bool = False) -> None:
    """Write lines of that kind, wrapped and in colours as stdout or stderr wants them. `hanging`: as of `wrapped`."""
    stream = sys.stderr if err else stdout()
    echo(painted(wrapped(text, stream, hanging), stream, kind), err=err, color=True)


def painted(text: str, stream: TextIO, kind: Kind) -> str:
    """`text` with the parts of its lines in colour, if `stream` is to have colours."""
    if not wants_colour(stream):
        return text
    parts = [(style, re.compile(pattern)) for style, pattern in _PARTS[kind]]
    return "\n".join(_parts(line, parts) for line in text.split("\n"))


def _parts(line: str, parts: Iterable[tuple[str, re.Pattern[str]]]) -> str:
    spans = sorted((*found.span(1), style) for style, pattern in parts if (found := pattern.match(line)))
    text, at = "", 0
    for start, end, style in spans:
        if start >= at:
            text += line[at:start] + click.style(line[start:end], **_STYLES[style])
            at = end
    return text + line[at:]


class Canvas:
    """What can be shown on `stream`."""

    __slots__ = ("_colour", "_drawn", "cells", "wraps_at")

    def __init__(self, stream: TextIO) -> None:
        self.wraps_at = terminal_cells(stream)
        """Where to wrap sentences; None: nowhere."""
        self.cells = self.wraps_at or PAGE
        """How wide lines of source may be: as the terminal, or as a page."""
        self._colour = wants_colour(stream)
        self._drawn = _draws(stream)

    def painted(self, lines: Iterable[Line]) -> str:
        """`lines` as text, without a newline at the end."""
        from hotconf.report.problems.diagnostic import plain

        text = "\n".join("".join(map(_painted, line)) for line in lines) if self._colour else plain(lines)
        return text if self._drawn else text.translate(_ascii())


def _painted(piece: Piece) -> str:
    how = _STYLES.get(piece.style)
    return click.style(piece.text, **how) if how and piece.text.strip() else piece.text


def wants_colour(stream: TextIO) -> bool:
    """What `--color` says; else `NO_COLOR` and `CLICOLOR=0` forbid colours, `FORCE_COLOR` and `CLICOLOR_FORCE` want
    them; otherwise they are for terminals that are not dumb.
    """
    ctx = click.get_current_context(silent=True)
    wanted = "auto" if ctx is None else ctx.meta.get(COLOR, "auto")
    if wanted != "auto":
        return bool(wanted == "always")
    if os.environ.get("NO_COLOR"):
        return False
    for forced in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if os.environ.get(forced):
            return os.environ[forced] != "0"
    return stream.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get("CLICOLOR") != "0"


def styled(text: str, stream: TextIO, style: str) -> str:
    """`text` in that style, if `stream` is to have colours."""
    return click.style(text, **_STYLES[style]) if text and wants_colour(stream) else text


def _frame() -> str:
    from hotconf.config.redaction.source_text import OMITTED
    from hotconf.report.cells import BAR

    return BAR + OMITTED


def _ascii() -> dict[int, int]:
    return str.maketrans(_frame(), "|~")


def _draws(stream: TextIO) -> bool:
    """Has its encoding the characters of the frame? Escapes in their place would move everything."""
    try:
        _frame().encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
