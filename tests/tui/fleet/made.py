"""Fleets, made up: what is current, processes in any state, and a fleet that says what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, Self

from hotconf.fleet import FleetStatus, Member, Published, Shown
from hotconf.fleet.protocol.records import Vote

AT = "2026-05-04T12:00:00Z"


def published(epoch: int = 7, version: str = "7", **more: Any) -> Published:
    """An entry of the log."""
    made = {"action": "publish", "by": "ann@build", "at": AT, "note": "", "canary": None, "stable": version}
    rest = {"format": "toml", "all_or_nothing": False, "publish_id": f"p{epoch}", "sha256": "0" * 64}
    return Published(epoch=epoch, version=version, **(made | rest | more))


def member(number: int, state: Any = "ack", reason: str = "", **more: Any) -> Member:
    """A process."""
    status = "ack" if state == "behind" else state
    version = "6" if state in ("nack", "behind", "deferred", "paused") else "7"
    made = {"version": version, "epoch": int(version), "seen": 6 if state == "behind" else 7, "labels": {}}
    rest = {"since": AT, "host": "h", "pid": 1000 + number, "canary": False, "vote": Vote(None)}
    who = {"instance": f"web-{number}", "boot": f"b{number}", "status": status, "state": state, "reason": reason}
    return Member(**(made | rest | who | more))


def status(*members: Member, current: Published | None = None, **more: Any) -> FleetStatus:
    """A fleet in which version 7 is current."""
    return FleetStatus(9, current or published(), more.get("offer"), more.get("pause"), tuple(members))


class FakeFleet:
    """Says what it is given; remembers nothing."""

    def __init__(self, *statuses: FleetStatus) -> None:
        self.said: SimpleQueue[FleetStatus | str | None] = SimpleQueue()
        self.log = (published(), published(6, "6", note="before"), published(5, "5"))
        self.texts = {"7": b'port = 2\npin = "4711-abc"\n', "6": b'port = 1\npin = "4712-abc"\n'}
        self.over = False
        for each in statuses:
            self.said.put(each)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.over = True

    def states(self, tell: Callable[[str | None], object]) -> Iterator[Any]:
        while (said := self.said.get()) is not None:
            tell(said if isinstance(said, str) else None)
            if not isinstance(said, str):
                yield SimpleNamespace(status=said)

    def end(self) -> None:
        self.said.put(None)

    def history(self, limit: int) -> tuple[Published, ...]:
        return self.log[:limit]

    def show(self, version: str) -> Shown:
        return Shown(version, "0" * 64, "toml", self.texts[version])
