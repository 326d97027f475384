"""The app under a pilot: what it shows. The session reports what the test says."""

from __future__ import annotations

import pytest
from textual.events import Key

from hotconf import Problem
from hotconf.tui.app import HotconfApp
from hotconf.tui.screens.details import EventDetails, ValueDetails
from hotconf.tui.view.facts import Update
from hotconf.tui.widgets.bars import SearchBox
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import SMALL, FakeSession, play, screen, shows, until
from tui.updates import COST_LINE, FILE, GOOD, changed, facts, failed, reloaded, snapshot, unchanged

LOADED = Update(facts(snapshot()))


def test_the_status_line_says_what_is_true():
    """File, generation, last outcome and how it is watched, from the first frame on."""

    async def scenario(pilot):
        first = screen(pilot.app).splitlines()[0]
        assert first.startswith(" /srv/app/config.toml  generation 1  ✓ loaded 12:00:00")
        assert first.endswith("1 file · 2000 ms")
        pilot.app.session.notify(reloaded())
        await shows(pilot, "generation 2  ✓ reloaded 12:00:03")

    play(FakeSession(LOADED), scenario)


def test_what_still_comes_when_the_last_screen_has_gone_is_ignored():
    """Keys, updates and questions of Textual's may be under way while the app ends."""
    apps = []

    async def scenario(pilot):
        apps.append(pilot.app)

    play(FakeSession(LOADED), scenario)
    (app,) = apps
    assert app.top is None
    key = Key("q", "q")
    app.on_key(key)
    assert key._no_default_action  # nor do bindings ask which screen it is for
    assert app.check_action("help", ()) is True
    app.leave_sheets()
    assert app._list() is None


def test_the_first_screen_says_what_it_is_and_what_to_do():
    """The file, and that a save is seen; once something was saved, that is what stands there."""

    async def scenario(pilot):
        pilot.app.note("Loaded generation 1")
        await shows(pilot, "This is your configuration as it is in force, live.")
        await shows(pilot, "Save /srv/app/config.toml and watch")
        pilot.app.session.notify(changed(1))
        await until(pilot, lambda: "and watch" not in screen(pilot.app))

    play(FakeSession(LOADED), scenario)


def test_a_file_that_shrank_is_said_to_be_waited_for():
    """Even when the window is over: who saved sees why nothing happens yet."""

    async def scenario(pilot):
        from datetime import UTC, datetime

        from hotconf import FileChanged

        pilot.app.session.waited_for = "file shrank"
        pilot.app.session.notify(Update(facts(snapshot(), debounce_ms=10), FileChanged(FILE, at=datetime.now(UTC))))
        await shows(pilot, "… settling (file shrank)")
        pilot.app.session.waited_for = None
        await until(pilot, lambda: "shrank" not in screen(pilot.app))

    play(FakeSession(LOADED), scenario)


def test_the_first_frame_has_a_status(monkeypatch):
    """It is not filled in later, when what makes a watcher is being loaded."""
    frames = []
    display = HotconfApp._display

    def seen(app, *arguments):
        display(app, *arguments)
        frames.append(screen(app))

    monkeypatch.setattr(HotconfApp, "_display", seen)

    async def scenario(pilot):
        await shows(pilot, "generation 1")

    play(FakeSession(LOADED), scenario)
    first = next(frame for frame in frames if "Configuration" in frame)
    assert first.startswith(" /srv/app/config.toml  starting")


def test_settling_counts_down_and_ends():
    """The status line moves by itself while the window runs, and no longer."""

    async def scenario(pilot):
        pilot.app.session.notify(changed(0))
        await shows(pilot, "… settling 2.0 s")
        pilot.app.clock.passed = 0.6
        await shows(pilot, "… settling 1.4 s")
        pilot.app.clock.passed = 9
        await until(pilot, lambda: "… settling  " in screen(pilot.app))

    play(FakeSession(LOADED), scenario)


