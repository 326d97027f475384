"""The app under a pilot: keys, lists, sheets, toasts. The session tells what the test says."""

from __future__ import annotations

import asyncio
import threading
import time

from textual.events import Key
from textual.widgets._toast import Toast

from hotconf import Problem
from hotconf.tui.facts import Told
from hotconf.tui.screens.details import EventDetails, ValueDetails
from hotconf.tui.screens.difference import Difference, GoBack
from hotconf.tui.screens.help import Help
from hotconf.tui.screens.latency import Latency
from hotconf.tui.view import MOST_ENTRIES
from hotconf.tui.widgets.bars import SearchBox
from hotconf.tui.widgets.panels import ConfigurationPanel, EventsPanel
from tui.stage import LARGE, FakeSession, play, screen, shows, until
from tui.told import COST_LINE, FILE, GOOD, changed, deferred, facts, failed, reloaded, snapshot, unchanged

LOADED = Told(facts(snapshot()))


def test_the_status_line_says_what_is_true():
    """File, generation, last outcome and how it is watched, from the first frame on."""

    async def scenario(pilot):
        first = screen(pilot.app).splitlines()[0]
        assert first.startswith(" /srv/app/config.toml  generation 1  ✓ loaded 12:00:00")
        assert first.endswith("1 file · 2000 ms")
        pilot.app.session.tell(reloaded())
        await shows(pilot, "generation 2  ✓ reloaded 12:00:03")

    play(FakeSession(LOADED), scenario)


def test_a_file_that_shrank_is_said_to_be_waited_for():
    """Even when the window is over: who saved sees why nothing happens yet."""

    async def scenario(pilot):
        from datetime import UTC, datetime

        from hotconf import FileChanged

        pilot.app.session.half = True
        pilot.app.session.tell(Told(facts(snapshot(), debounce_ms=10), FileChanged(FILE, at=datetime.now(UTC))))
        await shows(pilot, "… settling (file shrank)")
        pilot.app.session.half = False
        await until(pilot, lambda: "shrank" not in screen(pilot.app))

    play(FakeSession(LOADED), scenario)


def test_settling_counts_down_and_ends():
    """The status line moves by itself while the window runs, and no longer."""

    async def scenario(pilot):
        pilot.app.session.tell(changed(0))
        await shows(pilot, "… settling 2.0 s")
        pilot.app.clock.passed = 0.6
        await shows(pilot, "… settling 1.4 s")
        pilot.app.clock.passed = 9
        await until(pilot, lambda: "… settling  " in screen(pilot.app))

    play(FakeSession(LOADED), scenario)


def test_a_failure_is_a_toast_and_stays_in_the_status_line():
    """The toast goes, the line stays until a good save."""

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(failed())
        await shows(pilot, "❌ Config reload failed: config.toml:7:8")
        await shows(pilot, "✗ failed: config.toml:7:8: Invalid TOML: missing closing bracket at line 7")
        app.clear_notifications()
        await until(pilot, lambda: "❌" not in screen(app))
        assert "✗ failed: config.toml:7:8" in screen(app)
        app.session.tell(unchanged(9))
        await until(pilot, lambda: "✗ failed: " not in screen(app))

    play(FakeSession(LOADED), scenario)


def test_many_endings_are_one_toast():
    """However fast they come."""

    async def scenario(pilot):
        for second in range(10):
            pilot.app.session.tell(reloaded(second))
            await pilot.pause()
        await shows(pilot, "The latest of 10")
        await until(pilot, lambda: len(pilot.app.screen.query(Toast)) == 1)
        await shows(pilot, f"- {COST_LINE}")

    play(FakeSession(LOADED), scenario)


def test_markup_in_files_is_text():
    """In toasts, in the status line, in lists and in sheets."""
    trick = "[bold red]x[/] [@click=app.quit]y[/] [/nonsense]"
    problem = Problem(f"Unknown key: {trick}", file=FILE, line=1, column=1)

    async def scenario(pilot):
        pilot.app.session.tell(failed(3, problem))
        await shows(pilot, "❌ Config reload failed")
        await until(pilot, lambda: screen(pilot.app).count("red]x[/]") == 3)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, EventDetails))
        await shows(pilot, "[@click=app.quit]y[/]")

    play(FakeSession(LOADED), scenario, size=LARGE)


def test_started_on_a_broken_file_it_shows_why():
    """The problem with its source stands where the configuration would, until there is one."""

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "No valid configuration yet")
        assert '7 │ plan = ["gemini"' in screen(app)
        assert "waiting for" not in screen(app)
        assert not app.screen.query(Toast)
        app.session.tell(reloaded(5, generation=1))
        await shows(pilot, "daily_limit_usd = 20.0")
        assert "No valid configuration yet" not in screen(app)

    play(FakeSession(failed(0, first=True), Told(facts(None))), scenario)


