"""What a watcher does, one operation each, and what must hold after one of its calls to the system has failed.

To add an operation: a generator in `OPERATIONS` that prepares, yields, and does it. What comes before the `yield`
runs without faults, what follows with them; it may wait, but not for what the fault may prevent (`eventually`).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from faults.injection import Always, Faults, Rule
from faults.trials import Trial
from hotconf import ConfigError, HotReloadWatcher, UsageError
from waiting import wait_until
from watcher.children import ended, fork
from watcher.watched import App, Seen, ours, port, save

FIRST: Final = 3
OFTEN_S: Final = 0.1
"""How often files are polled: unnoticed changes are seen then."""
DONE_S: Final = 3.0
"""How long an operation may take under its fault; then it is over, done or not."""
PATIENCE_S: Final = 12.0
DENIED: Final = (ConfigError, UsageError, OSError, MemoryError, RuntimeError)
"""What an operation may raise under its fault."""


class Stage:
    """A watcher, its files, and its events."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.main = directory / "config.toml"
        self.main.write_text(port(8000))
        self.watcher = self.new()
        self.children: list[int] = []

    def new(self) -> HotReloadWatcher[Any]:
        """Another watcher of the same files."""
        self.got: list[int] = []
        watcher = HotReloadWatcher(
            self.main, App, debounce_ms=10, reconcile_s=OFTEN_S, state_dir=self.directory / "states"
        )
        self.seen = Seen(watcher)
        watcher.on_change("server.port", lambda old, new: self.got.append(new))
        return watcher

    def started(self) -> HotReloadWatcher[Any]:
        self.watcher.start()
        return self.watcher

    def port(self) -> int:
        return int(self.watcher.config.server.port)


Operation: TypeAlias = Callable[[Stage], Iterator[None]]


def start(stage: Stage) -> Iterator[None]:
    """From nothing to a watcher."""
    yield
    stage.watcher.start()


def notice(stage: Stage) -> Iterator[None]:
    """A save, until it is published."""
    stage.started()
    yield
    save(stage.main, port(8100))
    eventually(lambda: stage.port() == 8100)


def first_notice_of_two(stage: Stage) -> Iterator[None]:
    """A fragment appears: what is watched changes with the load."""
    stage.watcher.close()
    stage.watcher = HotReloadWatcher(
        stage.main, App, debounce_ms=10, reconcile_s=OFTEN_S, watch_paths=["conf.d", "other.toml"]
    )
    stage.seen = Seen(stage.watcher)
    stage.got = []
    stage.watcher.on_change("server.port", lambda old, new: stage.got.append(new))
    stage.started()
    yield
    (stage.directory / "conf.d").mkdir()
    (stage.directory / "conf.d" / "a.toml").write_text('tags = ["a"]\n')
    eventually(lambda: stage.watcher.config.tags == ["a"])


def load(stage: Stage) -> Iterator[None]:
    """A reload that is asked for."""
    stage.started()
    yield
    stage.main.write_text(port(8100))
    stage.watcher.reload()


def publish(stage: Stage) -> Iterator[None]:
    """What was pending is published once nothing is busy."""
    watcher = stage.started()
    hold = watcher.busy("test")
    hold.__enter__()
    save(stage.main, port(8100))
    wait_until(lambda: watcher.pending)
    yield
    hold.__exit__(None, None, None)
    eventually(lambda: stage.port() == 8100)


def deliver(stage: Stage) -> Iterator[None]:
    """A save, until the callback has it."""
    stage.started()
    yield
    save(stage.main, port(8100))
    eventually(lambda: stage.got == [8100])


def move(stage: Stage) -> Iterator[None]:
    """The directory disappears, and comes back with another file: the way to it is watched again."""
    deep = stage.directory / "deep"
    deep.mkdir()
    stage.watcher.close()
    stage.main = deep / "config.toml"
    stage.main.write_text(port(8000))
    stage.watcher = stage.new()
    stage.started()
    yield
    deep.rename(stage.directory / "away")
    deep.mkdir()
    stage.main.write_text(port(8100))
    eventually(lambda: stage.port() == 8100)


def forking(stage: Stage) -> Iterator[None]:
    """A fork, whose child sees the next save and closes."""
    watcher = stage.started()
    yield

    def child() -> None:
        stage.children.clear()
        wait_until(lambda: watcher.stats.observer == "none" or stage.port() >= 8100, PATIENCE_S)
        watcher.close()

    stage.children.append(fork(child))
    save(stage.main, port(8100))
    eventually(lambda: stage.port() == 8100)


