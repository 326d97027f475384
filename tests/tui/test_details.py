"""The details of a value or an event: as a pane where there is room, as a sheet elsewhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from hotconf import Env, HotReloadWatcher, RestartRequired
from hotconf.schema import Schema
from hotconf.tui.describing.describer import Describer
from hotconf.tui.screens.details import EventDetails, ValueDetails
from hotconf.tui.view import configuration, details
from hotconf.tui.view.facts import Update
from hotconf.tui.widgets.details import DetailsPanel
from hotconf.tui.widgets.events import EventsPanel
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import LARGE, FakeSession, play, screen, shows, until
from tui.updates import GOOD, facts, reloaded, snapshot

LOADED = Update(facts(snapshot()))


class Server(BaseModel):
    """Where it listens."""

    host: str
    """The name or the address."""
    port: Annotated[int, Field(ge=1, le=65535, description="Where clients connect."), RestartRequired()] = 8000
    password: SecretStr = SecretStr("")
    labels: dict[str, list[int]] = {}
    old_name: str = Field("x", alias="new-name", description="Under another key.")


class Root(BaseModel):
    server: Server


def described(watcher, *path, table=False):
    """What is known of the value at `path`, and its lines."""
    known = Describer(Schema(Root))(watcher.snapshot, path, table=table)
    item = configuration.find(configuration.items(watcher.snapshot, ()), path)
    return known, [row.text for row in details.of_value(item, known, 300)]


def test_a_value_is_described_by_its_model_and_by_each_layer(tmp_path, monkeypatch):
    """Meaning, type, limits, default, restart, and the layers, of which the last one is in force."""
    file = tmp_path / "config.toml"
    file.write_text('[server]\nhost = "a"\nport = 2\npassword = "hunter2"\nnew-name = "y"\nlabels = { a = [1] }\n')
    monkeypatch.setenv("APP_SERVER__PORT", "3")
    monkeypatch.setenv("APP_SERVER__PASSWORD", "hunter3")
    with HotReloadWatcher(file, Root, layers=[Env("APP_")]) as watcher:
        _, port = described(watcher, "server", "port")
        assert port == [
            "server.port",
            "3",
            "",
            "Where clients connect.",
            "",
            "Type      integer, 1 to 65535",
            "Default   8000",
            "Origin    $APP_SERVER__PORT",
            "Restart   a change needs one",
            "",
            "Layers, weakest first",
            "  default            8000",
            "  config.toml:3      2",
            "  $APP_SERVER__PORT  3",
        ]
        _, host = described(watcher, "server", "host")
        required = ["Required  it has no default", f"Origin    {file}:2:8"]
        assert host[3:] == ["The name or the address.", "", "Type      text", *required]
        known, lines = described(watcher, "server", "password")
        assert known.secret
        assert "Secret    never shown" in lines
        assert not [line for line in lines if "hunter" in line]
        assert described(watcher, "server", "new-name")[0].notes == "Under another key."
        assert described(watcher, "server", "labels", "a")[0].words == "list of integers"
        known, lines = described(watcher, "server", table=True)
        assert (known.notes, known.words) == ("Where it listens.", "")
        assert 'host = "a"' in lines


def test_a_model_without_a_json_schema_still_has_layers(tmp_path):
    """Then nothing is said of types, and nothing ends."""

    class Odd(BaseModel):
        port: int = 1

        @classmethod
        def __get_pydantic_json_schema__(cls, schema, handler):
            raise ValueError("no")

    file = tmp_path / "config.toml"
    file.write_text("port = 2\n")
    with HotReloadWatcher(file, Odd) as watcher:
        known = Describer(Schema(Odd))(watcher.snapshot, ("port",))
    assert (known.words, [answer.text for answer in known.answers]) == ("", ["1", "2"])


def test_the_pane_follows_the_cursor_and_the_focus():
    """A value, a table, the defaults of one, an event; Enter goes into it, Esc back."""

    async def scenario(pilot):
        app = pilot.app
        panel, pane = app.screen.query_one(ConfigurationPanel), app.screen.query_one(DetailsPanel)
        panel.show_key(("cost", "daily_limit_usd"))
        await shows(pilot, "US dollars a day. Default: no limit.")
        await pilot.press("down")
        await until(pilot, lambda: "3 defaults  no layer sets them" in screen(app))
        assert "alert_threshold = " in screen(app)
        app.session.notify(reloaded())
        await pilot.press("tab")
        await shows(pilot, "Details · event at 12:00:03")
        await pilot.press("enter")
        await until(pilot, lambda: pane.has_focus)
        await pilot.press("down", "y")
        await until(pilot, lambda: app.clipboard == pane.row.copy or app.clipboard == pane.row.text)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query_one(EventsPanel).has_focus)
        await pilot.press("tab")
        await until(pilot, lambda: panel.has_focus)
        assert "Details · event" not in screen(app)

    play(FakeSession(LOADED), scenario, size=LARGE)


def test_a_long_value_is_wrapped_and_scrolled_in_the_pane():
    """All of it is there."""
    text = GOOD.replace('"gpt-5"', f'"{"word " * 400}end"')

    async def scenario(pilot):
        app = pilot.app
        pane = app.screen.query_one(DetailsPanel)
        await pilot.press("enter", "end")
        await until(pilot, lambda: pane.scroll_offset.y > 0)
        await shows(pilot, "Origin")
        assert any('end"' in row.text for row in pane.rows)

    play(FakeSession(Update(facts(snapshot(text)))), scenario, size=LARGE)


def test_without_room_for_a_pane_nothing_is_described_until_it_is_asked_for():
    """Then there is a sheet, which is filled when the answer comes."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("down", "up")
        assert app.session.described == []
        app.screen.query_one(ConfigurationPanel).show_key(("cost", "daily_limit_usd"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ValueDetails))
        await shows(pilot, "US dollars a day. Default: no limit.")
        assert app.session.described == [("cost", "daily_limit_usd")]
        await pilot.press("escape", "tab")
        app.session.notify(reloaded())
        await until(pilot, lambda: app.view.entries)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EventDetails))

    play(FakeSession(LOADED), scenario, size=(119, 40))


