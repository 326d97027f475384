"""TOML with remarks: what is written reads back as what was given."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from hotconf.report.writing import toml

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=OFFSETS)
)
KEYS = st.text("ab_-1.\"'# é\n\x00\u202e[]", max_size=4)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=6)


def exact(value: object) -> object:
    """`value` in a form in which 1, 1.0 and true differ, and NaN equals itself."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, datetime):
        return ("moment", value.isoformat())
    return (type(value).__name__, "nan" if isinstance(value, float) and math.isnan(value) else value)


@given(TABLES)
def test_every_table_reads_back(table):
    """Whatever the keys and values, with a remark behind each of them."""
    assert exact(tomli.loads(toml.document(table, lambda path: "config.toml:14"))) == exact(table)


@given(TABLES, st.text())
def test_a_remark_cannot_become_part_of_the_document(table, remark):
    """Line breaks and control characters in the name of a file stay inside the comment."""
    assert exact(tomli.loads(toml.document(table, lambda path: remark))) == exact(table)


@given(TABLES)
def test_each_value_is_remarked_upon_once(table):
    """Tables and arrays of tables have no remark of their own unless they are empty."""
    asked = []
    toml.document(table, lambda path: asked.append(path) or "")
    assert len(asked) == len(set(asked)) == values(table)


def values(table: dict[str, object]) -> int:
    """How many values the tables with headers hold."""
    count = 0
    for item in table.values():
        if isinstance(item, dict) and item:
            count += values(item)
        elif isinstance(item, list) and item and all(isinstance(each, dict) for each in item):
            count += sum(values(each) for each in item)
        else:
            count += 1
    return count


def test_values_stand_before_tables_with_the_remarks_below_each_other():
    """A key after a header would belong to that table."""
    table = {"t": {"deep": {"x": 1}}, "a": "b", "long": True, "list": [{"y": 2}, {}], "none": {}}
    assert toml.document(table, lambda path: ".".join(map(str, path))) == (
        'a = "b"      # a\n'
        "long = true  # long\n"
        "none = {}    # none\n"
        "\n"
        "[t.deep]\n"
        "x = 1  # t.deep.x\n"
        "\n"
        "[[list]]\n"
        "y = 2  # list.0.y\n"
        "\n"
        "[[list]]\n"
    )


def test_a_long_array_takes_a_line_an_item():
    """The remark stands at its beginning."""
    items = ["x" * 40] * 3
    text = toml.document({"args": items}, lambda path: "here")
    assert text.splitlines()[0] == "args = [  # here"
    assert len(text.splitlines()) == 5
    assert tomli.loads(text) == {"args": items}


def test_what_is_not_set_is_a_comment():
    """TOML has no word for it; in an array it is a string."""
    text = toml.document({"profile": None, "a\nb": None, "list": [None, 1]}, lambda path: "default")
    assert text.splitlines()[0] == "# profile is not set  # default"
    assert tomli.loads(text) == {"list": ["none", 1]}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (Decimal("1.50"), '"1.50"'),
        (timedelta(seconds=5), '"0:00:05"'),
        (time(1, 2, tzinfo=UTC), '"01:02:00+00:00"'),
        (datetime(2020, 1, 2, tzinfo=timezone(timedelta(seconds=7))), '"2020-01-02T00:00:00+00:00:07"'),
        (date(33, 1, 2), "0033-01-02"),
        ("\ud800x", '"\\uFFFDx"'),
        ("\x1b[31m\u202e", '"\\u001B[31m\\u202E"'),
        (1e400, "inf"),
    ],
)
def test_what_toml_cannot_say_becomes_text_and_nothing_harms_a_terminal(given, written):
    """Only escapes of TOML 1.0 are used."""
    assert toml.value(given) == written
