"""How text stands in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hotconf.report.cells import cut, head, pieces, spread, steady, tail, width, wrapped

E_ACUTE = "e\u0301"


@pytest.mark.parametrize(
    ("text", "cells"), [("", 0), ("abc", 3), ("日本", 4), ("ﬁ", 1), (E_ACUTE, 1), ("각", 2), ("각", 2), ("…", 1)]
)
def test_cells_are_counted_as_terminals_do(text, cells):
    """Wide characters take two, combining ones none."""
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("\ta", 0, "    a"),
        ("a\tb", 0, "a   b"),
        ("日\tb", 0, "日  b"),
        ("\t", 3, " "),
        ("abcd\t\tx", 0, "abcd        x"),
        ("\x1b[31m\tx", 0, "\\x1b[31m    x"),
        ("a\u202eb", 0, "a\\u202eb"),
    ],
)
def test_tabs_become_spaces_and_the_rest_printable(text, start, expected):
    """Up to the next stop, counted in cells; escape sequences are text."""
    assert spread(text, start) == expected


def test_wide_characters_are_never_cut_in_two():
    """What does not fit whole is left out."""
    assert head("日本語", 3) == "日"
    assert tail("日本語", 3) == "語"
    assert (head("abc", 3), tail("abc", 3), head("abc", 0), tail("abc", 0)) == ("abc", "abc", "", "")


def test_marks_stay_with_their_character():
    """No part begins with one that belongs to what was cut off."""
    assert head(f"a{E_ACUTE}b", 2) == f"a{E_ACUTE}"
    assert tail(f"a{E_ACUTE}b", 1) == "b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("👍🏽", "👍\\U0001f3fd"),
        ("👩‍💻", "👩\\u200d💻"),
        ("🇩🇪", "\\U0001f1e9\\U0001f1ea"),
        ("❤️", "❤\\ufe0f"),
        ("1️⃣", "1\\ufe0f\u20e3"),
        ("की", "क\\u0940"),
        ("a\u3164b", "a\\u3164b"),
        ("日本 👍 é ✓ 각", "日本 👍 é ✓ 각"),
    ],
)
def test_what_terminals_disagree_about_is_an_escape(text, shown):
    """As in TOML; all else stays as it is, and none of it twice."""
    assert steady(text) == shown == steady(shown)


ODD = "a日👍🏽👩\u200d💻🇩❤\ufe0f\u20e3é\u0301की\u3164\U000e0041\x1b\t\n각\u1161"
"""What has ever shifted a row."""


@given(st.text(alphabet=st.one_of(st.sampled_from(ODD), st.characters()), max_size=40), st.integers(1, 60))
def test_each_character_is_as_wide_as_rich_and_we_say(text, cells):
    """So what we cut and fill is what Textual lays out; and it does not depend on what stands beside it."""
    shown = steady(text)
    assert cell_len(shown) == width(shown) == sum(map(width, shown))
    assert "".join(map(steady, text)) == shown
    assert width(cut(shown, cells)) <= cells
    assert "".join(pieces(shown, max(cells, 2))) == shown
    assert all(width(line) <= max(cells, 20) for line in wrapped(text, cells, cells))


@given(st.text(alphabet="aé日\u0301\t…\x00", max_size=30), st.integers(0, 12))
def test_parts_fit(text, cells):
    """Whatever the text is."""
    shown = spread(text)
    assert shown.isprintable()
    assert width(head(shown, cells)) <= cells
    assert width(tail(shown, cells)) <= cells
    assert shown.startswith(head(shown, cells))
    assert shown.endswith(tail(shown, cells))
