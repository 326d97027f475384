"""Colours, where they are wanted."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, Final

import click

from hotconf.report.diagnostic import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotconf.report.diagnostic import Line, Piece, Style

_STYLES: Final[Mapping[Style, Mapping[str, Any]]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "message": {"bold": True},
    "frame": {"fg": "bright_blue", "bold": True},
    "label": {"fg": "cyan", "bold": True},
}

_PAGE: Final = 100
_NARROWEST: Final = 40
_WIDEST: Final = 240


def wants_colour(stream: IO[Any]) -> bool:
    """Whether colours may be written to `stream`: `NO_COLOR` forbids them, `FORCE_COLOR` wants them.

    Otherwise they are for terminals that are not dumb. An empty variable counts as none.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] != "0"
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(lines: Iterable[Line], *, colour: bool) -> str:
    """`lines` as text, without a newline at the end."""
    if not colour:
        return plain(lines)
    return "\n".join("".join(_painted(piece) for piece in line) for line in lines)


def _painted(piece: Piece) -> str:
    how = _STYLES.get(piece.style)
    return click.style(piece.text, **how) if how and piece.text.strip() else piece.text


def cells(stream: IO[Any]) -> int:
    """How wide text for `stream` may be: as its terminal, within reason; a page's width if it is none."""
    if not stream.isatty():
        return _PAGE
    import shutil

    return min(max(shutil.get_terminal_size((_PAGE, 24)).columns, _NARROWEST), _WIDEST)
