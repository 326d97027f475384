"""`Format`: what each language of configuration files offers. `Document`: one file that was read in one of them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.compat import cached
from hotconf.formats.places import Places
from hotconf.keypath import KeyPath
from hotconf.problems import Problem, Related

if TYPE_CHECKING:
    from hotconf.formats.gaps import Gap

MAX_DEPTH: Final = 64
"""Levels of tables and arrays together, the parts of a dotted key included."""
MAX_DIGITS: Final = 4300
"""Python prints no decimal integer that has more."""


class Outline(NamedTuple):
    """What can be said about the lines of any text, valid or not. They count from 0."""

    tables_by_line: dict[int, tuple[KeyPath, ...]]
    """For each line that begins with a key or a header, in order: the tables that it sets something in. The first
    line is always among them.
    """
    in_strings: frozenset[int]
    """The lines that begin inside a string."""


class Format(ABC):
    """One language of configuration files. No method raises for anything in a text, and all take linear time."""

    name: str
    """As in `Invalid TOML`."""
    suffixes: tuple[str, ...]
    """Files with one of these names are written in it."""
    package: str = ""
    """What it is read with, if that is not always installed; imported with the first text."""
    defaults: str
    """What to write to ask for all defaults."""
    nulls: bool = True
    """It has a value for nothing at all."""
    assigns: str
    """Stands between a key and its value."""
    item: str
    """What each table of an array begins with; `{}` is the dotted key of the array."""

    @abstractmethod
    def parse(self, path: Path, text: str) -> dict[str, Any] | Problem:
        """The table in `text`; or the first mistake, its line, and what to write instead."""

    @abstractmethod
    def locate(self, text: str) -> Places:
        """The places in a text that was parsed."""

    @abstractmethod
    def outline(self, text: str) -> Outline:
        """Which lines of any text set something, and where: it decides which of them are shown as secret."""

    @abstractmethod
    def starts(self, line: str) -> KeyPath | None:
        """What a line of a broken text plainly starts, whatever is above it: the table of a header, `()` for a key;
        None if it may continue a value.
        """

    def gap(self, text: str, problem: Problem) -> Gap | None:  # noqa: ARG002 - a default
        """What to leave out of `text` because of `problem`, its first mistake, so that the rest says what it said;
        None if that is not known.
        """
        return None

    def may_follow(self, text: str, problem: Problem, since: int | None) -> bool:  # noqa: ARG002 - a default
        """Whether `problem` may be a mistake only because of what was left out above it. `since`: where the last gap
        is that is not certain.
        """
        return since is not None

    def warnings(self, path: Path, text: str) -> tuple[Problem, ...]:  # noqa: ARG002 - a default
        """What a text that was parsed says, but probably does not mean."""
        return ()

    def table_name(self, path: str) -> str:
        """What messages call the table at `path`, a dotted key."""
        return f"the table {path}"

    def stamp(self, text: str, schema: str) -> str | None:  # noqa: ARG002 - a default
        """`text` with the note by which editors find its JSON Schema, in place of another; None if it has no place
        for one. Everything else stays as it is.
        """
        return None

    def schema_of(self, text: str) -> str | None:  # noqa: ARG002 - a default
        """The JSON Schema that such a note in `text` names."""
        return None


@dataclass(frozen=True)
class Document:
    """One file that could be parsed. It is kept and used again: nobody may change `table`."""

    path: Path
    """The file as configured, absolute."""
    text: str = field(repr=False)
    """What was parsed: decoded, without a byte order mark. Like `table` it may hold secrets."""
    table: dict[str, Any] = field(repr=False)
    format: Format = field(repr=False)
    spelled: Mapping[KeyPath, KeyPath] = field(default_factory=dict, repr=False)
    """The path in the text, for each path of `table` that ends differently there."""

    @cached
    def places(self) -> Places:
        """Where keys and values stand in `text`. A load that finds nothing wrong does not ask."""
        return self.format.locate(self.text)

    @cached
    def warnings(self) -> tuple[Problem, ...]:
        """What `text` says, but probably does not mean."""
        return self.format.warnings(self.path, self.text)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: without what is read of `text` when it is asked for."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def parse(form: Format, path: Path, data: bytes, *, allow_empty: bool = False) -> Document | Problem:
    """The document that `data` holds, or what is wrong with it. A leading byte order mark is accepted.

    Nothing but white space is a problem unless `allow_empty`; a file of comments is not empty.
    """
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return _not_utf8(path, data, error.start)
    if text.strip():
        table = form.parse(path, text)
        return table if isinstance(table, Problem) else Document(path, text, table, form)
    if allow_empty:
        return Document(path, text, {}, form)
    hint = f"for all defaults, write {form.defaults}"
    return Problem("File is empty", kind="empty", file=path, hint=hint)


def _not_utf8(path: Path, data: bytes, offset: int) -> Problem:
    before = data[:offset].decode().removeprefix("\ufeff")
    line, column = place(before, len(before))
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    hint = "it looks like UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8"
    message = f"File is not UTF-8: invalid byte at line {line}"
    return Problem(message, kind="encoding", hint=hint, file=path, line=line, column=column)


def with_note(text: str, note: str, pattern: str) -> str:
    """`text` with the comment `note`, of which `pattern` says what the first group of it is, among those at its head:
    in place of the first that `pattern` matches, or as the first line, behind a `#!`, with the same line ends.
    """
    (group,) = re.fullmatch(pattern, note).groups()  # type: ignore[union-attr]
    found = _in_head(text, pattern)
    if found is not None:
        return text[: found[0]] + group + text[found[1] :]
    at = int(text.startswith("\ufeff"))
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    if text.startswith("#!", at):
        first = re.compile(r"[^\r\n]*+(\r\n?|\n|$)").match(text, at)
        if first is not None and not first[1]:
            return f"{text}{end}{note}{end}"
        at = len(text) if first is None else first.end()
    return f"{text[:at]}{note}{end}{text[at:]}"


def noted(text: str, pattern: str) -> str | None:
    """The first group of `pattern` in the first comment, of those before any content, that it matches whole."""
    found = _in_head(text, pattern)
    return None if found is None else text[slice(*found)]


def _in_head(text: str, pattern: str) -> tuple[int, int] | None:
    for found in re.finditer(r"[^\r\n]++", text):
        line = found[0].lstrip("\ufeff \t\f\v")
        begin, line = found.end() - len(line), line.rstrip()
        if line and not line.startswith(("#", "%")) and line != "---":
            return None
        if match := re.fullmatch(pattern, line):
            return begin + match.start(1), begin + match.end(1)
    return None


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of `offset`, from 1, in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class Mistakes:
    """Makes the problems of one text that is not `language`."""

    def __init__(self, language: str, path: Path, text: str) -> None:
        self.language, self.path, self.text = language, path, text

    def problem_at(
        self, reason: str, span: tuple[int, int] | None, hint: str | None = None, *related: Related
    ) -> Problem:
        """`Invalid LANGUAGE: REASON at line N`, where N is the line at which `span`, two offsets, begins."""
        message = f"Invalid {self.language}: {reason}"
        if span is None:
            return Problem(message, kind="syntax", hint=hint, file=self.path)
        line, column = place(self.text, span[0])
        end_line, end_column = place(self.text, span[1]) if span[1] > span[0] else (None, None)
        message = f"{message} at line {line}"
        return Problem(message, (), "syntax", "error", hint, self.path, line, column, end_line, end_column, related)

    def doubt(self, reason: str, span: tuple[int, int], hint: str) -> Problem:
        """A warning about what stands at `span`."""
        (line, column), (end_line, end_column) = place(self.text, span[0]), place(self.text, span[1])
        return Problem(reason, (), "syntax", "warning", hint, self.path, line, column, end_line, end_column)

    def related(self, message: str, offset: int) -> Related:
        """A place in the text to look at, too."""
        return Related(message, self.path, *place(self.text, offset))

    def too_deep(self, offset: int | None) -> Problem:
        """More levels than `MAX_DEPTH` at `offset`; None: a caller had used up its stack."""
        if offset is None:
            return self.problem_at("nested too deeply", None)
        return self.problem_at(f"more than {MAX_DEPTH} levels of nesting", (offset, offset + 1))

    def too_long(self, span: tuple[int, int] | None) -> Problem:
        """An integer of too many digits."""
        return self.problem_at(f"integer of over {MAX_DIGITS:,} digits", span)


def is_too_deep(table: dict[str, Any]) -> bool:
    """Whether `table` has more than `MAX_DEPTH` levels; an empty array is a level, an empty table is not."""
    level: list[Any] = [table]
    for _ in range(MAX_DEPTH):
        inner = (each.values() if type(each) is dict else each for each in level)
        level = [value for values in inner for value in values if type(value) is dict or type(value) is list]
        if not level:
            return False
    return any(value or type(value) is list for value in level)


def has_giant(table: dict[str, Any]) -> bool:
    """Whether `table` has an integer of more than `MAX_DIGITS` digits."""
    left: list[object] = [table]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            return True
    return False
