"""The app on a stage: a session that says what the test says, a pilot, and the screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

from textual.widgets import Input

from hotconf.history.record import Record
from hotconf.inspection.kept import Look
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT
from hotconf.subscribers.stats import Meter, Stats
from hotconf.tui.app import HotconfApp
from hotconf.tui.describing.describer import Describer
from hotconf.tui.past.states import States
from hotconf.tui.view import message
from hotconf.tui.view.details import Description
from hotconf.tui.view.facts import NOBODY, Others, Update
from tui.updates import FILE, at, facts, snapshot

Scenario: TypeAlias = Callable[[Any], Awaitable[None]]

SMALL = (80, 24)
LARGE = (120, 40)
_DEADLINE_S = 90.0
_QUIET = 25
"""So many turns of the loop without a message are enough for a key to have been passed on to whom it is for."""


class StageClock:
    """A clock that only the test moves, so that a rehearsal or a window is not over before it is seen."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return at(self.passed)

    def seconds(self) -> float:
        return self.passed


class Hand:
    """The pilot. Each key or click has been dealt with, by all whom it concerns, when the next one comes."""

    def __init__(self, pilot: Any) -> None:
        self._pilot = pilot
        self.app = pilot.app

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._pilot.press(key)
            await self._dealt_with()

    async def click(self, *arguments: Any, **options: Any) -> None:
        await self._pilot.click(*arguments, **options)
        await self._dealt_with()

    async def pause(self, delay: float | None = None) -> None:
        await self._pilot.pause(delay)

    async def resize(self, width: int, height: int) -> None:
        await self._pilot.resize_terminal(width, height)
        await self._dealt_with()

    async def _dealt_with(self) -> None:
        quiet, deadline = 0, asyncio.get_running_loop().time() + _DEADLINE_S
        while quiet < _QUIET:
            assert asyncio.get_running_loop().time() < deadline, "messages without end"
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._is_quiet() else 0

    def _is_quiet(self) -> bool:
        screens = self.app.screen_stack if self.app.is_running else ()
        pumps = [self.app, *(pump for screen in screens for pump in screen.walk_children(with_self=True))]
        return not any(pump.message_queue_size for pump in pumps)


@lru_cache
def _describer() -> Describer:
    return Describer(SPECKIT)


class FakeSession:
    """Reports what it is given; remembers what it was asked for."""

    def __init__(self, *updates: Update) -> None:
        self.path: Path = FILE
        self.updates = updates or (Update(facts(snapshot())),)
        self.seen: list[Update] = []
        self.asked: list[str] = []
        self.waited_for: str | None = None
        self.holds: list[str] = []
        self.meter = Meter()
        self.drift = False
        self.processes = NOBODY
        self.found: tuple[str, ...] = ()
        self.described: list[Any] = []
        self.secret_keys: frozenset[str] = frozenset()
        self.fleet: Any = None
        self.notify: Callable[[Update], object] = lambda update: None

    def start(self, notify: Callable[[Update], object], failed: Callable[[BaseException], object]) -> None:
        def said(update: Update) -> None:
            self.seen.append(update)
            notify(update)

        self.notify = said
        for update in self.updates:
            said(update)

    def close(self) -> None:
        self.asked.append("close")

    def reload(self, *, force: bool = False) -> None:
        self.asked.append(f"reload force={force}")

    @contextmanager
    def _hold(self, reason: str):  # type: ignore[no-untyped-def]
        self.asked.append(f"hold {reason}")
        self.holds.append(reason)
        try:
            yield
        finally:
            self.holds.remove(reason)

    def busy(self, kind: str) -> AbstractContextManager[None]:
        return self._hold(kind)

    def busy_with(self, reason: str) -> AbstractContextManager[None]:
        return self._hold(reason)

    def stats(self) -> Stats:
        return self.meter.stats("inotify", None)

    def waits(self) -> str | None:
        return self.waited_for

    def troubles(self) -> tuple[str, ...]:
        return self.found

    def others(self) -> Others:
        return self.processes

    def has_drift(self) -> bool:
        return self.drift

    def describe(self, snapshot: Any, path: Any, *, table: bool) -> Description:
        self.described.append(path)
        return _describer()(snapshot, path, table=table)

    def on_disk(self) -> Any:
        """What the files hold."""
        return next(update.facts.snapshot for update in reversed(self.seen) if update.facts.snapshot is not None)

    @property
    def states(self) -> FakeStates:
        return FakeStates(self)


class FakeStates(States):
    """No state is kept; the files on disk are those of the last update."""

    def __init__(self, session: FakeSession) -> None:
        super().__init__(Options(FILE, SPECKIT), None, session.secret_keys, lambda: None)
        self._session = session

    def _judge(self, record: Record) -> Look:
        return Look(replace(snapshot(), files=record.files), ())

    def _on_disk(self, also: Iterable[Path]) -> Look:
        return Look(self._session.on_disk(), ())

    def _writable(self, path: Path) -> bool:
        return True

    def restore(self, plan: Any, *, remove_appeared: bool) -> tuple[Path, ...]:
        self._session.asked.append(f"restore remove_appeared={remove_appeared}")
        return tuple(path for path, _ in plan.writes)


def play(
    session: Any, scenario: Scenario, *, size: tuple[int, int] = SMALL, clock: Any = None, **options: Any
) -> HotconfApp:
    """Run the app with `session` while `scenario(pilot)` runs. Messages stay until something takes them away."""
    app = HotconfApp(session, clock=clock or StageClock(), **options)

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            hand = Hand(pilot)
            await until(hand, lambda: app.view.facts.started)
            await hand.pause()
            await scenario(hand)

    with patch.dict(message._SECONDS, dict.fromkeys(message._SECONDS, 3600.0)):
        asyncio.run(run())
    return app


async def choose(pilot: Any, title: str) -> None:
    """Choose a command from the palette."""
    await pilot.press("ctrl+p")
    await shows(pilot, "Search for commands")
    pilot.app.screen.query_one(Input).value = title
    await until(pilot, lambda: screen(pilot.app).count(title) == 2)  # as it was typed, and as it was found
    await pilot.press("enter")


async def until(pilot: Any, condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    deadline = asyncio.get_running_loop().time() + _DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not in time:\n{screen(pilot.app)}"
        await pilot.pause(0.01)


async def shows(pilot: Any, text: str) -> None:
    """Wait until `text` is on the screen."""
    await until(pilot, lambda: text in screen(pilot.app))


def screen(app: Any) -> str:
    """What is on the screen, as text, without white space at the ends of lines."""
    _width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines[:height]) + "\n"
