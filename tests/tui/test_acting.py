"""The app under a pilot: what the person asks for. The session remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading

from hotconf.tui.app import HotconfApp
from hotconf.tui.screens.details import ValueDetails
from hotconf.tui.screens.difference import Difference
from hotconf.tui.screens.help import Help
from hotconf.tui.screens.latency import Latency
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.view.facts import Update
from hotconf.tui.view.tree import DEFAULTS
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import LARGE, SMALL, FakeSession, choose, play, screen, shows, until
from tui.updates import deferred, facts, failed, reloaded, snapshot

LOADED = Update(facts(snapshot()))


def test_a_gate_starts_and_finishes_from_the_palette():
    """It holds reloads back meanwhile, and says that it is a rehearsal; the footer does not speak of it."""

    async def scenario(pilot):
        app = pilot.app
        await choose(pilot, "Start quality gate")
        await shows(pilot, "quality gate rehearsal · plan · gemini ")
        assert app.session.holds == ["gate"]
        app.session.notify(deferred())
        await shows(pilot, "1 reload queued: waiting for quality gate (press f to apply it now)")
        assert "gate" not in screen(app).splitlines()[-1]
        await choose(pilot, "Finish quality gate")
        await until(pilot, lambda: app.session.holds == [])

    play(FakeSession(LOADED), scenario)


def test_all_three_kinds_run_beside_each_other():
    """Each has its line, and is finished by itself."""

    async def scenario(pilot):
        app = pilot.app
        for kind in ("gate", "agent", "critical"):
            app.action_start(kind)
        await shows(pilot, "critical operation rehearsal")
        assert app.session.holds == ["gate", "agent", "critical"]
        app.action_finish("agent")
        await until(pilot, lambda: app.session.holds == ["gate", "critical"])

    play(FakeSession(LOADED), scenario)


def test_a_rehearsal_ends_by_itself():
    """When its last step is over; a note says so."""

    async def scenario(pilot):
        pilot.app.action_start("critical")
        await shows(pilot, "critical operation rehearsal · write files")
        pilot.app.clock.passed = 4.9
        await shows(pilot, "critical operation rehearsal · git commit")
        assert pilot.app.session.holds == ["critical"]
        pilot.app.clock.passed = 5.0
        await shows(pilot, "Rehearsal over: critical operation")
        assert pilot.app.session.asked == ["hold critical"]
        assert pilot.app.session.holds == []

    play(FakeSession(LOADED), scenario)


def test_a_queued_reload_can_be_applied_now():
    """`f` works while one is queued, and only then."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("f")
        assert app.session.asked == []
        app.session.notify(deferred())
        await shows(pilot, "f Apply now")
        await pilot.press("f", "r")
        await until(pilot, lambda: app.session.asked == ["reload force=True", "reload force=False"])

    play(FakeSession(LOADED), scenario)


def test_drift_is_looked_for_while_hot_reload_is_off(monkeypatch):
    """For then nothing else says that the files are not what is active."""
    monkeypatch.setattr("hotconf.tui.app._LOOK_S", 0.05)

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "hot reload off")
        await shows(pilot, "not watching")
        assert "drift" not in screen(app)
        app.session.drift = True
        await shows(pilot, "drift: the files differ from generation 1")

    play(FakeSession(Update(facts(snapshot(), enabled=False, watching=()))), scenario)


def test_differences_of_any_two_generations():
    """The newest beside the one before it; brackets choose others; unified and side by side."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        app.session.notify(reloaded(6, generation=3, text="model = 'x'\n"))
        await until(pilot, lambda: len(app.history.snapshots) == 3)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Difference))
        # When it was reloaded, as the events say, not when its files were read.
        await shows(pilot, "generation 2 (12:00:03) → generation 3 (12:00:06)")
        await shows(pilot, "│ ")
        await pilot.press("left_square_bracket", "left_curly_bracket")
        await shows(pilot, "generation 1 (12:00:00) → generation 2 (12:00:03)")
        await shows(pilot, "daily_limit_usd = 20.0")
        await pilot.press("u")
        await shows(pilot, "+daily_limit_usd = 20.0")
        await pilot.press("u", "escape")

    play(FakeSession(LOADED), scenario, size=LARGE)


def test_one_generation_has_nothing_to_be_compared_with():
    """And that is said."""

    async def scenario(pilot):
        await pilot.press("d")
        await shows(pilot, "There is only one generation so far.")

    play(FakeSession(LOADED), scenario)


def test_rollback_shows_what_it_does_and_asks():
    """`R` does it, Esc and `y`, which copies, do not; what was done stands among the events."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        await until(pilot, lambda: len(app.history.snapshots) == 2)
        await pilot.press("d", "b")
        await until(pilot, lambda: isinstance(app.screen, AskRollback))
        await shows(pilot, "Roll back to generation 1?")
        await shows(pilot, "+daily_limit_usd = 10.0")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Difference))
        assert app.session.asked == []
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, AskRollback))
        await pilot.press("y")
        assert app.session.asked == []
        await pilot.press("R")
        await shows(pilot, "Rolled back to generation 1")
        assert app.session.asked == ["restore remove_appeared=False"]

    play(FakeSession(LOADED), scenario)


