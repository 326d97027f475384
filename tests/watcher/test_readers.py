"""Readers take no lock, and yet never see half of anything."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from doubles.inside import reloader_of
from hotconf import HotReloadWatcher, Snapshot
from watcher.watched import Frozen, save

SWAPS = 10_000
LOOKS = 200_000
READERS = 4


class Inner(Frozen):
    number: int


class Uniform(Frozen):
    """Says the same number everywhere."""

    number: int
    inner: Inner
    items: list[int]

    @property
    def whole(self) -> bool:
        return self.inner.number == self.number and set(self.items) == {self.number}


def text(number: int) -> str:
    """A file that says this number everywhere."""
    return f"number = {number}\nitems = {[number] * 8}\n[inner]\nnumber = {number}\n"


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns a thousand times as often as usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)


@contextmanager
def reading(look: Callable[[], None]) -> Iterator[list[int]]:
    """Threads that look again and again, and how often; whatever one of them raises is raised at the end."""
    over = threading.Event()
    errors: list[BaseException] = []
    looks = [0] * READERS

    def read(n: int) -> None:
        try:
            while not over.is_set():
                look()
                looks[n] += 1
        except Exception as error:  # noqa: BLE001 - raised again below
            errors.append(error)
            looks[n] = LOOKS

    threads = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield looks
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    if errors:
        raise errors[0]


def look_at(watcher: HotReloadWatcher[Uniform]) -> Callable[[], None]:
    """One look of a reader: everything fits together, and nothing is older than what this thread saw before."""
    mine = threading.local()

    def look() -> None:
        config = watcher.config
        snapshot = watcher.snapshot
        again = watcher.get_config()
        assert config.whole
        assert snapshot.config.whole
        assert snapshot.config.number == snapshot.generation
        # Published later, or together; never the other way round.
        assert getattr(mine, "generation", 0) <= config.number <= snapshot.generation
        assert config.number <= again.number
        mine.generation = again.number

    return look


def test_ten_thousand_swaps(tmp_path, hasty):
    """Snapshots published as fast as can be: no reader sees a torn, mixed or older state, and none raises."""
    path = tmp_path / "config.toml"
    path.write_text(text(1))
    with HotReloadWatcher(path, Uniform) as watcher:
        first: Snapshot[Uniform] = watcher.snapshot
        number = 1
        with reading(look_at(watcher)) as looks:
            while number < SWAPS or (min(looks) < LOOKS / READERS):
                number += 1
                config = Uniform(number=number, inner=Inner(number=number), items=[number] * 8)
                reloader_of(watcher).publisher.install(replace(first, config=config, generation=number))
        assert watcher.config.number == number


def test_reloads_of_real_files(tmp_path, hasty):
    """The same with files that are written, loaded and published."""
    path = tmp_path / "config.toml"
    path.write_text(text(1))
    with HotReloadWatcher(path, Uniform, debounce_ms=0) as watcher:
        with reading(look_at(watcher)):
            for number in range(2, 31):
                save(path, text(number))
                watcher.reload()
                assert watcher.config.number == number
        assert watcher.generation == watcher.config.number == 30


def test_readers_while_files_are_broken(tmp_path, hasty):
    """Every other save is broken: readers see good states only."""
    path = tmp_path / "config.toml"
    path.write_text(text(1))
    with HotReloadWatcher(path, Uniform, debounce_ms=0) as watcher:
        with reading(look_at(watcher)):
            for number in range(2, 13):
                save(path, text(number)[:-9])
                watcher.reload()
                save(path, text(number))
                watcher.reload()
        assert watcher.generation == watcher.config.number == 12
