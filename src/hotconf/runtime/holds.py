"""Who holds what is busy: a child of a fork keeps only what the thread that forked held."""

from __future__ import annotations

import threading


class Holds:
    """Every hold, with the thread that entered it."""

    __slots__ = ("_held", "lock")

    def __init__(self) -> None:
        # Reentrant, for signal handlers.
        self.lock = threading.RLock()
        self._held: list[tuple[str, int]] = []

    def add(self, reason: str) -> None:
        """This thread holds one more."""
        with self.lock:
            self._held.append((reason, threading.get_ident()))

    def drop(self, reason: str) -> None:
        """One less: this thread's own if there is one, for holds are not bound to threads."""
        mine = (reason, threading.get_ident())
        with self.lock:
            found = mine if mine in self._held else next((held for held in self._held if held[0] == reason), None)
            if found is not None:
                self._held.remove(found)

    def abandon(self) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        """In the child of a fork: what this thread holds, with counts, and the reasons that are held no more."""
        self.lock = threading.RLock()
        here = threading.get_ident()
        gone = tuple(dict.fromkeys(reason for reason, thread in self._held if thread != here))
        self._held = [held for held in self._held if held[1] == here]
        kept: dict[str, int] = {}
        for reason, _ in self._held:
            kept[reason] = kept.get(reason, 0) + 1
        return tuple(kept.items()), tuple(reason for reason in gone if reason not in kept)
