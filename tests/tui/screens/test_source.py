"""The app for a program whose document comes from a source that is no file."""

from __future__ import annotations

import os
import re
from contextlib import closing
from typing import Any

from doubles.source import CUT_OFF, NOTHING, Board
from hotconf import HotReloadWatcher
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.tui.session import Session
from tui.stage import LARGE, play, screen, shows, until
from watcher.watched import App, port

_OF_FILES = re.compile(r"/\(board\)|\b([Ff]iles?|[Ss]aved?|[Ee]dit(or)?)\b")
"""What nobody should say of a document."""


def run(board: Board, scenario: Any, state_dir: Any = None) -> None:
    """The app on such a program, whose states are in `state_dir`."""
    options = Options(board.path, Schema.of(App), source=board)
    made = Session(board.path, lambda: options, state_dir, read_only=state_dir is not None, of_program=True)
    with closing(made) as session:
        play(session, scenario, size=LARGE)


def test_nothing_speaks_of_files(tmp_path: Any) -> None:
    """Whatever becomes of the document, on each screen that can be opened then."""
    board = Board()

    async def look(pilot: Any) -> None:
        for key in ("", "p", "b", "d"):
            await pilot.press(*key)
            found = _OF_FILES.search(screen(pilot.app))
            assert found is None, screen(pilot.app)
            if len(pilot.app.screen_stack) > 1:
                await pilot.press("escape")

    async def scenario(pilot: Any) -> None:
        await shows(pilot, "The first valid document that is published")
        await look(pilot)
        board.publish(port(8001), "v1")
        await shows(pilot, "port = 8001")
        await pilot.press("down", "end")
        await look(pilot)
        for text in (port(8001) + "# why\n", '[server]\nport = "x"\n', "= 7", port(8002)):
            seen = pilot.app.view.endings
            board.publish(text, f"v{seen + 2}")
            await until(pilot, lambda seen=seen: pilot.app.view.endings > seen)  # type: ignore[misc]
            await look(pilot)
        board.fail(NOTHING)
        await shows(pilot, "Nothing is published")
        await look(pilot)

    run(board, scenario)


def test_it_starts_as_the_program_would(tmp_path: Any) -> None:
    """On the last good state of the program, if nothing can be read; nothing is written there."""
    states = tmp_path / "states"
    with HotReloadWatcher(Board(port(8000), "v7"), App, state_dir=states):
        pass
    kept = sorted(os.walk(states))
    board = Board()
    board.found = CUT_OFF

    async def scenario(pilot: Any) -> None:
        await shows(pilot, "port = 8000")
        await shows(pilot, "↺ degraded: running on the last good state of 20")
        board.publish(port(8001), "v8")
        await shows(pilot, "port = 8001")
        await until(pilot, lambda: "↺ degraded" not in screen(pilot.app))

    run(board, scenario, states)
    assert sorted(os.walk(states)) == kept
