"""What is parsed in parts is what would have been parsed as a whole, or is left to be so."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.writer import Writer
from hotconf.formats.toml import document as module
from hotconf.formats.toml.document import Document, parse
from hotconf.formats.toml.positions import Places
from hotconf.formats.toml.reparse import reparsed

FILE = Path("/config.toml")
LINES = [
    "a = 1",
    "b.c = 2",
    "[a]",
    "[b.c]",
    "[[t]]",
    "x = [",
    "]",
    '"""',
    "'''",
    "# c",
    "",
    '"',
    "[t.u]",
    "y = {z = 1}",
]


def document(text: str) -> Document:
    """The document that `text` is."""
    found = parse(text.encode(), FILE, allow_empty=True)
    assert isinstance(found, Document), found
    return found


def in_parts(old: Document, text: str) -> Document | None:
    """`text` after `old`, parsed in parts; None if it cannot be."""
    return reparsed(old, text, partial(module._part, FILE), 1 << 30)


def told(value: Any) -> object:
    """`value` with its types and the order of its keys."""
    if isinstance(value, dict):
        return [(key, told(item)) for key, item in value.items()]
    return [told(item) for item in value] if isinstance(value, list) else (type(value), repr(value))


def edited(text: str, dice: random.Random) -> str:
    """`text` after a few edits of its lines, which often leave no TOML."""
    lines = text.split("\n")
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(lines))
        act = dice.randrange(5)
        if act == 0:
            lines.insert(at, dice.choice(LINES))
        elif act == 1:
            del lines[at]
            lines = lines or [""]
        elif act == 2:
            lines.insert(at, dice.choice(lines))
        else:
            cut = dice.randint(0, len(lines[at]))
            lines[at] = (
                lines[at][:cut] + dice.choice(["", "1", "#", '"', "=", "]", "\r"]) + lines[at][cut + act - 3 :]
            )
    return "\n".join(lines)


@given(st.integers(0, 1 << 32))
def test_parts_make_the_whole(seed: int) -> None:
    """Table, order, types and places are those of the whole text, edit after edit; no error of it is missed."""
    dice = random.Random(seed)
    old = document(Writer(dice, dice.choice([1, 2, 2, 3])).text)
    for _ in range(8):
        text = edited(old.text, dice)
        found = in_parts(old, text)
        if found is None:
            continue
        whole = document(text)
        assert told(found.table) == told(whole.table)
        assert found.sections == Places(text).sections
        old = found if dice.random() < 0.5 else whole


@given(st.integers(0, 1 << 32))
def test_places_are_the_same_where_the_sections_are_known(seed: int) -> None:
    """Headers are passed over until something is asked of which only they tell, whatever is asked first."""
    dice = random.Random(seed)
    written = Writer(dice, dice.choice([1, 2, 2, 3]))
    whole = Places(written.text)
    known = Places(written.text, list(whole.sections))
    paths = list(written.places)
    dice.shuffle(paths)
    for path in paths:
        assert (known.key(path), known.value(path)) == (whole.key(path), whole.value(path))


OLD = """\
top = 1
[a]
x = 1
y = {z = 2}
[a.b]
z = 3
[[t]]
n = 1
[t.u]
v = 1
[[t]]
n = 2
[c.d]
e = 1
[c]
f = 1
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("top = 1", "top = 2\nmore = [\n1,\n]"),
        ("x = 1", "# nothing"),
        ("x = 1", "w = 'new'\nx = 1.0"),
        ("z = 3", "z.y.x = 4"),
        ("n = 2", "n = 3"),
        ("v = 1", "v = 2"),
        ("e = 1", "g = 1"),
        ("x = 1", "x = '''\n# [a]'''"),
        ("n = 1", "n = 1 # told"),
    ],
)
def test_what_is_parsed_in_parts(before: str, after: str) -> None:
    """The pairs of a table may change as they like; all else is the same object as before."""
    old, text = document(OLD), OLD.replace(before, after, 1)
    found = in_parts(old, text)
    assert found is not None
    assert told(found.table) == told(document(text).table)
    assert sum(found.table[key] is old.table[key] for key in ("a", "t", "c") if key in old.table) >= 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a]", "[z]"),
        ("[a.b]\nz = 3\n", ""),
        ("z = 3", "z = 3\n[new]"),
        ("x = 1", "b = 1"),
        ("top = 1", "a = 1"),
        ("x = 1", 'x = """\n[a.b]\n"""'),
        ("x = 1", "x = 1\nx = 2"),
        ("x = 1\n", "x = [1,\n"),
        ("f = 1", "f = "),
        ("f = 1", "g = 1"),
    ],
)
def test_what_is_left_to_be_parsed_as_a_whole(before: str, after: str) -> None:
    """Other headers, keys that a header names as well, brackets in strings, errors, and tables in another order."""
    assert in_parts(document(OLD), OLD.replace(before, after, 1)) is None


def test_what_differs_much_is_parsed_as_a_whole() -> None:
    """To parse it as it was and as it is would take longer."""
    old = document(OLD)
    text = OLD.replace("v = 1", "v = 2")
    edited = len("[t.u]\nv = 1\n") + len("[t.u]\nv = 2\n")
    assert reparsed(old, text, partial(module._part, FILE), edited) is not None
    assert reparsed(old, text, partial(module._part, FILE), edited - 1) is None


def test_only_the_part_that_differs_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file with one edit, a few lines are parsed: as they were, and as they are."""
    text = "".join(f"[table{n}]\nvalue = {n}\n" for n in range(500))
    old = document(text)
    seen: list[str] = []
    loads = module.tomli.loads
    monkeypatch.setattr(module.tomli, "loads", lambda part: seen.append(part) or loads(part))
    found = parse(text.replace("value = 250\n", "value = 0\n").encode(), FILE, before=old)
    assert isinstance(found, Document)
    assert found.table["table250"] == {"value": 0}
    assert seen == ["[table250]\nvalue = 250\n", "[table250]\nvalue = 0\n"]
