"""Watchers on real files, closed when the test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hotconf import HotReloadWatcher
from hotconf.runtime import reloader
from hotconf.system.budget import TimeBudget
from waiting import wait_until
from watcher.watched import WINDOW_MS, App, Gate, Seen, ours, port

Watch: TypeAlias = Callable[..., tuple[HotReloadWatcher[Any], Seen]]


@pytest.fixture(autouse=True)
def nothing_remains(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test: no thread of hotconf's. The budget of a stop is the process's: each test has a whole one."""
    monkeypatch.setattr(reloader, "close_budget", TimeBudget())
    yield
    wait_until(lambda: not ours())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration that is valid."""
    path = tmp_path / "config.toml"
    path.write_text(port(8000))
    return path


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Start a watcher, with a small window unless told otherwise, and see what it tells."""
    with ExitStack() as stack:

        def begin(
            path: Path, schema: Any = App, *, require: bool = True, **options: Any
        ) -> tuple[HotReloadWatcher[Any], Seen]:
            if "settings" not in options:
                options.setdefault("debounce_ms", WINDOW_MS)
            watcher = HotReloadWatcher(path, schema, **options)
            seen = Seen(watcher)
            stack.callback(watcher.close)
            watcher.start(require=require)
            return watcher, seen

        yield begin


@pytest.fixture
def calm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Let a while pass, measured by the driver itself: a whole round of another watcher with that window."""

    def pass_by(ms: int = 4 * WINDOW_MS) -> None:
        clock = tmp_path_factory.mktemp("clock") / "clock.toml"
        clock.write_text("tick = 1\n")
        with HotReloadWatcher(clock, dict[str, int], debounce_ms=ms) as watcher:
            clock.write_text("tick = 2\n")
            wait_until(lambda: watcher.generation == 2)

    return pass_by


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Something that is stuck, let go at the end, whatever happens."""
    gate = Gate()
    yield gate
    gate.released.set()
