"""What a resource costs its readers: `current` beside a plain slot, a lease, a view."""

from __future__ import annotations

import json
import sys
import time
import timeit
from statistics import median as middle
from typing import Any, Final

from bench.process import once
from bench.table import Row, median, spread

INLINE: Final = 50
LOOPS: Final = 200
GOAL: Final = 10.0
"""So many reads of a slot may `current` take."""
LEASE_NS: Final = 1000.0


def rows(samples: int) -> list[Row]:
    """A row for each way to get at the object."""
    slots, currents, leases, pins = once("bench.leases", samples)
    ratios = [current / slot for current, slot in zip(currents, slots, strict=True)]
    return [
        Row("  a plain slot", "", "", spread(slots, "ns", 1)),
        Row(
            "`resource.current`",
            "",
            f"≤ {GOAL:g} × a slot",
            f"{middle(ratios):.1f} × ({median(currents):.0f} ns)",
            middle(ratios) <= GOAL,
            "`resource.current`, against a plain slot attribute",
        ),
        Row(
            "a lease: `with resource.use()`",
            "",
            f"≤ {LEASE_NS / 1000:g} µs",
            spread(leases, "ns", 0),
            median(leases) <= LEASE_NS,
            "a lease, from `use()` to the end of its `with`",
        ),
        Row("  a view: `with watcher.pin()`", "", "", spread(pins, "ns", 0)),
    ]


class Slot:
    """What is compared with."""

    __slots__ = ("current",)

    def __init__(self, current: object) -> None:
        self.current = current


def main() -> None:
    """Argument: how often. Prints the nanoseconds of a slot, `current`, a lease and a view, in turn."""
    from hotconf.resources.keeper import Keeper
    from hotconf.resources.preparation import Made, Wanted
    from hotconf.resources.published import Published
    from hotconf.resources.resource import Recipe

    keeper = Keeper("bench")
    published: Published[int] = Published(keeper)
    pool = published.register(Recipe("pool", 0, lambda config: config, lambda value: [value]))
    outcomes: list[Any] = []
    keeper.prepare([Wanted(pool, lambda: 1)], outcomes.append)
    while not outcomes:
        time.sleep(0.001)
    if not isinstance(outcomes[0], Made):
        raise SystemExit(outcomes[0].text)
    published.publish(1, outcomes[0])
    texts = (
        ("it.current", Slot(pool.current)),
        ("it.current", pool),
        ("with it.use(): pass", pool),
        ("with it.pin(): pass", published),
    )
    timers = [
        timeit.Timer("\n".join([text] * INLINE), globals={"it": it}, timer=time.thread_time) for text, it in texts
    ]
    found: list[list[float]] = [[] for _ in timers]
    for _ in range(int(sys.argv[1])):
        for each, timer in zip(found, timers, strict=True):
            each.append(min(timer.repeat(3, LOOPS)) * 1e9 / LOOPS / INLINE)
    keeper.close(published.withdraw(), 10)
    print(json.dumps(found))