def test_lists_fold_and_open():
    """With the arrows, with Space, and the cursor stays where it was."""

    async def scenario(pilot):
        panel = pilot.app.screen.query_one(ConfigurationPanel)
        assert panel.has_focus
        panel.show_key(("cost",))
        await pilot.press("left")
        await until(pilot, lambda: panel.row.expanded is False)
        await pilot.press("right", "right")
        await until(pilot, lambda: panel.row.text == "daily_limit_usd = 10.0")
        await pilot.press("left")
        await until(pilot, lambda: panel.row.key == ("cost",))
        await pilot.press("space")
        await until(pilot, lambda: panel.row.expanded is False)
        await pilot.press("end")
        await until(pilot, lambda: panel.cursor == len(panel.rows) - 1)
        await pilot.press("home", "pagedown", "pageup", "down", "j", "k", "up")
        await until(pilot, lambda: panel.cursor == 0)

    play(FakeSession(LOADED), scenario)


def test_events_follow_the_newest_until_the_cursor_leaves_it():
    """Who reads an older one is not torn away."""

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(EventsPanel)
        await pilot.press("tab")
        await until(pilot, lambda: panel.has_focus)
        app.session.tell(changed(1))
        app.session.tell(reloaded(3))
        await until(pilot, lambda: len(app.view.entries) == 2)
        await until(pilot, lambda: panel.entry is app.view.entries[-1])
        await pilot.press("end")
        await until(pilot, lambda: panel.entry is app.view.entries[0])
        app.session.tell(unchanged(9))
        await shows(pilot, "Saved, nothing changed")
        assert panel.entry is app.view.entries[0]
        await pilot.press("home")
        await until(pilot, lambda: panel.entry is app.view.entries[-1])
        app.session.tell(unchanged(19))
        await until(pilot, lambda: len(app.view.entries) == 4)
        await until(pilot, lambda: panel.entry is app.view.entries[-1])

    play(FakeSession(LOADED), scenario)


def test_enter_shows_the_details_of_an_event_and_of_a_value():
    """And Esc goes back."""

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(reloaded())
        await until(pilot, lambda: app.view.entries)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, EventDetails))
        await shows(pilot, "cost.daily_limit_usd: 10.0 → 20.0")
        await shows(pilot, "overhead 0.4 ms")
        await pilot.press("escape", "shift+tab")
        panel = app.get_default_screen().query_one(ConfigurationPanel)
        await until(pilot, lambda: panel.has_focus)
        panel.show_key(("cost", "daily_limit_usd"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ValueDetails))
        await shows(pilot, "Origin: /srv/app/config.toml:4:")
        await pilot.press("q")
        await until(pilot, lambda: app.screen.query(ConfigurationPanel))

    play(FakeSession(LOADED), scenario)


def test_y_copies_what_is_under_the_cursor():
    """A value with its key; an event as its notification."""

    async def scenario(pilot):
        app = pilot.app
        app.screen.query_one(ConfigurationPanel).show_key(("cost", "daily_limit_usd"))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "cost.daily_limit_usd = 10.0")
        app.session.tell(reloaded())
        await until(pilot, lambda: app.view.entries)
        await pilot.press("tab", "y")
        await until(pilot, lambda: app.clipboard == f"✅ Config reloaded successfully\n   - {COST_LINE}")

    play(FakeSession(LOADED), scenario)


def test_a_long_value_is_seen_and_copied_whole():
    """In the list it is cut; in its details and in the clipboard it is not."""
    text = GOOD.replace('"gpt-5"', f'"{"x" * 300} end"')

    async def scenario(pilot):
        app = pilot.app
        app.screen.query_one(ConfigurationPanel).show_key(("model",))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == f'model = "{"x" * 300} end"')
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ValueDetails))
        await shows(pilot, 'end"')

    play(FakeSession(Told(facts(snapshot(text)))), scenario)


def test_enter_shows_all_of_an_event_that_is_cut_in_the_list():
    """Though the list has no room for hundreds of problems."""
    problems = [Problem(f"wrong {n}", file=FILE, line=n) for n in range(1, 400)]

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(failed(3, *problems))
        await until(pilot, lambda: app.view.failed)
        app.clear_notifications()
        await pilot.press("tab", "end")
        await shows(pilot, "… and more: Enter shows all")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EventDetails))
        await pilot.press("end")
        await shows(pilot, "wrong 399")

    play(FakeSession(LOADED), scenario)


