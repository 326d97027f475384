"""`Driven`: one watcher, as the driver sees it."""

from __future__ import annotations

from typing import Protocol

from hotconf.engine.protocol import Input
from hotconf.watch.observer import Observer, Owner


class Driven(Owner, Protocol):
    """What the driver's thread does for one watcher."""

    def observe(self, observer: Observer) -> None:
        """Be watched with `observer` from now on, or try once more with the one in use."""

    def feed(self, given: Input) -> None:
        """Give its machine an input."""

    def supervise(self) -> bool:
        """Repair its threads if they failed; whether there is something to do."""

    def recover(self) -> None:
        """After the driver failed: start again whatever may be lost."""
