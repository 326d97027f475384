"""Diagnostics on a stream: in colour where that is wanted, as wide as there is room, in characters that it has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from hotconf.cli.common import COLOR
from hotconf.config.redaction.source_text import OMITTED
from hotconf.report.cells import BAR
from hotconf.report.problems.diagnostic import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotconf.report.problems.diagnostic import Line, Piece, Style

_STYLES: Final[Mapping[Style, Mapping[str, Any]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "message": {"bold": True},
    "frame": {"fg": "bright_blue", "bold": True},
    "label": {"fg": "cyan", "bold": True},
}
_ASCII: Final = str.maketrans({BAR: "|", OMITTED: "~"})

_PAGE: Final = 100
_NARROWEST: Final = 40
_WIDEST: Final = 240


class Canvas:
    """What can be shown on `stream`."""

    __slots__ = ("_colour", "_drawn", "cells")

    def __init__(self, stream: TextIO) -> None:
        self.cells = _cells(stream)
        """How wide text may be: as the terminal, within reason; as a page if it is none."""
        self._colour = wants_colour(stream)
        self._drawn = _draws(stream)

    def painted(self, lines: Iterable[Line]) -> str:
        """`lines` as text, without a newline at the end."""
        text = "\n".join("".join(map(_painted, line)) for line in lines) if self._colour else plain(lines)
        return text if self._drawn else text.translate(_ASCII)


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


def styled(text: str, stream: TextIO, **how: Any) -> str:
    """`text` in that style of click's, if `stream` is to have colours."""
    return click.style(text, **how) if text and wants_colour(stream) else text


def _draws(stream: TextIO) -> bool:
    """Has its encoding the characters of the frame? Escapes in their place would move everything."""
    try:
        (BAR + OMITTED).encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _cells(stream: TextIO) -> int:
    if not stream.isatty():
        return _PAGE
    import shutil

    return min(max(shutil.get_terminal_size((_PAGE, 24)).columns, _NARROWEST), _WIDEST)
