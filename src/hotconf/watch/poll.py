"""The observer of last resort: it reports nothing, so that all changes are found by polling."""

from __future__ import annotations

from hotconf.watch.observer import Observer, Owner


class Poll(Observer):
    """Knows why there is only polling. `stopgap`: it stands in for another observer until that is available."""

    __slots__ = ("_why", "stopgap")

    name = "poll"

    def __init__(self, why: str, *, stopgap: bool = False) -> None:
        self._why = why
        self.stopgap = stopgap

    def trouble(self, owner: Owner) -> str | None:
        """The same for all owners."""
        return self._why
