"""A template as text. What is not set is a comment whose `#` stands before its key: without that it would be set."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from hotconf.changes import MISSING
from hotconf.report.template.entries import NAME, tabled
from hotconf.report.writing import document, toml, yaml
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.formats.base import Format
    from hotconf.keypath import KeyPath
    from hotconf.report.template.entries import Entry, Template

_WIDTH: Final = 88
_LISTED: Final = re.compile(r"\s|[-*+] |\d+[.)] ")
"""What begins a line of its own."""
_LEGEND: Final = 'A key with a "#" right before it is not set. Remove the "#" to set it.'


def text_of(template: Template, form: Format) -> str:
    """`template` in the format `form`. JSON has no comments: its values alone."""
    if form.name == "JSON":
        return document(form, tabled(template.entries))
    blocks = list((_yaml if form.name == "YAML" else _toml)(template.entries, ()))
    head = _notes(template.notes)
    if any(line.startswith("#") and not line.startswith("# ") for line in _stripped(blocks)):
        head += ["#"] * bool(head) + [f"# {_LEGEND}"]
    if not blocks and not head:
        head = ["# Any keys may be set."]
    return "\n\n".join("\n".join(block) for block in (head, *blocks) if block) + "\n"


def _stripped(blocks: Iterable[list[str]]) -> Iterator[str]:
    return (line.strip() for block in blocks for line in block if line.strip() != "#")


def _notes(text: str, depth: int = 0) -> list[str]:
    """`text` as comments: paragraphs are filled, what looks like an item of a list has a line of its own."""
    units: list[str] = []
    for line in map(str.rstrip, text.splitlines()):
        if units and units[-1] and line and not _LISTED.match(line):
            units[-1] += f" {line}"
        else:
            units.append(line)
    lines: list[str] = []
    for unit in map(printable, units):
        begin = " " * (len(unit) - len(unit.lstrip()))
        lines += textwrap.wrap(unit, _WIDTH, break_long_words=False, break_on_hyphens=False, subsequent_indent=begin)
        lines += [""] * (not unit)
    return [f"{'  ' * depth}# {line}".rstrip() for line in lines]


def _about(entry: Entry, depth: int = 0) -> list[str]:
    return _notes(entry.notes, depth) + _notes(entry.words, depth)


def _commented(lines: Iterable[str]) -> list[str]:
    """`lines`, none of which sets anything."""
    return [re.sub(r"^( *+)(?=[^ #])", r"\1#", line) for line in lines]


def _toml(entries: Iterable[Entry], path: KeyPath) -> Iterator[list[str]]:
    """Values first: what follows a header belongs to its table."""
    tables: list[Entry] = []
    for each in entries:
        if each.form != "value" or toml.has_header(each.value) or each.value == {}:
            tables.append(each)
            continue
        lines = toml.document({each.key: each.value}).splitlines()
        yield _about(each) + (lines if each.on else _commented(lines))
    for each in tables:
        yield from _toml_table(each, (*path, each.key))


def _toml_table(entry: Entry, path: KeyPath) -> Iterator[list[str]]:
    name = toml.path_name(path)
    header = {"list": f"[[{name}]]", "named": f"[{toml.path_name((*path, NAME))}]"}.get(entry.form, f"[{name}]")
    if entry.form == "table":
        yield [*_about(entry), *([header] if entry.on else _commented([header]))]
    elif entry.value in (MISSING, {}, []):
        if entry.on or not entry.fields:
            yield [*_about(entry), *([f"[{name}]"] if entry.on else _commented([f"[{name}]"]))]
        if entry.fields:
            yield [*([] if entry.on else _about(entry)), *_commented([header])]
    else:
        first, *more = toml.blocks(path, entry.value)
        lines = [[*_about(entry), *first.splitlines()], *(each.splitlines() for each in more)]
        yield from lines if entry.on else map(_commented, lines)
        return
    yield from _toml(
        entry.fields, path if entry.form == "table" else (*path, NAME) if entry.form == "named" else path
    )


def _yaml(entries: Iterable[Entry], path: KeyPath) -> Iterator[list[str]]:
    """In the order of the model; `path` is only counted."""
    depth = len(path)
    for each in entries:
        key, inside = yaml.value(each.key), (*path, each.key)
        lines = []
        if each.is_open:
            empty = " {}" if each.value == {} and not any(inner.on for inner in each.fields) else ""
            yield [*_about(each, depth), f"{'  ' * depth}{key}:{empty}"]
            yield from _yaml(each.fields, inside)
            continue
        if each.value is not MISSING:
            lines = yaml.document({each.key: each.value}).splitlines()
        if each.fields and not each.value:
            lines = [*(lines if each.on else ()), f"#{key}:"]
            lines += [f"  #{NAME}:"] if each.form == "named" else []
        lines = [f"{'  ' * depth}{line}" for line in lines]
        yield [*_about(each, depth), *(lines if each.on else _commented(lines))]
        if each.fields and not each.value:
            blocks = _yaml(each.fields, inside if each.form == "table" else (*inside, NAME))
            yield from _as_item(blocks, depth + 1) if each.form == "list" else blocks


def _as_item(blocks: Iterable[list[str]], depth: int) -> Iterator[list[str]]:
    """`blocks` with a `-` before the first key, which is a comment as they all are."""
    first = re.compile(rf" {{{2 * depth}}}  #(?=[^ ])")
    found = False
    for block in blocks:
        for index, line in enumerate(block):
            if not found and first.match(line):
                block[index] = first.sub(f"{'  ' * depth}#- ", line)
                found = True
        yield block
