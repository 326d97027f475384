"""The problems list, on real files and on events that are made up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from hotconf import Problem
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT
from hotconf.tui.screens.problems import Problems
from hotconf.tui.screens.sheet import SheetList
from hotconf.tui.session import Session
from hotconf.tui.view.facts import Update
from tui.stage import LARGE, SMALL, FakeSession, play, screen, shows, until
from tui.updates import FILE, facts, failed, snapshot

QUICK = "[hot_reload]\ndebounce_ms = 100\n\n[validation]\ncheck_api_keys = false\ncheck_commands = false\n\n"
WARNING = Problem("Unknown key: modle", ("modle",), "unknown", "warning", 'did you mean "model"?', FILE, 2, 1)
ERROR = Problem("Type mismatch: cost.limit expected float", ("cost", "limit"), "type", file=FILE, line=8, column=19)
MISSING = Problem("Missing required field: agents[0].name", ("agents", 0, "name"), "missing", file=FILE, line=5)


def warned(*warnings):
    """Facts with these warnings in force."""
    return facts(replace(snapshot(), warnings=warnings), excerpts=(("2 │ modle = 1", "  │ ^^^^^"),))


def head(app):
    """The row under the cursor of the sheet."""
    return app.screen.query_one(SheetList).row.text


def test_it_says_that_there_are_none():
    """`p` opens it, Esc closes it, and the keys that need a problem are not offered."""

    async def scenario(pilot):
        await pilot.press("p")
        await shows(pilot, "No problems: generation 1 is active.")
        assert "n Next" not in screen(pilot.app)
        await pilot.press("n", "escape")
        assert len(pilot.app.screen_stack) == 1

    play(FakeSession(Update(facts(snapshot()))), scenario)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_errors_come_before_warnings_each_with_its_place_source_and_hint(size):
    """The warnings that are in force as well, and one that both have once."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(Update(warned(WARNING)))
        app.session.notify(replace(failed(3, WARNING, MISSING, ERROR), facts=warned(WARNING)))
        await pilot.press("p")
        await shows(pilot, "Problems: 2 errors, 1 warning")
        await shows(pilot, "The files are not valid: generation 1 stays active until they are.")
        text = "\n".join(row.text for row in app.screen.query_one(SheetList).rows)
        assert text.index("Missing required field") < text.index("Type mismatch") < text.index("Unknown key: modle")
        assert text.count("Unknown key: modle") == 1
        assert "--> config.toml:8:19" in text
        assert "= help: did you mean" in text

    play(FakeSession(), scenario, size=size)


def test_the_keys_go_from_problem_to_problem_and_the_editor_opens_there(monkeypatch):
    """Round and round; from the main screen to the first or the last one."""
    places = []
    monkeypatch.setattr("hotconf.tui.outside.editing.Editing.open", lambda editing, place: places.append(place))

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(replace(failed(3, MISSING, ERROR), facts=warned(WARNING)))
        await until(pilot, lambda: app.view.failed)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: isinstance(app.screen, Problems) and "Missing" in head(app))
        await pilot.press("n")
        assert "Type mismatch" in head(app)
        await pilot.press("e", "n")
        assert "Unknown key" in head(app)
        await pilot.press("enter", "n")
        assert "Missing" in head(app)
        await pilot.press("N", "N", "e", "escape", "left_square_bracket")
        await until(pilot, lambda: isinstance(app.screen, Problems) and "Unknown key" in head(app))
        assert [place.line for place in places] == [8, 2, 8]

    play(FakeSession(), scenario)


def test_it_follows_the_reloads_and_the_cursor_stays_on_its_problem():
    """Also when lines move, and others come before it."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(failed(3, ERROR))
        await until(pilot, lambda: app.view.failed)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: isinstance(app.screen, Problems) and "Type mismatch" in head(app))
        app.session.notify(failed(6, MISSING, replace(ERROR, line=9)))
        await shows(pilot, "--> config.toml:9:19")
        assert "Type mismatch" in head(app)
        app.session.notify(Update(facts(snapshot()), replace(failed(9).event, problems=(MISSING,))))
        await shows(pilot, "Problems: 1 error")

    play(FakeSession(), scenario)


def test_on_real_files_it_shows_all_of_them_and_none_when_they_are_mended(tmp_path):
    """Errors of several files with their lines, and the warnings of what is in force with theirs; no secret."""
    path, more = tmp_path / "config.toml", tmp_path / "more.toml"
    more.write_text("[cost]\nmonthly_limit_usd = 5.0\n")
    good = QUICK.replace("[hot_reload]\n", '[hot_reload]\nwatch_paths = ["more.toml"]\n')
    path.write_text(good + 'modle = 1\ntoken = "hunter2"\n')

    async def scenario(pilot):
        await pilot.press("p")
        await shows(pilot, "9 │ modle = 1")
        await shows(pilot, "Generation 1 is active, with these warnings.")
        more.write_text('[cost]\nmonthly_limit_usd = "much"\n')
        await shows(pilot, "--> more.toml:2:21")
        await shows(pilot, '2 │ monthly_limit_usd = "much"')
        assert "hunter2" not in screen(pilot.app)
        more.write_text("[cost]\nmonthly_limit_usd = 6.0\n")
        path.write_text(good)
        await shows(pilot, "No problems: generation ")

    with closing(Session(path, lambda: Options(path, SPECKIT))) as session:
        play(session, scenario, size=LARGE)


def test_before_there_is_a_configuration_it_says_that_nothing_is_active(tmp_path):
    """The same list, for a file that never was valid."""
    path = tmp_path / "config.toml"
    path.write_text("[cost\n")

    async def scenario(pilot):
        await pilot.press("p")
        await shows(pilot, "The files are not valid: nothing is active until they are.")
        await shows(pilot, "1 │ [cost")

    with closing(Session(path, lambda: Options(path, SPECKIT))) as session:
        play(session, scenario)