def close(stage: Stage) -> Iterator[None]:
    """Everything is released."""
    stage.started()
    yield
    stage.watcher.close()


OPERATIONS: Final[dict[str, Operation]] = {
    each.__name__: each for each in (start, notice, first_notice_of_two, load, publish, deliver, move, forking, close)
}


def eventually(condition: Callable[[], object]) -> None:
    """Wait for it, but not for ever: the fault may prevent it."""
    with suppress(AssertionError):
        wait_until(condition, DONE_S)


def count(operation: Operation, directory: Path) -> list[str]:
    """The calls that it makes, in one run without faults."""
    from faults.injection import Count

    stage, faults = Stage(directory), Faults()
    steps = operation(stage)
    next(steps)
    with faults.armed(Count()):
        next(steps, None)
    _finish(stage)
    return faults.calls


def trial(operation: Operation, directory: Path, rule: Rule, name: str) -> Trial:
    """The operation under a fault, and afterwards everything that must hold."""

    def work() -> None:
        directory.mkdir()
        _run(operation, directory, rule)

    return Trial(name, work)


def _run(operation: Operation, directory: Path, rule: Rule) -> None:
    faults = Faults()
    try:
        _judge(operation, directory, rule, faults)
    except BaseException as error:
        error.add_note(f"What failed: {faults.hits[:3]}")
        raise


def _judge(operation: Operation, directory: Path, rule: Rule, faults: Faults) -> None:
    crashes: list[Any] = []
    threading.excepthook = crashes.append
    logging.disable()
    stage = Stage(directory)
    steps = operation(stage)
    next(steps)
    with faults.armed(rule):
        with suppress(*DENIED):
            next(steps, None)
        if isinstance(rule, Always) and faults.hits and operation is not close:
            _works_by_a_fallback(stage, faults)
    for child in stage.children:
        assert ended(child) == 0, "the child of the fork"
    if operation is close or not _is_running(stage):
        stage.watcher.close()
        _nothing_is_left()
        stage.watcher = stage.new()
        stage.watcher.start()
    _works(stage)
    _finish(stage)
    assert not crashes, crashes


def _is_running(stage: Stage) -> bool:
    try:
        stage.watcher.reload(wait=False)
    except UsageError:
        return False
    return True


def _works_by_a_fallback(stage: Stage, faults: Faults) -> None:
    """A save is seen while the call fails, or the reason why not is reported.

    Without threads nothing can be loaded; then that is the trouble.
    """
    before = len(stage.seen.endings)
    save(stage.main, port(8500))

    def seen_or_told() -> bool:
        with suppress(AttributeError):
            if stage.port() == 8500:
                return True
        failed = [event for event in stage.seen.endings[before:] if type(event).__name__ == "ReloadFailed"]
        told = "thread" in faults.hits and stage.watcher.stats.trouble is not None
        return bool(failed) or told or not _is_running(stage)

    wait_until(seen_or_told, PATIENCE_S)


def _works(stage: Stage) -> None:
    """The next saves are seen and delivered, `reload()` returns, and no trouble remains."""
    watcher = stage.watcher
    for number in (9000, 9001):
        save(stage.main, port(number))
        wait_until(lambda number=number: stage.port() == number, PATIENCE_S)
        wait_until(lambda number=number: number in stage.got, PATIENCE_S)
    within(lambda: watcher.reload(), "reload()")
    wait_until(lambda: watcher.stats.trouble is None, PATIENCE_S)
    wait_until(lambda: watcher.stats.state_trouble is None, PATIENCE_S)
    assert watcher.pending is None
    with watcher.busy("test"):
        watcher.reload(wait=False)


def _finish(stage: Stage) -> None:
    within(stage.watcher.close, "close()")
    _nothing_is_left()


def _nothing_is_left() -> None:
    wait_until(lambda: not ours(), PATIENCE_S)
    try:
        wait_until(lambda: not opened(), PATIENCE_S)
    except AssertionError:
        raise AssertionError(f"left open: {opened()}") from None


def opened() -> list[str]:
    """What is open beyond the standard streams, the trial's own and what lists it."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names only)
        with suppress(OSError):
            if FIRST <= int(name) < 900:
                found.append(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115 - it is no path
    return found


def within(act: Callable[[], object], what: str) -> None:
    """It returns in time."""
    done = threading.Event()
    thread = threading.Thread(target=lambda: (act(), done.set()), daemon=True)
    thread.start()
    assert done.wait(PATIENCE_S), f"{what} does not return"
    thread.join()
