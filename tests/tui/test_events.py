"""The events on the main screen: which are shown, what is found in them, and that they stand still for who reads."""

from __future__ import annotations

from hotconf.tui.view.facts import Note, Update
from hotconf.tui.widgets.events import EventsPanel
from tui.stage import FakeSession, play, screen, shows, until
from tui.updates import COST_LINE, at, changed, facts, failed, reloaded, snapshot, unchanged

LOADED = Update(facts(snapshot()))
NOTE = Update(facts(snapshot()), Note("make lint: ended with status 1", at(20), "warn"))


def panel_of(pilot):
    """The list of events."""
    return pilot.app.get_default_screen().query_one(EventsPanel)


async def happened(pilot, *updates):
    """Wait until they are in the list."""
    total = pilot.app.view.total + len(updates)
    for update in updates:
        pilot.app.session.notify(update)
    await until(pilot, lambda: pilot.app.view.total == total and panel_of(pilot)._entries is pilot.app.view.entries)


def kinds(panel):
    """Which entries are shown, newest first."""
    return [row.key[1] for row in panel.rows if len(row.key) == 2]


def test_s_shows_endings_only_or_failures_and_warnings_only():
    """The title says which, and the cursor stays on its event."""

    async def scenario(pilot):
        panel = panel_of(pilot)
        await happened(pilot, changed(1), reloaded(3), changed(5), failed(7), NOTE, unchanged(30))
        await pilot.press("tab")
        panel.show_key(("entry", 3))
        assert kinds(panel) == [5, 4, 3, 2, 1, 0]
        await pilot.press("s")
        assert (kinds(panel), panel.border_title) == ([5, 3, 1], "Events · endings")
        assert panel.entry.number == 3
        await pilot.press("s")
        assert (kinds(panel), panel.border_title) == ([4, 3], "Events · failures and warnings")
        assert panel.entry.number == 3
        await pilot.press("s")
        assert (kinds(panel), panel.border_title) == ([5, 4, 3, 2, 1, 0], "Events")

    play(FakeSession(LOADED), scenario)


def test_an_empty_choice_says_so():
    """And how to see more; an empty list says what will stand there."""

    async def scenario(pilot):
        await shows(pilot, "each save is listed here")
        await happened(pilot, changed(1))
        await pilot.press("tab", "s")
        await shows(pilot, "No reload has ended yet (s shows others)")
        await pilot.press("s")
        await shows(pilot, "No failure and no warning so far")
        await happened(pilot, failed(3))
        await shows(pilot, "✗ Failed")

    play(FakeSession(LOADED), scenario)


def test_slash_searches_the_events_while_they_have_the_focus():
    """What an event says below its first line is found, too; n and N go from match to match, Esc shows all."""

    async def scenario(pilot):
        panel = panel_of(pilot)
        await happened(pilot, changed(1), reloaded(3), changed(5), failed(7), reloaded(9), unchanged(30))
        await pilot.press("tab", "slash", *"limit")
        assert kinds(panel) == [4, 1]
        assert "gpt-5" in screen(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: panel.has_focus)
        await pilot.press("n")
        assert panel.row.text == COST_LINE
        assert panel.border_title == "Events · 1 of 4 matches"
        await pilot.press("n", "n")
        assert (panel.entry.number, panel.border_title) == (1, "Events · 3 of 4 matches")
        await pilot.press("N", "N", "N")
        assert panel.border_title == "Events · 4 of 4 matches"
        await pilot.press("escape")
        assert (kinds(panel), panel.border_title) == ([5, 4, 3, 2, 1, 0], "Events")
        assert (panel.entry.number, panel.has_focus) == (1, True)
        await pilot.press("slash", *"zzz")
        await shows(pilot, "No event says zzz")
        await pilot.press("escape", "shift+tab", "slash", *"gpt", "enter")
        assert kinds(panel) == [5, 4, 3, 2, 1, 0]
        await shows(pilot, "gpt-5")

    play(FakeSession(LOADED), scenario)


def test_a_reload_moves_nothing_under_the_eyes_of_who_reads():
    """Wherever the cursor was put, inside the newest event, too: its line stays where it is on the screen."""

    async def scenario(pilot):
        panel = panel_of(pilot)
        await happened(pilot, changed(1), reloaded(3), changed(5), failed(7))
        await pilot.press("tab", "down", "down", "down")
        for moves in ((), ("end",), ("home", "down")):
            await pilot.press(*moves)
            row, line = panel.row, panel.cursor - panel.scroll_offset.y
            seen = [strip.text for strip in map(panel.render_line, range(panel.size.height)) if strip.text.strip()]
            await happened(pilot, changed(11), unchanged(13), changed(15), failed(17))
            assert (panel.row.key, panel.row.text) == (row.key, row.text)
            assert panel.cursor - panel.scroll_offset.y == line
            now = [strip.text for strip in map(panel.render_line, range(panel.size.height))]
            assert now[: len(seen)] == seen
        await pilot.press("home")
        await happened(pilot, changed(21), failed(23))
        assert (panel.cursor, panel.scroll_offset.y) == (0, 0)
        assert panel.row.expanded

    play(FakeSession(LOADED), scenario)
