"""Subscriptions with a callback: for every event, or for the changes of one value."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from hotconf.arguments import qualified_name
from hotconf.changes import MISSING
from hotconf.logs.records import WARNING, emit
from hotconf.subscribers.streams import Hub, Subscription
from hotconf.system.exceptions import end_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.events import ConfigReloadEvent
    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Snapshot
    from hotconf.subscribers.stats import Failures

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)

_NOT_SELECTED: Final = object()


class Callback(Subscription):
    """A subscription with a callback, as the delivery sees it."""

    __slots__ = ("_callback", "name", "number")

    def __init__(self, hub: Hub, number: int, callback: Callable[..., Any]) -> None:
        super().__init__(hub)
        self.number = number
        """Its place in the order of subscription."""
        self.name = qualified_name(callback)
        """Its name in the log."""
        self._callback = callback

    @property
    def needs_loop(self) -> bool:
        """Whether its callback is a coroutine function, as far as that shows before it is called."""
        import inspect  # imported before, when the callback was checked

        return inspect.iscoroutinefunction(self._callback)

    def deliver(self, event: ConfigReloadEvent | None) -> object:
        """Run the callback, on the delivery thread; may raise anything. Without an event: there is a new value.

        Returns what it returned.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """An event was dropped, because too many are waiting."""

    def renew(self) -> None:
        """The watcher was closed, and will be started again: nothing was delivered."""


class EventCallback(Callback, Generic[R]):
    """A closable subscription whose callback gets every event. It has its name, and can be called in its place."""

    __slots__ = ("__dict__",)

    def __init__(self, hub: Hub, number: int, callback: Callable[[ConfigReloadEvent], R]) -> None:
        super().__init__(hub, number, callback)
        update_wrapper(self, callback, updated=())

    def __call__(self, event: ConfigReloadEvent) -> R:
        """So that a decorated function stays a function."""
        made: Callable[[ConfigReloadEvent], R] = self._callback
        return made(event)

    def deliver(self, event: ConfigReloadEvent | None) -> object:
        """Call it with `event`."""
        return None if event is None else self._callback(event)

    def drop(self) -> None:
        """Count it."""
        self._dropped += 1


class Published(Hub, Protocol[T_co]):
    """The bus, as followers of values see it."""

    @property
    def snapshot(self) -> Snapshot[T_co] | None:
        """What is published now."""

    @property
    def failures(self) -> Failures:
        """What its callbacks raised."""


class ChangeCallback(Callback, Generic[T]):
    """A closable subscription whose callback gets `(old, new)` of one selected value when it differs.

    Nothing is queued: a slow callback gets the last value that it saw, and the newest. The first old value is the one
    at the time of the subscription; if there was none, that of the first configuration. If it is `initial`, it gets
    that value, too, and the old one is `MISSING`.
    """

    __slots__ = ("_before", "_bus", "_due", "_equal", "_select", "_value", "initial", "path")

    def __init__(
        self,
        bus: Published[T],
        number: int,
        path: KeyPath,
        select: Callable[[T], object],
        callback: Callable[[Any, Any], object],
        *,
        initial: bool = False,
    ) -> None:
        # Imported here: most programs follow no value, and later there may be no descriptor left to import it with.
        from hotconf.config.diff import equal

        super().__init__(bus, number, callback)
        self._bus = bus
        self._equal = equal
        self.path = path
        """What `select` reads; the root if that is a function, whose value may depend on everything."""
        self.initial = initial
        """Whether the first configuration counts as a change from nothing."""
        self._select = select
        self._due = False
        self._before: Snapshot[T] | None = None
        self._value: object = _NOT_SELECTED
        """The value that it saw last."""

    @property
    def due(self) -> bool:
        """Whether there is a commit whose value it has not compared yet."""
        return self._due

    def renew(self) -> None:
        """It has seen no value."""
        self._due, self._before, self._value = False, None, _NOT_SELECTED

    def mark_due(self, before: Snapshot[T] | None) -> None:
        """A commit that may concern it followed `before`. The caller holds the lock."""
        if not self._due:
            self._due, self._before = True, before

    def deliver(self, event: ConfigReloadEvent | None) -> object:  # noqa: ARG002 (it needs only the newest snapshot)
        """Call it if the newest value differs from the last one that it saw."""
        with self._bus.lock:
            due, before, newest = self._due, self._before, self._bus.snapshot
            self._due, self._before = False, None
        if not due or newest is None:
            return None
        old = self._value
        if old is _NOT_SELECTED:
            old = MISSING if before is None else self._selected(before.config, MISSING)
        new = self._value = self._selected(newest.config, old)
        return None if self._equal(old, new) else self._callback(old, new)

    def _selected(self, config: T, otherwise: object) -> object:
        name = f"the selector of {self.name}"
        return guarded(name, self._select, config, self._bus.failures, otherwise=otherwise)


def discard(awaitable: object) -> None:
    """It is never awaited; a coroutine would say so when it is freed."""
    if isinstance(awaitable, Coroutine):
        awaitable.close()


def guarded(name: str, call: Callable[[Any], R], argument: object, failures: Failures, *, otherwise: R) -> R:
    """What `call(argument)` returns; `otherwise` if it raises, which is logged and counted under `name`."""
    pid = os.getpid()
    try:
        return call(argument)
    except BaseException as error:  # noqa: BLE001 - users' code
        if isinstance(error, SystemExit) and os.getpid() != pid:
            end_process(error)
        failures.add(name)
        emit("reload", WARNING, "%s raised %s", name, type(error).__name__, error=error)
        return otherwise
