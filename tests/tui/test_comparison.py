"""Two states compared, as rows: what they say without colours, and that the columns hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.report.cells import width
from hotconf.snapshot import SourceFile
from hotconf.tui.view import comparison
from tui.updates import BETTER, FILE, GOOD, snapshot

MORE = FILE.parent / "more" / "b.toml"


def state(text=GOOD, more=None):
    """A state with this main file, and a fragment if it has a text."""
    files = [SourceFile(FILE, "main", text.encode())]
    if more is not None:
        files.append(SourceFile(MORE, "fragment", more.encode()))
    return replace(snapshot(), files=tuple(files))


def texts(old, new, room=116, *, unified=False):
    """The rows as text."""
    return [row.text for row in comparison.rows(comparison.compared(old, new), room, as_unified=unified)]


@pytest.mark.parametrize("room", [40, 76, 116])
@pytest.mark.parametrize("unified", [True, False])
def test_a_comparison_fits_its_room(room, unified):
    """Side by side and unified, in any width; both sides have the changed line, and none has a secret."""
    found = texts(snapshot(GOOD, 1), snapshot(BETTER, 2), room, unified=unified)
    assert all(width(text) <= room for text in found)
    assert "10.0" in "\n".join(found)
    assert "20.0" in "\n".join(found)
    assert "hunter2" not in "\n".join(found)


def test_signs_say_what_colours_do():
    """`~` on both sides of a change, `+` and `-` on theirs; the name of the file says how much."""
    new = GOOD.replace("10.0", "20.0").replace('model = "gpt-5"\n', "").replace("[validation]", "# new\n[validation]")
    sides = texts(state(), state(new))
    assert sides[0] == "~ config.toml  1 line changed, 1 added, 1 removed"
    line = next(text for text in sides if "20.0" in text)
    assert line.split(" │ ")[0].split() == ["4", "~", "daily_limit_usd", "=", "10.0"]
    assert line.split(" │ ")[1].split() == ["3", "~", "daily_limit_usd", "=", "20.0"]
    assert any(text.startswith('   1 - model = "gpt-5"') for text in sides)
    assert any(text.endswith("+ # new") for text in (text.rstrip() for text in sides))
    lines = texts(state(), state(new), unified=True)
    assert '   1      -model = "gpt-5"' in lines
    assert "   4      -daily_limit_usd = 10.0" in lines
    assert "        3 +daily_limit_usd = 20.0" in lines


@pytest.mark.parametrize("unified", [True, False])
def test_files_that_appeared_or_were_removed_are_said_to_be(unified):
    """By name, with their lines."""
    there = "[cost]\nmonthly_limit_usd = 5.0\n"
    assert "+ more/b.toml  new file, 2 lines" in texts(state(), state(more=there), unified=unified)
    assert "- more/b.toml  file removed, 2 lines" in texts(state(more=there), state(), unified=unified)
    assert "+ more/b.toml  new file, 0 lines" in texts(state(), state(more=""), unified=unified)


@pytest.mark.parametrize("unified", [True, False])
def test_long_lines_are_continued(unified):
    """Nothing of a change is cut away, but of very long ones the end."""
    long = GOOD.replace('"gpt-5"', '"' + "x" * 200 + '"')
    assert "".join(texts(state(), state(long), 60, unified=unified)).count("x") == 200
    huge = GOOD.replace('"gpt-5"', '"' + "x" * 100_000 + '"')
    found = texts(state(), state(huge), 60, unified=unified)
    assert any("…" in text for text in found)
    assert len(found) < 60


def test_changes_are_found_and_each_row_has_its_place():
    """For `n` and `N`, and for the editor; one block of lines is one change."""
    new = GOOD.replace("10.0", "20.0").replace(
        "check_commands = false\ncheck_api_keys = false", "a = 1\nb = 2\nc = 3"
    )
    for unified in (True, False):
        rows = comparison.rows(comparison.compared(state(), state(new)), 116, as_unified=unified)
        heads = comparison.heads(rows)
        assert len(heads) == 2
        assert [rows[head].place.line for head in heads] == [4, 19]
        assert len({row.key for row in rows}) == len(rows)


def test_the_same_files_are_said_to_be_the_same():
    """Not shown as an empty sheet."""
    assert texts(snapshot(), snapshot(), 80) == ["Nothing differs."]


LINES = st.lists(st.text("ab =\t日e\u0301\u200d👍🏽", max_size=60), max_size=8)


@given(LINES, LINES, st.integers(40, 130))
def test_wide_characters_keep_the_columns(old, new, room):
    """The line between the sides is in one cell of all rows, and nothing but a file's name wider than the room."""
    before, after = (state("\n".join(lines)) for lines in (old, new))
    found = texts(before, after, room)
    assert all(width(text) <= room for text in found[1:])
    bars = {width(text.partition(" │ ")[0]) for text in found if " │ " in text}
    assert len(bars) <= 1
