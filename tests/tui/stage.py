"""The app on a stage: a session that says what the test says, a pilot, and the screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from hotconf.runtime.recorder import Recorder
from hotconf.runtime.stats import Stats
from hotconf.tui.app import HotconfApp
from hotconf.tui.facts import Told
from tui.told import FILE, facts, snapshot

Scenario: TypeAlias = Callable[[Any], Awaitable[None]]

SMALL = (80, 24)
LARGE = (120, 40)
_DEADLINE_S = 10.0


class FakeSession:
    """Tells what it is given; remembers what it was asked for."""

    def __init__(self, *news: Told) -> None:
        self.path: Path = FILE
        self.news = news or (Told(facts(snapshot())),)
        self.asked: list[str] = []
        self.holds: list[str] = []
        self.recorder = Recorder()
        self.drift = False
        self.secret_keys: frozenset[str] = frozenset()
        self.tell: Callable[[Told], object] = lambda told: None

    def start(self, tell: Callable[[Told], object], failed: Callable[[BaseException], object]) -> None:
        self.tell = tell
        for told in self.news:
            tell(told)

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
        return self.recorder.stats("inotify", None)

    def has_drift(self) -> bool:
        return self.drift

    def on_disk(self, active: Any) -> Any:
        return active

    def restore(self, plan: Any, *, remove_appeared: bool) -> tuple[Path, ...]:
        self.asked.append(f"restore remove_appeared={remove_appeared}")
        return tuple(path for path, _ in plan.writes)


def play(session: Any, scenario: Scenario, *, size: tuple[int, int] = SMALL, **options: Any) -> HotconfApp:
    """Run the app with `session` while `scenario(pilot)` runs."""
    app = HotconfApp(session, **options)

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.view.facts.started)
            await pilot.pause()
            await scenario(pilot)

    asyncio.run(run())
    return app


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
