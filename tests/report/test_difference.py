"""Two states of the files, line by line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.report.difference import Row, side_by_side, unified
from hotconf.schema import Schema
from hotconf.snapshot import Snapshot, SourceFile

HOME = Path("/home/ada")


class Config(BaseModel):
    pin: SecretStr = SecretStr("swordfish")


def state(files: Mapping[str, str | bytes] | str, config: object = None) -> Snapshot[object]:
    """A state with these files; a text is the main file."""
    contents = {"config.toml": files} if isinstance(files, str) else files
    sources = tuple(
        SourceFile(HOME / name, "fragment" if n else "main", text if isinstance(text, bytes) else text.encode())
        for n, (name, text) in enumerate(contents.items())
    )
    return Snapshot(config or {}, 1, "", datetime.now(UTC), sources, MappingProxyType({}))


def short(rows: tuple[Row, ...]) -> list[tuple[object, ...]]:
    """Rows without the header, for comparing."""
    return [(row.kind, row.old_line, row.old, row.new_line, row.new) for row in rows if row.kind != "file"]


def test_equal_states_have_no_difference():
    """Nor have states without files."""
    assert side_by_side(state("a = 1\n"), state("a = 1\n")) == ()
    assert unified(state({}), state({})) == ()


def test_a_changed_line_is_beside_the_one_that_it_was():
    """With its number, and those around it."""
    rows = side_by_side(state("a = 1\nb = 2\nc = 3\n"), state("a = 1\nb = 4\nc = 3\n"))
    assert rows == (
        Row("file", None, "config.toml", None, "config.toml"),
        Row("same", 1, "a = 1", 1, "a = 1"),
        Row("changed", 2, "b = 2", 2, "b = 4"),
        Row("same", 3, "c = 3", 3, "c = 3"),
    )


def test_values_are_compared_with_themselves():
    """A line that went away in between does not pair a key with another one."""
    rows = side_by_side(state("a = 1\nb = 2\nc = 3\n"), state("a = 10\nc = 30\n"))
    assert short(rows) == [
        ("changed", 1, "a = 1", 1, "a = 10"),
        ("removed", 2, "b = 2", None, ""),
        ("changed", 3, "c = 3", 2, "c = 30"),
    ]


def test_what_is_far_from_changes_is_left_out():
    """A gap stands for it; one line is no gap if context has it anyway."""
    lines = [f"k{n} = {n}" for n in range(20)]
    new = list(lines)
    new[5] = "k5 = x"
    new[9] = "k9 = x"
    rows = short(side_by_side(state("\n".join(lines)), state("\n".join(new)), context=2))
    assert [row[0] for row in rows] == [
        "gap",
        "same",
        "same",
        "changed",
        *["same"] * 3,
        "changed",
        "same",
        "same",
        "gap",
    ]
    assert [row[1] for row in rows if row[0] != "gap"] == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    rows = short(side_by_side(state("\n".join(lines)), state("\n".join(new)), context=0))
    assert [row[0] for row in rows] == ["gap", "changed", "gap", "changed", "gap"]


def test_files_come_and_go():
    """The main file first, by their names from its directory; those that are the same are left out."""
    old = state({"config.toml": "a = 1\n", "conf.d/same.toml": "", "conf.d/old.toml": "b = 1\n"})
    new = state({"config.toml": "a = 2\n", "conf.d/same.toml": "", "/etc/new.toml": "c = 1\n"})
    assert [(row.old, row.new) for row in side_by_side(old, new) if row.kind == "file"] == [
        ("config.toml", "config.toml"),
        ("/dev/null", "/etc/new.toml"),
        ("conf.d/old.toml", "/dev/null"),
    ]
    assert unified(old, new)[-8:] == (
        *("--- /dev/null", "+++ /etc/new.toml", "@@ -0,0 +1 @@", "+c = 1"),
        *("--- conf.d/old.toml", "+++ /dev/null", "@@ -1 +0,0 @@", "-b = 1"),
    )


def test_files_that_are_only_watched_have_no_content():
    """They are no part of what can be compared."""
    old = state("a = 1\n")
    watched = SourceFile(HOME / "schema.json", "watched", b"")
    new = Snapshot({}, 2, "", old.loaded_at, (*old.files, watched), old.origins)
    assert side_by_side(old, new) == ()


def test_the_end_of_line_counts():
    """A last one that is missing and another kind of line break are differences, and are seen."""
    assert short(side_by_side(state("a"), state("a\n"))) == [("same", 1, "a", 1, "a"), ("added", None, "", 2, "")]
    assert short(side_by_side(state("a\n"), state("a\r\n"))) == [("changed", 1, "a", 1, "a\\r")]
    assert short(side_by_side(state("a\r\nb\r\n"), state("a\r\nc\r\n"))) == [
        ("same", 1, "a", 1, "a"),
        ("changed", 2, "b", 2, "c"),
    ]


def test_an_empty_file_has_no_lines():
    """Not one empty line."""
    assert short(side_by_side(state(""), state("a\n"))) == [("added", None, "", 1, "a")]
    assert short(side_by_side(state("\n"), state(""))) == [("removed", 1, "", None, "")]


def test_rows_are_printable():
    """Whatever the files and their names hold; tabs are spaces."""
    rows = side_by_side(
        state({"c\x1b.toml": "\tx = '\x1b]0;'\n"}), state({"c\x1b.toml": b"\tx = '\xff\xe2\x80\xae'\n"})
    )
    assert rows[1:] == (Row("changed", 1, "    x = '\\x1b]0;'", 1, "    x = '\ufffd\\u202e'"),)
    assert rows[0].old == "c\\x1b.toml"


SECRETS = [
    'api_key = "hunter2"\n',
    "# api_key = hunter2\n",
    "[credentials]\nname = 'hunter2'\n",
    "token = [\n 'hunter2',\n 'hunter2',\n]\n",
    "url = 'https://ada:hunter2@host'\n",
    "pin = 'swordfish'\n",
    "pin = '''\nswordfish'''\n",
    "note = '''\nmy password: hunter2\n'''\n",
    "api_key = '''\nhunter2\n'''\n",
]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("other", ["", "a = 1\n", *SECRETS[:2]])
def test_no_secret_is_in_a_difference(text, other):
    """Neither one that came nor one that went, by its key or by the type that the model gives it."""
    one, two = state(text, Config()), state(other.replace("hunter2", "hunter3"), Config())
    for old, new in ((one, two), (two, one)):
        told = f"{side_by_side(old, new)} {unified(old, new)}"
        assert not any(word in told for word in ("hunter", "swordfish"))


def test_no_secret_is_in_a_difference_from_a_broken_file():
    """It is compared with what is on the disk, too: below its first error any word hides a value."""
    old = state("a = 1\nb = 1\n")
    new = state("a = 1\nb = \npassword 'hunter2'\ntoken =\n'hunter2'\nport = 1\n")
    assert "hunter2" not in str(side_by_side(old, new))
    assert short(side_by_side(old, new))[-1][-1] == "port = 1"


def test_keys_that_the_model_keeps_secret_are_hidden_in_a_file_that_was_not_published():
    """Its values are in no configuration that could tell them."""
    old, new = state("pin = 'swordfish'\n", Config()), state("pin = 'hunter2'\n", Config())
    told = f"{side_by_side(old, new, secret_keys={'pin'})} {unified(old, new, secret_keys={'pin'})}"
    assert "pin = …" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("more", ["", "oops oops\n"])
def test_the_values_of_unknown_keys_beside_secrets_are_hidden(more):
    """They may be misspelt; also in a file that is not TOML."""
    old, new = state("pin = 'swordfish'\n"), state(f"pni = 'hunter2'\n{more}")
    told = str(side_by_side(old, new, secret_keys=secret_keys(Schema(Config))))
    assert "pni" in told
    assert "hunter2" not in told


def test_a_secret_that_changed_is_seen_to_have_changed():
    """Though not how."""
    rows = side_by_side(state("api_key = 'hunter2'"), state("api_key = 'hunter3'"))
    assert short(rows) == [("changed", 1, "api_key = …", 1, "api_key = …")]


LINES = st.lists(st.sampled_from(["a = 1", "b = 2", "", "[t]", "a = 3", "c"]), max_size=12)


@given(LINES, LINES, st.integers(0, 3))
def test_a_difference_leads_from_one_to_the_other(old, new, context):
    """The lines of both are all there, in order, but for those in gaps, which are the same."""
    before, after = "".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new)
    rows = [row for row in side_by_side(state(before), state(after), context=context) if row.kind != "file"]
    for row in rows:
        if row.kind == "same":
            assert row.old == row.new
        if row.old_line is not None:
            assert row.old == old[row.old_line - 1]
        if row.new_line is not None:
            assert row.new == new[row.new_line - 1]
    if before != after:
        left = [n for n in range(1, len(old) + 1) if n not in {row.old_line for row in rows}]
        right = [n for n in range(1, len(new) + 1) if n not in {row.new_line for row in rows}]
        assert [old[n - 1] for n in left] == [new[n - 1] for n in right]
    numbers = [row.old_line for row in rows if row.old_line is not None]
    assert numbers == sorted(set(numbers))


@given(LINES, LINES, st.integers(0, 3))
def test_patch_understands_the_unified_form(old, new, context):
    """Its ranges and lines are those of the standard: applied to the old file it gives the new one."""
    before, after = ([*lines, "end"] for lines in (old, new))
    lines = unified(state("\n".join(before) + "\n"), state("\n".join(after) + "\n"), context=context)
    assert applied(before, lines) == after


def applied(old: list[str], lines: tuple[str, ...]) -> list[str]:
    """`old` with the unified diff `lines` carried out, its numbers believed."""
    new: list[str] = []
    done = 0
    for line in lines[2:]:
        if line.startswith("@@"):
            _, was, becomes, _ = line.split(" ")
            start, count = (*map(int, was[1:].split(",")), 1)[:2]
            upto = start if count == 0 else start - 1
            new += old[done:upto]
            done = upto
            start, count = (*map(int, becomes[1:].split(",")), 1)[:2]
            assert len(new) == (start if count == 0 else start - 1)
        elif line[0] == "+":
            new.append(line[1:])
        else:
            assert old[done] == line[1:]
            done += 1
            new += [line[1:]] * (line[0] == " ")
    return new + old[done:]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\n" * 8_000, "b\n" * 8_000),
        ("a\nb\n" * 900, "b\nb\na\n" * 700),
        ("".join(f"k{n} = {n}\n" for n in range(8_000)), "".join(f"k{n} = {n + 1}\n" for n in range(8_000))),
    ],
)
def test_large_differences_take_no_long_time(old, new):
    """However many lines differ, and however alike they are."""
    begin = process_time()
    assert side_by_side(state(old), state(new))
    assert process_time() - begin < 30


def test_nobody_pays_for_differences_who_sees_none():
    """difflib comes when it is needed."""
    code = "import sys, hotconf.report.difference; sys.exit('difflib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
