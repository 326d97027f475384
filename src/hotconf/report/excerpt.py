"""Excerpts: the source line that a problem is about, with a caret under the place; printable, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hotconf.core.redact import mask_urls, secret_from
from hotconf.core.source import HIDDEN, Source
from hotconf.report.cells import head, spread, tail, width

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hotconf.problems import Problem

_BAR: Final = " │ "
_NARROWEST: Final = 8


def excerpt(
    problem: Problem,
    text: str,
    *,
    context: int = 0,
    cells: int = 80,
    secrets: Iterable[str] = (),
    secret_keys: Collection[str] = (),
) -> tuple[str, ...]:
    """The line of `text` that `problem` is about, numbered, and below it a caret under its column.

    `context`: so many lines before and after it, too; none below what is not TOML or not UTF-8, for nothing is known
    of them. Longer lines than `cells` are cut around the column. Empty if the place is not known or not in `text`.

    Secrets are hidden: on a line with a key that looks secret, and with a syntax error on one that holds such a word,
    all after the first `=` or `:` is `…`, as are the further lines of such a value, and of any string. `secrets` are
    masked wherever they stand; `secret_keys` are those that only the model knows to be secret.
    """
    source = Source(text.removeprefix("\ufeff"), secrets, secret_keys)
    lines = len(source.lines)
    if problem.line is None or not 1 <= problem.line <= lines:
        return ()
    at = problem.line - 1
    broken = problem.kind in ("syntax", "encoding")
    first, last = max(at - context, 0), at if broken else min(at + context, lines - 1)
    gutter = len(str(last + 1))
    room = max(cells - gutter - len(_BAR), _NARROWEST)
    shown: list[str] = []
    for index in range(first, last + 1):
        line = source.shown(index, broken=broken and index == at).removesuffix("\r")
        caret = _caret(problem, source, line) if index == at else None
        piece, before = _cut(line, caret or 0, room)
        shown.append(f"{index + 1:>{gutter}}{_BAR}{piece}".rstrip())
        if caret is not None:
            shown.append(f"{'':>{gutter}}{_BAR}{' ' * before}^")
    return tuple(shown)


def safe_line(line: str, *, syntax_error: bool = False) -> str:
    """`line`, one of source text, printable and without the secrets that can be told from it alone.

    `syntax_error`: one was found on it, so it is not certain what its words mean.
    """
    end = secret_from(line, broken=syntax_error)
    return spread(mask_urls(line if end is None else f"{line[:end].rstrip()} {HIDDEN}"))


def _caret(problem: Problem, source: Source, shown: str) -> int | None:
    """Where on `shown` the column of the problem is: under the ellipsis, if it is hidden."""
    if problem.line is None or problem.column is None:
        return None
    before = source.lines[problem.line - 1][: problem.column - 1]
    return min(len(source.scrubbed(before)), len(shown) - shown.endswith(HIDDEN))


def _cut(line: str, caret: int, room: int) -> tuple[str, int]:
    """What of `line` fits into `room` cells around the offset `caret`, and the cells before it."""
    # A character takes no more than it is shown with, so what is farther away than `room` cannot fit.
    before = spread(line[max(caret - room, 0) : caret])
    after = spread(line[caret : caret + room + 1], width(before))
    needed = max(width(after), 1)  # the caret takes a cell, at the end of the line as well
    if caret > room or width(before) + needed > room:
        left = max(room - needed, room // 2)
        if caret > room or width(before) > left:
            before = HIDDEN + tail(before, left - 1)
        if width(before) + width(after) > room:
            after = head(after, room - width(before) - 1) + HIDDEN
    return before + after, width(before)
