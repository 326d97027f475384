"""Resources for tests: factories that note what they do, and a keeper with what it needs."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hotconf.resources.handle import Handle
from hotconf.resources.keeper import Keeper
from hotconf.resources.preparation import Made, Preparation, Refused, Wanted
from hotconf.resources.published import Published
from hotconf.resources.resource import Recipe, Resource
from waiting import wait_until

LONG_S = 60.0


class Thing:
    """An object with a name; `closed` counts."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.closed = 0


class Workshop:
    """One keeper, its resources, and a protocol of what was made and closed."""

    def __init__(self) -> None:
        self.unstuck = 0
        self.keeper = Keeper("config.toml", unstuck=self._count)
        self.published: Published[Any] = Published(self.keeper)
        self.said: list[str] = []
        self.things: list[Thing] = []

    def _count(self) -> None:
        self.unstuck += 1

    def factory(self, name: str) -> Callable[..., Iterator[Thing]]:
        """A generator function that notes what it does."""

        def make(value: object, *used: object) -> Iterator[Thing]:
            thing = Thing(f"{name}{value}")
            self.things.append(thing)
            self.said.append(f"make {thing.name}")
            yield thing
            self.said.append(f"close {thing.name}")
            thing.closed += 1

        return make

    def resource(self, name: str, factory: Callable[..., Any] | None = None, **how: Any) -> Resource[Any]:
        """A resource of the whole config, made by a noting factory if there is no other."""
        number = len(self.published.resources)
        made = factory or self.factory(name)
        return self.published.register(Recipe(name, number, lambda config: config, made, **how))

    def prepare(self, value: object, *resources: Resource[Any]) -> tuple[list[Made | Refused], Preparation]:
        """Begin to make them of `value`; the list gets the outcome."""
        outcomes: list[Made | Refused] = []
        wanted = [Wanted(each, lambda: value) for each in resources]
        return outcomes, self.keeper.prepare(wanted, outcomes.append)

    def outcome(self, value: object, *resources: Resource[Any]) -> Made | Refused:
        """Make them of `value`, and wait."""
        outcomes, _ = self.prepare(value, *resources)
        return wait_until(lambda: outcomes)[0]

    def publish(self, value: object, *resources: Resource[Any]) -> None:
        """Make them of `value`, and publish it; what they replace is retired."""
        made = self.outcome(value, *resources)
        assert isinstance(made, Made), made
        self.keeper.retire(self.published.publish(value, made))

    def close(self, timeout_s: float = LONG_S) -> bool:
        """As a watcher closes."""
        return self.keeper.close(self.published.withdraw(), timeout_s)

    def in_child(self, work: Callable[[], object]) -> str:
        """What `work` returns in a forked child, as text. An exception there fails the test."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.keeper.abandon()
                self.published.abandon()
                os.write(write, repr(work()).encode())
            except BaseException:  # noqa: BLE001 - shown to the parent
                os.write(write, traceback.format_exc().encode()[-4000:])
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as said:
            text = said.read()
        os.waitpid(child, 0)
        return text

    def settled(self, *said: str) -> None:
        """Wait until so much was said, and no more."""
        wait_until(lambda: len(self.said) >= len(said))
        assert self.said == list(said)


def threads() -> Sequence[str]:
    """The threads of keepers."""
    return [each.name for each in threading.enumerate() if each.name.startswith("hotconf resources")]


def handle(value: object) -> Handle[Any]:
    """A handle of nothing that is closed."""
    return Handle(value)
