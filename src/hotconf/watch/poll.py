"""The observer that notices nothing by itself: polling finds every change, later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from hotconf.sources.base import FileSet
from hotconf.watch.observer import Changes, Owner


class Poll:
    """Notices nothing. `stopgap`: it stands in for another one until that can be had."""

    __slots__ = ("_why", "stopgap")

    name = "poll"
    notifies = False
    descriptor = None

    def __init__(self, why: str, *, stopgap: bool = False) -> None:
        self._why = why
        self.stopgap = stopgap

    def arm(self, owner: Owner, files: FileSet) -> bool:
        """Nothing to do."""
        return False

    def rearm(self, owner: Owner, paths: Iterable[Path] | None = None) -> None:
        """Nothing to do."""

    def disarm(self, owner: Owner) -> None:
        """Nothing to do."""

    def read(self, may_block: Callable[[Owner], bool]) -> dict[Owner, Changes]:
        """Nothing."""
        return {}

    def trouble(self, owner: Owner) -> str | None:
        """Why there is polling."""
        return self._why

    def close(self) -> None:
        """Nothing to do."""

    def abandon(self) -> None:
        """Nothing to do."""
