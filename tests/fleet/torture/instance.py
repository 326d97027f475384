"""A process of an instance under test: a real watcher with a real resource, which writes down what it does.

`python -m fleet.torture.instance FLEET ENDPOINTS NAME ZONE STATE_DIR`. Commands are lines of its standard input,
what it does is lines of its standard output. Its clock may jump. Leases are shorter than usual, so that more happens.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, field_validator

from hotconf import HotReloadWatcher
from hotconf.fleet import Etcd
from hotconf.fleet.etcd import gateway
from hotconf.fleet.instance import lease, machine
from hotconf.sources.source import Verdict

TTL_S = 6
SLOW_S = 0.5
_LOOK_S = 0.02
_jumped_s = 0.0
_time, _monotonic = time.time, time.monotonic
ME = ""


class Config(BaseModel, frozen=True):
    """What is published."""

    number: int
    invalid_for: tuple[str, ...] = ()
    broken_for: tuple[str, ...] = ()
    slow_for: tuple[str, ...] = ()

    @field_validator("invalid_for")
    @classmethod
    def _valid(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if ME in given:
            raise ValueError("not here")
        return given


class Recorded(Etcd):
    """A source whose verdicts are written down."""

    __slots__ = ("watcher",)
    watcher: HotReloadWatcher[Config]

    def ended(self, verdict: Verdict) -> None:
        """As it says."""
        if verdict.serving and verdict.status in ("applied", "unchanged", "refused"):
            tell("serves", self.watcher.get_config().number, verdict.serving)
        super().ended(verdict)


class Jumped(dt.datetime):
    """The time of day, wherever that is by now."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Jumped:  # type: ignore[override]
        """Then."""
        return cls.fromtimestamp(_time() + _jumped_s, tz)


def tell(what: str, number: int, label: str = "") -> None:
    """Write a line, at once; the system keeps the lines of several threads apart."""
    os.write(1, (json.dumps([_monotonic(), what, number, label]) + "\n").encode())


def pool(given: tuple[int, tuple[str, ...], tuple[str, ...]]) -> Iterator[int]:
    """The resource."""
    number, broken, slow = given
    if ME in slow:
        time.sleep(SLOW_S)
    if ME in broken:
        raise OSError("the port is taken")
    tell("made", number)
    yield number
    tell("closed", number)


def look(watcher: HotReloadWatcher[Config], closed: threading.Event) -> None:
    """Write down what readers see."""
    seen = 0
    while not closed.wait(_LOOK_S):
        if watcher.generation and (number := watcher.get_config().number) != seen:
            seen = number
            tell("serves", number)


def main() -> None:
    """Until it is asked to close, or killed."""
    global ME, _jumped_s
    fleet, endpoints, ME, zone, state = sys.argv[1:]
    lease.TTL_S, lease.BEAT_S, machine.TTL_S = TTL_S, TTL_S / 3, TTL_S  # type: ignore[misc]
    gateway.SILENCE_S = 3 * TTL_S / 2  # type: ignore[misc, assignment]
    lease.datetime = Jumped  # type: ignore[misc, attr-defined]
    time.time = lambda: _time() + _jumped_s
    source = Recorded(fleet, endpoints, instance=ME, labels={"zone": zone})
    watcher = HotReloadWatcher(source, Config, state_dir=Path(state) if state else None)
    source.watcher = watcher
    watcher.resource(lambda config: (config.number, config.broken_for, config.slow_for))(pool)
    watcher.start(require=False)
    closed = threading.Event()
    thread = threading.Thread(target=look, args=(watcher, closed))
    thread.start()
    tell("started", 0)
    for line in sys.stdin:
        word, _, given = line.strip().partition(" ")
        if word == "jump":
            _jumped_s += float(given)
        elif word == "busy":
            with watcher.busy("an import"):
                time.sleep(float(given))
        elif word == "force":
            watcher.reload(wait=False, force=True)
        elif word == "close":
            break
    closed.set()
    thread.join()
    watcher.close()
    tell("ended", 0)


if __name__ == "__main__":
    main()
