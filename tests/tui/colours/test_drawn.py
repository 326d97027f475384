"""Every theme is drawn, with as many colours as terminals have: the cursor is seen and all text can be read."""

from __future__ import annotations

from typing import Any

import pytest
from rich.color import ColorType
from rich.segment import Segment
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from hotconf.tui.colours.coloured import Coloured
from hotconf.tui.colours.terminal import Depth
from hotconf.tui.colours.themes import shown_as
from hotconf.tui.colours.tones import SHAPE, TEXT, contrast, nearest
from hotconf.tui.view.facts import Update
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import LARGE, FakeSession, play, screen, shows, until
from tui.updates import deferred, facts, failed, reloaded, snapshot

LOADED = Update(facts(snapshot()))
TERMINALS = {
    Depth.TRUECOLOR: {"COLORTERM": "truecolor", "TERM": "xterm-256color"},
    Depth.EIGHT_BIT: {"TERM": "xterm-256color"},
    Depth.ANSI: {"TERM": "linux"},
}
_VGA = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip
"""The 16 colours of a console."""
ANSI_TEXT = 3.0
"""Less is asked of the terminal's own colours, for they are chosen by its user."""


def colour(of: Any, default: Color) -> Color:
    """As a terminal shows it."""
    if of is None or of.type is ColorType.DEFAULT:
        return default
    return Color(*_VGA[of.number]) if of.number is not None and of.triplet is None else Color.from_rich_color(of)


def pair(segment: Segment, dark: bool) -> tuple[Color, Color]:
    """Text and ground of `segment`."""
    grey, black, white = Color(170, 170, 170), Color(0, 0, 0), Color(255, 255, 255)
    style = segment.style
    assert style is not None
    text, ground = colour(style.color, grey if dark else black), colour(style.bgcolor, black if dark else white)
    return (ground, text) if style.reverse else (text, ground)


def lines(app: Any) -> list[list[Segment]]:
    """What is on the screen, line by line."""
    return [list(strip) for strip in app.screen._compositor.render_strips()[: app.size[1]]]


def palette_is(segments: list[Segment], depth: Depth) -> bool:
    """Are there no colours but those that the terminal has?"""
    found = {one for each in segments if each.style for one in (each.style.color, each.style.bgcolor) if one}
    if depth is Depth.ANSI:
        return all(one.triplet is None for one in found)
    if depth is Depth.EIGHT_BIT:
        return all(one.triplet is None or nearest(Color.from_rich_color(one)).rich_color == one for one in found)
    return True


def judge(app: Any, depth: Depth) -> list[str]:
    """What cannot be read, or is not seen, of what is drawn now."""
    dark, found = app.current_theme.dark, []
    least = ANSI_TEXT if app.current_theme.ansi else TEXT
    drawn = lines(app)
    for segment in (each for line in drawn for each in line if each.text.strip() and each.style):
        # Scroll bars and the frames of lists without the focus are no text.
        if set(segment.text.strip()) <= set("─│╭╮╰╯▁▂▃▄▅▆▇█▌▊▎▔▕ "):
            continue
        text, ground = pair(segment, dark)
        if contrast(text, ground) < least:
            found.append(f"{segment.text.strip()!r}: {contrast(text, ground):.2f}")
    if not all(palette_is(line, depth) for line in drawn):
        found.append("a colour that the terminal does not have")
    return found


def cursor(app: Any, depth: Depth) -> float:
    """How much the bar of the cursor stands out from the row below it."""
    panel = app.screen.query_one(ConfigurationPanel)
    y = panel.content_region.y + panel.cursor - panel.scroll_offset.y
    x = panel.content_region.x + 1
    at, below = (_at(line, x) for line in lines(app)[y : y + 2])
    return contrast(pair(at, app.current_theme.dark)[1], pair(below, app.current_theme.dark)[1])


def _at(line: list[Segment], x: int) -> Segment:
    for segment in line:
        x -= segment.cell_length
        if x < 0:
            return segment
    raise AssertionError(x)


