"""`reparsed`: a text of which only some tables differ from what was parsed before. Those alone are parsed again.

A text is taken as the pairs before its first header, and one part for each header. Where the headers are the same as
before, in the same order, a part tells by itself what stands in its table: it is TOML of its own. Whatever is not as
plain as that is not decided here: None, and the whole text is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from hotconf.formats.toml.document import Document
from hotconf.formats.toml.positions import Section
from hotconf.keypath import KeyPath

Parse: TypeAlias = Callable[[str], dict[str, Any] | None]

_MOST: Final = 32
"""Of more parts that differ, the whole is as soon parsed."""
_HEADER: Final = re.compile(r"^[ \t]*+\[", re.MULTILINE)
"""What may be a header, or stand in a value."""


class _Edit(NamedTuple):
    """A part that differs."""

    path: KeyPath
    before: str
    after: str


def reparsed(old: Document, text: str, parse: Parse, most: int) -> Document | None:
    """The document of `text`, sharing with `old` what is the same; None if only parsing it all can tell.

    So it is as well if more than `most` characters would have to be parsed: those that differ, as they are and were.
    """
    sections = old.sections or old.places.sections
    found = _edits(old.text, sections, text)
    if found is None:
        return None
    moved, edits = found
    if sum(len(edit.before) + len(edit.after) for edit in edits) > most:
        return None
    table: dict[str, Any] | None = old.table
    own = dict(old.own)
    for edit in edits:
        before = own.get(edit.path) or _own(parse(edit.before), edit.path)
        after = _own(parse(edit.after), edit.path)
        if table is None or before is None or after is None:
            return None
        table = _with(table, edit.path, before, after)
        own[edit.path] = after
    if table is None:
        return None
    return Document(old.path, text, table, sections=moved, own=own)


def _edits(old: str, sections: list[Section], text: str) -> tuple[list[Section], list[_Edit]] | None:
    """Where the parts of `text` begin, and those that differ."""
    moved: list[Section] = []
    edits: list[_Edit] = []
    at = 0
    for nth, (start, body, path) in enumerate(sections):
        following = sections[nth + 1] if nth + 1 < len(sections) else None
        end_before = len(old) if following is None else following.start
        moved.append(Section(at, at + body - start, path))
        # With the next header: a part may have grown at its end.
        known = old[start : end_before if following is None else following.body]
        if text.startswith(known, at) and (following is not None or len(text) == at + len(known)):
            at += end_before - start
            continue
        if not text.startswith(old[start:body], at) or len(edits) == _MOST:
            return None
        inside = at + body - start
        end = len(text) if following is None else text.find(f"\n{old[following.start : following.body]}", inside) + 1
        if not end or _HEADER.search(text, inside, end):
            return None
        edits.append(_Edit(path, old[start:end_before], text[at:end]))
        at = end
    return moved, edits


def _own(table: dict[str, Any] | None, path: KeyPath) -> dict[str, Any] | None:
    """What a part says of its table, which is at `path`, if it says nothing else."""
    here: Any = table
    for key in path:
        if isinstance(key, int):
            here = here[0] if type(here) is list and len(here) == 1 else here
        elif type(here) is dict and len(here) == 1:
            here = here.get(key)
        else:
            return None
    return here if type(here) is dict else None


def _with(
    table: dict[str, Any], path: KeyPath, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any] | None:
    """`table` with what stands at `path` changed; None if other parts may have a say in what changes."""
    whole = table.copy()
    here: Any = whole
    around, at = None, None
    for key in path:
        around, at = here, key
        here[key] = here[key].copy()
        here = here[key]
    keys = list(here)
    own, rest = keys[: len(before)], keys[len(before) :]
    if (path and rest and not own) or own != list(before) or not after.keys().isdisjoint(rest):
        return None  # what others say of this table may come before, or may be of the same keys
    if any(here[key] != before[key] for key in own):
        return None
    changed = {**after, **{key: here[key] for key in rest}}
    if around is None:
        return changed
    around[at] = changed
    return whole
