"""The first configuration is delivered to those who want it, whenever it comes, and to no other follower."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hotconf import MISSING, HotReloadWatcher, UsageError
from torture.extent import examples

BROKEN = "n = [\n"


class App(BaseModel, frozen=True):
    n: int = 0


class World:
    """A watcher, its followers, and what each of them should have got."""

    def __init__(self, folder: Path, kept: int | None) -> None:
        self.path, self.state_dir = folder / "config.toml", folder / "states"
        if kept is not None:
            self.path.write_text(f"n = {kept}\n")
            with HotReloadWatcher(self.path, App, state_dir=self.state_dir, observer="poll"):
                pass
            self.path.unlink()
        self.kept = kept
        self.watcher = HotReloadWatcher(self.path, App, state_dir=self.state_dir, debounce_ms=60_000)
        self.started = False
        self.published: int | None = None
        self.overridden: int | None = None
        self.followers: list[tuple[bool, list[tuple[Any, Any]], list[tuple[Any, Any]]]] = []

    def follow(self, initial: bool, by: str) -> None:
        got: list[tuple[Any, Any]] = []
        selector: Any = {"key": "n", "path": ("n",), "function": lambda config: config.n}[by]
        self.watcher.on_change(selector, lambda old, new: got.append((old, new)), initial=initial)
        now = self.published
        self.followers.append((initial, got, [(MISSING, now)] if initial and now is not None else []))

    def start(self) -> None:
        if self.started:
            return
        self.watcher.start(require=False)
        self.started = True
        self.publish(self.file() if self.file() is not None else self.kept)

    def save(self, text: str) -> None:
        self.path.write_text(text)
        if self.started:
            self.watcher.reload()
            self.publish(self.file())

    def override(self, value: int) -> None:
        try:
            with self.watcher.override({"n": value}):
                if self.published is not None:
                    before = self.published
                    self.publish(value)
                    self.check()
                    self.publish(before)
        except UsageError:  # there is nothing to override yet
            assert self.started
            assert self.published is None

    def file(self) -> int | None:
        text = self.path.read_text() if self.path.exists() else ""
        return None if text in ("", BROKEN) else int(text[4:])

    def publish(self, value: int | None) -> None:
        if value is None or value == self.published:
            return
        for initial, _, expected in self.followers:
            if self.published is not None:
                expected.append((self.published, value))
            elif initial:
                expected.append((MISSING, value))
        self.published = value

    def check(self) -> None:
        assert self.watcher.flush(60)
        for initial, got, expected in self.followers:
            assert got == expected, f"{initial=}"


follows = st.tuples(st.just("follow"), st.booleans(), st.sampled_from(["key", "path", "function"]))
saves = st.tuples(st.just("save"), st.sampled_from(["n = 1\n", "n = 2\n", "n = 3\n", BROKEN]))
overrides = st.tuples(st.just("override"), st.integers(4, 5))
steps = st.lists(st.one_of(follows, follows, saves, st.just(("start",)), overrides), min_size=3, max_size=9)


@settings(max_examples=examples(200, 30))
@given(kept=st.sampled_from([None, None, 7]), steps=steps)
def test_in_every_order(kept: int | None, steps: list[tuple[Any, ...]]) -> None:
    """Of registering, starting on good, broken and missing files, or on a kept state, of saves and overrides."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), kept)
        try:
            for name, *arguments in steps:
                getattr(world, name)(*arguments)
                world.check()
        finally:
            world.watcher.close()


def test_a_hold_does_not_delay_it(tmp_path: Path) -> None:
    """The first configuration waits for nothing that is busy."""
    got: list[tuple[object, object]] = []
    path = tmp_path / "config.toml"
    path.write_text("n = 1\n")
    watcher = HotReloadWatcher(path, App)
    watcher.on_change("n", lambda old, new: got.append((old, new)), initial=True)
    with watcher.busy("before the start"), watcher:
        assert watcher.flush(60)
        assert got == [(MISSING, 1)]


def test_it_comes_once_it_can_be_made(tmp_path: Path) -> None:
    """If a resource refuses it there is no first configuration yet."""
    got: list[tuple[object, object]] = []
    path = tmp_path / "config.toml"
    path.write_text("n = 1\n")
    watcher = HotReloadWatcher(path, App)
    watcher.on_change("n", lambda old, new: got.append((old, new)), initial=True)

    @watcher.resource("n")
    def picky(n: int) -> int:
        if n == 1:
            raise ValueError("not this one")
        return n

    watcher.start(require=False)
    try:
        assert watcher.flush(60)
        assert got == []
        path.write_text("n = 2\n")
        watcher.reload()
        assert watcher.flush(60)
        assert got == [(MISSING, 2)]
        assert picky.current == 2
    finally:
        watcher.close()
