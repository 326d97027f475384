"""What is written as YAML means the same to every reader of it."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import core
from hotconf.report.writing.yaml import document

texts = st.text(max_size=8) | st.sampled_from(
    ["no", "Yes", "~", "1e3", "0o7", "12:30", "a: b", "a #b", "- a", "*a", ""]
)
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)


def is_encodable(given: Any) -> bool:
    """Without half a character, which is written as a question mark."""
    return "\\ud" not in repr(given)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(texts, values, max_size=4).filter(is_encodable))
def test_any_table_is_read_back(table: dict[str, Any]) -> None:
    """By the core schema of YAML 1.2, and by YAML 1.1."""
    text = document(table, lambda path: f"at {len(path)}")
    assert core.value(text) == table
    assert yaml.safe_load(text) == table


def test_each_value_has_its_remark() -> None:
    """Behind it, below each other; lists of mappings take lines of their own, long lists too."""
    table = {
        "name": "a b",
        "server": {"port": 1, "open": True, "on": None},
        "parts": [{"name": "x", "count": math.inf}, {"name": "no"}],
        "empty": {},
        "words": ["a" * 40, "b" * 40, "c" * 40],
        "when": date(2026, 1, 5),
    }
    assert document(table, lambda path: ".".join(map(str, path))) == (
        "name: a b           # name\n"
        "server:\n"
        "  port: 1     # server.port\n"
        "  open: true  # server.open\n"
        '  "on": null  # server.on\n'
        "parts:\n"
        "  - name: x      # parts.0.name\n"
        "    count: .inf  # parts.0.count\n"
        '  - name: "no"  # parts.1.name\n'
        "empty: {}           # empty\n"
        "words:              # words\n"
        f"  - {'a' * 40}\n"
        f"  - {'b' * 40}\n"
        f"  - {'c' * 40}\n"
        'when: "2026-01-05"  # when\n'
    )
