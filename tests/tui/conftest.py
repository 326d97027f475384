"""The same time of day and the same terminal for all tests of the app."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """UTC, colours, and no editor of the person who runs the tests."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in (
        "NO_COLOR",
        "VISUAL",
        "EDITOR",
        "TEXTUAL",
        "COLORFGBG",
        "STY",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "TMUX",
        "TERM",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    yield
    monkeypatch.undo()
    time.tzset()