def test_search_filters_as_it_is_typed():
    """Enter keeps what was found, Esc shows everything again; fast typing goes nowhere else."""

    async def scenario(pilot):
        app = pilot.app
        for key in ("slash", *"cost"):  # all at once: `c` would start a critical operation
            app.post_message(Key(key, None if key == "slash" else key))
        await shows(pilot, "daily_limit_usd")
        await until(pilot, lambda: "gpt-5" not in screen(app))
        await shows(pilot, "enter Keep what is found")
        assert not app.session.holds
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(ConfigurationPanel).has_focus)
        assert "gpt-5" not in screen(app)
        await pilot.press("escape")
        await shows(pilot, "gpt-5")
        await until(pilot, lambda: not app.screen.query_one(SearchBox).display)
        await pilot.press("slash", *"zzz")
        await shows(pilot, "Nothing is called zzz")
        await pilot.press("escape")
        await shows(pilot, "gpt-5")

    play(FakeSession(LOADED), scenario)


def test_a_gate_starts_and_finishes_with_the_same_key():
    """It holds reloads back meanwhile, says that it is a rehearsal, and the footer says what the key does now."""

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "g Gate")
        await pilot.press("g")
        await shows(pilot, "quality gate rehearsal · plan · gemini ")
        assert app.session.holds == ["gate"]
        await shows(pilot, "g Finish gate")
        app.session.tell(deferred())
        await shows(pilot, "1 reload queued: waiting for quality gate (press g to finish)")
        await pilot.press("g")
        await until(pilot, lambda: app.session.holds == [])
        await shows(pilot, "g Gate")

    play(FakeSession(LOADED), scenario)


def test_all_three_kinds_run_beside_each_other():
    """Each has its line and its key."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("g", "a", "c")
        await shows(pilot, "critical operation rehearsal")
        assert app.session.holds == ["gate", "agent", "critical"]
        await pilot.press("a")
        await until(pilot, lambda: app.session.holds == ["gate", "critical"])

    play(FakeSession(LOADED), scenario)


def test_a_rehearsal_ends_by_itself():
    """When its last step is over; a note says so."""

    async def scenario(pilot):
        await pilot.press("c")
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
        app.session.tell(deferred())
        await shows(pilot, "f Apply now")
        await pilot.press("f", "r")
        await until(pilot, lambda: app.session.asked == ["reload force=True", "reload force=False"])

    play(FakeSession(LOADED), scenario)


def test_drift_is_looked_for_while_hot_reload_is_off(monkeypatch):
    """For then nothing else says that the files are not what is active."""
    monkeypatch.setattr("hotconf.tui.app._DRIFT_S", 0.05)

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "hot reload off")
        await shows(pilot, "not watching")
        assert "drift" not in screen(app)
        app.session.drift = True
        await shows(pilot, "drift: the files differ from generation 1")

    play(FakeSession(Told(facts(snapshot(), enabled=False, watching=()))), scenario)


def test_differences_of_any_two_generations():
    """The newest beside the one before it; brackets choose others; unified and side by side."""

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(reloaded(3))
        app.session.tell(reloaded(6, generation=3, text="model = 'x'\n"))
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
        await shows(pilot, "There is one generation yet")

    play(FakeSession(LOADED), scenario)


def test_rollback_shows_what_it_does_and_asks():
    """`y` does it, Esc does not; what was done stands among the events."""

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(reloaded(3))
        await until(pilot, lambda: len(app.history.snapshots) == 2)
        await pilot.press("d", "b")
        await until(pilot, lambda: isinstance(app.screen, GoBack))
        await shows(pilot, "Roll back to generation 1?")
        await shows(pilot, "+daily_limit_usd = 10.0")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Difference))
        assert app.session.asked == []
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, GoBack))
        await pilot.press("y")
        await shows(pilot, "Rolled back to the files of generation 1")
        assert app.session.asked == ["restore remove_appeared=False"]

    play(FakeSession(LOADED), scenario)


def test_rollback_asks_once():
    """However often the key was pressed, and not at all when the person has gone on."""

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(reloaded(3))
        await until(pilot, lambda: len(app.history.snapshots) == 2)
        read = threading.Event()
        disk = app.session.on_disk
        app.session.on_disk = lambda active: read.wait(60) and disk(active)
        await pilot.press("d", "b", "b", "b")
        read.set()
        await until(pilot, lambda: isinstance(app.screen, GoBack))
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
        for key, kind, text in (("l", Latency, "0 reloads"), ("question_mark", Help, "finish a quality gate")):
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
        await shows(pilot, "g Gate")

    play(FakeSession(LOADED), scenario)


def test_zoom_gives_one_list_the_screen():
    """And the same key gives it back."""

    async def scenario(pilot):
        await pilot.press("tab", "z")
        await until(pilot, lambda: "Configuration" not in screen(pilot.app))
        await pilot.press("z")
        await shows(pilot, "Configuration")

    play(FakeSession(LOADED), scenario)


def test_the_mouse_selects_folds_and_presses_keys():
    """A click puts the cursor, a click on an arrow folds, a click on the footer presses the key."""

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        panel.show_key(("cost", "daily_limit_usd"))
        await pilot.pause()
        y = panel.cursor - panel.scroll_offset.y
        await pilot.click(ConfigurationPanel, offset=(20, y - 1))
        await until(pilot, lambda: panel.row.text == "6 defaults")
        await pilot.click(ConfigurationPanel, offset=(1, y))
        await until(pilot, lambda: panel.row.key == ("cost",) and panel.row.expanded is False)
        await pilot.click(ConfigurationPanel, offset=(20, y - 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, ValueDetails))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.get_default_screen())
        await pilot.click(offset=(2, 23))
        await until(pilot, lambda: app.session.holds == ["gate"])

    play(FakeSession(LOADED), scenario)


def test_the_editor_opens_at_the_problem(monkeypatch):
    """From anywhere while something is broken; at a value, or the table it is in, where the cursor is on one."""
    places = []
    monkeypatch.setattr("hotconf.tui.editing.Editing.open", lambda editing, place: places.append(place))

    async def scenario(pilot):
        app = pilot.app
        panel = app.screen.query_one(ConfigurationPanel)
        panel.show_key(("cost", "daily_limit_usd"))
        await pilot.press("e")
        panel.show_key(("quality_gates", "…defaults"))
        await pilot.press("e")
        panel.show_key(("…defaults",))
        await pilot.press("e")
        app.session.tell(failed())
        await until(pilot, lambda: app.view.failed)
        await pilot.press("e")
        await until(pilot, lambda: len(places) == 4)
        assert [(place.line, place.column) for place in places] == [(4, 19), (6, 2), (1, 1), (7, 8)]

    play(FakeSession(LOADED), scenario)


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


def test_without_colour_nothing_is_coloured(monkeypatch):
    """NO_COLOR: no colour reaches the terminal, and the state can be read all the same."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(pilot):
        app = pilot.app
        app.session.tell(failed())
        await shows(pilot, "✗ failed")
        styles = [segment.style for line in app.screen._compositor.render_strips() for segment in line]
        colours = {colour.name for style in styles if style for colour in (style.color, style.bgcolor) if colour}
        assert colours <= {"default"}

    play(FakeSession(LOADED), scenario)


