"""A status as JSON: all of it comes back, and whatever else is read becomes bounded, printable text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.status.contents import Contents
from hotconf.status.record import Status, Waiting, decode, encode

NOW = datetime.now(UTC)


def status(**given: Any) -> Status:
    """One that is pending, with problems."""
    waiting = Waiting(NOW, ("agent",), 2)
    found = Status(
        *(4711, "gunicorn", "host", "config.toml", "0" * 16, NOW, NOW, 5, "a" * 12, "b" * 12),
        *(Contents(("conf.d",), True, 100), "failed", NOW, ("config.toml:1:1: syntax error",), waiting, 1),
        *("failed", "why", NOW, 7, {"endings": {"success": 3}, "trouble": None, "observer": "inotify"}),
    )
    return found._replace(**given)


def test_all_of_it_comes_back() -> None:
    """Also where nothing is known."""
    nothing = status(read=None, ending=None, ended=None, pending=None, problems=(), stats={})
    for each in (status(), nothing):
        assert decode(encode(each)) == each


def mutations() -> list[object]:
    """What may stand in the place of anything."""
    return [
        None,
        True,
        -1,
        1 << 70,
        1e999,
        "x" * 9000,
        "a\x1b[2J\n\u202e",
        [],
        {},
        [[]],
        {"a": 1},
        ["x"] * 5000,
        "2026-01-01",
    ]


@pytest.mark.parametrize("name", json.loads(encode(status())))
def test_a_hostile_field_is_refused_or_made_harmless(name: str) -> None:
    """Whatever stands there."""
    table = json.loads(encode(status()))
    for value in mutations():
        found = decode(json.dumps({**table, name: value}).encode())
        if found is not None:
            shown = [each for each in texts(found.as_dict()) if each]
            assert all(text.isprintable() and len(text) <= 400 for text in shown)
            assert len(json.dumps(found.as_dict())) < 1_000_000
    del table[name]
    assert decode(json.dumps(table).encode()) is None


def texts(value: Any) -> list[str]:
    """All in it, keys included."""
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in texts(each))]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    """They are a status or none."""
    assert decode(data) is None


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1" * 10_000, b'{"version": 1}', b'{"version": 2}', b"\xff", b""])
def test_what_is_no_status_is_none(data: bytes) -> None:
    """Deep, large, of another version."""
    assert decode(data) is None
