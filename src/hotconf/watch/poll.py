"""The observer that notices nothing by itself: polling finds every change, later."""

from __future__ import annotations

from hotconf.watch.observer import Observer, Owner


class Poll(Observer):
    """Says why there is only polling. `stopgap`: it stands in for another observer until that can be had."""

    __slots__ = ("_why", "stopgap")

    name = "poll"

    def __init__(self, why: str, *, stopgap: bool = False) -> None:
        self._why = why
        self.stopgap = stopgap

    def trouble(self, owner: Owner) -> str | None:
        """The same for all."""
        return self._why
