"""How text stands in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.report.cells import head, spread, tail, width

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


@given(st.text(alphabet="aé日\u0301\t…\x00", max_size=30), st.integers(0, 12))
def test_parts_fit(text, cells):
    """Whatever the text is."""
    shown = spread(text)
    assert shown.isprintable()
    assert width(head(shown, cells)) <= cells
    assert width(tail(shown, cells)) <= cells
    assert shown.startswith(head(shown, cells))
    assert shown.endswith(tail(shown, cells))
