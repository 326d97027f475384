"""Excerpts: the source line that a problem is about, underlined where it stands; printable, without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hotconf.config.redaction.source_text import OMITTED, SourceText, secret_from, variable_shown
from hotconf.formats.registry import DEFAULT, format_of
from hotconf.report.cells import BAR, head, spread, tail, width
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.scrubber import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from hotconf.formats.base import Format
    from hotconf.problems import Problem

_BAR: Final = f" {BAR} "
_NARROWEST: Final = 8
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
"""As python-dotenv counts lines."""


class Excerpts:
    """The excerpts of many problems: each file is fetched when it is first needed, and looked through once."""

    __slots__ = ("_cells", "_form_of", "_read", "_scrub", "_secret_keys", "_sources")

    def __init__(
        self,
        read: Callable[[Path], str],
        *,
        cells: int = 80,
        secrets: Iterable[str] | Scrubber = (),
        secret_keys: Collection[str] = (),
        form_of: Callable[[Path], Format] = format_of,
    ) -> None:
        """`read` gives the text of a file, empty if there is none, and `form_of` its format. The others as for
        `excerpt`.
        """
        self._read, self._form_of = read, form_of
        self._cells = cells
        self._scrub = _scrubber(secrets)
        self._secret_keys = secret_keys
        self._sources: dict[Path, SourceText] = {}

    def of(self, problem: Problem) -> tuple[str, ...]:
        """The excerpt of `problem`, as `excerpt` makes it."""
        if problem.file is None or problem.line is None:
            return ()
        if problem.where:
            return _of_variable(problem, self._read(problem.file), self._scrub, self._cells)
        source = self._sources.get(problem.file)
        if source is None:
            form = self._form_of(problem.file)
            source = SourceText(_plain(self._read(problem.file)), self._scrub, self._secret_keys, form=form)
            self._sources[problem.file] = source
        return _excerpt(problem, source, 0, self._cells)


def excerpt(
    problem: Problem,
    text: str,
    *,
    context: int = 0,
    cells: int = 80,
    secrets: Iterable[str] | Scrubber = (),
    secret_keys: Collection[str] = (),
) -> tuple[str, ...]:
    """The line of `text` that `problem` is about, numbered, and below it carets under what of it is meant.

    Of what spans several lines the first is shown; where the end is not known there is one caret. `context`: how many
    lines before and after it to show, too; none below a syntax error or what is not UTF-8, of which nothing is known.
    Longer lines than `cells` are cut around the column. Empty if the place is not known or not in `text`, or if that
    is no text.

    Secrets are hidden: on a line with a key that looks secret, and with a syntax error on one that holds such a word,
    all after the first `=` or `:` is `…`, as are the further lines of such a value, and of any string. `secrets` are
    masked wherever they stand; `secret_keys` are those that only the model knows to be secret.
    """
    if problem.where:
        return _of_variable(problem, text, _scrubber(secrets), cells)
    form = DEFAULT if problem.file is None else format_of(problem.file)
    source = SourceText(_plain(text), _scrubber(secrets), secret_keys, form=form)
    return _excerpt(problem, source, context, cells)


def _scrubber(secrets: Iterable[str] | Scrubber) -> Scrubber:
    return secrets if isinstance(secrets, Scrubber) else Scrubber(secrets)


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff")


def _excerpt(problem: Problem, source: SourceText, context: int, cells: int) -> tuple[str, ...]:
    lines = len(source.lines)
    if problem.line is None or not 1 <= problem.line <= lines:
        return ()
    at = problem.line - 1
    broken = problem.kind in ("syntax", "encoding")
    if broken and "\0" in source.lines[at]:
        return ()  # UTF-16, most likely: nobody can read it, and no secret would be known for one
    first, last = max(at - context, 0), at if broken else min(at + context, lines - 1)
    gutter = len(str(last + 1))
    room = max(cells - gutter - len(_BAR), _NARROWEST)
    shown: list[str] = []
    for index in range(first, last + 1):
        withheld = (problem.column or 1) - 1 if problem.withheld and index == at else None
        line = source.shown(index, broken=broken and index == at, withheld=withheld).removesuffix("\r")
        span = _span(problem, source, line) if index == at else None
        begin, end = span or (0, 0)
        piece, before, marked = _cut(line, begin, end, room)
        shown.append(f"{index + 1:>{gutter}}{_BAR}{piece}".rstrip())
        if span is not None:
            shown.append(f"{'':>{gutter}}{_BAR}{' ' * before}{'^' * marked}")
    return tuple(shown)


def _of_variable(problem: Problem, text: str, scrub: Scrubber, cells: int) -> tuple[str, ...]:
    """The line of a file of variables, with carets under the value, or under the name if the value is not shown."""
    lines = _NEWLINE.split(_plain(text))
    if problem.line is None or not 1 <= problem.line <= len(lines) or problem.kind == "encoding":
        return ()
    key = str(problem.path[-1]) if problem.path and not problem.withheld else None
    found = variable_shown(lines[problem.line - 1], key, broken=problem.kind == "syntax" and not problem.path)
    if found is None:
        return ()
    name, value = map(scrub, found)
    begin, end = (len(name), len(name) + len(value)) if value != OMITTED else (0, len(name.rstrip("= \t")))
    gutter = f"{problem.line}"
    piece, before, marked = _cut(name + value, begin, end, max(cells - len(gutter) - len(_BAR), _NARROWEST))
    return f"{gutter}{_BAR}{piece}".rstrip(), f"{'':>{len(gutter)}}{_BAR}{' ' * before}{'^' * marked}"


def safe_line(line: str, *, syntax_error: bool = False) -> str:
    """`line`, one of source text, printable and without the secrets that show by themselves.

    `syntax_error`: one was found on it, so it is not certain what its words mean.
    """
    end = secret_from(line, broken=syntax_error)
    return spread(mask_credentials(line) if end is None else f"{mask_credentials(line[:end].rstrip())} {OMITTED}")


def _span(problem: Problem, source: SourceText, shown: str) -> tuple[int, int] | None:
    """From where to where on `shown` the problem is: no farther than its ellipsis, if the rest is hidden."""
    if problem.line is None or problem.column is None:
        return None
    index = problem.line - 1
    limit = len(shown) - shown.endswith(OMITTED)

    def offset(column: int) -> int:
        return min(source.offset(index, column - 1), limit)

    begin = offset(problem.column)
    if problem.end_line is None or problem.end_column is None or problem.end_line < problem.line:
        return begin, begin
    if problem.end_line > problem.line:
        return begin, max(begin, len(shown.rstrip()))
    return begin, max(begin, offset(problem.end_column))


def _cut(line: str, begin: int, end: int, room: int) -> tuple[str, int, int]:
    """What of `line` fits into `room` cells around the offset `begin`; the cells before it, and those up to `end`."""
    # A character takes no more than it is shown with, so what is farther away than `room` cannot fit.
    before = spread(line[max(begin - room, 0) : begin])
    after = spread(line[begin : begin + room + 1], width(before))
    marked = width(spread(line[begin : min(end, begin + room)], width(before)))
    needed = max(width(after), 1)  # the caret takes a cell, at the end of the line as well
    if begin > room or width(before) + needed > room:
        left = max(room - needed, room // 2)
        if begin > room or width(before) > left:
            before = OMITTED + tail(before, left - 1)
        if width(before) + width(after) > room:
            after = head(after, room - width(before) - 1) + OMITTED
    return before + after, width(before), max(min(marked, width(after)), 1)
