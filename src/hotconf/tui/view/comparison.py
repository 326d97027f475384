"""Two states compared, as rows: side by side where there is room, or unified.

A line that is new begins with `+`, one that is gone with `-`, one that changed, side by side, with `~`: so it is read
without colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice, zip_longest
from typing import TYPE_CHECKING, Any, Final

from hotconf.report.cells import pieces, width
from hotconf.report.difference import ABSENT, side_by_side
from hotconf.tui.view.rows import Place, Row, Span, Tone, counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from hotconf.report.difference import Row as Compared
    from hotconf.report.difference import RowKind
    from hotconf.snapshot import Snapshot
    from hotconf.tui.view.rows import Key

_NUMBER: Final = 5
_MOST_PIECES: Final = 20
"""Rows that a line takes at most."""
_SIGNS: Final[dict[str, Tone]] = {"+": "good", "-": "bad", " ": "muted"}
_BAR: Final = Span(" │ ", "muted")
_MARKS: Final[dict[RowKind, tuple[str, str]]] = {
    "same": ("  ", "  "),
    "changed": ("~ ", "~ "),
    "added": ("  ", "+ "),
    "removed": ("- ", "  "),
}
_TONES: Final[dict[RowKind, tuple[Tone, Tone]]] = {
    "same": ("muted", "muted"),
    "changed": ("bad", "good"),
    "added": ("plain", "good"),
    "removed": ("bad", "plain"),
}


@dataclass(frozen=True, slots=True)
class File:
    """A file that differs."""

    path: Path
    name: str
    appeared: bool
    gone: bool
    lines: tuple[Compared, ...]

    @property
    def mark(self) -> str:
        """`+` if it is new, `-` if it is gone, `~` if it differs."""
        return "+" if self.appeared else "-" if self.gone else "~"

    @property
    def what(self) -> str:
        """`2 lines changed, 1 added`."""
        numbers = {kind: sum(line.kind == kind for line in self.lines) for kind in ("changed", "added", "removed")}
        if self.appeared or self.gone:
            number = counted(numbers["added"] + numbers["removed"], "line")
            return f"new file, {number}" if self.appeared else f"file removed, {number}"
        parts = [(what, number) for what, number in numbers.items() if number]
        first = [f"{counted(number, 'line')} {what}" for what, number in parts[:1]]
        return ", ".join((*first, *(f"{number} {what}" for what, number in parts[1:])))


def compared(old: Snapshot[Any], new: Snapshot[Any], secret_keys: Collection[str] = ()) -> tuple[File, ...]:
    """The files in which `old` and `new` differ. Slow for long ones; `secret_keys` are those that only the model
    knows.
    """
    found: list[tuple[Compared, list[Compared]]] = []
    for row in side_by_side(old, new, secret_keys=secret_keys):
        if row.kind == "file":
            found.append((row, []))
        else:
            found[-1][1].append(row)
    base = (*new.files, *old.files)[0].path.parent
    return tuple(_file(base, head, lines) for head, lines in found)


def _file(base: Path, head: Compared, lines: Sequence[Compared]) -> File:
    name = head.old if head.new == ABSENT else head.new
    return File(base / name, name, head.old == ABSENT, head.new == ABSENT, tuple(lines))


def rows(files: Sequence[File], room: int, *, as_unified: bool) -> tuple[Row, ...]:
    """How the old files become the new ones, in `room` columns."""
    if not files:
        return (Row(("same",), (Span("Nothing differs.", "muted"),)),)
    render = _unified if as_unified else _side_by_side
    found: list[Row] = []
    for file in files:
        if found:
            found.append(Row((file.name, "gap"), ()))
        head = (Span(f"{file.mark} {file.name}", "strong"), Span(f"  {file.what}", "muted"))
        found.append(Row((file.name,), head, place=Place(file.path)))
        for number, (kind, group) in enumerate(groupby(file.lines, key=_block)):
            found += render(file, (file.name, kind, number), tuple(group), room)
    return tuple(found)


def heads(shown: Sequence[Row]) -> tuple[int, ...]:
    """At which of `shown` a change begins."""
    starts = (index for index, row in enumerate(shown) if row.key[1:2] == ("change",))
    return tuple(index for index in starts if not index or shown[index - 1].key[:3] != shown[index].key[:3])


def _block(line: Compared) -> str:
    return line.kind if line.kind in ("same", "gap") else "change"


def _unified(file: File, key: Key, lines: Sequence[Compared], room: int) -> Iterator[Row]:
    if key[1] == "gap":
        yield Row(key, (Span(" " * (2 * _NUMBER) + "⋯", "muted"),))
        return
    sides = [(line.old_line, line.new_line, " ", line.new, line) for line in lines if line.kind == "same"]
    changed = [line for line in lines if line.kind != "same"]
    sides += [(line.old_line, None, "-", line.old, line) for line in changed if line.old_line is not None]
    sides += [(None, line.new_line, "+", line.new, line) for line in changed if line.new_line is not None]
    for number, (old, new, mark, text, line) in enumerate(sides):
        tone = _SIGNS[mark]
        for nth, part in enumerate(_wrapped(text, room - 2 * _NUMBER - 1)):
            numbers = _numbered(old if not nth else None) + _numbered(new if not nth else None)
            spans = (Span(numbers, "muted"), Span((mark if not nth else " ") + part, tone))
            yield Row((*key, number, nth), spans, place=Place(file.path, line.new_line or 1), copy=text)


def _side_by_side(file: File, key: Key, lines: Sequence[Compared], room: int) -> Iterator[Row]:
    side = max((room - width(_BAR.text)) // 2, _NUMBER + 8)
    if key[1] == "gap":
        yield Row(key, (Span("⋯".center(side), "muted"), _BAR, Span("⋯".center(side), "muted")))
        return
    for number, line in enumerate(lines):
        before, after = _TONES[line.kind]
        left = _half(line.old_line, _MARKS[line.kind][0], line.old, side, before)
        right = _half(line.new_line, _MARKS[line.kind][1], line.new, side, after)
        blank = (Span(" " * side),)
        for nth, (one, other) in enumerate(zip_longest(left, right, fillvalue=blank)):
            place = Place(file.path, line.new_line or 1)
            yield Row((*key, number, nth), (*one, _BAR, *other), place=place, copy=line.new or line.old)


def _half(number: int | None, mark: str, text: str, side: int, tone: Tone) -> list[tuple[Span, ...]]:
    room = side - _NUMBER - len(mark)
    found: list[tuple[Span, ...]] = []
    for nth, part in enumerate(_wrapped(text, room)):
        head = _numbered(number if not nth else None)
        gap = Span(" " * (room - width(part)))
        found.append((Span(head, "muted"), Span((mark if not nth else "  ") + part, tone), gap))
    return found


def _wrapped(text: str, room: int) -> list[str]:
    """`text` in parts of at most `room` cells; of very long ones the beginning."""
    parts = list(islice(pieces(text, max(room, 2)), _MOST_PIECES + 1)) or [""]
    return parts if len(parts) <= _MOST_PIECES else [*parts[:_MOST_PIECES], "…"]


def _numbered(line: int | None) -> str:
    return " " * _NUMBER if line is None else f"{line:>{_NUMBER - 1}} "