def test_the_pane_comes_and_goes_with_the_room():
    """And is zoomed, like the lists."""

    async def scenario(pilot):
        app = pilot.app
        app.screen.query_one(ConfigurationPanel).show_key(("cost", "daily_limit_usd"))
        assert "╭─ Details" not in screen(app)
        await pilot.resize(*LARGE)
        await shows(pilot, "US dollars a day")
        await pilot.press("enter", "z")
        await until(pilot, lambda: "╭─ Configuration" not in screen(app))
        assert "US dollars a day" in screen(app)
        await pilot.press("z")
        await shows(pilot, "╭─ Configuration")
        await pilot.resize(80, 24)
        await until(pilot, lambda: "╭─ Details" not in screen(app))
        await until(pilot, lambda: app.screen.query_one(ConfigurationPanel).has_focus)

    play(FakeSession(LOADED), scenario)


def test_the_pane_follows_the_row_when_other_rows_move_below_the_cursor():
    """With a search the number of the row under the cursor may be the same, the row is another."""

    async def scenario(pilot):
        app = pilot.app
        panel, pane = app.screen.query_one(ConfigurationPanel), app.screen.query_one(DetailsPanel)
        panel.action_edge(False)
        panel.action_move(1)
        before = panel.cursor
        panel.search("plan")
        assert (panel.cursor, panel.item.path) == (before, ("quality_gates", "plan"))
        await shows(pilot, "│  quality_gates.plan ")
        assert pane.row.text == "quality_gates.plan"
        panel.search("nothing")
        await until(pilot, lambda: pane.row is None)

    play(FakeSession(LOADED), scenario, size=LARGE)
