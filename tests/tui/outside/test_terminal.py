"""What is typed, as it arrives: many keys in one piece."""

from __future__ import annotations

import pytest
from textual import constants, events

from hotconf.tui.outside.terminal import Keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("\x1bj", ["escape", "j"]),
        ("\x1bG", ["escape", "G"]),
        ("\x1b/", ["escape", "slash"]),
        ("\x1b", ["escape"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("j\x1bq", ["j", "escape", "q"]),
        ("\x1b[A", ["up"]),
        ("\x1b[A\x1bj", ["up", "escape", "j"]),
        ("\x1b[1;3A", ["alt+up"]),
        ("gg", ["g", "g"]),
    ],
)
def test_esc_and_what_follows_are_two_keys(monkeypatch: pytest.MonkeyPatch, typed: str, keys: list[str]) -> None:
    """However fast they were typed; what terminals send for one key is one."""
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 0.0)
    parser = Keys()
    found = [*parser.feed(typed), *parser.tick()]
    assert [event.key for event in found if isinstance(event, events.Key)] == keys
