"""`refused`: why a text is not TOML, in plain words, at the place where people have to look to mend it.

tomli says where it could not go on. For what was never closed that is far below, often the end of the document: the
problem names the place where that was opened. For a key that is given twice it names both places.

tomli's messages may quote keys and whatever stands in their place: none of it is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import tomli

from hotconf.compat import cached, possessive
from hotconf.formats.base import Mistakes, place
from hotconf.formats.lookalikes import lookalike
from hotconf.formats.toml.lexer import CLOSED_STRING, MARK, STRING, statements
from hotconf.formats.toml.positions import DOTTED, PART, TOKEN, TomlPlaces, decoded
from hotconf.formats.toml.slips import CONFLICT, NO_VALUE, NOT_PAIRED, Slips, curly_end
from hotconf.problems import Problem, Related
from hotconf.text import printable

_Range: TypeAlias = tuple[int, int]
"""The offsets of the first character and behind the last one; both the same where only a beginning is known."""

_Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

_BRACKET: Final = "missing closing bracket"
_BRACE: Final = "unclosed inline table"
_COMMA: Final = "missing comma"
_STRING: Final = "unterminated string"
_UNEXPECTED: Final = "unexpected"
_DUPLICATE: Final = "duplicate key"
_TWICE: Final = "table already defined"
_CLOSED: Final = "an array or inline table cannot be extended"
_ESCAPE: Final = "escape"
TWICE: Final = (_DUPLICATE, _TWICE, _CLOSED)
_REASONS: Final = (
    ("Unclosed array", _COMMA),
    ("Unclosed inline table", _COMMA),
    ("Expected ']", _BRACKET),
    ("Invalid value", _UNEXPECTED),
    ("Invalid statement", _UNEXPECTED),
    ("Invalid initial character", _UNEXPECTED),
    ("Cannot overwrite a value", _DUPLICATE),
    ("Duplicate inline table key", _DUPLICATE),
    ("Cannot declare", _TWICE),
    ("Cannot redefine namespace", _TWICE),
    ("Cannot mutate immutable namespace", _CLOSED),
    ("Illegal character '\\n'", _STRING),
    ("Found invalid character '\\n'", _STRING),
    ("Expected \"'", _STRING),
    ("Unterminated string", _STRING),
    ("Unescaped", _ESCAPE),
    ("Invalid hex value", _ESCAPE),
    ("Escaped character", _ESCAPE),
)
_HINTS: Final = {
    _DUPLICATE: "set each key once: remove one of the two",
    _TWICE: "write all its keys under one header",
    _CLOSED: "write all of it in one place",
}
_BACKSLASH: Final = r"""in "…" a backslash begins an escape: write the text in '…', or \\ for each backslash"""
_BACKSLASHES: Final = _BACKSLASH.replace('"…"', '"""…"""').replace("'…'", "'''…'''")
_ONE_OR_MANY: Final = "write either one [table], or [[table]] for each"
_CLOSES: Final = {"[": "]", "{": "}"}
_OPENERS: Final = frozenset({"[", "[[", "{"})
_CLOSERS: Final = frozenset(_CLOSES.values())
_QUOTED: Final = r"""'[^']{5,}'|"[^"]{5,}"|\(.*\)"""

_NOT_QUOTED = re.compile(possessive(rf"[^\"'#]++|#[^\n]*+|{CLOSED_STRING}"), re.DOTALL)
_STRINGS = re.compile(STRING, re.DOTALL)
_ESCAPED = re.compile(r"\\(?:x\w{0,2}|u\w{0,4}|U\w{0,8}|[^\n])?")
_WORD = re.compile(r"[\w.+-]+|.", re.DOTALL)
_HEADER = re.compile(rf"\[\[?[ \t]*+({DOTTED})[ \t]*+\]{{0,2}}", re.DOTALL)
LIKE_HEADER = re.compile(
    rf"[ \t]*+\[\[?[ \t]*+(?!(?:true|false|inf|nan)\b)(?=[A-Za-z_]){DOTTED}[ \t]*+\]\]?[ \t]*+(?:#|\n|\Z)", re.DOTALL
)
LIKE_PAIR = re.compile(rf"[ \t]*+{DOTTED}[ \t]*+=", re.DOTALL)


def refused(path: Path, error: tomli.TOMLDecodeError) -> Problem:
    """What tomli could not read, as a problem."""
    return _Refusal(path, error).problem()


