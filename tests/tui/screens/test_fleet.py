"""The screen of the fleet, with one that is made up. With real etcd: tests/fleet/test_screen.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from hotconf.fleet import Etcd
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.tui.fleet.watch import FleetWatch
from hotconf.tui.screens.fleet import FleetDifference, FleetScreen
from hotconf.tui.screens.sheet import SheetList
from hotconf.tui.session import Session
from tui.fleet.made import FakeFleet, member, status
from tui.stage import LARGE, SMALL, FakeSession, play, screen, shows, until

SOURCE = Etcd("shop/prod", "http://127.0.0.1:1")


class Config(BaseModel):
    """With a secret whose name does not say so."""

    port: int
    pin: SecretStr = SecretStr("")


def opened(app: Any, fake: FakeFleet) -> FleetScreen:
    """The screen, on a fleet that is made up."""
    compare = Session(SOURCE.path, lambda: Options(SOURCE.path, Schema.of(Config), source=SOURCE))
    compare._open().close()
    watch = FleetWatch(lambda: fake, app.clock.now)  # type: ignore[arg-type,return-value]
    made = FleetScreen(SOURCE, compare.published, app.aside, app.clock.now, watch)
    app.push_screen(made)
    return made


def test_without_a_fleet_there_is_no_key() -> None:
    """`F` does nothing, and is not offered."""

    async def scenario(pilot: Any) -> None:
        assert "Fleet" not in screen(pilot.app)
        await pilot.press("F")
        assert len(pilot.app.screen_stack) == 1

    play(FakeSession(), scenario, size=LARGE)


@pytest.mark.parametrize("size", [SMALL, LARGE, (200, 50)])
def test_it_is_live(size: tuple[int, int]) -> None:
    """What the fleet says next is shown, as is why it says nothing; the cursor stays on its row."""

    async def scenario(pilot: Any) -> None:
        fake = FakeFleet(status(member(1), member(2, "behind")))
        made = opened(pilot.app, fake)
        await shows(pilot, "2 processes · 1 not answered yet · 1 accepted")
        await shows(pilot, "version 6")  # of the history
        shown = made.query_one(SheetList)
        shown.show_key(("state", "ack", "web-1", "b1"))
        fake.said.put(status(member(0), member(1), member(2, "nack", "port: too small")))
        await shows(pilot, "3 processes · 1 refused · 2 accepted")
        await shows(pilot, "port: too small")
        assert shown.row is not None
        assert shown.row.key == ("state", "ack", "web-1", "b1")
        fake.said.put("http://etcd: connection refused")
        shown.show_key(("trouble", 0))
        await until(pilot, lambda: any("connection refused" in row.text for row in shown.rows))
        fake.said.put(status(member(1)))
        await until(pilot, lambda: not any("connection refused" in row.text for row in shown.rows))
        await pilot.press("escape")
        await until(pilot, lambda: fake.over)  # it is followed no longer

    play(FakeSession(), scenario, size=size)
    assert "hotconf fleet" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("keys", [(), ("down", "down"), ("end",)], ids=["untouched", "moved", "at the end"])
def test_an_outage_is_seen_wherever_the_list_stands(keys: tuple[str, ...]) -> None:
    """In the title, as long as it lasts; the reason is seen, too, where nobody has moved the list."""

    async def scenario(pilot: Any) -> None:
        fake = FakeFleet(status(*(member(n) for n in range(15))))
        opened(pilot.app, fake)
        await shows(pilot, "15 processes · 15 accepted")
        await pilot.press(*keys)
        fake.said.put("http://etcd: connection refused")
        await shows(pilot, "Fleet shop/prod · ⚠ not connected, as it was at ")
        if not keys:
            assert "Not connected: http://etcd: connection refused" in screen(pilot.app)
        fake.said.put(status(member(1)))
        await shows(pilot, "1 process ")
        assert "onnected" not in screen(pilot.app)

    play(FakeSession(), scenario, size=SMALL)


def test_what_is_wrong_with_the_program_is_seen_there_too() -> None:
    """The alerts of the main screen stay, for this one may be open for long."""
    session = FakeSession()

    async def scenario(pilot: Any) -> None:
        opened(pilot.app, FakeFleet(status(member(1))))
        await shows(pilot, "1 process")
        session.found = ("not every change is noticed at once: http://etcd: connection refused",)
        await shows(pilot, "⚠ not every change is noticed at once")
        session.found = ()
        await until(pilot, lambda: "not every change" not in screen(pilot.app))

    play(session, scenario, size=LARGE)


def test_a_version_is_compared_with_the_current_one_without_secrets() -> None:
    """Enter on what was published; the command that goes back stands above, to be copied."""

    async def scenario(pilot: Any) -> None:
        made = opened(pilot.app, FakeFleet(status(member(1))))
        await shows(pilot, "1 process")
        shown = made.query_one(SheetList)
        await until(pilot, lambda: any(row.key == ("history", 6) for row in shown.rows))
        assert "d Diff" not in screen(pilot.app)
        shown.show_key(("history", 6))
        await shows(pilot, "d Diff")
        await pilot.press("enter")
        await shows(pilot, "port = 1")
        text = screen(pilot.app)
        assert isinstance(pilot.app.screen, FleetDifference)
        assert "port = 2" in text
        assert "hotconf fleet rollback shop/prod 6 --endpoints http://127.0.0.1:1" in text
        assert "4711" not in text
        assert "4712" not in text
        assert "pin = …" in text

    play(FakeSession(), scenario, size=LARGE)


def test_a_storm_of_answers_is_drawn_a_few_times() -> None:
    """A thousand states that come at once are not a thousand screens."""
    crowd = [member(n) for n in range(1000)]

    async def scenario(pilot: Any) -> None:
        fake = FakeFleet()
        made = opened(pilot.app, fake)
        drawn: list[int] = []
        rows, made.rows = made.rows, lambda width: drawn.append(1) or rows(width)  # type: ignore[method-assign,func-returns-value]
        for number in range(1000):
            fake.said.put(status(*crowd[: number + 1]))
        await shows(pilot, "1000 processes · 1000 accepted")
        assert len(drawn) < 200
        assert len(made.query_one(SheetList).rows) < 40

    play(FakeSession(), scenario, size=LARGE)
