"""Text as wide as a terminal; where there is none, it is left as it is."""

from __future__ import annotations

import re
from typing import Final, TextIO

PAGE: Final = 100
"""How wide text is where nothing says it."""
_NARROWEST: Final = 40
_WIDEST: Final = 240
_MARK: Final = re.compile(r" *(?:(?:[-⚠↻❌✅⏸·…]|@?\d+) +)?")


def wrapped(text: str, stream: TextIO, hanging: int | None = None) -> str:
    """`text` wrapped at spaces to the width of a terminal. Continued lines are indented by `hanging`, or else as the
    text of the line is, behind its bullet.
    """
    cells = terminal_cells(stream)
    if cells is None or all(len(line) < cells // 2 for line in text.split("\n")):  # no character takes more than two
        return text
    from hotconf.report.cells import folded

    lines = text.split("\n")
    indents = (len(_MARK.match(line)[0]) if hanging is None else hanging for line in lines)  # type: ignore[index]
    return "\n".join(piece for line, by in zip(lines, indents, strict=True) for piece in folded(line, cells, by))


def terminal_cells(stream: TextIO) -> int | None:
    """How wide text may be on a terminal, within reason; None if `stream` is none."""
    if not stream.isatty():
        return None
    import shutil

    return min(max(shutil.get_terminal_size((PAGE, 24)).columns, _NARROWEST), _WIDEST)
