"""How a change is told in one line: short, printable, and never so that both sides look the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.changes import CUT, MASK, MISSING, Change, contrasted, shown
from hotconf.config.diff import diff
from hotconf.config.redaction.masking import masked

ARGS = ["--permission-mode", "plan", "--print", "--verbose", "--model", "gpt-5", "--output-format", "json", "--quiet"]


def told(old: object, new: object) -> str:
    """The line of a change, without its key."""
    return str(Change(("a",), old, new)).removeprefix("a: ")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (ARGS, [*ARGS[:5], "gpt-6", *ARGS[6:]], '[…, "gpt-5", …] → […, "gpt-6", …]'),
        (ARGS, [*ARGS[:-1], "--loud"], '[…, "--quiet"] → […, "--loud"]'),
        (ARGS, ARGS[:-1], '[…, "--quiet"] → […]'),
        (ARGS, [*ARGS, "-x", "-y"], '[…] → […, "-x", …]'),
        (ARGS, [*ARGS[:6], *ARGS[7:]], '[…, "--output-format", …] → […, "json", …]'),
        (
            [*ARGS, "x" * 200 + "1" + "y" * 200],
            [*ARGS, "x" * 200 + "2" + "y" * 200],
            f"[…, …{'x' * 17}1{'y' * 32}…] → […, …{'x' * 17}2{'y' * 32}…]",
        ),
        (
            ["x" * 200 + "1", "b"],
            ["x" * 200 + "2", "b"],
            f'[…{"x" * 17}1", …] → […{"x" * 17}2", …]',
        ),
        ("x" * 90 + "1", "x" * 90 + "2", f'…{"x" * 20}1" → …{"x" * 20}2"'),
        ("x" * 90, "x" * 90 + "2", f'…{"x" * 20}" → …{"x" * 20}2"'),
        ("x" * 90 + "1" + "y" * 90, "x" * 90 + "y" * 91, f"…{'x' * 20}1{'y' * 37}… → …{'x' * 20}{'y' * 38}…"),
        (10**90 + 1, 10**90 + 2, f"…{'0' * 20}1 → …{'0' * 20}2"),
        ([[[["a"]]]], [[[["b"]]]], '[[[["a"]]]] → [[[["b"]]]]'),
        (
            [1, {"a": {"b": {"c": 1}}}],
            [1, {"a": {"b": {"c": 2}}}],
            "[…, {a = {b = {c = 1}}}] → […, {a = {b = {c = 2}}}]",
        ),
        ("x" * 90, "x", f'"{"x" * 58}… → "x"'),
        (MISSING, "x" * 90, f'none → "{"x" * 58}…'),
        (8000, 9000, "8000 → 9000"),
    ],
)
def test_long_values_are_cut_around_the_first_difference(old: object, new: object, line: str) -> None:
    """What is the same in both is left out before what differs is; short ones stay whole."""
    assert told(old, new) == line


def test_what_is_secret_in_both_stays_so() -> None:
    """Masked first, cut then: a difference that only a secret makes is not spelled, and said to be one."""
    assert told(MASK, MASK) == "changed (secret)"
    (change,) = diff({"u": "postgres://me:hunter2@db/x"}, {"u": "postgres://me:hunter3@db/x"})
    assert str(change) == "u: changed (secret)"
    (change,) = diff({"u": ["https://me:hunter2@host", 1]}, {"u": ["https://me:hunter3@host", 1]})
    assert str(change) == "u: changed (secret)"
    assert contrasted(change.old, change.new)[1] == f'["https://{MASK}@host", 1]'
    old, new = ([*ARGS, {"token": f"hunter{n}"}, f"{n}"] for n in (2, 3))
    (change,) = diff({"u": old}, {"u": new})
    assert str(change) == 'u: […, "2"] → […, "3"]'


def test_what_differs_in_nothing_that_is_shown_says_so() -> None:
    """Rather than two sides that look the same."""
    assert told([1], (1,)) == "changed (in a part not shown)"
    assert told(CUT, CUT) == "changed (in a part not shown)"


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), TEXTS.map(lambda text: "a" * 70 + text)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        inner.map(lambda one: [*ARGS, one, *ARGS]),
        st.dictionaries(TEXTS, inner, max_size=3),
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_two_sides_never_look_the_same(old: Any, new: Any) -> None:
    """Whatever they are, unless all of both is spelled the same; and both stay short and printable."""
    plain = masked((), old), masked((), new)
    texts = contrasted(*plain)
    assert all(text.isprintable() and len(text) <= 60 for text in texts)
    if shown(plain[0]) != shown(plain[1]):
        assert texts == (shown(plain[0]), shown(plain[1]))
    assert (texts[0] == texts[1]) == (_spelled(plain[0]) == _spelled(plain[1]))


def _spelled(value: Any) -> object:
    """`value` as far as its spelling tells it from others."""
    if isinstance(value, dict):
        return "table", [(key, _spelled(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return "array", [_spelled(inner) for inner in value]
    return type(value).__name__, value
