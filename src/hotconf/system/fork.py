"""Forks: the watchers of the parent go on, and those of the child get locks and threads of their own.

Rule 1: before the fork all locks are taken, in order, so that nothing is half done in the child. The fork does not
wait longer than `LOCKS_S` for them, and `IMPORTS_S` for what its threads may import.
Rule 2: the parent releases them.
Rule 3: in the child every member first abandons what is the parent's; then each revives.
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
IMPORTS_S: Final = 30.0
"""How long it waits for imports, which take a tenth of a second, but much longer on a busy machine."""
FORK_CHECK_S: Final = 1.0
"""How often to check that a thread that is waited for is still there: a signal handler may have forked."""
OUTER, SHARED, INNER = range(3)
"""The order in which locks are taken."""

LATE_IMPORTS: Final = (
    *(f"hotconf.config.{name}" for name in ("diff", "spelling", "suggest", "ways")),
    "hotconf.config.decoding",
    *(f"hotconf.config.decoding.{name}" for name in ("decode", "mistakes", "names", "values")),
    *(f"hotconf.config.redaction.{name}" for name in ("masking", "secret_keys", "secret_values", "source_text")),
    *(f"hotconf.config.validation.{name}" for name in ("faults", "messages", "partial")),
    *(f"hotconf.formats.toml.{name}" for name in ("outline", "positions", "salvage", "syntax")),
    *(f"hotconf.formats.json.{name}" for name in ("mistakes", "outline", "positions", "salvage")),
    *(f"hotconf.formats.{name}" for name in ("escapes", "gaps", "lookalikes", "salvage")),
    *(f"hotconf.secrets.{name}" for name in ("credentials", "prose", "scrubber")),
    *(
        "hotconf.engine.offers",
        "hotconf.history.record",
        "hotconf.sources.advice",
        "hotconf.sources.files.broken",
        "hotconf.sources.override",
        "hotconf.sources.virtual",
        "hotconf.status.health",
    ),
    *("hotconf.watch.inotify_observer", "fcntl", "json", "shlex", "signal", "traceback"),
)
"""What a watcher's threads import late. None of these may register with `os.register_at_fork`."""
LATE_WITH: Final = {
    "dotenv": ("dotenv.main", "dotenv.parser", "dotenv.variables"),
    "hotconf.config.restarts.required": ("hotconf.config.restarts.marks", "hotconf.config.restarts.start"),
    "pydantic_settings": ("hotconf.sources.settings_class.layer",),
    "yaml": tuple(
        f"hotconf.formats.yaml.{name}"
        for name in ("compose", "doubts", "mistakes", "outline", "positions", "salvage", "scalars")
    ),
}
"""The same, once the program has imported a package that only some programs need."""


class ForkAware:
    """Something that goes on working in a forked child."""

    __slots__ = ("__weakref__",)

    def locks(self) -> Iterable[tuple[int, threading.RLock]]:
        """The locks to take before the fork, each with its rank."""
        return ()

    def abandon(self) -> None:
        """In the child: create new locks, and drop what is the parent's. Must not raise, wait or log."""

    def revive(self) -> None:
        """In the child, after all have abandoned: start again."""


class _Forks:
    """All members, and the locks held by threads that are forking."""

    # No `__dict__`: eventlet looks for locks there, and replaces them.
    __slots__ = ("_held", "_hooked", "_imports", "_lock", "_members")

    def __init__(self) -> None:
        self._members: WeakSet[ForkAware] = WeakSet()
        self._lock = threads.rlock()
        self._held: dict[int, list[list[threading.RLock | None]]] = {}
        """By thread, a list for each fork under way: a signal handler may fork during a fork."""
        self._hooked = False
        self._imports = threads.rlock()
        """Held while a package is imported that only some programs need, and by a fork."""

    def import_first(self, package: str) -> None:
        """Import `package`, if it is installed, before or after any fork, but not during it: until it is in
        `sys.modules`, a fork cannot know that it is about to be imported.
        """
        if package not in sys.modules:
            with self._imports, suppress(ImportError):
                import_module(package)

    def register(self, member: ForkAware) -> None:
        with self._lock:
            if not self._hooked:
                self._add_hooks()
            self._members.add(member)

    def unregister(self, member: ForkAware) -> None:
        self._members.discard(member)

    def _add_hooks(self) -> None:
        """Register the hooks, after those of `logging`, so that its locks work in the child before a member revives.

        Members' threads log, but must not be the first to import it: hooks that are registered during a fork run
        only after it, and would release a lock that was never taken.
        """
        if hasattr(os, "register_at_fork"):
            import_module("logging")
            os.register_at_fork(before=self.before, after_in_parent=self.release, after_in_child=self.in_child)
            # A signal handler may raise as soon as a hook is entered, and Python goes on with the next one.
            os.register_at_fork(after_in_parent=self.in_parent)
        self._hooked = True

    def before(self) -> None:
        held: list[threading.RLock | None] = [None]
        self._held.setdefault(threads.ident(), []).append(held)
        if self._members:
            _take(self._imports, time.monotonic() + LOCKS_S, held)
            _finish_imports()
        until = time.monotonic() + LOCKS_S
        _take(self._lock, until, held)
        ranked = [pair for member in list(self._members) for pair in member.locks()]
        for _, lock in sorted(ranked, key=itemgetter(0)):
            _take(lock, until, held)

    def release(self) -> None:
        """Release the locks of the latest fork of this thread. May be repeated."""
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
        self._lock, self._imports = threads.rlock(), threads.rlock()
        here = threads.ident()
        self._held = {thread: lists for thread, lists in self._held.items() if thread == here}
        for member in members:
            member.revive()


def _take(lock: threading.RLock, until: float, held: list[threading.RLock | None]) -> None:
    """Acquire `lock`, if that succeeds in time, and record it. One call into C: no signal handler runs between."""
    acquire = methodcaller("acquire", timeout=max(0.0, until - time.monotonic()))
    held.extend(filter(acquire, (lock,)))


def _release_all(held: list[threading.RLock | None]) -> None:
    """Release them, the latest first, in one call into C; the None at the beginning ends it."""
    if held:
        deque(map(methodcaller("release"), iter(held.pop, None)), maxlen=0)


def _finish_imports() -> None:
    """Import what our threads may import late, so that none is importing during the fork.

    Python does not reset the lock of a module that is being imported: the child would wait for it forever. Another
    thread imports, because a signal handler that raises during an import may leave such a lock held.
    """
    if threads.any_running() and not all(map(_imported, _late())):
        importing = threads.Thread(_import_late, "hotconf-imports")
        with suppress(RuntimeError):  # the system refuses a thread
            importing.start()
            importing.join(IMPORTS_S)


def _late() -> Iterable[str]:
    yield from LATE_IMPORTS
    for name, others in LATE_WITH.items():
        if name in sys.modules:
            yield from (name, *others)


def _imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return name in _missing or (spec is not None and not getattr(spec, "_initializing", False))


def _import_late() -> None:
    for name in _late():
        try:
            import_module(name)
        except ImportError:  # not on this system
            _missing.add(name)
        except OSError:  # no descriptor is left: then no thread can import it
            continue


_missing: Final[set[str]] = set()
"""Modules that do not exist on this system."""

_forks: Final = _Forks()
register: Final = _forks.register
"""`register(member)`: keep it working in forked children, as long as it exists here."""
import_first: Final = _forks.import_first
"""`import_first("yaml")`: for a package of `LATE_WITH` that a thread of ours may be the first to import."""
unregister: Final = _forks.unregister
"""`unregister(member)`: no longer do so."""