def terminal(monkeypatch: pytest.MonkeyPatch, depth: Depth) -> None:
    """The environment of a terminal with so many colours."""
    for name in ("COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in TERMINALS[depth].items():
        monkeypatch.setenv(name, value)
    known = {"xterm-256color": 256, "linux": 8, "vt100": -1}
    monkeypatch.setattr("hotconf.tui.colours.terminal.terminfo_colours", known.get)


async def busy_screen(pilot: Any) -> None:
    """All tones at once: changed values, a failure, a queued reload, a search."""
    app = pilot.app
    app.session.notify(reloaded(3))
    app.session.notify(deferred(4))
    app.session.notify(failed(5))
    await shows(pilot, "✗ failed")
    app.screen.query_one(ConfigurationPanel).show_key(("cost", "daily_limit_usd"))
    await pilot.pause()


@pytest.mark.parametrize("depth", TERMINALS)
def test_every_theme_can_be_read_and_shows_the_cursor(monkeypatch, depth):
    """Text by 4.5 to 1 and the cursor's bar by 3 to 1, measured in the colours that reach the terminal."""
    terminal(monkeypatch, depth)
    found = {}

    async def scenario(pilot):
        app = pilot.app
        await busy_screen(pilot)
        for name in BUILTIN_THEMES:
            app.theme = shown_as(name, depth)
            await pilot.pause()
            await pilot.pause()
            found[name] = judge(app, depth)
            if (seen := cursor(app, depth)) < SHAPE:
                found[name].append(f"the cursor: {seen:.2f}")

    play(FakeSession(LOADED), scenario, size=LARGE)
    assert len(found) == len(BUILTIN_THEMES) > 20
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(("before", "after"), [("nord", "catppuccin-latte"), ("ansi-dark", "dracula")])
def test_a_theme_that_is_chosen_later_looks_as_if_it_had_been_there(before, after):
    """Every cell follows: lists, status, alerts, footer."""
    drawn = []

    async def scenario(pilot):
        await busy_screen(pilot)
        pilot.app.theme = after
        await pilot.pause()
        await pilot.pause()
        drawn.append([[(each.text, each.style) for each in line] for line in lines(pilot.app)])

    for theme in (before, after):
        play(FakeSession(LOADED), scenario, size=LARGE, theme=theme)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "vt100"}])
def test_without_colours_the_cursor_is_seen(monkeypatch, environment):
    """Reversed, as nothing else is that is no alert; no colour is left."""
    terminal(monkeypatch, Depth.EIGHT_BIT)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def scenario(pilot):
        app = pilot.app
        await busy_screen(pilot)
        panel = app.screen.query_one(ConfigurationPanel)
        drawn = lines(app)
        row = drawn[panel.content_region.y + panel.cursor - panel.scroll_offset.y]
        assert _at(row, panel.content_region.x + 1).style.reverse
        styles = [each.style for line in drawn for each in line if each.style]
        assert all(one is None or one.is_default for each in styles for one in (each.color, each.bgcolor))
        assert app.console._color_system is not None  # or bold and reverse would be lost, too

    play(FakeSession(LOADED), scenario, size=LARGE)


def test_nord_is_no_teal_block(monkeypatch):
    """On a plain SSH terminal with 256 colours its background is a dark grey."""
    terminal(monkeypatch, Depth.EIGHT_BIT)
    assert nearest(Color.parse("#2E3440")).rgb in {(48, 48, 48), (58, 58, 58)}
    grounds = set()

    async def scenario(pilot):
        grounds.update(each.style.bgcolor.triplet for line in lines(pilot.app) for each in line if each.style.bgcolor)

    play(FakeSession(LOADED), scenario)
    assert (48, 48, 48) in grounds
    assert (0, 95, 95) not in grounds


def test_only_themes_that_can_be_shown_are_offered(monkeypatch):
    """With few colours the terminal's own; else all."""
    for depth in TERMINALS:
        terminal(monkeypatch, depth)
        offered = set(Coloured(None, None).available_themes)
        assert offered == ({"ansi-dark", "ansi-light"} if depth is Depth.ANSI else set(BUILTIN_THEMES))


def test_a_theme_is_kept_when_it_is_chosen(monkeypatch):
    """By the palette; not that of `--theme`, nor the one that the app starts with. What fails is said."""
    wrote = []

    class Kept:
        def read(self):
            return "dracula"

        def write(self, name):
            wrote.append(name)
            return "/state/theme: Read-only file system"

    async def chosen(pilot):
        assert pilot.app.theme == "dracula"
        assert wrote == []
        await pilot.press("t")
        await shows(pilot, "Search for themes")
        await pilot.press(*"gruvbox")
        await until(pilot, lambda: screen(pilot.app).count("gruvbox") == 2)
        await pilot.press("enter")
        await until(pilot, lambda: wrote == ["gruvbox"])
        await shows(pilot, "The theme is not kept")

    async def for_this_run(pilot):
        assert pilot.app.theme == "nord"

    play(FakeSession(LOADED), chosen, choice=Kept(), size=LARGE)
    play(FakeSession(LOADED), for_this_run, choice=Kept(), theme="nord")
    assert wrote == ["gruvbox"]
