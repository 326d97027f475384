"""`stamp`: the line at the head of a file by which editors find its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_DIRECTIVE: Final = re.compile(r"#:schema[ \t]++(\S(?:.*\S)?)[ \t]*+")


def stamp(text: str, schema: str) -> str:
    """`text` with `#:schema SCHEMA` as its first line; as it is, if a comment at its head says that already."""
    if schema_of(text) == schema:
        return text
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    return f"{bom}#:schema {schema}{end}{text.removeprefix(bom)}"


def schema_of(text: str) -> str | None:
    """The schema that the comments at the head of `text` name: those before its first key or table."""
    found = (_DIRECTIVE.fullmatch(line) for line in _head(text.removeprefix("\ufeff")))
    return next((match[1] for match in found if match), None)


def _head(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)].strip(" \t\r")
        if line and not line.startswith("#"):
            return
        yield line
        start = end + 1 if end >= 0 else len(text)
