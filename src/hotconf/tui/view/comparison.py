"""Two generations compared, as rows: side by side where there is room, or unified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hotconf.report.cells import head, pieces, width
from hotconf.report.difference import side_by_side, unified
from hotconf.tui.view.rows import Place, Row, Span, Tone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hotconf.report.difference import Row as Compared
    from hotconf.report.difference import RowKind
    from hotconf.snapshot import Snapshot

_NUMBER: Final = 5
_SIGNS: Final[dict[str, Tone]] = {"+": "good", "-": "bad", "@": "accent"}
_TONES: Final[dict[RowKind, tuple[Tone, Tone]]] = {
    "same": ("muted", "muted"),
    "changed": ("bad", "good"),
    "added": ("plain", "good"),
    "removed": ("bad", "plain"),
}


def rows(
    old: Snapshot[Any], new: Snapshot[Any], room: int, *, as_unified: bool, secret_keys: Collection[str] = ()
) -> tuple[Row, ...]:
    """How `old` becomes `new`, in `room` columns; `secret_keys` are those that only the model knows."""
    rendered = _unified if as_unified else _side_by_side
    found = tuple(rendered(old, new, room, secret_keys))
    return found or (Row(("same",), (Span("The files are the same", "muted"),)),)


def _unified(old: Snapshot[Any], new: Snapshot[Any], room: int, keys: Collection[str]) -> Iterator[Row]:
    for number, line in enumerate(unified(old, new, secret_keys=keys)):
        header = line.startswith(("--- ", "+++ "))
        tone: Tone = "strong" if header else _SIGNS.get(line[:1], "muted")
        for nth, part in enumerate(pieces(line, room) if line else ("",)):
            yield Row(("line", number, nth), (Span(part, tone),), copy=line)


def _side_by_side(old: Snapshot[Any], new: Snapshot[Any], room: int, keys: Collection[str]) -> Iterator[Row]:
    side = max((room - 3) // 2, _NUMBER + 1)
    file = new.files[0].path
    for number, row in enumerate(side_by_side(old, new, secret_keys=keys)):
        key = ("row", number)
        if row.kind == "file":
            file = new.files[0].path.parent / row.new
            yield Row(key, (*_half("", row.old, side, "strong"), _BAR, *_half("", row.new, side, "strong")))
        elif row.kind == "gap":
            yield Row(key, (Span("⋯".center(side), "muted"), _BAR, Span("⋯".center(side), "muted")))
        else:
            yield _pair(key, row, side, Place(file, row.new_line or 1))


_BAR: Final = Span(" │ ", "muted")


def _pair(key: tuple[str, int], row: Compared, side: int, place: Place) -> Row:
    before, after = _TONES[row.kind]
    left = _half(_numbered(row.old_line), row.old, side, before)
    right = _half(_numbered(row.new_line), row.new, side, after)
    return Row(key, (*left, _BAR, *right), place=place, copy=row.new or row.old)


def _half(number: str, text: str, side: int, tone: Tone) -> tuple[Span, ...]:
    room = side - len(number)
    shown = text if width(text) <= room else head(text, room - 1) + "…"
    return Span(number, "muted"), Span(shown, tone), Span(" " * (room - width(shown)))


def _numbered(line: int | None) -> str:
    return " " * _NUMBER if line is None else f"{line:>{_NUMBER - 1}} "