class _Refusal(Mistakes):
    """One refused text. What stands before `at`, where tomli gave up, is good, as far as it goes."""

    def __init__(self, path: Path, error: tomli.TOMLDecodeError) -> None:
        super().__init__("TOML", path, error.doc)
        self.at = min(error.pos, len(error.doc))
        self.message = error.msg
        self.reason = next((words for begins, words in _REASONS if error.msg.startswith(begins)), None)

    def problem(self) -> Problem:
        if self.reason is _STRING:
            return self.string()
        if self.reason is _ESCAPE:
            return self.escape()
        if self.reason in TWICE:
            return self.given_twice(self.reason)
        if (found := lookalike(self.text, self.at)) is not None:
            return self.strange(*found)
        opener = None if self.hint == CONFLICT else self.never_closed()
        if opener is not None:
            return self.unclosed(opener)
        if self.reason is None:
            return self.plain()
        if self.reason is _COMMA and self.here not in _CLOSERS and self.quotes() is None:
            kind = "items of an array" if self.text[self.open[-1]] == "[" else "pairs of an inline table"
            return self.problem_at(_COMMA, self.word(), self.hint or f"put a comma between the {kind}")
        return self.unexpected()

    # What can be seen around the place

    @property
    def here(self) -> str:
        """The character at which tomli gave up; empty at the end."""
        return self.text[self.at : self.at + 1]

    @cached
    def statement(self) -> int:
        """Where the statement begins in which tomli gave up."""
        *_, start = statements(self.text[: self.at])
        return len(self.text) - len(self.text[start:].lstrip(" \t"))

    @property
    def in_header(self) -> bool:
        return self.text.startswith("[", self.statement)

    @cached
    def open(self) -> list[int]:
        """The brackets and braces of a value that are open there, outermost first."""
        found: list[int] = []
        for mark in MARK.finditer(self.text, self.statement):
            if mark.start(1) >= self.at or self.in_header:
                break
            if mark[1] in _CLOSERS:
                del found[-1:]
            elif mark[1] in _OPENERS:
                found.extend(range(*mark.span(1)))
        return found

    @cached
    def hint(self) -> str | None:
        """What to write instead of what stands there."""
        inside = self.text[self.open[-1]] if self.open else ""
        slips = Slips(self.text, self.at, self.message, begin=self.statement, inside=inside, header=self.in_header)
        return slips.known() or self.quotes() or slips.otherwise()

    def word(self) -> _Range:
        """What stands there: a word or a character; nothing at the end of a line."""
        found = _WORD.match(self.text, self.at)
        return (self.at, self.at) if found is None or self.here == "\n" else found.span()

    def quotes(self) -> str | None:
        """A hint, if a quote is missing in the rest of the line."""
        end = self.text.find("\n", self.at)
        found = _NOT_QUOTED.match(self.text, self.at)
        return NOT_PAIRED if found and found.end() < (len(self.text) if end < 0 else end) else None

    @property
    def own_words(self) -> str:
        """tomli's message; nothing in it quotes the text in tomli 2.5, but a later one may quote more."""
        own = re.sub(_QUOTED, "…", self.message)
        return printable(own[:1].lower() + own[1:])

    # What was never closed

    def string(self) -> Problem:
        """What is before it is good, so it is the first quote without another."""
        found = _NOT_QUOTED.match(self.text)
        begin = found.end() if found else self.at
        if self.text.startswith(('"""', "'''"), begin):
            end = begin + 3
        else:
            end = self.text.find("\n", begin)
            end = len(self.text) if end < 0 else end
        written = self.text[begin:end]
        hint = _BACKSLASH if written.startswith('"') and written.endswith('\\"') else curly_end(written)
        return self.problem_at(_STRING, (begin, end), hint or _close(written))

    def never_closed(self) -> int | None:
        """The bracket or brace that would have to be closed before what tomli does not understand."""
        if self.in_header:
            return self.statement if self.reason in (_BRACKET, _UNEXPECTED) and not self.header_closes() else None
        if not self.open or not self.here:
            return self.open[-1] if self.open else None
        line = self.text.rfind("\n", 0, self.at) + 1
        before = [opener for opener in self.open if opener < line]
        if before and self.begins_statement(line, self.text[before[-1]]):
            return before[-1]
        if self.reason is _COMMA and self.here not in _CLOSERS and not self.closes():
            return None if self.quotes() else self.open[-1]
        return None

    def header_closes(self) -> bool:
        end = self.text.find("\n", self.at)
        rest = self.text[self.at :] if end < 0 else self.text[self.at : end]
        brackets = "]]" if self.text.startswith("[[", self.statement) else "]"
        return brackets in re.sub(rf"{STRING}|#.*", "", rest)

    def begins_statement(self, line: int, opener: str) -> bool:
        """Is it plain that the line at the offset `line` is no part of the value that `opener` opens?"""
        if LIKE_HEADER.match(self.text, line):
            return True
        return opener == "[" and LIKE_PAIR.match(self.text, line) is not None

    def closes(self) -> bool:
        """Is what is open closed further on, before another statement?"""
        open_ = [self.text[opener] for opener in self.open]
        wanted = len(open_)
        for mark in MARK.finditer(self.text, self.at):
            if mark[1] == "\n":
                if self.begins_statement(mark.end(), open_[-1]):
                    return False
            elif mark[1] in _OPENERS:
                open_.extend(mark[1])
            elif mark[1] in _CLOSERS:
                if mark[1] != _CLOSES[open_.pop()]:
                    return False
                if len(open_) < wanted:
                    return True
        return False

    def unclosed(self, opener: int) -> Problem:
        bracket = self.text[opener]
        length = 2 if self.in_header and self.text.startswith("[[", opener) else 1
        reason = _BRACKET if bracket == "[" else _BRACE
        noticed = [self.related(f'"{_CLOSES[bracket]}" expected before this', self.at)] if self.here else []
        if self.in_header:
            noticed = []
        return self.problem_at(
            reason, (opener, opener + length), f'close it with "{_CLOSES[bracket] * length}"', *noticed
        )

    # What stands where it cannot

    def unexpected(self) -> Problem:
        if not self.here:
            return self.problem_at("unexpected end of file", self.word(), NO_VALUE)
        if self.here == "\n":
            return self.problem_at("unexpected end of line", self.word(), NO_VALUE)
        hint = self.hint
        closer = _CLOSES[self.text[self.open[-1]]] if self.open else self.here
        related = []
        if self.here in _CLOSERS and self.here != closer:
            hint, related = f'close it with "{closer}"', [self.related("opened here", self.open[-1])]
        return self.problem_at(f"unexpected character '{printable(self.here)}'", self.word(), hint, *related)

    def plain(self) -> Problem:
        """tomli's own words. What follows a value that began lines above may be what its end cut off."""
        if not self.message.startswith("Expected newline"):
            return self.problem_at(self.own_words, self.word(), self.hint)
        above = "\n" in self.text[self.statement : self.at]
        related = [self.related("the statement before this begins here", self.statement)] if above else []
        return self.problem_at(self.own_words, self.word(), self.hint, *related)

    def escape(self) -> Problem:
        """An invalid escape, in most cases from a path or a regular expression."""
        begin = self.text.rfind("\\", 0, self.at)
        found = _ESCAPED.match(self.text, max(begin, 0))
        reason = "no such character" if self.message.startswith("Escaped character") else "invalid escape"
        string = next(
            (match for match in _STRINGS.finditer(self.text, self.statement) if match.end() > self.at), None
        )
        long = string is not None and string[0].startswith('"""')
        return self.problem_at(reason, found.span() if found else self.word(), _BACKSLASHES if long else _BACKSLASH)

    def strange(self, offset: int, hint: str) -> Problem:
        """A look-alike character, often pasted from a document or a web page."""
        character = printable(self.text[offset])
        in_text = self.message.startswith(("Illegal character", "Found invalid character"))
        reason = self.own_words if in_text else f"unexpected character '{character}'"
        return self.problem_at(reason, (offset, offset + 1), hint)

    # What is given twice

    def given_twice(self, reason: str) -> Problem:
        if self.open and not self.in_header:
            at, first, same = self.twice_inside()
            reason = _DUPLICATE if same else reason  # of values that are tables or arrays, tomli says otherwise
        else:
            at, first = self.twice()
        related = [] if first is None else [Related("first defined", self.path, *first)]
        hint = _ONE_OR_MANY if first and self.other_header(first[0]) else _HINTS.get(reason)
        return self.problem_at(reason, at, hint, *related)

    def other_header(self, line: int) -> bool:
        """Are this and what begins the line headers, one of a table and one of an array of tables?"""
        above = self.text.split("\n", line)[line - 1].lstrip(" \t")
        here = self.text[self.statement : self.statement + 2]
        return here[:1] == above[:1] == "[" and (here == "[[") != above.startswith("[[")

    def twice(self) -> tuple[_Range, _Place | None]:
        """The range of the statement's header or key, and where it, or what is in its way, was given first."""
        header = self.in_header
        found = (_HEADER if header else TOKEN).match(self.text, self.statement)
        if found is None:
            return self.word(), None
        keys = [decoded(part[0]) for part in PART.finditer(self.text, *found.span(1))]
        first = TomlPlaces(self.text[: self.statement]).earlier(keys, header=header)
        return found.span() if header else found.span(1), first and first[:2]

    def twice_inside(self) -> tuple[_Range, _Place | None, bool]:
        """The same for the last pair of the innermost inline table, and whether the whole key was given."""
        given: dict[tuple[str, ...], int] = {}
        at: _Range = (self.at, self.at)
        first: tuple[str, ...] = ()
        for at in self.keys_of(self.open[-1]):
            keys = tuple(decoded(part[0]) for part in PART.finditer(self.text, *at))
            beginnings = [keys[:length] for length in range(len(keys), 0, -1)]
            first = next((beginning for beginning in beginnings if beginning in given), ())
            given.update((beginning, at[0]) for beginning in beginnings if beginning not in given)
        return at, place(self.text, given[first]) if first else None, bool(given) and first == keys

    def keys_of(self, opener: int) -> Iterator[_Range]:
        """The ranges of the keys of an inline table up to where tomli gave up."""
        depth = 0
        for token in TOKEN.finditer(self.text, opener + 1):
            if token.start() >= self.at:
                return
            if token["key"] and not depth:
                yield token.span("key")
            depth += (token["mark"] or "") in ("[", "{")
            depth -= (token["mark"] or "") in ("]", "}")


def _close(written: str) -> str:
    """The hint for a string that does not end."""
    quotes = written[:3] if written.startswith(('"""', "'''")) else written[:1]
    if len(quotes) == 3:
        return f"close it with {quotes}"
    return f"close it with {quotes} on this line; only {quotes * 3}…{quotes * 3} may span lines"
