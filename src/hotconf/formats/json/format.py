"""`JSON`: RFC 8259, parsed by the standard library. Stricter: keys are unique, NaN and Infinity are no numbers."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.formats.base import Format, Mistakes, Outline, has_giant, is_too_deep
from hotconf.formats.places import Places
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

if TYPE_CHECKING:
    from hotconf.formats.gaps import Gap

# The watcher's import, and a good file, pay for no more of this package than this module.

_SAFE: Final = 10_000
"""The parser, which recurses in C, needs less stack for so many levels than any thread has."""
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LONG: Final = re.compile(r"(?<![0-9])[0-9]{4301}")
_HEAD: Final = re.compile(r"[ \t\r\n]*+\{([ \t\r\n]*+)")


class _Json(Format):
    name = "JSON"
    suffixes: tuple[str, ...] = (".json",)
    defaults = "{}"
    assigns = ":"
    item = "{{"

    def parse(self, path: Path, text: str) -> dict[str, Any] | Problem:
        # A program may allow deeper recursion than the stack holds: then depth is judged before.
        table = _loads(text) if sys.getrecursionlimit() <= _SAFE else None
        if isinstance(table, dict) and not is_too_deep(table):
            suspect = _SURROGATE.search(text) or (_LONG.search(text) and has_giant(table))
            if not suspect:
                return table
        from hotconf.formats.json.mistakes import mistake

        found = mistake(path, text)
        if found is not None:
            return found
        table = _loads(text)
        if isinstance(table, dict):
            return table
        return Mistakes(self.name, path, text).too_deep(None)  # the caller had used up its stack

    def gap(self, text: str, problem: Problem) -> Gap | None:
        from hotconf.formats.json.salvage import gap

        return gap(text, problem)

    def may_follow(self, text: str, problem: Problem, since: int | None) -> bool:  # noqa: ARG002
        from hotconf.formats.json.salvage import is_behind

        return since is not None or is_behind(text)

    def warnings(self, path: Path, text: str) -> tuple[Problem, ...]:
        if "\\" not in text:
            return ()
        from hotconf.formats.escapes import misread

        return tuple(misread(path, text, r"write \\ for each backslash"))

    def locate(self, text: str) -> Places:
        from hotconf.formats.json.positions import places

        return places(text)

    def outline(self, text: str) -> Outline:
        from hotconf.formats.json.outline import outline

        return outline(text)

    def starts(self, line: str) -> KeyPath | None:
        from hotconf.formats.json.outline import starts

        return starts(line)

    def stamp(self, text: str, schema: str) -> str | None:
        """As the value of `$schema`, the first key unless there is one; None if this is no object."""
        bom = "\ufeff" * text.startswith("\ufeff")
        text = text.removeprefix(bom)
        head = _HEAD.match(text)
        table = _loads(text)
        if head is None or not isinstance(table, dict):
            return None
        import json

        from hotconf.formats.json.positions import places

        if "$schema" in table:
            begin, end = places(text).offsets(("$schema",))
            return f"{bom}{text[:begin]}{json.dumps(schema)}{text[end:]}"
        at = head.end()
        rest = f",{head[1] or ' '}" if table else ""
        return f'{bom}{text[:at]}"$schema": {json.dumps(schema)}{rest}{text[at:]}'

    def schema_of(self, text: str) -> str | None:
        table = _loads(text.removeprefix("\ufeff"))
        named = table.get("$schema") if isinstance(table, dict) else None
        return named if isinstance(named, str) else None


JSON: Final[Format] = _Json()


def _loads(text: str) -> object:
    """The value in `text`; None if there is none that is accepted."""
    import json

    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError
    return table


def _refuse(_: str) -> Any:
    raise ValueError
