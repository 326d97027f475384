"""Everything at once: saves, factories that fail or hang, leases, holds, overrides, registrations, closes."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hotconf import ConfigError, HotReloadWatcher, UsageError
from hotconf.resources.resource import Resource
from torture.extent import FULL
from waiting import wait_until
from watcher.watched import Frozen, save

SECONDS = 30.0 if FULL else 3.0
LIFE_S = 3.0 if FULL else 1.5
SEED = int(os.environ.get("HOTCONF_SEED", "1"))
KEYS = ("a", "b", "c")

Registered: TypeAlias = dict[Resource[Any], tuple[str, Resource[Any] | None]]
"""Each with its key, and what it uses."""


class App(Frozen):
    a: int = 0
    b: int = 0
    c: int = 0


class Thing:
    """Made of a number."""

    def __init__(self, value: int, uses: Thing | None) -> None:
        self.value, self.uses = value, uses
        self.closed = 0


class Chaos:
    """Lives of a watcher of one file, and everything that was ever made."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.dice = random.Random(seed)
        self.things: list[Thing] = []
        self.gates: list[threading.Event] = []
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self.peace = False

    # Factories

    def factory(self, value: int, uses: Thing | None = None) -> Iterator[Thing]:
        """One of all kinds."""
        self.happen("making")
        if uses is not None and uses.closed:
            self.wrong.append("made with what is closed")
        thing = Thing(value, uses)
        self.things.append(thing)
        yield thing
        thing.closed += 1
        if uses is not None and uses.closed:
            self.wrong.append("closed after what it uses")
        self.happen("closing")

    def happen(self, what: str) -> None:
        """Fail, dawdle, hang, or nothing."""
        kind = "well" if self.peace else self.dice.choices(("well", "fail", "dawdle", "hang"), (30, 3, 6, 1))[0]
        self.counts[f"{what} {kind}"] += 1
        if kind == "fail":
            raise self.dice.choice([OSError, ValueError, KeyboardInterrupt, SystemExit])("on purpose")
        if kind == "dawdle":
            time.sleep(self.dice.random() * 0.03)
        if kind == "hang":
            gate = threading.Event()
            self.gates.append(gate)
            gate.wait(60)

    # A life

    def live(self) -> None:
        """Start, do anything, come to rest, close."""
        self.peace = False
        watcher = HotReloadWatcher(self.path, App, debounce_ms=5, reconcile_s=3600)
        resources: Registered = {}
        for key in KEYS:
            self.register(watcher, resources, key)
        watcher.start(require=False)
        stop = threading.Event()
        others = [threading.Thread(target=self.read, args=(watcher, resources, stop, n)) for n in range(3)]
        others.append(threading.Thread(target=self.hold, args=(watcher, stop)))
        for each in others:
            each.start()
        until = time.monotonic() + LIFE_S
        while time.monotonic() < until:
            self.act(watcher, resources)
        abrupt = self.dice.random() < 0.3
        if not abrupt:
            stop.set()
            self.rest(watcher, resources, others)
        closing = [threading.Thread(target=watcher.close) for _ in range(2)]
        for each in closing:
            each.start()
        stop.set()
        for each in (*closing, *others):
            each.join(60)
            if each.is_alive():
                self.wrong.append("a thread does not return")
        self.peace = True
        self.let_go()
        wait_until(lambda: self.let_go() or all(thing.closed for thing in list(self.things)))
        self.counts["lives"] += 1
        self.wrong += ["closed twice" for thing in self.things if thing.closed > 1]

    def register(self, watcher: HotReloadWatcher[App], resources: Registered, key: str) -> None:
        """One more, made of a key or by a function; it may use another."""
        uses = self.dice.choice([None, None, *resources])
        selector: Any = key if self.dice.random() < 0.5 else lambda config: getattr(config, key)
        made = watcher.resource(selector, uses=uses, timeout_s=0.2)(self.factory)
        resources[made] = key, uses

    def act(self, watcher: HotReloadWatcher[App], resources: Registered) -> None:
        """One step."""
        act = self.dice.choices(("save", "break", "force", "override", "register", "let go"), (10, 1, 3, 2, 1, 4))[0]
        self.counts[act] += 1
        if act == "save":
            self.save()
        elif act == "break":
            save(self.path, "a = [")
        elif act == "force":
            watcher.reload(wait=False, force=True)
        elif act == "let go":
            self.let_go()
        try:
            if act == "override":
                with watcher.override({self.dice.choice(KEYS): self.dice.randrange(100)}):
                    time.sleep(0.005)
            elif act == "register" and len(resources) < 8:
                self.register(watcher, resources, self.dice.choice(KEYS))
        except (ConfigError, UsageError, OSError, ValueError, KeyboardInterrupt, SystemExit):
            self.counts[f"{act} refused"] += 1
        time.sleep(self.dice.random() * 0.02)

    def save(self) -> None:
        """A valid file."""
        save(self.path, "".join(f"{key} = {self.dice.randrange(5)}\n" for key in KEYS))

    def let_go(self) -> None:
        """What hangs returns."""
        while self.gates:
            self.gates.pop().set()

    def read(
        self,
        watcher: HotReloadWatcher[App],
        resources: Registered,
        stop: threading.Event,
        number: int,
    ) -> None:
        """Law 11: whoever pins gets one generation; law 12: nothing is closed meanwhile."""
        dice = random.Random(number)
        while not stop.is_set():
            try:
                with watcher.pin() as view:
                    self.look(view, resources)
                    time.sleep(dice.random() * 0.005)
                    self.look(view, resources)
                with dice.choice(list(resources)).use() as thing:
                    time.sleep(dice.random() * 0.002)
                    if thing.closed:
                        self.wrong.append("closed while it was leased")
            except UsageError:  # not made yet, or closed with its watcher
                time.sleep(0.001)
            except Exception as error:  # noqa: BLE001 - judged
                if type(error).__name__ != "NoConfigError":
                    self.wrong.append(repr(error))
            self.counts["looks"] += 1

    def look(self, view: Any, resources: Registered) -> None:
        """What was made fits the config, and what it uses."""
        for resource, (key, uses) in list(resources.items()):
            try:
                thing = view[resource]
            except UsageError:  # registered later
                continue
            if thing.value != getattr(view.config, key):
                self.wrong.append(f"{thing.value} for {view.config}")
            if uses is not None and thing.uses is not view[uses]:
                self.wrong.append("it uses another generation")
            if thing.closed:
                self.wrong.append("closed while it was pinned")

    def hold(self, watcher: HotReloadWatcher[App], stop: threading.Event) -> None:
        """Be busy now and then."""
        dice = random.Random(9)
        while not stop.is_set():
            with watcher.busy("work"):
                time.sleep(dice.random() * 0.02)
            time.sleep(dice.random() * 0.03)

    def rest(
        self,
        watcher: HotReloadWatcher[App],
        resources: Registered,
        others: list[threading.Thread],
    ) -> None:
        """When nothing fails any more, the last save is what everybody has; what it replaced is closed."""
        for each in others:
            each.join(60)
        self.peace = True
        self.let_go()
        save(self.path, "a = 7\nb = 8\nc = 9\n")
        wait_until(lambda: self.let_go() or getattr(watcher, "config", None) == App(a=7, b=8, c=9))
        with watcher.pin() as view:
            self.look(view, resources)
            current = {view[resource] for resource in resources}
        wait_until(lambda: self.let_go() or {each for each in list(self.things) if not each.closed} == current)
        self.counts["rests"] += 1


def left() -> tuple[int, set[str]]:
    """Descriptors and our threads."""
    return len(list(Path("/proc/self/fd").iterdir())), {
        each.name for each in threading.enumerate() if "hotconf" in each.name
    }


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors")
@pytest.mark.parametrize("seed", range(SEED, SEED + (3 if FULL else 1)))
def test_everything_at_once(tmp_path: Path, seed: int) -> None:
    """Every object fits its config and is closed once; no thread and no descriptor is left."""
    path = tmp_path / "config.toml"
    chaos = Chaos(path, seed)
    chaos.save()
    before = left()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        chaos.live()
    assert chaos.wrong == []
    assert {thing.closed for thing in chaos.things} == {1}
    assert chaos.counts["looks"] > 10, chaos.counts
    wait_until(lambda: left()[0] <= before[0] and left()[1] <= before[1])
