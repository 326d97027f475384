"""What survives a fork: the watchers of the parent go on, and those of the child get locks and threads of their own.

Rule 1: before the fork all locks are taken, in order, so that nothing is half done in the child. The fork goes on
without those that cannot be had in time.
Rule 2: the parent releases them.
Rule 3: in the child every member abandons what is the parent's; after that each begins anew.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import suppress
from importlib import import_module
from operator import itemgetter, methodcaller
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from hotconf.system import threads

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

LOCKS_S: Final = 1.0
"""How long a fork waits for locks, which are held for microseconds."""
FORK_CHECK_S: Final = 1.0
"""How often to check, while waiting for another thread, that it is still there: a signal handler may have forked."""
OUTER, SHARED, INNER = range(3)
"""The order in which locks are taken."""

LATE_IMPORTS: Final = (
    *(f"hotconf.config.{name}" for name in ("diff", "spelling", "suggest")),
    *(f"hotconf.config.redaction.{name}" for name in ("masking", "secret_keys", "secret_values", "source_text")),
    *(f"hotconf.config.validation.{name}" for name in ("faults", "messages")),
    *(f"hotconf.formats.toml.{name}" for name in ("outline", "positions", "syntax")),
    *(f"hotconf.formats.json.{name}" for name in ("mistakes", "outline", "positions")),
    *("hotconf.formats.escapes", "hotconf.formats.lookalikes"),
    *(f"hotconf.secrets.{name}" for name in ("credentials", "prose", "scrubber")),
    "hotconf.history.record",
    *("hotconf.watch.inotify_observer", "fcntl", "json", "shlex", "signal", "traceback"),
)
"""What a watcher's threads import when they need it first. Nothing of it may register with `os.register_at_fork`."""


class ForkAware:
    """Something that lives on in the child of a fork."""

    __slots__ = ("__weakref__",)

    def locks(self) -> Iterable[tuple[int, threading.RLock]]:
        """What to take before the fork, with its rank."""
        return ()

    def abandon(self) -> None:
        """In the child: new locks, and nothing of the parent's is held any more. Must not raise, wait or log."""

    def revive(self) -> None:
        """In the child, when all have let go: begin anew."""


class _Forks:
    """All members, and what is held by the threads that are forking."""

    # No `__dict__`: eventlet looks for locks there, and replaces them.
    __slots__ = ("_held", "_hooked", "_lock", "_members")

    def __init__(self) -> None:
        self._members: WeakSet[ForkAware] = WeakSet()
        self._lock = threads.rlock()
        self._held: dict[int, list[list[threading.RLock | None]]] = {}
        """By thread, for each of its forks that are under way: a signal handler may fork in the midst of one."""
        self._hooked = False

    def register(self, member: ForkAware) -> None:
        with self._lock:
            if not self._hooked:
                self._add_hooks()
            self._members.add(member)

    def unregister(self, member: ForkAware) -> None:
        self._members.discard(member)

    def _add_hooks(self) -> None:
        """Take part in forks, after `logging`: its locks are mended in the child before a member begins anew.

        Members' threads log, and may not be the first to import it: what it registers amid a fork is called for the
        second half only, and gives back a lock that was never taken.
        """
        if hasattr(os, "register_at_fork"):
            import_module("logging")
            os.register_at_fork(before=self.before, after_in_parent=self.release, after_in_child=self.in_child)
            # A signal handler may raise as soon as a hook is entered, and Python goes on with the next one.
            os.register_at_fork(after_in_parent=self.in_parent)
        self._hooked = True

    def before(self) -> None:
        if self._members:
            _finish_imports()
        until = time.monotonic() + LOCKS_S
        held: list[threading.RLock | None] = [None]
        self._held.setdefault(threads.ident(), []).append(held)
        _take(self._lock, until, held)
        ranked = [pair for member in list(self._members) for pair in member.locks()]
        for _, lock in sorted(ranked, key=itemgetter(0)):
            _take(lock, until, held)

    def release(self) -> None:
        """Release what the latest fork of this thread holds. May be repeated."""
        if lists := self._held.get(threads.ident()):
            _release_all(lists[-1])

    def in_parent(self) -> None:
        self.release()
        here = threads.ident()
        if lists := self._held.get(here):
            lists.pop()
        if not lists:
            self._held.pop(here, None)

    def in_child(self) -> None:
        members = list(self._members)
        for member in members:
            member.abandon()
        self.in_parent()
        self._lock = threads.rlock()
        here = threads.ident()
        self._held = {thread: lists for thread, lists in self._held.items() if thread == here}
        for member in members:
            member.revive()


def _take(lock: threading.RLock, until: float, held: list[threading.RLock | None]) -> None:
    """Acquire `lock`, if that succeeds in time, and record it, in one call of C: no signal handler runs between."""
    acquire = methodcaller("acquire", timeout=max(0.0, until - time.monotonic()))
    held.extend(filter(acquire, (lock,)))


def _release_all(held: list[threading.RLock | None]) -> None:
    """Release them, the latest first, in one call of C; None comes first of all, and last here."""
    if held:
        deque(map(methodcaller("release"), iter(held.pop, None)), maxlen=0)


def _finish_imports() -> None:
    """Wait for what our threads are importing, and leave them nothing to import while this one forks.

    Python does not mend the lock of a module that was being imported: the child would wait for it forever. A thread
    does it: a signal handler that raises amid an import may leave such a lock held.
    """
    if threads.any_running() and not all(map(_imported, LATE_IMPORTS)):
        importing = threads.Thread(_import_late, "hotconf-imports")
        with suppress(RuntimeError):  # no thread can be had
            importing.start()
            importing.join(LOCKS_S)


def _imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return name in _missing or (spec is not None and not getattr(spec, "_initializing", False))


def _import_late() -> None:
    for name in LATE_IMPORTS:
        try:
            import_module(name)
        except ImportError:  # not on this system
            _missing.add(name)
        except OSError:  # no descriptor is left: then nobody can import it
            continue


_missing: Final[set[str]] = set()
"""Modules that this system does not have."""

_forks: Final = _Forks()
register: Final = _forks.register
"""`register(member)`: have it live on in the child of a fork, for as long as it lives here."""
unregister: Final = _forks.unregister
"""`unregister(member)`: it does not live on."""
