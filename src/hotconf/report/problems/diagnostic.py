"""Diagnostics: a problem as compilers show it, in pieces that each say what they are, for anything to paint.

error[schema]: Invalid enum value: approval_policy="unknwn" (expected: untrusted, on-failure, on-request, never)
 --> config.toml:2:19
  │
2 │ approval_policy = "unknwn"
  │                   ^^^^^^^^
  = help: did you mean "untrusted"?
  = note: also defined at more/models.toml:7:1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hotconf.report.cells import BAR, steady, wrapped
from hotconf.report.problems.lines import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hotconf.problems import Problem

Style: TypeAlias = Literal["error", "warning", "message", "place", "frame", "source", "label", "plain"]
"""What a piece is. `error` and `warning` are the heads and the carets of each; `frame` leads the eye."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some printable text of one style."""

    text: str
    style: Style = "plain"


Line: TypeAlias = tuple[Piece, ...]

_NARROWEST: Final = 24


def diagnostic(
    problem: Problem,
    source: Sequence[str] = (),
    *,
    airy: bool = False,
    only_below: bool = False,
    width: int | None = None,
) -> tuple[Line, ...]:
    """`problem` on lines. `source` is its excerpt; `airy`: with an empty line above it, where there is room.

    `only_below`: without the message and its hint, which are shown already; nothing if there is no
    source to show. `width`: where to wrap text, but not the source, in characters.
    """
    if only_below and not source:
        return ()
    lines = [] if only_below else list(_wrapped((_kind(problem), Piece(": ")), problem.message, "message", width))
    gutter = source[0].index(BAR) - 1 if source else 1
    place = place_of(problem)
    if place:
        lines.append((Piece(f"{'':{gutter}}--> ", "frame"), Piece(place, "place")))
    if source and airy:
        lines.append((Piece(f"{'':{gutter}} {BAR}", "frame"),))
    lines.extend(_source(line, problem) for line in source)
    if problem.hint and not only_below:
        lines.extend(_note("help", problem.hint, gutter, width))
    for related in problem.related:
        lines.extend(_note("note", f"{related.message} at {place_of(related)}", gutter, width))
    return tuple(lines)


def plain(lines: Iterable[Line]) -> str:
    """`lines` as text, without a newline at the end."""
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def _kind(problem: Problem) -> Piece:
    return Piece(f"{problem.severity}[{problem.kind}]", problem.severity)


def _source(line: str, problem: Problem) -> Line:
    number, bar, text = line.partition(BAR)
    marks = not number.strip() and bool(text)
    return Piece(number + bar, "frame"), Piece(text, problem.severity if marks else "source")


def _note(label: str, text: str, gutter: int, width: int | None) -> Iterator[Line]:
    head = (Piece(f"{'':{gutter}} = ", "frame"), Piece(label, "label"), Piece(": "))
    return _wrapped(head, text, "plain", width)


def _wrapped(head: Line, text: str, style: Style, width: int | None) -> Iterator[Line]:
    """`head` and `text`; the further lines of a text that is broken are indented, as far as that leaves room."""
    if width is None:
        yield (*head, Piece(steady(text), style))
        return
    taken = sum(len(piece.text) for piece in head)
    indent = min(taken, 4)
    first, *rest = wrapped(text, max(width, _NARROWEST) - indent, max(width, _NARROWEST) - taken)
    yield (*head, Piece(first, style))
    for line in rest:
        yield (Piece(" " * indent + line, style),)
