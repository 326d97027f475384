"""The app under a pilot: it keeps up with everything that happens, and rests when nothing does."""

from __future__ import annotations

import asyncio
import threading
import time

from hotconf.tui.view.facts import Update
from hotconf.tui.view.view import MOST_ENTRIES
from hotconf.tui.widgets.panels import ConfigurationPanel
from tui.stage import FakeSession, play, shows, until
from tui.updates import changed, facts, reloaded, snapshot, unchanged

LOADED = Update(facts(snapshot()))


def test_who_tells_never_waits_for_the_app():
    """Though the app does nothing at all meanwhile."""

    async def scenario(pilot):
        app, news = pilot.app, unchanged()
        thread = threading.Thread(target=lambda: [app.session.notify(news) for _ in range(1000)], daemon=True)
        thread.start()
        thread.join(60)  # the app's own loop stands still here
        assert not thread.is_alive()
        assert app.view.total == 0
        await until(pilot, lambda: app.view.total >= 1000)

    play(FakeSession(LOADED), scenario)


def test_a_thousand_events_a_second_leave_it_responsive():
    """Keys are answered while they come, and the log stays bounded."""

    async def scenario(pilot):
        app = pilot.app
        answered = threading.Event()
        told = []

        def storm():
            news = [changed(), reloaded()]
            while not (answered.is_set() and len(told) >= 1000):
                told.append(app.session.notify(news[len(told) % 2]))
                time.sleep(0.001)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            await until(pilot, lambda: app.view.total)
            panel = app.screen.query_one(ConfigurationPanel)
            for key in ("down", "down", "up", "down", "up") * 4:
                before = panel.cursor
                app.simulate_key(key)
                await until(pilot, lambda before=before: panel.cursor != before)
        finally:
            answered.set()
            await asyncio.to_thread(thread.join)
        await until(pilot, lambda: app.view.total >= 1000)
        assert len(app.view.entries) <= MOST_ENTRIES

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
        app.session.notify(unchanged(9))
        await shows(pilot, "Unchanged (")
        await until(pilot, lambda: time.monotonic() - drawn[-1] > 1)
        assert len(drawn) > 1

    play(FakeSession(LOADED), scenario)