def test_a_failure_stays_in_the_status_line():
    """Until a good save; no message repeats it while the events are on the screen."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(failed())
        await shows(pilot, "✗ failed: config.toml:7:8: Invalid TOML: missing closing bracket at line 7")
        assert app._message is None
        app.session.notify(unchanged(9))
        await until(pilot, lambda: "✗ failed: " not in screen(app))

    play(FakeSession(LOADED), scenario)


def test_markup_in_files_is_text():
    """In messages, in the status line, in lists and in sheets."""
    trick = "[bold red]x[/] [@click=app.quit]y[/] [/nonsense]"
    problem = Problem(f"Unknown key: {trick}", file=FILE, line=1, column=1)

    async def scenario(pilot):
        pilot.app.session.notify(failed(3, problem))
        pilot.app.notify(trick)
        await until(pilot, lambda: screen(pilot.app).count("red]x[/]") == 3)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, EventDetails))
        await shows(pilot, "[@click=app.quit]y[/]")

    play(FakeSession(LOADED), scenario, size=(119, 40))


def test_started_on_a_broken_file_it_shows_why():
    """The problem with its source stands where the configuration would, until there is one."""

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "No valid configuration yet")
        assert '7 │ plan = ["gemini"' in screen(app)
        assert "waiting for" not in screen(app)
        assert app._message is None
        app.session.notify(reloaded(5, generation=1))
        await shows(pilot, "daily_limit_usd = 20.0")
        assert "No valid configuration yet" not in screen(app)

    play(FakeSession(failed(0, first=True), Update(facts(None))), scenario)


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
        app.session.notify(changed(1))
        app.session.notify(reloaded(3))
        await until(pilot, lambda: len(app.view.entries) == 2)
        await until(pilot, lambda: panel.entry is app.view.entries[-1])
        await pilot.press("end")
        await until(pilot, lambda: panel.entry is app.view.entries[0])
        app.session.notify(unchanged(9))
        await shows(pilot, "Unchanged (")
        assert panel.entry is app.view.entries[0]
        await pilot.press("home")
        await until(pilot, lambda: panel.entry is app.view.entries[-1])
        app.session.notify(unchanged(19))
        await until(pilot, lambda: len(app.view.entries) == 4)
        await until(pilot, lambda: panel.entry is app.view.entries[-1])

    play(FakeSession(LOADED), scenario)


def test_enter_shows_the_details_of_an_event_and_of_a_value():
    """And Esc goes back."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded())
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
        await shows(pilot, "Origin    /srv/app/config.toml:4:")
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
        await shows(pilot, "Sent to the terminal's clipboard: cost.daily_limit_usd")
        app.session.notify(reloaded())
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

    play(FakeSession(Update(facts(snapshot(text)))), scenario)


def test_enter_shows_all_of_an_event_that_is_cut_in_the_list():
    """Though the list has no room for hundreds of problems."""
    problems = [Problem(f"wrong {n}", file=FILE, line=n) for n in range(1, 400)]

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(failed(3, *problems))
        await until(pilot, lambda: app.view.failed)
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
        for key in ("slash", *"cost"):  # all at once: `t` would open the themes
            app.post_message(Key(key, None if key == "slash" else key))
        await shows(pilot, "daily_limit_usd")
        await until(pilot, lambda: "gpt-5" not in screen(app))
        await shows(pilot, "Enter Keep what is found")
        assert app.screen is app.get_default_screen()
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


@pytest.mark.parametrize("size", [(30, 8), (20, 5), (1, 1)])
def test_it_lives_in_any_size(size):
    """Whatever is opened there; when there is room again, all is there again."""

    async def scenario(pilot):
        await pilot.resize(*size)
        pilot.app.session.notify(failed())
        pilot.app.action_start("gate")
        for key in ("d", "p", "L", "question_mark", "t", "ctrl+p", "slash", "enter", "tab"):
            await pilot.press(key, "G", "escape")
        await pilot.resize(*SMALL)
        await shows(pilot, "✗ failed: config.toml:7:8")
        await shows(pilot, "quality gate rehearsal")

    play(FakeSession(LOADED), scenario)


def test_without_colour_nothing_is_coloured(monkeypatch):
    """NO_COLOR: no colour reaches the terminal, and the state can be read all the same."""
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(failed())
        await shows(pilot, "✗ failed")
        styles = [segment.style for line in app.screen._compositor.render_strips() for segment in line]
        colours = {colour.name for style in styles if style for colour in (style.color, style.bgcolor) if colour}
        assert colours <= {"default"}

    play(FakeSession(LOADED), scenario)


def test_of_a_program_it_says_that_no_resources_are_created():
    """On the first screen, and nowhere else: processes may refuse what is good here."""
    said = "resources are not created here"

    async def scenario(pilot):
        assert said in " ".join(screen(pilot.app).replace("│", " ").split())

    play(FakeSession(Update(facts(snapshot(), of_program=True))), scenario)
    play(FakeSession(Update(facts(snapshot()))), lambda pilot: absent(pilot, said))


async def absent(pilot, text):
    """It is not on the screen."""
    assert text not in " ".join(screen(pilot.app).replace("│", " ").split())
