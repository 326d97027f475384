"""What the screens look like, compared with what was found good. UPDATE_SCREENS=1 writes them anew; then look."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hotconf import ReloadSuccess, Timings
from hotconf.tui.view.facts import Note, Update
from tui.stage import LARGE, SMALL, FakeSession, play, screen, shows
from tui.updates import at, changed, deferred, facts, failed, reloaded, snapshot

STORED = Path(__file__).parent / "screens"
LOADED = Update(facts(snapshot()), Note("Loaded generation 1", at(0), "good"))


async def looks(pilot: Any, like: str | None) -> str:
    """The screen without messages, which may come late: when it is `like` what is stored, or at the deadline."""
    deadline = time.monotonic() + (60 if like is not None else 2)
    seen = ""
    while time.monotonic() < deadline:
        pilot.app.clear_notifications()
        await pilot.pause(0.1)
        seen = screen(pilot.app)
        if like is not None and seen.splitlines() == like.splitlines():
            break
    return seen


async def calm(pilot: Any) -> None:
    """Loaded, and saved once."""
    pilot.app.session.notify(changed(1))
    pilot.app.session.notify(reloaded(3))
    await shows(pilot, "generation 2  ✓")


async def broken(pilot: Any) -> None:
    """Then saved broken."""
    await calm(pilot)
    pilot.app.session.notify(changed(7))
    pilot.app.session.notify(failed(9, of=snapshot(generation=2)))
    await shows(pilot, "✗ failed: ")


async def queued(pilot: Any) -> None:
    """A reload that waits; what it waits for moves, and is not part of the picture."""
    pilot.app.session.notify(deferred(3))
    await shows(pilot, "reload queued")


async def difference(pilot: Any) -> None:
    """Two generations beside each other."""
    await calm(pilot)
    await pilot.press("d")
    await shows(pilot, "generation 1 (12:00:00)")


async def latency(pilot: Any) -> None:
    """The view of the times."""
    for number in range(60):
        overhead = 0.2 + (number % 7) * 0.05 + (number % 20 == 0) * 0.4
        times = Timings(0.1, 2000.5, 0.1, 0.35, 0.6 + number % 3 / 10, 0, 0.01, overhead)
        pilot.app.session.meter.count(ReloadSuccess(number, (), (), times))
    await pilot.press("L")
    await shows(pilot, "60 reloads")


async def help_(pilot: Any) -> None:
    """All keys."""
    await pilot.press("question_mark")
    await shows(pilot, "Main screen")


async def search(pilot: Any) -> None:
    """Something was looked for and found."""
    await pilot.press("slash", *"limit", "enter")
    await shows(pilot, "monthly_limit_usd")


SCREENS: dict[str, tuple[Callable[[Any], Awaitable[None]], tuple[int, int]]] = {
    "calm-80": (calm, SMALL),
    "calm-120": (calm, LARGE),
    "broken-80": (broken, SMALL),
    "broken-120": (broken, LARGE),
    "queued-80": (queued, SMALL),
    "difference-120": (difference, LARGE),
    "difference-80": (difference, SMALL),
    "latency-80": (latency, SMALL),
    "help-80": (help_, SMALL),
    "search-80": (search, SMALL),
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_looks_as_it_was_found_good(name):
    """Nothing moves, is cut or overlaps without being seen in a review."""
    scenario, size = SCREENS[name]
    seen: list[str] = []
    stored = STORED / f"{name}.txt"
    like = None if os.environ.get("UPDATE_SCREENS") else stored.read_text()

    async def scene(pilot):
        await scenario(pilot)
        seen.append(await looks(pilot, like))

    play(FakeSession(LOADED), scene, size=size)
    if like is None:
        stored.parent.mkdir(exist_ok=True)
        stored.write_text(seen[0])
    assert seen[0].splitlines() == stored.read_text().splitlines()


def test_every_stored_screen_is_looked_at():
    """No picture is left behind by a test that is gone."""
    assert {path.stem for path in STORED.glob("*.txt")} == set(SCREENS)
