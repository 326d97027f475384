"""`doubts`: what is valid YAML, and probably not what was meant. No warning quotes the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from yaml._yaml import CParser
from yaml.events import ScalarEvent

from hotconf.formats.base import Mistakes
from hotconf.formats.escapes import MOST, misread
from hotconf.formats.yaml.compose import span_of
from hotconf.formats.yaml.outline import outline
from hotconf.problems import Problem

_BACKSLASHES: Final = r"write the path in '…', or \\ for each backslash"
_ITEM: Final = re.compile(r"^( *+)- [\w./][^\n:#]*+\n\1 ++- ", re.MULTILINE)
_PAIR: Final = re.compile(r"^( *+)(?:- )?[\w.-]++:[ \t]*+\n\1 ++[\w.-]++:[^\s:/][^\n]*+", re.MULTILINE)
_SWALLOWED: Final = (
    (_ITEM, "this - begins no list item: it goes on with the text of the line above", "indent it like the - above"),
    (_PAIR, "this is text, and no key with a value", "write a space after the colon: key: value"),
)


def doubts(path: Path, text: str) -> Iterator[Problem]:
    """Paths with escapes in them, and lines that another line has swallowed; the first `MOST` of each kind."""
    if "\\" in text:
        yield from misread(path, text, _BACKSLASHES, _double_quoted)
    found = [
        (match, reason, hint) for each, reason, hint in _SWALLOWED for match in islice(each.finditer(text), MOST)
    ]
    inside = outline(text).in_strings if found else frozenset()
    for match, reason, hint in found:
        line = text.count("\n", 0, match.start())
        if line not in inside:
            begin = match.start() + match[0].index("\n") + 1
            begin += len(text[begin : match.end()]) - len(text[begin : match.end()].lstrip())
            end = begin + 1 if match.re is _ITEM else match.end()
            yield Mistakes("YAML", path, text).doubt(reason, (begin, end), hint)


def _double_quoted(text: str) -> Iterator[tuple[int, str]]:
    following: Callable[[], Any] = CParser(text).get_event
    while (event := following()) is not None:
        if isinstance(event, ScalarEvent) and event.style == '"':
            begin, end = span_of(event)
            begin = text.index('"', begin)
            yield begin, text[begin:end]