def test_who_tells_never_waits_for_the_app():
    """Though the app does nothing at all meanwhile."""

    async def scenario(pilot):
        app, news = pilot.app, unchanged()
        thread = threading.Thread(target=lambda: [app.session.tell(news) for _ in range(1000)], daemon=True)
        thread.start()
        thread.join(60)  # the app's own loop stands still here
        assert not thread.is_alive()
        assert app.view.told == 0
        await until(pilot, lambda: app.view.told >= 1000)

    play(FakeSession(LOADED), scenario)


def test_a_thousand_events_a_second_leave_it_responsive():
    """Keys are answered while they come, there is one toast, and the log stays bounded."""

    async def scenario(pilot):
        app = pilot.app
        answered = threading.Event()
        told = []

        def storm():
            news = [changed(), reloaded()]
            while not (answered.is_set() and len(told) >= 1000):
                told.append(app.session.tell(news[len(told) % 2]))
                time.sleep(0.001)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            await until(pilot, lambda: app.view.told)
            panel = app.screen.query_one(ConfigurationPanel)
            for key in ("down", "down", "up", "down", "up") * 4:
                before = panel.cursor
                app.simulate_key(key)
                await until(pilot, lambda before=before: panel.cursor != before)
        finally:
            answered.set()
            await asyncio.to_thread(thread.join)
        await until(pilot, lambda: app.view.told >= 1000)
        assert len(app.view.entries) <= MOST_ENTRIES
        assert len(app.screen.query(Toast)) <= 1

    play(FakeSession(LOADED), scenario)


def test_nothing_is_drawn_while_nothing_happens(monkeypatch):
    """An app that is left open costs nothing: once all is shown, a whole second passes without a byte."""

    async def scenario(pilot):
        app = pilot.app
        drawn = [time.monotonic()]
        display = type(app)._display

        def noted(self, *arguments):
            drawn.append(time.monotonic())
            return display(self, *arguments)

        monkeypatch.setattr(type(app), "_display", noted)
        app.session.tell(unchanged(9))
        await shows(pilot, "Saved, nothing changed")
        await until(pilot, lambda: time.monotonic() - drawn[-1] > 1)
        assert len(drawn) > 1

    play(FakeSession(LOADED), scenario)
