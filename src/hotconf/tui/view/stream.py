"""The event stream: what happened, one entry each, that opens to its changes or to its problems with their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged, problems_of
from hotconf.problems import NO_WARNINGS, Warnings, tally
from hotconf.report.cells import wrapped
from hotconf.report.notification import as_before, notification
from hotconf.report.problems.lines import spelled
from hotconf.snapshot import Timings
from hotconf.text import file_name, source_name
from hotconf.tui.view.facts import Excerpts, Happening, Note
from hotconf.tui.view.rows import RESTART, WARNING, Key, Place, Row, Span, Tone, counted, highlighted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.changes import Change
    from hotconf.problems import Problem
    from hotconf.report.problems.diagnostic import Style

SYMBOLS: Final[Mapping[type, tuple[str, Tone]]] = {
    FileChanged: ("…", "muted"),
    ReloadSuccess: ("✓", "good"),
    ReloadUnchanged: ("·", "muted"),
    ReloadDeferred: ("‖", "warn"),
    ReloadFailed: ("✗", "bad"),
    Note: ("▸", "accent"),
}
"""All one column wide in every terminal."""

_GOOD: Final[tuple[str, Tone]] = SYMBOLS[ReloadSuccess]

Which: TypeAlias = Literal["all", "endings", "failures and warnings"]
"""Which events are shown."""

TONES: Final[Mapping[Style, Tone]] = {
    "error": "bad",
    "warning": "warn",
    "message": "strong",
    "place": "plain",
    "frame": "muted",
    "source": "value",
    "label": "accent",
    "plain": "plain",
}
_MOST_LINES: Final = 200
_INDENT: Final = 4  # what a list puts before the lines below an entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    number: int
    event: Happening
    excerpts: Excerpts = ()
    preserved: bool = True
    """Was there a configuration that a failure left in force?"""
    recovered: bool = False
    """Does it end a failure without a change?"""
    warnings: Warnings = NO_WARNINGS
    """As they were after it."""

    @property
    def ends(self) -> bool:
        """Is it the end of a round, and not only a step?"""
        return not isinstance(self.event, FileChanged | Note)

    @property
    def key(self) -> Key:
        """The key of its first row."""
        return ("entry", self.number)


def kept(entries: Sequence[Entry], which: Which, query: str = "") -> tuple[Entry, ...]:
    """Those of `entries` that are shown: which, and with a `query` those that say it."""
    words = query.strip().casefold()
    return tuple(entry for entry in entries if _is(entry, which) and (not words or words in _all_of(entry)))


def opened_by_itself(entries: Sequence[Entry]) -> Key | None:
    """The entry that is open until the reader decides otherwise: the newest ending, or load with warnings."""
    return next((entry.key for entry in reversed(entries) if entry.ends or _problems(entry)), None)


def rows(
    entries: Sequence[Entry], toggled: Mapping[Key, bool], width: int, *, opened: Key | None = None, query: str = ""
) -> tuple[Row, ...]:
    """The lines of `entries`, newest first. Open are `opened`, what holds `query` below its first line, and what the
    reader opened.
    """
    words = query.strip().casefold()
    found: list[Row] = []
    for entry in reversed(entries):
        below = tuple(_body(entry, width - _INDENT)) if words and _opens(entry) else ()
        wanted = entry.key == opened or any(words in row.text.casefold() for row in below)
        is_open = toggled.get(entry.key, wanted) if _opens(entry) else None
        found.append(_head(entry, is_open))
        if is_open:
            found.extend(below or _body(entry, width - _INDENT))
    return tuple(_matched(row, words) for row in found) if words else tuple(found)


def _is(entry: Entry, which: Which) -> bool:
    event = entry.event
    match which:
        case "endings":
            return entry.ends
        case "failures and warnings":
            odd = isinstance(event, Note) and event.tone in ("bad", "warn")
            return odd or isinstance(event, ReloadFailed) or bool(entry.warnings.new or entry.warnings.gone)
    return True


def _all_of(entry: Entry) -> str:
    """What it says in the list, folded or open."""
    event, said = entry.event, "".join(span.text for span in headline(entry))
    if isinstance(event, Note):
        below = plain(entry)
    else:
        below = notification(event, preserved=entry.preserved, recovered=entry.recovered, warnings=entry.warnings)
    source = (line for _, _, lines in _sourced(entry, every=False) for line in lines)
    return "\n".join((f"{event.at.astimezone():%H:%M:%S} {said}", below, *source)).casefold()


def _matched(row: Row, words: str) -> Row:
    return replace(row, spans=tuple(part for span in row.spans for part in highlighted(span.text, span.tone, words)))


def body(entry: Entry, width: int) -> tuple[Row, ...]:
    """All that stands below the first line of `entry`, for a room of its own."""
    return tuple(_lines_of(entry, width, depth=0, every=True))


def headline(entry: Entry) -> tuple[Span, ...]:
    """What happened, in one line."""
    return (Span("Valid again", "good"), *_headline(entry.event)[1:]) if entry.recovered else _headline(entry.event)


def symbol(entry: Entry) -> tuple[str, Tone]:
    """What stands for it."""
    return _GOOD if entry.recovered else SYMBOLS[type(entry.event)]


def plain(entry: Entry) -> str:
    """`entry` as text to be copied: what the notification says, and the source lines of its problems."""
    event = entry.event
    if isinstance(event, Note):
        return "\n".join((event.text, *event.lines, *(problem.with_hint for problem in event.problems)))
    source = [line for excerpt in entry.excerpts for line in excerpt]
    return "\n".join((notification(event, preserved=entry.preserved, recovered=entry.recovered), *source))


def place(entry: Entry) -> Place | None:
    """Where the first problem of `entry` stands, or the file that changed."""
    if isinstance(entry.event, ReloadFailed):
        return next(filter(None, map(place_of, entry.event.problems)), None)
    return Place(entry.event.path) if isinstance(entry.event, FileChanged) else None


def place_of(problem: Problem) -> Place | None:
    """Where `problem` stands."""
    return None if problem.file is None else Place(problem.file, problem.line, problem.column)


def problem_rows(entry: Entry, width: int, depth: int = 0, *, every: bool = True) -> Iterator[Row]:
    """Each problem of a failure, or each warning of a success, as a diagnostic; then the warnings that are gone.

    Without `every`, the warnings that were there before are only counted.
    """
    # Here and not above: the first frame is drawn before there is a problem.
    from hotconf.report.problems.diagnostic import diagnostic

    for index, problem, source in _sourced(entry, every=every):
        named = (
            replace(problem, file=None) if problem.where or problem.file is None else _by_name(problem, problem.file)
        )
        for nth, line in enumerate(diagnostic(named, source, width=width)):
            yield Row(
                ("entry", entry.number, "problem", index, nth),
                tuple(Span(piece.text, TONES[piece.style]) for piece in line),
                depth=depth,
                place=place_of(problem),
                copy="\n".join((problem.with_hint, *source)),
            )
    if entry.warnings.same and not every:
        yield Row((*entry.key, "before"), (Span(f"{WARNING} {as_before(entry.warnings)}", "warn"),), depth=depth)
    if entry.ends:
        gone = (f"✓ no longer: {problem}" for problem in entry.warnings.gone)
        yield from _lines(entry, "gone", gone, width, depth, "good")


def _sourced(entry: Entry, *, every: bool) -> Iterator[tuple[int, Problem, tuple[str, ...]]]:
    """The problems with their number and their source lines; without `every`, without the warnings of before."""
    before = () if every else tuple(map(id, entry.warnings.same))
    for index, problem in enumerate(_problems(entry)):
        if id(problem) not in before:
            yield index, problem, entry.excerpts[index] if index < len(entry.excerpts) else ()


def _by_name(problem: Problem, file: Path) -> Problem:
    return spelled(problem, file, file if source_name(file) else Path(file.name))


def _head(entry: Entry, opened: bool | None) -> Row:
    mark, tone = symbol(entry)
    if isinstance(entry.event, Note):
        tone = entry.event.tone
    spans = (
        Span(f"{entry.event.at.astimezone():%H:%M:%S} ", "muted"),
        Span(f"{mark} ", tone),
        *(headline(entry) if not opened else _short_headline(entry)),
    )
    right: tuple[Span, ...] = ()
    if isinstance(entry.event, ReloadSuccess):
        right = (Span(f"{entry.event.timings.overhead:.1f} ms", "muted"),)
    return Row(entry.key, spans, right, expanded=opened, place=place(entry))


def _short_headline(entry: Entry) -> tuple[Span, ...]:
    """Where what a failure says stands below."""
    if isinstance(entry.event, ReloadFailed):
        return Span("Failed", "bad"), Span(" " + ", ".join(text for _, text in tally(entry.event.problems)))
    return headline(entry)


def _headline(event: Happening) -> tuple[Span, ...]:
    match event:
        case FileChanged():
            return (Span(f"{file_name(event.path)} changed", "muted"),)
        case ReloadSuccess():
            number = f" · {counted(len(event.changes), 'change')}" if event.changes else ""
            return Span("Reloaded", "good"), Span(f" generation {event.generation}{number}")
        case ReloadUnchanged():
            return Span("Unchanged"), Span(f" ({event.reason})")
        case ReloadDeferred():
            number = counted(len(event.changes), "change")
            return Span("Queued", "warn"), Span(f" {number} · waiting for {', '.join(event.reasons)}")
        case ReloadFailed():
            return Span("Failed", "bad"), Span(f" {event.error}")
        case Note():
            return (Span(event.text, event.tone),)


def _opens(entry: Entry) -> bool:
    """Is there anything below its first line? Found without making a line of it: most entries are folded."""
    match entry.event:
        case ReloadSuccess() | ReloadFailed():
            return True
        case ReloadDeferred(changes=changes, summary=summary):
            return bool(changes or summary)
        case ReloadUnchanged():
            return bool(entry.event.warnings or entry.event.pending_restart or entry.warnings.gone)
        case Note(lines=below, problems=problems):
            return bool(below or problems)
    return False


def _body(entry: Entry, width: int) -> Iterator[Row]:
    for number, row in enumerate(_lines_of(entry, width, depth=1, every=False)):
        if number == _MOST_LINES:
            yield Row((*entry.key, "more"), (Span("… and more: Enter shows all", "muted"),), depth=1)
            return
        yield row


def _lines_of(entry: Entry, width: int, depth: int, *, every: bool) -> Iterator[Row]:
    event = entry.event
    match event:
        case ReloadSuccess():
            yield from _lines(entry, "summary", event.summary, width, depth)
            yield from _changes(entry, event.summary, width, depth)
            yield from _waiting(entry, event.pending_restart, width, depth)
            yield from problem_rows(entry, width, depth, every=every)
            yield from _lines(entry, "timings", [timings(event.timings)], width, depth, "muted")
        case ReloadDeferred():
            yield from _lines(entry, "summary", event.summary, width, depth)
            yield from _changes(entry, event.summary, width, depth)
        case ReloadUnchanged():
            yield from _waiting(entry, event.pending_restart, width, depth)
            yield from problem_rows(entry, width, depth, every=every)
        case ReloadFailed():
            yield from problem_rows(entry, width, depth, every=every)
            kept = "Old configuration preserved." if entry.preserved else "Waiting for a valid configuration."
            yield from _lines(entry, "kept", [kept], width, depth, "muted")
        case Note():
            yield from _lines(entry, "note", event.lines, width, depth, "muted")
            yield from problem_rows(entry, width, depth, every=every)


def timings(times: Timings) -> str:
    """`settle 2000.4 · read 0.1 · … · overhead 0.4 ms`, in the order in which time passes."""
    parts = [part.name for part in fields(times) if part.name != "prepare" or times.prepare]
    return " · ".join(f"{name} {getattr(times, name):.1f}" for name in parts) + " ms"


def _changes(entry: Entry, summary: Iterable[str], width: int, depth: int) -> Iterator[Row]:
    """The changes that the summary does not have in the same words."""
    said = set(summary)
    lines = [str(change) for change in getattr(entry.event, "changes", ()) if str(change) not in said]
    yield from _lines(entry, "change", lines, width, depth, "accent")


def _waiting(entry: Entry, changes: Sequence[Change], width: int, depth: int) -> Iterator[Row]:
    lines = (f"{RESTART} restart required: {change}" for change in changes)
    yield from _lines(entry, "restart", lines, width, depth, "warn")


def _lines(
    entry: Entry, name: str, lines: Iterable[str], width: int, depth: int, tone: Tone = "plain"
) -> Iterator[Row]:
    for index, text in enumerate(lines):
        for nth, line in enumerate(wrapped(text, width)):
            yield Row((*entry.key, name, index, nth), (Span(line, tone),), depth=depth, copy=text)


def _problems(entry: Entry) -> tuple[Problem, ...]:
    event = entry.event
    return event.problems if isinstance(event, Note) else problems_of(event) or ()
