"""The list of generations, as rows, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hotconf.report.cells import wrapped
from hotconf.text import file_name
from hotconf.tui.past.timeline import when
from hotconf.tui.view.rows import Row, Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from hotconf.tui.past.timeline import Id, State
    from hotconf.tui.view.rows import Key, Tone

_INDENT: Final = 6


def rows(
    states: Sequence[State],
    toggled: Mapping[Key, bool],
    marked: Collection[Id],
    room: int,
    *,
    today: date,
    trouble: str = "",
) -> tuple[Row, ...]:
    """Each of `states` with its number, generation, time and what changed; what is open with all of that."""
    widths = (
        max((len(_number(state)) for state in states), default=0),
        max((len(_generation(state)) for state in states), default=0),
        max((len(when(state.at, today)) for state in states), default=0),
    )
    found: list[Row] = []
    for nth, line in enumerate(wrapped(f"Not kept on disk: {trouble}", room) if trouble else ()):
        found.append(Row(("trouble", nth), (Span(line, "warn"),)))
    before = False
    for state in reversed(states):
        if state.generation is None and not before and any(each.generation is not None for each in states):
            before = all(each.generation is None for each in states[: states.index(state)])
            if before:
                found.append(Row(("before",), (Span("Before this session", "muted"),)))
        opened = toggled.get(state.id, False)
        found.append(_head(state, widths, opened=opened, marked=state.id in marked, today=today))
        if opened:
            found += _below(state, room - _INDENT)
    return tuple(found)


def _head(state: State, widths: tuple[int, int, int], *, opened: bool, marked: bool, today: date) -> Row:
    number, generation, at = widths
    sign, tone = _sign(state)
    spans = (
        Span("◆ " if marked else "  ", "accent"),
        Span(f"{sign} ", tone),
        Span(f"{_number(state):>{number}}  " if number else "", "key"),
        Span(f"{_generation(state):<{generation}}  " if generation else "", "muted"),
        Span(f"{when(state.at, today):<{at}}  ", "muted"),
        Span(state.what, "bad" if state.refused else "strong" if state.active else "plain"),
    )
    words = [word for word, is_so in (("active", state.active), ("last good", state.last_good)) if is_so]
    right = (Span(", ".join(words), "good"),) if words else ()
    return Row(state.id, spans, right, expanded=opened, copy=_copied(state, today))


def _sign(state: State) -> tuple[str, Tone]:
    if state.refused:
        return "✗", "bad"
    return ("●", "good") if state.active else (" ", "plain")


def _number(state: State) -> str:
    return "" if state.number is None else f"@{state.number}"


def _generation(state: State) -> str:
    return "" if state.generation is None else f"generation {state.generation}"


def _copied(state: State, today: date) -> str:
    return "  ".join(filter(None, (state.long_name, when(state.at, today), state.what)))


def _below(state: State, room: int) -> Iterator[Row]:
    said: list[tuple[str, Tone]] = [(line, "plain") for line in state.details]
    if state.refused:
        said.insert(0, (f"{state.name} {state.refused}", "bad"))
    elif state.number is None:
        said.append(("not kept on disk", "muted"))
    names = [file_name(file.path) for file in state.files if file.configures]
    if names:
        said.append((f"Files: {', '.join(names)}", "muted"))
    for number, (text, tone) in enumerate(said):
        for nth, line in enumerate(wrapped(text, room)):
            yield Row((*state.id, number, nth), (Span("  " + line, tone),), depth=1, copy=text)
