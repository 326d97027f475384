"""Whether this process only looks at a program: the commands import one to find its watcher.

The watchers that the program makes then load once when they are started, and do nothing else: no watching, no
threads, no states, no callbacks. Those of the command itself are made within `ours()`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final


class Inert:
    """The mode of this process. It begins with the first import of a program and never ends in a command."""

    __slots__ = ("_ours", "on", "refused")

    def __init__(self) -> None:
        self.on = False
        self.refused: Any = None
        """What the program's latest watcher loads whose `start()` raised because of its files."""
        self._ours: set[int] = set()

    def applies(self) -> bool:
        """Whether a watcher that is made now, in this thread, is the program's, and only loads."""
        return self.on and threading.get_ident() not in self._ours

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Watchers that this thread makes within it are the command's own, and work."""
        here = threading.get_ident()
        self._ours.add(here)
        try:
            yield
        finally:
            self._ours.discard(here)


INERT: Final = Inert()
