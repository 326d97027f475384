"""Leases under load, with thread switches and exceptions at the worst moments.

Run as `python -m resources.underload ours|counted load|storm …` in a process of its own, because the exceptions may
hit what ends a thread: prints the verdict.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import random
import sys
import threading
import time
from collections import deque
from typing import Any, NamedTuple, Protocol

from hotconf.resources.resource import Resource
from resources.making import Thing, Workshop, threads
from waiting import wait_until

THREADS = 8


class Leases(Protocol):
    """What is put under load."""

    things: list[Thing]

    def publish(self) -> None:
        """Replace what is leased."""

    def use(self) -> Any:
        """A lease."""

    def end(self) -> None:
        """Close everything."""


class Ours:
    """One resource and its keeper."""

    def __init__(self) -> None:
        self._shop = Workshop()
        self._pool = self._shop.resource("pool")
        self.things = self._shop.things
        self._numbers = itertools.count()
        self.use = self._pool.use

    def publish(self) -> None:
        self._shop.publish(next(self._numbers), self._pool)

    def end(self) -> None:
        gc.collect()
        self._shop.close()
        wait_until(lambda: not threads())


class Cell:
    """One generation of the counter."""

    def __init__(self, thing: Thing) -> None:
        self.thing, self.leases, self.retired = thing, 0, False


class Counted:
    """Counts its leases, without a lock: known to be wrong."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self._cell: Cell | None = None

    def publish(self) -> None:
        thing = Thing()
        self.things.append(thing)
        self._retire(thing)

    def end(self) -> None:
        self._retire(None)

    def _retire(self, thing: Thing | None) -> None:
        old, self._cell = self._cell, Cell(thing) if thing is not None else None
        if old is not None:
            old.retired = True
            if old.leases == 0:
                old.thing.closed += 1

    @property
    def cell(self) -> Cell:
        cell = self._cell
        time.sleep(0)  # another thread comes here
        assert cell is not None
        return cell

    def use(self) -> CountedLease:
        return CountedLease(self)


class CountedLease:
    def __init__(self, pool: Counted) -> None:
        self._pool = pool

    def __enter__(self) -> Thing:
        cell = self._cell = self._pool.cell
        cell.leases += 1
        return cell.thing

    def __exit__(self, *_: object) -> None:
        cell = self._cell
        cell.leases -= 1
        if cell.retired and cell.leases == 0:
            cell.thing.closed += 1


class Verdict(NamedTuple):
    """How often each happened; what should not comes first."""

    used_after_close: int
    closed_twice: int
    never_closed: int
    generations: int

    @property
    def faults(self) -> int:
        """How often something was wrong."""
        return sum(self[:-1])


def verdict(leases: Leases, used_after_close: int) -> Verdict:
    """Of what was made."""
    closed = [thing.closed for thing in leases.things]
    return Verdict(used_after_close, sum(each > 1 for each in closed), closed.count(0), len(closed))


def use_once(leases: Leases, faults: deque[str], pause_s: float = 0.0) -> None:
    """Lease it, and see that it is not closed meanwhile."""
    with leases.use() as thing:
        if thing.closed:
            faults.append("closed before")
        if pause_s:
            time.sleep(pause_s)
        if thing.closed:
            faults.append("closed meanwhile")


def load(leases: Leases, *, uses: int, generations: int) -> Verdict:
    """Threads that use it, beside generations that come and go."""
    faults: deque[str] = deque()
    leases.publish()

    def use(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(uses):
            use_once(leases, faults, 0.002 if dice.random() < 0.001 else 0.0)

    users = [threading.Thread(target=use, args=(seed,)) for seed in range(THREADS)]
    for each in users:
        each.start()
    for _ in range(generations - 1):
        leases.publish()
        time.sleep(0.001)
    for each in users:
        each.join()
    leases.end()
    return verdict(leases, len(faults))


class Boom(Exception):  # noqa: N818 - raised by nobody
    """Raised into a thread, wherever it is."""


def storm(leases: Leases, seconds: float) -> tuple[Verdict, int]:
    """Exceptions are raised in threads that use it, at any instruction. Also returns how many arrived."""
    leases.publish()
    stop = threading.Event()
    faults: deque[str] = deque()
    booms: deque[int] = deque()

    def use() -> None:
        while not stop.is_set():
            try:
                while not stop.is_set():
                    use_once(leases, faults)
            except Boom:
                booms.append(1)

    users = [threading.Thread(target=use) for _ in range(THREADS)]
    for each in users:
        each.start()
    dice = random.Random(1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        thread = ctypes.c_ulong(dice.choice(users).ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Boom))
        if dice.random() < 0.2:
            leases.publish()
        time.sleep(0.0003)
    stop.set()
    for each in users:
        each.join()
    leases.end()
    return verdict(leases, len(faults)), len(booms)


def preempted(resource: Resource[Any]) -> Any:
    """Another thread always comes between reading what is published and holding it."""
    handle = held(resource)
    time.sleep(0)
    return handle


held = Resource._held


def main(which: str, how: str, *numbers: str) -> None:
    """Print the verdict, and how many exceptions arrived."""
    sys.setswitchinterval(1e-5)
    Resource._held = preempted  # type: ignore[method-assign]
    leases: Leases = Ours() if which == "ours" else Counted()
    if how == "load":
        found, booms = load(leases, uses=int(numbers[0]), generations=int(numbers[1])), 0
    else:
        found, booms = storm(leases, float(numbers[0]))
    sys.stdout.write(json.dumps([*found, booms]))


if __name__ == "__main__":
    main(*sys.argv[1:])
