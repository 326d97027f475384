"""Anything at any time: law 12 holds of what random factories make, whatever is done with it."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from hotconf import UsageError
from hotconf.resources.preparation import Made, Preparation, Refused
from hotconf.resources.resource import Resource
from resources.making import LONG_S, Thing, Workshop, threads
from torture.extent import FULL
from waiting import wait_until

SECONDS = 30.0 if FULL else 2.0
SEED = int(os.environ.get("HOTCONF_SEED", "1"))


class Used(Thing):
    """A thing, and what it was made with."""

    def __init__(self, name: str, uses: Thing | None) -> None:
        super().__init__(name)
        self.uses = uses


class Chaos:
    """Factories that fail, dawdle and hang, on both sides of their `yield`."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.shop = Workshop()
        self.gates: deque[threading.Event] = deque()
        self.wrong: deque[str] = deque()
        self.counts: dict[str, int] = {}
        self.resources: list[Resource[Any]] = []
        for number in range(6):
            uses = self.dice.choice([None, *self.resources])
            self.resources.append(self.shop.resource(f"r{number}", self.factory, uses=uses, timeout_s=0.02))

    def factory(self, value: object, uses: Thing | None = None) -> Iterator[Used]:
        """One of them."""
        self.happen("made")
        thing = Used(f"{value}", uses)
        if uses is not None and uses.closed:
            self.wrong.append(f"{thing.name} was made with {uses.name}, which is closed")
        self.shop.things.append(thing)
        yield thing
        thing.closed += 1
        if thing.closed > 1:
            self.wrong.append(f"{thing.name} was closed twice")
        if uses is not None and uses.closed:
            self.wrong.append(f"{thing.name} was closed after {uses.name}, which it uses")
        self.happen("closed")

    def happen(self, what: str) -> None:
        """Fail, dawdle, hang, or nothing."""
        kind = self.dice.choices(("well", "fail", "dawdle", "hang"), (20, 3, 5, 1))[0]
        self.counts[f"{what} {kind}"] = self.counts.get(f"{what} {kind}", 0) + 1
        if kind == "fail":
            raise self.dice.choice([OSError, KeyboardInterrupt, SystemExit, GeneratorExit])("on purpose")
        if kind == "dawdle":
            time.sleep(self.dice.random() * 0.01)
        if kind == "hang":
            gate = threading.Event()
            self.gates.append(gate)
            gate.wait(LONG_S)

    def lease(self, stop: threading.Event, seed: int) -> None:
        """Use them, and see that nothing is closed meanwhile."""
        dice = random.Random(seed)
        while not stop.is_set():
            resource = dice.choice(self.resources)
            try:
                with self.shop.published.pin() as view, resource.use() as thing:
                    pinned = view[resource]
                    time.sleep(dice.random() * 0.004)
                    if thing.closed or pinned.closed:
                        self.wrong.append(f"{thing.name} was closed while it was leased")
            except UsageError:  # nothing is published yet
                time.sleep(0.001)

    def go_on(self, waiting: deque[tuple[list[Made | Refused], Preparation]]) -> None:
        """Take one step."""
        keeper, published = self.shop.keeper, self.shop.published
        step = self.dice.randrange(6)
        if step == 0 and self.gates:
            self.gates.popleft().set()
        elif step == 1:
            keeper.supervise(time.monotonic_ns())
        elif step in (2, 3) and len(waiting) < 3:
            first = published.generation is None
            some = self.resources if first else sorted(self.dice.sample(self.resources, 2), key=self.resources.index)
            waiting.append(self.shop.prepare(self.dice.random(), *some))
        elif waiting:
            outcomes, preparation = waiting.popleft()
            if outcomes and isinstance(outcomes[0], Made) and step == 4:
                keeper.retire(published.publish(preparation, outcomes[0]))
            elif outcomes and isinstance(outcomes[0], Made):
                keeper.discard(outcomes[0])
            elif not outcomes and step == 5:
                keeper.cancel(preparation)
            elif not outcomes:
                waiting.append((outcomes, preparation))
        time.sleep(self.dice.random() * 0.002)


@pytest.mark.parametrize("seed", range(SEED, SEED + (4 if FULL else 2)))
def test_law_12(seed: int) -> None:
    """What a factory yielded is closed once, after its last lease and after what uses it; no thread is left."""
    chaos = Chaos(seed)
    waiting: deque[tuple[list[Made | Refused], Preparation]] = deque()
    stop = threading.Event()
    users = [threading.Thread(target=chaos.lease, args=(stop, seed + number)) for number in range(3)]
    for each in users:
        each.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        chaos.go_on(waiting)
    stop.set()
    for each in users:
        each.join()
    for _, preparation in waiting:
        chaos.shop.keeper.cancel(preparation)

    def over() -> bool:
        while chaos.gates:
            chaos.gates.popleft().set()
        for outcomes, _ in waiting:
            if outcomes and isinstance(outcomes[0], Made):
                chaos.shop.keeper.discard(outcomes[0])
        chaos.shop.keeper.supervise(time.monotonic_ns())
        return chaos.shop.close(0.01) and not threads()

    wait_until(over)
    assert not chaos.wrong
    assert {thing.closed for thing in chaos.shop.things} == {1}
    assert len(chaos.shop.things) > 10, chaos.counts
