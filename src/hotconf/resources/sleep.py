"""How the keeper's thread waits for work."""

from __future__ import annotations

import sys
from _queue import Empty, SimpleQueue
from contextlib import suppress
from typing import Final

_WAKE_S: Final = None if getattr(sys, "_is_gil_enabled", lambda: True)() else 1.0
"""How often to look for ended leases unasked: without the GIL."""
_EXIT_S: Final = 0.1
"""The same in a closed watcher, so that its thread can end with the process."""


def sleep(queue: SimpleQueue[object], *, closed: bool) -> None:
    """Until something is put into `queue`; empties it. Returns now and then if the watcher is `closed`."""
    with suppress(Empty):
        queue.get(timeout=_EXIT_S if closed else _WAKE_S)
        while True:
            queue.get_nowait()