def test_rollback_asks_once():
    """However often the key was pressed, and not at all when the person has gone on."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        await until(pilot, lambda: len(app.history.snapshots) == 2)
        read = threading.Event()
        disk = app.session.on_disk
        app.session.on_disk = lambda: read.wait(60) and disk()
        await pilot.press("d", "b", "b", "b")
        read.set()
        await until(pilot, lambda: isinstance(app.screen, AskRollback))
        await until(pilot, lambda: not app.workers)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Difference))
        read.clear()
        await pilot.press("b", "escape")
        read.set()
        await until(pilot, lambda: not app.workers)
        await pilot.press("down")
        assert len(app.screen_stack) == 1

    play(FakeSession(LOADED), scenario)


def test_rollback_to_what_the_files_are_is_not_asked():
    """There is nothing to do."""

    async def scenario(pilot):
        await pilot.press("d", "b")
        await shows(pilot, "The files are those of generation 1 already")

    play(FakeSession(LOADED), scenario)


def test_latency_help_palette_and_themes_open_and_close():
    """Each with its key, each left with Esc."""

    async def scenario(pilot):
        app = pilot.app
        for key, kind, text in (
            ("L", Latency, "0 reloads"),
            ("question_mark", Help, "open your editor at this line"),
        ):
            await pilot.press(key)
            await until(pilot, lambda kind=kind: isinstance(app.screen, kind))
            await shows(pilot, text)
            await pilot.press("escape")
        await pilot.press("ctrl+p")
        await shows(pilot, "Search for commands")
        await shows(pilot, "Differences")
        await pilot.press("escape", "t")
        await shows(pilot, "Search for themes")
        await pilot.press("escape")
        await shows(pilot, "e Edit")

    play(FakeSession(LOADED), scenario)


def test_zoom_gives_one_list_the_screen():
    """And the same key gives it back."""

    async def scenario(pilot):
        await pilot.press("tab", "z")
        await until(pilot, lambda: "Configuration" not in screen(pilot.app))
        await pilot.press("z")
        await shows(pilot, "Configuration")

    play(FakeSession(LOADED), scenario)


def test_the_mouse_selects_folds_and_presses_keys(monkeypatch):
    """A click puts the cursor, at an arrow it folds, on the footer it presses the key; two show the details."""
    monkeypatch.setattr(HotconfApp, "CLICK_CHAIN_TIME_THRESHOLD", 3600.0)

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        panel.show_key(("quality_gates", "plan"))
        await pilot.pause()
        y = panel.cursor - panel.scroll_offset.y
        await pilot.click(ConfigurationPanel, offset=(20, y - 1))
        await until(pilot, lambda: panel.row.text == "3 defaults")
        await pilot.click(ConfigurationPanel, offset=(1, y))
        await until(pilot, lambda: panel.row.key == ("quality_gates",) and panel.row.expanded is False)
        await pilot.click(ConfigurationPanel, offset=(20, y - 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, ValueDetails))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.get_default_screen())
        await pilot.click(offset=(screen(app).splitlines()[-1].index("Reload"), 23))
        await until(pilot, lambda: app.session.asked == ["reload force=False"])

    play(FakeSession(LOADED), scenario)


def test_the_editor_opens_at_the_problem(monkeypatch):
    """From anywhere while something is broken; at a value, or the table it is in, where the cursor is on one."""
    places = []
    monkeypatch.setattr("hotconf.tui.outside.editing.Editing.open", lambda editing, place: places.append(place))

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        panel.show_key(("cost", "daily_limit_usd"))
        await pilot.press("e")
        panel.show_key(("quality_gates", DEFAULTS))
        await pilot.press("e")
        panel.show_key((DEFAULTS,))
        await pilot.press("e")
        app.session.notify(failed())
        await until(pilot, lambda: app.view.failed)
        await pilot.press("e")
        await until(pilot, lambda: len(places) == 4)
        assert [(place.line, place.column) for place in places] == [(4, 19), (6, 2), (None, None), (7, 8)]

    play(FakeSession(LOADED), scenario)


def test_a_signal_before_it_runs_ends_it():
    """It is not lost because there was nothing to end yet."""
    session = FakeSession(LOADED)
    app = HotconfApp(session)
    app.end()
    asyncio.run(asyncio.wait_for(app.run_async(headless=True, size=SMALL), 90))
    assert app.return_code == 0
    assert not app.view.facts.started


def test_the_first_key_that_quits_quits():
    """`q`, and Ctrl+C from anywhere."""

    async def by(pilot, *keys):
        await pilot.press(*keys)
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)

    async def with_q(pilot):
        await by(pilot, "q")

    async def with_ctrl_c(pilot):
        await by(pilot, "slash", "x", "ctrl+c")

    for scenario in (with_q, with_ctrl_c):
        assert play(FakeSession(LOADED), scenario).return_code == 0
