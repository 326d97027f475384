"""`gap`: which lines of a YAML text to leave out because of a mistake: the entry that it is in, by indentation."""

from __future__ import annotations

import re
from typing import Final

from yaml import YAMLError

from hotconf.compat import possessive
from hotconf.formats.gaps import Gap
from hotconf.formats.yaml.compose import Composer, RefusedError, TooDeepError
from hotconf.formats.yaml.outline import KEY, name_of, outline
from hotconf.formats.yaml.scalars import TooLongError
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

_STOPS: Final = ("more than one document", "not a mapping", "no content", "nested", "version of YAML")
"""What concerns more than an entry."""
_BLOCKS: Final = ("indentation", "a list item among", "among list items")
"""What is wrong with all entries that are indented alike."""
_ENTRY: Final = re.compile(r"[ \t]*+" + possessive(r"- [ \t]*+") + rf"(?:{KEY}|-(?:\s|\Z))", re.DOTALL)
_OWN_KEY: Final = re.compile(rf"[ \t]*+(?![-?]\s){KEY}", re.DOTALL)
_ITEM: Final = re.compile(r"[ \t]*+-(?:\s|\Z)")
_MARK: Final = re.compile(
    possessive(r"[^\[\]{}\n\"'#]++|\"" + possessive(r'[^"\\\n]++|\\.') + r"\"?|'[^'\n]*+'?|(?<=\s)#[^\n]*+|#")
    + r"([\[\]{}\n]|\Z)",
    re.DOTALL,
)


def gap(text: str, problem: Problem) -> Gap | None:
    """The entry of `problem`, with what is indented more."""
    if any(words in problem.message for words in _STOPS):
        return None
    lines = text.split("\n")
    flow = _flow(text)
    at = min((problem.line or 1) - 1, len(lines) - 1)
    first = at if flow is None else min(at, text.count("\n", 0, flow))
    first = _begin(lines, first)
    if lines[first].lstrip(" -").startswith(("?", "%")):
        return None
    block = first == at and any(words in problem.message for words in _BLOCKS)
    last = _end(lines, first, at, flowing=flow is not None, block=block)
    begin = sum(map(len, lines[:first])) + first
    written = "\n".join(lines[first : last + 1])
    path, exact = _path(lines, first)
    certain = not block and "&" not in written and not written.rstrip().endswith(":")
    return Gap(begin, begin + len(written), "\n" * (last - first), path, exact, certain=certain)


def may_follow(text: str, problem: Problem, since: int | None) -> bool:
    """Whether it is about the indentation, and nothing since then stands at the left; or an anchor may be lost."""
    if since is None:
        return False
    between = text[since:].split("\n")[1 : (problem.line or 1) - text.count("\n", 0, since)]
    apart = any(_OWN_KEY.match(line) and not _indent(line) for line in between)
    return "unknown alias" in problem.message or (not apart and any(words in problem.message for words in _BLOCKS))


def _flow(text: str) -> int | None:
    """Where the outermost of the brackets begins in which the mistake is."""
    composer = Composer(text)
    try:
        composer.root()
    except (YAMLError, RefusedError, TooDeepError, TooLongError, RecursionError):
        return composer.flows[0] if composer.flows else None
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _begin(lines: list[str], at: int) -> int:
    """The line on which the entry begins: where text goes on, the one that it goes on from, if that has no key."""
    while at and _is_continued(lines[at - 1], lines[at]):
        at -= 1
    return at


def _is_continued(above: str, line: str) -> bool:
    """Whether `line` belongs to the one above it, which is no entry of its own."""
    if _is_blank(above) or above.startswith(("---", "%")):
        return False
    return not _ENTRY.match(above) and _indent(line) >= _indent(above)


def _end(lines: list[str], first: int, at: int, *, flowing: bool, block: bool) -> int:
    """The last line of the entry that begins on the line `first`, and has a mistake on the line `at`.

    `block`: with the entries beside it, which have the same indentation.
    """
    indent = _indent(lines[first])
    if block:
        above = next((_indent(lines[n]) for n in range(first - 1, -1, -1) if not _is_blank(lines[n])), indent)
        indent = min(indent, above + 1)
    is_item = _ITEM.match(lines[first]) is not None
    last = at
    depth = _depth("\n".join(lines[first : at + 1])) if flowing else 0
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if _is_blank(line):
            continue
        deeper = _indent(line) > indent
        same = _indent(line) == indent and (block or (not is_item and _ITEM.match(line) is not None))
        closes = depth > 0 and not _OWN_KEY.match(line) and _indent(line) >= indent
        if not (deeper or same or closes) and _ENTRY.match(line):
            break
        depth = max(depth + _depth(line), 0) if flowing else 0
        last = number
    return last


def _depth(written: str) -> int:
    """How many brackets are opened in it, less those that are closed."""
    marks = [found[1] for found in _MARK.finditer(written)]
    return sum(map(marks.count, "[{")) - sum(map(marks.count, "]}"))


def _path(lines: list[str], first: int) -> tuple[KeyPath | None, bool]:
    """Of the value that is left out, if the line begins with its key; else of the table or list around it."""
    own = f"{lines[first][: _indent(lines[first])]}x: 1"
    tables = outline("\n".join([*lines[:first], own])).tables_by_line.get(first, ())
    if len(tables) != 1:
        return None, False
    found = _OWN_KEY.match(lines[first])
    return (tables[0], False) if found is None else ((*tables[0], name_of(found["key"])), True)
