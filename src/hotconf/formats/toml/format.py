"""`TOML`: TOML 1.1, parsed by tomli."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli

from hotconf.formats.base import MAX_DEPTH, Format, Mistakes, Outline, has_giant, is_too_deep, noted, with_note
from hotconf.formats.places import Places
from hotconf.formats.toml.lexer import STRING, too_deep
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

if TYPE_CHECKING:
    from hotconf.formats.gaps import Gap

_SCHEMA: Final = r"#:schema[ \t]++(.+)"

# A good file pays for no other module of this package: they and their patterns are imported late.


class _Toml(Format):
    nulls = False
    name = "TOML"
    suffixes: tuple[str, ...] = (".toml",)
    defaults = "a comment"
    assigns = "="

    item = "[[{}]]"

    def table_name(self, path: str) -> str:
        """Its header."""
        return f"[{path}]"

    def parse(self, path: Path, text: str) -> dict[str, Any] | Problem:
        # tomli is quadratic in the parts of a key, so a long key is found before it sees the text.
        offset = too_deep(text) if _may_have_long_key(text) else None
        mistakes = Mistakes(self.name, path, text)
        try:
            table = tomli.loads(text[:offset])
        except tomli.TOMLDecodeError as error:
            from hotconf.formats.toml.syntax import refused

            offset = too_deep(text) if offset is None else offset
            return refused(path, error) if offset is None or error.pos < offset else mistakes.too_deep(offset)
        except RecursionError:  # a caller that has used up its stack may cause it, too
            return mistakes.too_deep(too_deep(text))
        except ValueError:  # the one that tomli lets through: Python's own limit for decimal integers
            return mistakes.too_long(_giant(text))
        if offset is not None or is_too_deep(table):
            return mistakes.too_deep(too_deep(text))
        # Python reads hexadecimal integers of any length, and then refuses to print them.
        if _LONG.search(text) and has_giant(table):
            return mistakes.too_long(_giant(text))
        return table

    def gap(self, text: str, problem: Problem) -> Gap | None:
        from hotconf.formats.toml.salvage import gap

        return gap(text, problem)

    def may_follow(self, text: str, problem: Problem, since: int | None) -> bool:
        from hotconf.formats.toml.salvage import may_follow

        return may_follow(text, problem, since)

    def warnings(self, path: Path, text: str) -> tuple[Problem, ...]:
        if "\\" not in text:
            return ()
        from hotconf.formats.escapes import misread

        return tuple(misread(path, text, r"write the path in '…', or \\ for each backslash"))

    def locate(self, text: str) -> Places:
        from hotconf.formats.toml.positions import TomlPlaces

        return TomlPlaces(text)

    def outline(self, text: str) -> Outline:
        from hotconf.formats.toml.outline import outline

        return outline(text)

    def starts(self, line: str) -> KeyPath | None:
        from hotconf.formats.toml.outline import starts

        return starts(line)

    def stamp(self, text: str, schema: str) -> str:
        """The comment `#:schema SCHEMA` at the head."""
        return with_note(text, f"#:schema {schema}", _SCHEMA)

    def schema_of(self, text: str) -> str | None:
        return noted(text, _SCHEMA)


TOML: Final[Format] = _Toml()


def _may_have_long_key(text: str) -> bool:
    return text.count(".") > MAX_DEPTH and any(line.count(".") >= MAX_DEPTH for line in text.split("\n"))


_LONG: Final = re.compile(  # as many as 4,300 decimal digits take, or more; quick to rule out
    r"0[xob](?<!\w0[xob])[0-9A-Fa-f_]{3571,}+"
)
_GIANT: Final = rf"{STRING}|#[^\n]*+|(?<![\w.+-])(?P<giant>[+-]?(?:{_LONG.pattern}|[0-9_]{{4301,}}+))(?![.\w])"


def _giant(text: str) -> tuple[int, int] | None:
    """Where the first integer of too many digits is; not found if the process has lowered Python's limit."""
    matches = re.finditer(_GIANT, text, re.DOTALL)
    return next((match.span("giant") for match in matches if match["giant"]), None)
