"""Differences: two published states, file by file and line by line, printable and without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, zip_longest
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotconf.config.redaction.secret_keys import SecretKeys
from hotconf.config.redaction.secret_values import secrets_in, secrets_of
from hotconf.config.redaction.source_text import SourceText, secrets_in_text
from hotconf.formats.registry import document_of, format_in
from hotconf.problems import Problem
from hotconf.report.cells import spread
from hotconf.secrets.scrubber import Scrubber
from hotconf.text import printable, source_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from hotconf.snapshot import Snapshot, SourceFile

RowKind: TypeAlias = Literal["same", "changed", "added", "removed", "file", "gap"]

ABSENT: Final = "/dev/null"
"""Stands for a file that is not part of a state, as `diff` and `patch` write it."""

_MOST_LINES: Final = 4000
"""Larger differences are not searched for what they have in common: it could take minutes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a side by side view. Its text is printable and holds no secrets."""

    kind: RowKind
    """`file`: a header, the names are the text. `gap`: lines that are left out. Else how the two lines compare."""
    old_line: int | None
    """From 1; None where there is no such line, and in headers and gaps."""
    old: str
    new_line: int | None
    new: str


def side_by_side(
    old: Snapshot[Any], new: Snapshot[Any], *, context: int = 3, secret_keys: Collection[str] = ()
) -> tuple[Row, ...]:
    """Every file in which `old` and `new` differ: a header, then each change with `context` lines around it.

    A changed line is beside the one that it was, secrets as `…` on both. Empty if all files are the same.
    `secret_keys` are those that only the model knows: needed where a state was not published, but is on the disk.
    """
    written = (_written(file, secret_keys) for file in (*old.files, *new.files))
    scrub = Scrubber(secrets_in([old.config, new.config]).union(*written))
    rows: list[Row] = []
    for path, before, after in _files(old, new):
        if _content(before) != _content(after):
            base = (*new.files, *old.files)[0].path.parent
            rows.append(Row("file", None, _name(path, base, before), None, _name(path, base, after)))
            rows.extend(_Comparison(before, after, scrub, secret_keys).rows(context))
    return tuple(rows)


def unified(
    old: Snapshot[Any], new: Snapshot[Any], *, context: int = 3, secret_keys: Collection[str] = ()
) -> tuple[str, ...]:
    """The same as a unified diff, as lines without line breaks."""
    lines: list[str] = []
    shift = 0  # how much farther down a line is in the new file, before the hunk
    for part, group in groupby(side_by_side(old, new, context=context, secret_keys=secret_keys), key=_part):
        rows = tuple(group)
        if part == "file":
            lines += (f"--- {rows[0].old}", f"+++ {rows[0].new}")
            shift = 0
        elif part == "hunk":
            lines += _hunk(rows, shift)
            shift += sum((row.new_line is not None) - (row.old_line is not None) for row in rows)
    return tuple(lines)


def _part(row: Row) -> str:
    return row.kind if row.kind in ("file", "gap") else "hunk"


def _hunk(rows: Sequence[Row], shift: int) -> Iterator[str]:
    old = [row.old_line for row in rows if row.old_line is not None]
    new = [row.new_line for row in rows if row.new_line is not None]
    # A range of no lines is named by the line before it.
    old_range = _range(old) if old else f"{new[0] - 1 - shift},0"
    new_range = _range(new) if new else f"{old[0] - 1 + shift},0"
    yield f"@@ -{old_range} +{new_range} @@"
    for same, run in groupby(rows, key=lambda row: row.kind == "same"):
        if same:
            yield from (f" {row.new}" for row in run)
        else:
            differing = tuple(run)
            yield from (f"-{row.old}" for row in differing if row.old_line is not None)
            yield from (f"+{row.new}" for row in differing if row.new_line is not None)


def _range(lines: Sequence[int]) -> str:
    return f"{lines[0]},{len(lines)}" if len(lines) != 1 else str(lines[0])


# Files


def _files(old: Snapshot[Any], new: Snapshot[Any]) -> Iterator[tuple[Path, SourceFile | None, SourceFile | None]]:
    before, after = ({file.path: file for file in snapshot.files if file.configures} for snapshot in (old, new))
    for path in dict.fromkeys((*after, *before)):
        yield path, before.get(path), after.get(path)


def _written(file: SourceFile, keys: Collection[str]) -> frozenset[str]:
    """The secrets in a file: some are under keys without a field, and in no config."""
    document = document_of(file)
    if isinstance(document, Problem):
        others = keys.others if isinstance(keys, SecretKeys) and keys else None
        return secrets_in_text(file.content.decode("utf-8", "replace"), others)
    return secrets_of(keys.root, [document]) if isinstance(keys, SecretKeys) else secrets_in(document.table)


def _content(file: SourceFile | None) -> bytes | None:
    return None if file is None else file.content


def _name(path: Path, base: Path, file: SourceFile | None) -> str:
    if file is None:
        return ABSENT
    return printable(source_name(path) or str(path.relative_to(base) if path.is_relative_to(base) else path))


# Lines: a span pairs old lines with new ones: (kind, old begin, old end, new begin, new end).

_Span: TypeAlias = tuple[str, int, int, int, int]


class _Comparison:
    """One file in two states, of which one may be what is on the disk, and may be broken."""

    __slots__ = ("_assigns", "_new", "_old", "_sides")

    def __init__(
        self, old: SourceFile | None, new: SourceFile | None, scrub: Scrubber, keys: Collection[str]
    ) -> None:
        texts = _texts(_content(old), _content(new))
        self._old, self._new = _lines(texts)
        forms = [format_in(file) for each in (old, new) if (file := each or old or new)]
        self._assigns = forms[-1].assigns
        self._sides = tuple(
            (SourceText(text, scrub, keys, form=form), _wrong_from(file))
            for text, form, file in zip(texts, forms, (old, new), strict=True)
        )

    def rows(self, context: int) -> Iterator[Row]:
        """The rows of the file, without its header."""
        spans = list(_spans(self._old, self._new, self._assigns))
        for index, span in enumerate(spans):
            if span[0] == "equal":
                before = context if index else 0
                yield from self._equal(span, before, context if index < len(spans) - 1 else 0)
            else:
                yield from self._differing(span)

    def _equal(self, span: _Span, head: int, tail: int) -> Iterator[Row]:
        _, old, old_end, new, _ = span
        left_out = old_end - old - head - tail
        if left_out <= 0:
            head, tail = old_end - old, 0
        yield from (self._row("same", old + n, new + n) for n in range(head))
        if left_out > 0:
            yield Row("gap", None, "", None, "")
        yield from (self._row("same", n, n - old + new) for n in range(old_end - tail, old_end))

    def _differing(self, span: _Span) -> Iterator[Row]:
        _, old, old_end, new, new_end = span
        for left, right in zip_longest(range(old, old_end), range(new, new_end)):
            if left is None or right is None:
                yield self._row("added" if left is None else "removed", left, right)
            else:
                yield self._row("same" if self._old[left] == self._new[right] else "changed", left, right)

    def _row(self, kind: RowKind, old: int | None, new: int | None) -> Row:
        texts = (
            "" if line is None else spread(source.shown(line, broken=line >= wrong, strings=True))
            for (source, wrong), line in zip(self._sides, (old, new), strict=True)
        )
        numbers = (None if line is None else line + 1 for line in (old, new))
        return Row(kind, next(numbers), next(texts), next(numbers), next(texts))


def _texts(old: bytes | None, new: bytes | None) -> tuple[str, str]:
    before, after = ((content or b"").decode("utf-8", "replace") for content in (old, new))
    if all(text.count("\r\n") == text.count("\n") for text in (before, after)):
        return before.replace("\r\n", "\n"), after.replace("\r\n", "\n")
    return before, after


def _wrong_from(file: SourceFile | None) -> float:
    """The line, from 0, from which on it is not known what is written there."""
    problem = None if file is None else document_of(file)
    return (problem.line or 1) - 1 if isinstance(problem, Problem) else inf


def _lines(texts: tuple[str, str]) -> tuple[list[str], list[str]]:
    before, after = (text.split("\n") if text else [] for text in texts)
    # The line break that ends a text begins no line, unless it is what differs.
    if all(not lines or not lines[-1] for lines in (before, after)):
        return before[:-1], after[:-1]
    return before, after


def _spans(old: list[str], new: list[str], assigns: str) -> Iterator[_Span]:
    """How the lines of `old` become those of `new`, in order and without holes."""
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - same
    ends = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    middles = old[same : len(old) - ends], new[same : len(new) - ends]
    if same:
        yield "equal", 0, same, 0, same
    for kind, a, b, c, d in _matched(*middles):
        if kind == "replace":
            yield from _by_key(middles[0][a:b], middles[1][c:d], same + a, same + c, assigns)
        else:
            yield kind, same + a, same + b, same + c, same + d
    if ends:
        yield "equal", len(old) - ends, len(old), len(new) - ends, len(new)


def _by_key(old: list[str], new: list[str], at_old: int, at_new: int, assigns: str) -> Iterator[_Span]:
    """A value that changed stands beside itself, although there are more lines before it now."""
    for _, a, b, c, d in _matched(*([line.partition(assigns)[0].strip() for line in lines] for lines in (old, new))):
        yield "replace", at_old + a, at_old + b, at_new + c, at_new + d


def _matched(old: Sequence[str], new: Sequence[str]) -> Iterator[_Span]:
    from difflib import SequenceMatcher  # only those who look at a difference pay for it

    if len(old) + len(new) > _MOST_LINES:
        yield "replace", 0, len(old), 0, len(new)
    else:
        yield from SequenceMatcher(None, old, new).get_opcodes()
