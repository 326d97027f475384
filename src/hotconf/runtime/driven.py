"""`Driven`: one watcher, as the driver sees it."""

from __future__ import annotations

from typing import Protocol

from hotconf.engine.protocol import Input
from hotconf.watch.observer import Observer, Owner


class Driven(Owner, Protocol):
    """What the driver calls on its thread."""

    def observe(self, observer: Observer) -> None:
        """Use `observer` from now on; if it is in use already, arm the files again."""

    def feed(self, given: Input) -> None:
        """Give its machine an input."""

    def supervise(self) -> bool:
        """Repair its threads if they failed. Returns whether there is something to do."""

    def recover(self) -> None:
        """After the driver failed: restart what may be lost."""
