"""What the app says in passing: it is in the status line of every screen, and covers nothing at any size."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets._toast import Toast

from hotconf.tui.screens.difference import Difference
from hotconf.tui.screens.help import Help
from hotconf.tui.screens.main import Main
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.view.facts import Update
from tui.stage import LARGE, SMALL, FakeSession, play, screen, shows, until
from tui.updates import BETTER, COST_LINE, facts, failed, reloaded, snapshot, unchanged

LOADED = Update(facts(snapshot()))
WIDE = (200, 50)
SHORT = "Copied: model"
LONG = "Not rolled back: /srv/" + "x" * 300
SIZES = [(60, 16), SMALL, WIDE]
WHERE = {(): Main, ("z",): Main, ("d",): Difference, ("question_mark",): Help, ("d", "b"): AskRollback}
"""The keys that lead there: both lists, one list, two sheets, and a question."""


@pytest.mark.parametrize("size", SIZES)
def test_a_message_covers_nothing(size):
    """With a failure on the screen, whatever lies over it: a short one takes the free end of the status line, and for
    a long one the rest makes room. There is no box over anything.
    """

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        app.session.notify(failed(9, of=snapshot(BETTER, 2)))
        await shows(pilot, "✗ failed: ")
        for keys, there in WHERE.items():
            await pilot.press(*keys)
            await until(pilot, lambda there=there: isinstance(app.screen, there))
            await shows(pilot, "✗ failed")
            await pilot.press()
            before = screen(app).splitlines()
            app.notify(SHORT, timeout=3600)
            await shows(pilot, SHORT)
            if size[0] >= 80:
                assert screen(app).splitlines()[1:] == before[1:]
            app.notify(LONG, timeout=3600)
            await shows(pilot, LONG[:50])
            now = screen(app).splitlines()
            at = next(index for index, line in enumerate(now) if LONG[:50] in line)
            assert now[:at] == before[:at], "status and alerts"
            assert now[at + 1] == before[at], "what is below has moved"
            assert now[-1] == before[-1], "the keys"
            assert not app.screen.query(Toast)
            app.clear_notifications()
            await until(pilot, lambda: LONG[:50] not in screen(app))
            await pilot.press(*["escape"] * 3)

    play(FakeSession(LOADED), scenario, size=size)


def test_an_ending_is_said_where_the_events_are_hidden_and_nowhere_else():
    """On a sheet, and while one list has the whole screen."""

    async def scenario(pilot):
        app = pilot.app
        app.session.notify(reloaded(3))
        await until(pilot, lambda: app.view.facts.generation == 2)
        assert app._message is None
        for keys in (("z",), ("question_mark",)):
            await pilot.press(*keys)
            app.session.notify(reloaded(5))
            await until(pilot, lambda: COST_LINE in screen(app).splitlines()[1] + screen(app).splitlines()[0])
            app.session.notify(unchanged(7))
            await shows(pilot, "· unchanged 12:00:07")
            app.session.notify(failed(9))
            await until(pilot, lambda: app._message and app._message.tone == "bad")
            await shows(pilot, "✗ failed 12:00:09")
            app.clear_notifications()
            await pilot.press("escape")

    play(FakeSession(LOADED), scenario)


def test_an_ending_is_said_while_the_details_have_the_whole_screen():
    """For they hide the events, too."""

    async def scenario(pilot):
        app = pilot.app
        app.screen.query_one("#details").focus()
        await pilot.press("z")
        app.session.notify(reloaded(5))
        await until(pilot, lambda: app._message and app._message.text == COST_LINE)
        assert "Events" not in screen(app)

    play(FakeSession(LOADED), scenario, size=WIDE)


def test_a_message_goes_by_itself():
    """And the newest one stays as long as it should, whatever was said before."""

    async def scenario(pilot):
        app = pilot.app
        app.notify("first", timeout=0.01)
        app.notify("second", timeout=3600)
        await asyncio.sleep(0)
        await shows(pilot, "second")
        app.notify("third", timeout=0.01)
        await until(pilot, lambda: app._message is None)
        assert "third" not in screen(app)

    play(FakeSession(LOADED), scenario)


def test_a_message_stands_once_on_whatever_screen_and_at_whatever_width():
    """Also on a screen that opens while it is shown, and after the room for it has changed."""
    said = "Not rolled back: no space"

    async def scenario(pilot):
        app = pilot.app
        app.notify(said, timeout=3600)
        for keys in ((), ("d",)):
            await pilot.press(*keys)
            for size in (LARGE, (44, 20), LARGE):
                await pilot.resize(*size)
                await until(pilot, lambda: screen(app).count(said) == 1)
                await pilot.pause()
                assert screen(app).count(said) == 1, (keys, size)

    play(FakeSession(Update(facts(snapshot()))), scenario, size=LARGE)
