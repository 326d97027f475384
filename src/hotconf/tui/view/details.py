"""Details: one event with all of its changes or problems, or one value and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.changes import MASK
from hotconf.keypath import dotted
from hotconf.report.cells import width, wrapped
from hotconf.tui.view import stream
from hotconf.tui.view.configuration import spelled
from hotconf.tui.view.rows import Place, Row, Span, Tone, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hotconf.snapshot import Origin
    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.stream import Entry

_LABEL: Final = 10
_WIDEST_PLACE: Final = 32
_MOST_INSIDE: Final = 200


class Answer(NamedTuple):
    """What a layer says about a value."""

    origin: Origin
    text: str
    """Masked, and whole."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the model says of a value, and each layer; secrets masked."""

    notes: str = ""
    """What it means."""
    words: str = ""
    """Its type and its limits."""
    default: str = ""
    required: bool = False
    restart: bool = False
    """A change of it needs a restart."""
    secret: bool = False
    answers: tuple[Answer, ...] = ()
    """Of each layer, the weakest first: the last one is in force."""


def of_event(entry: Entry, room: int) -> tuple[Row, ...]:
    """What happened, and everything below it, in `room` columns."""
    symbol, tone = stream.symbol(entry)
    text = "".join(span.text for span in stream.headline(entry))
    head = tuple(
        Row(
            ("head", number),
            (Span(f"{symbol} " if not number else "  ", tone), Span(line, "strong")),
            place=stream.place(entry),
            copy=stream.plain(entry),
        )
        for number, line in enumerate(wrapped(text, room - 4))
    )
    below = stream.body(entry, room - 4)
    return (*head, Row(("gap",), ()), *below) if below else head


def of_value(item: Item, known: Description | None, room: int) -> tuple[Row, ...]:
    """A value, or a table, in `room` columns: what it is, what it means and where it comes from. `known`: None until
    that has been found out.
    """
    return tuple(_Lines(item, known or Description(), room - 3).rows())


def of_defaults(items: Sequence[Item], room: int) -> tuple[Row, ...]:
    """The values that one line stands for."""
    head = Row(("head",), (Span(counted(len(items), "default"), "strong"), Span("  no layer sets them", "muted")))
    return (head, Row(("gap",), ()), *_inside(items, room - 3))


class _Lines:
    def __init__(self, item: Item, known: Description, room: int) -> None:
        self._item, self._known, self._room = item, known, room
        self._copy = (
            dotted(item.path) if item.value is None or item.cut else f"{dotted(item.path)} = {spelled(item.whole)}"
        )

    def rows(self) -> Iterator[Row]:
        item, known = self._item, self._known
        yield from self._text("head", dotted(item.path), "strong")
        if item.value is not None:
            yield from self._text("value", item.value if item.cut else spelled(item.whole), "value")
            yield from self._text("was", item.was, "accent") if item.was else ()
            yield from self._text("waits", f"{item.waits} after a restart", "warn") if item.waits else ()
        if known.notes:
            yield Row(("gap", "notes"), ())
            for number, paragraph in enumerate(known.notes.splitlines()):
                yield from self._text(f"notes {number}", paragraph, "plain")
        yield Row(("gap", "facts"), ())
        for label, text, tone in self._facts():
            yield from self._fact(label, text, tone)
        if len(known.answers) > 1:
            yield Row(("gap", "answers"), ())
            yield from self._answers(known.answers)
        if item.children:
            yield Row(("gap", "inside"), ())
            yield from _inside(item.children, self._room)

    def _facts(self) -> Iterator[tuple[str, str, Tone]]:
        item, known = self._item, self._known
        if known.words:
            yield "Type", known.words, "plain"
        if known.required:
            yield "Required", "it has no default", "plain"
        elif known.default:
            yield "Default", known.default, "plain"
        if item.place is not None:
            yield "Origin", str(item.place), "plain"
        elif item.where:
            yield "Origin", "a default, in no file" if item.where == "default" else item.where, "plain"
        if item.over and len(known.answers) < 2:
            yield "Overrides", ", ".join(item.over), "plain"
        if known.restart:
            yield "Restart", "a change needs one", "warn"
        if known.secret or item.whole == MASK:
            yield "Secret", "never shown", "warn"

    def _fact(self, label: str, text: str, tone: Tone) -> Iterator[Row]:
        for number, line in enumerate(wrapped(text, self._room - _LABEL)):
            head = Span(f"{label if not number else '':<{_LABEL}}", "muted")
            yield Row(("fact", label, number), (head, Span(line, tone)), place=self._item.place, copy=text)

    def _answers(self, answers: Sequence[Answer]) -> Iterator[Row]:
        """Each on a line of its own, the last one in force; in two columns where there is room for them."""
        yield Row(("layers",), (Span("Layers, weakest first", "muted"),))
        column = min(max(width(each.origin.line_only) for each in answers), _WIDEST_PLACE)
        for nth, (origin, text) in enumerate(answers):
            wins = nth == len(answers) - 1
            where = Span(
                f"  {origin.line_only}{' ' * (column - width(origin.line_only))}  ", "plain" if wins else "muted"
            )
            place = None if origin.file is None else Place(origin.file, origin.line, origin.column)
            for number, line in enumerate(wrapped(text, self._room - width(where.text))):
                head = where if not number else Span(" " * width(where.text))
                yield Row(
                    ("answer", nth, number), (head, Span(line, "strong" if wins else "muted")), place=place, copy=text
                )

    def _text(self, name: str, text: str, tone: Tone) -> Iterator[Row]:
        for number, line in enumerate(wrapped(text, self._room)):
            yield Row((name, number), (Span(line, tone),), place=self._item.place, copy=self._copy)


def _inside(items: Sequence[Item], room: int) -> Iterator[Row]:
    for item in items[:_MOST_INSIDE]:
        text = (
            f"{item.label}  {counted(len(item.children), 'value')}"
            if item.value is None
            else f"{item.label} = {item.value}"
        )
        for number, line in enumerate(wrapped(text, room)):
            tone: Tone = "value" if item.written else "muted"
            yield Row(("inside", *item.path, number), (Span(line, tone),), place=item.place, copy=text)
    if len(items) > _MOST_INSIDE:
        yield Row(("more",), (Span(f"… and {len(items) - _MOST_INSIDE} more", "muted"),))
