"""`Following`: methods of a watcher for what subscribes to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from hotconf.subscribers.bus import OnChange, OnEvent, Selector, checked_selector

if TYPE_CHECKING:
    from hotconf.subscribers.bus import Bus
    from hotconf.subscribers.callbacks import ChangeCallback, EventCallback
    from hotconf.subscribers.streams import EventStream

T = TypeVar("T")


class Following(Generic[T]):
    """A watcher: events, and changes of values."""

    __slots__ = ()

    if TYPE_CHECKING:
        _bus: Bus[T]

    def subscribe(self) -> EventStream:
        """The events from now on, as an iterator and an async iterator. Close it, or use it in a `with`.

        Iteration ends when the stream or the watcher is closed. A thread that iterates should be a daemon, or one of
        them must be closed before exit: Python joins other threads before exit handlers close the watcher.
        """
        return self._bus.subscribe()

    @overload
    def on_event(self, callback: OnEvent) -> EventCallback: ...
    @overload
    def on_event(self, callback: None = None) -> Callable[[OnEvent], EventCallback]: ...
    def on_event(self, callback: OnEvent | None = None) -> EventCallback | Callable[[OnEvent], EventCallback]:
        """Call `callback(event)` for each event, in order, on the watcher's callback thread. Also a decorator."""
        return self._bus.on_event if callback is None else self._bus.on_event(callback)

    @overload
    def on_change(self, selector: Selector[T], callback: OnChange) -> ChangeCallback[T]: ...
    @overload
    def on_change(self, selector: Selector[T], callback: None = None) -> Callable[[OnChange], ChangeCallback[T]]: ...
    def on_change(
        self, selector: Selector[T], callback: OnChange | None = None
    ) -> ChangeCallback[T] | Callable[[OnChange], ChangeCallback[T]]:
        """Call `callback(old, new)` when the selected value differs. Also a decorator.

        `selector`: a dotted key (`"server.port"`), a tuple of keys, or a function of the config. A table means
        everything below it. `MISSING` stands for what is absent. A slow callback skips values: it gets the last one
        that it saw and the newest.

        Raises `UsageError` for a key that the model does not have.
        """
        if not callable(known := checked_selector(selector)) and self._bus.schema is not None:
            from hotconf.config.spelling import selected  # imported here: most programs follow no value

            known = selected(known, self._bus.schema)
        follow = partial(self._bus.on_change, known)
        return follow if callback is None else follow(callback)
