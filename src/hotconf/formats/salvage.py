"""`salvage`: all mistakes of a text that cannot be parsed, and what is left of it without them.

Rule 1: what a mistake makes unreadable is left out, up to where something plainly begins. The rest is parsed again.
Rule 2: no mistake that is reported follows from another: where that is not certain, the search ends.
Rule 3: what is left has the lines of the text, and its columns wherever nothing was left out.
Rule 4: the time is bounded: so many mistakes, and so many characters that are parsed again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from hotconf.formats.base import Document, Format
from hotconf.formats.gaps import Gap
from hotconf.problems import Problem

MOST: Final = 20
"""How many mistakes of one text are reported."""
_WORK: Final = 1_000_000
"""How many characters are parsed again, whatever the text."""
_CONFLICT: Final = re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)")
_CONFLICT_END: Final = re.compile(r"^>{7}[^\n]*+", re.MULTILINE)
UNREAD: Final = "hotconf-unread-"
"""What tables are called whose names cannot be read."""
FILLED: Final = "".join(map(chr, range(0xE000, 0xF000)))
"""Characters that fill keys that cannot be read."""
_FILLED: Final = re.compile(f"[{FILLED[0]}-{FILLED[-1]}]")


class Salvage(NamedTuple):
    """What is known of a text that cannot be parsed."""

    problems: tuple[Problem, ...]
    """Its mistakes, in order; never empty."""
    document: Document | None = None
    """What is left of it without them, if all were found."""
    gaps: tuple[Gap, ...] = ()
    """What is missing there."""


def salvage(form: Format, path: Path, text: str, first: Problem) -> Salvage:
    """All mistakes of `text`, of which the parser found the `first`."""
    problems, gaps = [first], list[Gap]()
    problem, last, work, since = first, 0, 0, None
    if first.line is None or UNREAD in text or _FILLED.search(text):
        return Salvage((first,))
    while len(problems) <= MOST:
        gap = _conflict(text, problem) or form.gap(text, problem)
        work += len(text)
        if gap is None or gap.begin < last or work > _WORK:
            break
        text = text[: gap.begin] + gap.instead + text[gap.end :]
        last, since = gap.begin, since if gap.certain else gap.begin
        gaps += [] if gap.complete else [gap]
        found = form.parse(path, text)
        if isinstance(found, dict):
            return Salvage(tuple(problems), Document(path, text, _readable(found), form), tuple(gaps))
        if found.line is None or _offset(text, found) < last + len(gap.instead) or _place(found) <= _place(problem):
            break
        if (found.line == problem.line and not gap.complete) or form.may_follow(text, found, since):
            break
        if len(problems) < MOST:
            problems.append(found)
        problem = found
    return Salvage(tuple(problems))


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


def _offset(text: str, problem: Problem) -> int:
    lines = text.split("\n", (problem.line or 1) - 1)
    return len(text) - len(lines[-1]) + (problem.column or 1) - 1


def _conflict(text: str, problem: Problem) -> Gap | None:
    """All of a merge conflict: what it has twice is no mistake of its own."""
    begin = text.rfind("\n", 0, _offset(text, problem)) + 1
    if not _CONFLICT.match(text, begin):
        return None
    found = _CONFLICT_END.search(text, begin)
    end = len(text) if found is None else found.end()
    return Gap(begin, end, "\n" * text.count("\n", begin, end))


def _readable(table: dict[str, Any]) -> dict[str, Any]:
    """`table` without what has no name of its own."""
    return {
        key: _inside(value)
        for key, value in table.items()
        if key and not key.startswith(UNREAD) and not _FILLED.match(key)
    }


def _inside(value: Any) -> Any:
    """The same of all in it; levels are bounded."""
    if isinstance(value, dict):
        return _readable(value)
    return [_inside(each) for each in value] if isinstance(value, list) else value
