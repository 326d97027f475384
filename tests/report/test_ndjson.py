"""Events as JSON: complete, always valid, one line each."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.changes import CUT, MASK, MISSING, Change
from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Problem, Related
from hotconf.report.ndjson import changes_json, plain, started, to_json
from hotconf.snapshot import Timings

FILE = Path("/home/ada/.code/config.toml")
AT = datetime(2025, 11, 23, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=1)))
STAMP = "2025-11-23T06:08:09.123456Z"
CHANGE = Change(("models", "gpt-5.1", "tier"), MISSING, "high")
PROBLEM = Problem(
    "bad",
    ("agents", 0, "name"),
    "schema",
    "error",
    "write 1",
    FILE,
    3,
    7,
    4,
    2,
    (Related("also defined", FILE, 1, 2),),
)
PROBLEM_JSON = {
    "kind": "schema",
    "severity": "error",
    "path": "agents[0].name",
    "message": "bad",
    "hint": "write 1",
    "file": str(FILE),
    "line": 3,
    "column": 7,
    "end_line": 4,
    "end_column": 2,
    "where": "config.toml:3:7",
    "related": [{"message": "also defined", "file": str(FILE), "line": 1, "column": 2, "where": "config.toml:1:2"}],
}


class Colour(Enum):
    RED = "red"


class Mute:
    def __str__(self):
        raise ValueError("no text")


def test_a_place_in_no_file_is_told_by_its_name():
    """Of a problem with a value that no file sets."""
    event = ReloadFailed("bad", "semantic", (Problem("bad", ("port",), where="overrides"),), at=AT)
    (problem,) = json.loads(to_json(event))["problems"]
    assert (problem["where"], problem["file"], problem["line"]) == ("overrides", None, None)


def test_started_tells_what_is_watched():
    """The first line of a watch."""
    assert json.loads(started(FILE, 1, (FILE, Path("/x")), 2000, AT)) == {
        "event": "started",
        "at": STAMP,
        "path": str(FILE),
        "generation": 1,
        "watching": [str(FILE), "/x"],
        "debounce_ms": 2000,
        "degraded": False,
        "last_good": None,
        "warnings": [],
    }


def test_started_tells_of_a_last_good_state():
    """A watch that came up on the last good state says so, and of when it is."""
    line = json.loads(started(FILE, 1, (FILE,), 2000, AT, last_good=AT))
    assert (line["degraded"], line["last_good"]) == (True, STAMP)


def test_what_is_left_out_of_a_change_is_said():
    """An ellipsis of the file's is none."""
    cut, whole = Change(("a",), MISSING, [CUT, 1]), Change(("a",), MISSING, ["…", 1])
    assert changes_json([cut, whole]) == [
        {"path": "a", "old": None, "new": ["…", 1], "cut": True},
        {"path": "a", "old": None, "new": ["…", 1]},
    ]


def test_what_is_masked_in_a_change_is_said():
    """Old and new look the same then, although they differ."""
    rotated, inside, plain = Change(("a",), MASK, MASK), Change(("a",), {}, {"b": [MASK]}), Change(("a",), 1, 2)
    assert [each.get("secret") for each in changes_json([rotated, inside, plain])] == [True, True, None]


@pytest.mark.parametrize(
    ("event", "values"),
    [
        (FileChanged(FILE, at=AT), {"event": "file_changed", "path": str(FILE)}),
        (
            ReloadDeferred(("agent",), (CHANGE,), ("line",), at=AT),
            {
                "event": "reload_deferred",
                "reasons": ["agent"],
                "changes": [{"path": 'models."gpt-5.1".tier', "old": None, "new": "high"}],
                "summary": ["line"],
            },
        ),
        (
            ReloadSuccess(
                3, (CHANGE,), ("line",), Timings(0.12345, 2000, 1, 2, 3, 4, 0, 0.5), (PROBLEM,), (CHANGE,), at=AT
            ),
            {
                "event": "reload_success",
                "generation": 3,
                "changes": [{"path": 'models."gpt-5.1".tier', "old": None, "new": "high"}],
                "summary": ["line"],
                "timings_ms": {
                    "detect": 0.123,
                    "settle": 2000,
                    "read": 1,
                    "parse": 2,
                    "validate": 3,
                    "prepare": 4,
                    "swap": 0,
                    "overhead": 0.5,
                },
                "warnings": [PROBLEM_JSON],
                "pending_restart": [{"path": 'models."gpt-5.1".tier', "old": None, "new": "high"}],
            },
        ),
        (
            ReloadUnchanged("no value differs", (PROBLEM,), at=AT),
            {
                "event": "reload_unchanged",
                "reason": "no value differs",
                "warnings": [PROBLEM_JSON],
                "pending_restart": [],
            },
        ),
        (
            ReloadFailed("bad", "schema", (PROBLEM, Problem("worse", kind="internal")), at=AT),
            {
                "event": "reload_failed",
                "kind": "schema",
                "error": "bad",
                "problems": [
                    PROBLEM_JSON,
                    {
                        "kind": "internal",
                        "severity": "error",
                        "path": "",
                        "message": "worse",
                        "hint": None,
                        "file": None,
                        "line": None,
                        "column": None,
                        "end_line": None,
                        "end_column": None,
                        "where": None,
                        "related": [],
                    },
                ],
            },
        ),
    ],
)
def test_every_event_says_all_it_knows(event, values):
    """Its name, when it happened, and every field."""
    assert json.loads(to_json(event)) == {"at": STAMP, **values}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (MISSING, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (2**64, "0x10000000000000000"),
        (-(2**63) - 1, "-0x8000000000000001"),
        pytest.param(int("f" * 5000, 16), "0x" + "f" * 5000, id="more digits than Python prints"),
        (1.5, 1.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), "2025-01-02T03:04:05+00:00"),
        (date(2025, 1, 2), "2025-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (Path("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        (Decimal("1.10"), "1.10"),
        (b"a\xff", "a\\xff"),
        ((1, [frozenset({2})]), [1, [[2]]]),
        (MappingProxyType({1: {"a": None}}), {"1": {"a": None}}),
        (Mute(), "<Mute>"),
    ],
)
def test_what_json_has_no_word_for_becomes_text(value, told):
    """Each value has a spelling in JSON."""
    assert repr(plain(value)) == repr(told)


def test_a_value_that_holds_itself_ends():
    """A user's type may refer to itself; the line does not grow for ever."""
    loop: list[object] = []
    loop.append(loop)
    assert to_json(ReloadSuccess(1, (Change(("a",), None, loop),), ())).endswith("}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_makes_one_line_of_plain_ascii(value):
    """Line breaks, surrogates and odd numbers neither break the line nor the encoding of any terminal."""
    line = to_json(ReloadSuccess(1, (Change(("a",), value, value),), (), at=AT))
    assert line.isascii()
    assert line.isprintable()
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
