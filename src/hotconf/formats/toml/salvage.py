"""`gap`: what of a TOML text to leave out because of a mistake: the statement that it is in, with its value."""

from __future__ import annotations

import re
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.gaps import Gap
from hotconf.formats.salvage import UNREAD
from hotconf.formats.toml.lexer import CLOSED_STRING, MARK, statements
from hotconf.formats.toml.positions import DOTTED, PART, decoded
from hotconf.formats.toml.syntax import LIKE_HEADER, LIKE_PAIR, TWICE
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

_NAME: Final = re.compile(rf"[ \t]*+({DOTTED})[ \t]*+=", re.DOTALL)
_HEADER: Final = re.compile(rf"[ \t]*+(\[\[?)[ \t]*+({DOTTED})[ \t]*+(?=[\])}}>#\n]|\Z)", re.DOTALL)
_WHOLE: Final = re.compile(possessive(rf"[^\"'#]++|{CLOSED_STRING}|#[^\n]*+"), re.DOTALL)
_COMMENT: Final = re.compile(rf"{CLOSED_STRING}|#[^\n]*+", re.DOTALL)
_LAST_WORD: Final = re.compile(r"[\w.\-]\]\]?\Z")
"""Perhaps that of a header, at the end of another line."""
_OPENERS: Final = ("[", "[[", "{")


def gap(text: str, problem: Problem) -> Gap | None:
    """The statement of `problem`. Of a header whose name is plain only what is wrong with it."""
    at = 0
    for _ in range((problem.line or 1) - 1):
        at = text.index("\n", at) + 1
    at += (problem.column or 1) - 1
    if text.startswith(('"""', "'''"), at) and "unterminated" in problem.message:
        return None  # nobody knows which of the lines below it was to contain
    *_, begin = statements(text[:at])
    begin += len(text[begin:at]) - len(text[begin:at].lstrip(" \t"))
    twice = any(reason in problem.message for reason in TWICE)
    if text.startswith("[", begin):
        return _of_header(text, begin, twice=twice)
    end = _end(text, begin)
    written = text[begin:end]
    if _is_torn(written):
        return None  # the same
    table, name = _table(text[:begin]), _NAME.match(text, begin)
    path = None if table is None else (*table, *(_parts(name[1]) if name else ()))
    last = written[written.rfind("\n") + 1 :].partition("#")[0].rstrip()
    certain = _LAST_WORD.search(last[-3:]) is None
    return Gap(begin, end, "\n" * written.count("\n"), path, exact=name is not None, certain=certain)


def may_follow(text: str, problem: Problem, since: int | None) -> bool:
    """Whether it is given twice since a header could not be read; or a quote of a string that was left out."""
    twice = any(reason in problem.message for reason in TWICE)
    return (twice and since is not None) or _is_torn(text.split("\n", problem.line or 1)[(problem.line or 1) - 1])


def _is_torn(written: str) -> bool:
    """Whether it has one end of a string of several lines."""
    return bool(written.count('"""') % 2 or written.count("'''") % 2)


def _of_header(text: str, begin: int, *, twice: bool) -> Gap:
    """A name of its own for the table that it begins: what stands below it is in no other."""
    end = _line_end(text, begin)
    while end < len(text) and "]" not in text[begin:end] and not _is_plain(text, end + 1):
        end = _line_end(text, end + 1)
    breaks = "\n" * text.count("\n", begin, end)
    found = _HEADER.match(text, begin)
    instead = f"[{UNREAD}{begin}]"
    if found is None:
        return Gap(begin, end, instead + breaks, certain=False)
    name = found[2].rstrip()
    path = _parts(name)
    if not twice:
        many = found[1] == "[[" or f"[[{name}]]" in text
        instead = f"[[{name}]]" if many else f"[{name}]"
    return Gap(begin, end, instead + breaks, path, exact=True)


def _parts(key: str) -> KeyPath:
    return tuple(decoded(part[0]) for part in PART.finditer(key))


def _table(text: str) -> KeyPath | None:
    """That which the last header in `text` begins; None if its name could not be read."""
    headers = [found for at in statements(text) if (found := _HEADER.match(text, at))]
    path = _parts(headers[-1][2]) if headers else ()
    return None if path and str(path[0]).startswith(UNREAD) else path


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _end(text: str, begin: int) -> int:
    """Where the statement ends, or what may be part of it: at the end of a line."""
    end = _closed(text, begin)
    written = text[begin:end]
    if not _is_whole(written):
        while end < len(text) and not _is_plain(text, end + 1):
            end = _line_end(text, end + 1)
    return end


def _closed(text: str, begin: int) -> int:
    """The end of the line on which all brackets are closed; of the one before a line that begins something else."""
    open_: list[tuple[str, int]] = []
    indent = begin - text.rfind("\n", 0, begin)
    for mark in MARK.finditer(text, begin):
        at = mark.start(1)
        if mark[1] in _OPENERS:
            open_ += [(each, at) for each in mark[1]]
        elif mark[1] in ("]", "}"):
            del open_[-1:]
        elif mark[1] == "\n" and (not open_ or _leaves(text, at, *open_[-1], indent)):
            return at
        elif not mark[1]:
            break
    return len(text)


def _leaves(text: str, at: int, bracket: str, opener: int, indent: int) -> bool:
    """Whether the line behind `at` is surely not in the value that the bracket at `opener` begins."""
    if LIKE_HEADER.match(text, at + 1):
        return True
    if not LIKE_PAIR.match(text, at + 1):
        return False
    rest = text[opener + 1 : _line_end(text, opener)].partition("#")[0].strip()
    line = text[at + 1 : _line_end(text, at + 1)]
    return bracket == "[" or (bool(rest) and len(line) - len(line.lstrip(" \t")) < indent)


def _is_whole(written: str) -> bool:
    """Whether a statement plainly ends where it does: nothing in it is open, and it has a value."""
    found = _WHOLE.match(written)
    bare = re.sub(_COMMENT, lambda match: "" if match[0].startswith("#") else '"', written).rstrip()
    depth = sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))
    closed = found is not None and found.end() == len(written) and not depth
    return closed and "=" in bare.rstrip("=") and not bare.endswith((",", ":"))


def _is_plain(text: str, at: int) -> bool:
    """Whether the line there begins something."""
    return LIKE_HEADER.match(text, at) is not None or LIKE_PAIR.match(text, at) is not None
