"""Wide characters: no row is shifted, whatever stands in the files, in any terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf import Problem
from hotconf.report.cells import steady, width
from hotconf.tui.view import comparison
from hotconf.tui.view.facts import Update
from realtools import need
from tui.stage import LARGE, SMALL, FakeSession, play, screen, shows, until
from tui.updates import FILE, GOOD, facts, failed, reloaded, snapshot
from waiting import wait_until

FAMILY = "👩\u200d👩\u200d👧"
ODD = f"日本語 👍🏽 {FAMILY} 🇩🇪 ❤️ 1️⃣ e\u0301 हिन्दी 각 \u3164 א"
TEXT = GOOD.replace('"gpt-5"', f'"{ODD}"').replace('command = "claude"', f'command = "claude"\ndescription = "{ODD}"')

_PROBE = """
import json, os, sys, termios, tty
tty.setraw(0)
found = []
for text in json.load(open("texts")):
    os.write(1, f"\\r\\x1b[K{text}\\x1b[6n".encode())
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 32)
    found.append(int(answer[:-1].rpartition(b";")[2]) - 1)
with open("unfinished", "w") as file:
    json.dump(found, file)
os.rename("unfinished", "cells")
"""


def test_no_line_of_the_app_is_longer_or_shorter_than_the_screen():
    """In both layouts, in lists, the status, a failure, sheets and the difference of two generations."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3, text=TEXT))
        app.session.notify(failed(9, Problem(f"Unknown key: {ODD}", file=FILE.with_name(f"{ODD}.toml"), line=1)))
        await until(pilot, lambda: app.view.failed)
        keys = ("enter", "escape", "d", "u", "escape", "slash", "g", "p", "enter", "escape")
        for key in ("tab", *keys):
            await pilot.press(key)
            lines = [
                "".join(segment.text for segment in strip)
                for strip in app.screen._compositor.render_strips()[: app.size.height]
            ]
            assert [line for line in lines if steady(line) != line] == []
            assert {width(line) for line in lines} == {app.size.width}
        app.session.notify(reloaded(12, 3, text=TEXT))
        await shows(pilot, "generation 3  ✓")
        assert "👍" in screen(app)

    for size in (SMALL, LARGE):
        play(FakeSession(Update(facts(snapshot(TEXT)))), scenario, size=size)


@given(st.text(alphabet=st.characters(exclude_characters='"\\\\', exclude_categories=("Cc", "Cs")), max_size=60))
def test_the_sides_of_a_difference_stay_in_their_columns(text):
    """The bar between them stands in the same cell of each row."""
    old, new = snapshot(), snapshot(GOOD.replace('"gpt-5"', f'"{text}"'), 2)
    found = comparison.rows(comparison.compared(old, new), 116, as_unified=False)
    assert all(width(row.text) <= 116 for row in found)
    sides = [row.text.partition(" │ ") for row in found if " │ " in row.text]
    assert {(width(left), width(bar + right)) for left, bar, right in sides} <= {(56, 59)}


@pytest.mark.real_tool
def test_a_real_terminal_draws_each_character_as_wide_as_we_count(tmp_path):
    """Each kind, and in each block some: tmux says where its cursor is after them."""
    samples = [chr(code) for code in (*range(0xA0, 0x3000), *range(0x3000, 0x20000, 11), *range(0x1F300, 0x1FA00))]
    texts = [f"a{char}" if unicodedata.category(char) in ("Mn", "Me") else char for char in samples]
    texts = [*filter(lambda text: steady(text) == text, texts), steady(ODD), "각", "日\u0301", "\u3042\u3099"]
    (tmp_path / "texts").write_text(json.dumps(texts))
    tmux = [need("tmux"), "-S", "socket", "-f", "/dev/null", "-u"]
    try:
        subprocess.run(
            [*tmux, "new-session", "-d", "-x", "200", "-y", "5", sys.executable, "-c", _PROBE],
            cwd=tmp_path,
            check=True,
        )
        wait_until(Path(tmp_path, "cells").exists)
    finally:
        subprocess.run([*tmux, "kill-server"], cwd=tmp_path, check=False, capture_output=True)
    found = json.loads((tmp_path / "cells").read_text())
    assert [(text, cells) for text, cells in zip(texts, found, strict=True) if width(text) != cells] == []
