"""Logging that follows the configuration: `dictConfig` as a resource.

Handlers, formatters and filters are built before the configuration is published, without touching a logger; if one
cannot be built, the save is refused. At publication, files of mode "w" are truncated, and handlers are attached by
attribute stores. A handler is closed once no logger has it and no record is passing through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hotconf.integrations.dictconfig import Builder, Wanted, plain
from hotconf.logs import log
from hotconf.system import threads

if TYPE_CHECKING:
    from hotconf.resources.handle import Handle
    from hotconf.resources.resource import Resource
    from hotconf.watcher import HotReloadWatcher

T = TypeVar("T")


def configure(
    watcher: HotReloadWatcher[T], selector: str | tuple[str | int, ...] | Callable[[T], object] = "logging"
) -> Resource[Mapping[str, logging.Handler]]:
    """Let the logging of this process follow a table of the configuration, as in `logging.config.dictConfig`.

    `selector`: selects the table, a dict or a model, as in `watcher.resource`. `version` is optional. Existing
    loggers stay enabled unless `disable_existing_loggers` is true; those of `hotconf` always do. The first
    publication replaces all handlers of the loggers that the table names; later ones replace only its own. Handlers
    whose part of the configuration is unchanged stay the same objects. What is removed from the table is undone. The
    resource is a mapping of its handlers.

    If something cannot be built (a wrong level, a class that cannot be imported, a missing directory), the reload
    fails as `apply`, at its line. `watcher.rebuild` of the resource recreates all handlers. Closing the watcher
    closes the handlers, and changes no logger.

    `"()"`, `"class"` and `ext://` import and call code: anyone who can write the file can run code.

    Raises `UsageError` as `watcher.resource` does; if the watcher is running, also what that raises.
    """
    follower = _Logging()
    select = watcher._registering().selecting(selector)
    return watcher._register(select, None, "keep", 30.0, follower, follower.installed)


class _Leased(list[logging.Handler]):
    """The handlers of a logger. Iterating, as each record does, keeps a lease on their resource."""

    __slots__ = ("_handle",)

    def __init__(self, handlers: list[logging.Handler], handle: Handle[Any]) -> None:
        super().__init__(handlers)
        self._handle = handle


@dataclass(eq=False, repr=False)
class _Built(Mapping[str, logging.Handler]):
    """A built table, not yet attached to loggers."""

    table: object = None
    handlers: dict[str, logging.Handler] = field(default_factory=dict)
    loggers: dict[logging.Logger, Wanted] = field(default_factory=dict)
    disabled: frozenset[logging.Logger] = frozenset()

    def __getitem__(self, name: str) -> logging.Handler:
        return self.handlers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.handlers)

    def __len__(self) -> int:
        return len(self.handlers)


class _Logging:
    """The factory of the resource, with the handlers it has built."""

    __module__ = ""
    __qualname__ = "logging"

    def __init__(self) -> None:
        self._lock = threads.lock()
        """Held while uses of handlers are counted: a thread may hang in a handler."""
        self._users: dict[logging.Handler, int] = {}
        """For each open handler, how many open tables use it."""
        self._specs: dict[logging.Handler, tuple[str, object]] = {}
        """The name and specification of each open handler."""
        self._emptied: set[logging.Handler] = set()
        """Handlers whose file is truncated at their publication."""
        self._attached = _Built()

    def __call__(self, table: object) -> Iterator[Mapping[str, logging.Handler]]:
        """Build the handlers of `table`; afterwards, close those that no other table uses."""
        built = self._build(plain(table))
        yield built
        self._release(built.handlers.values())
        for name, handler in self._attached.handlers.items():
            handler.set_name(name)  # closing a handler of the same name has removed it

    # Building, on the thread for resources

    def _build(self, table: object) -> _Built:
        builder = Builder(table)
        specs = builder.specs()
        anew = table == self._attached.table  # by `rebuild`: log files were rotated, for instance
        with self._lock:
            open_ = {name: handler for handler, (name, spec) in self._specs.items() if specs.get(name) == spec}
            kept = {name: handler for name, handler in open_.items() if specs.get(name) is not None and not anew}
            for handler in kept.values():
                self._users[handler] += 1
        taken = dict(kept)
        try:
            for name, handler in builder.handlers(kept):
                with self._lock:
                    self._users[handler] = 1
                    self._specs[handler] = (name, specs[name])
                if handler in builder.emptied:
                    self._emptied.add(handler)
                taken[name] = handler
            built = _Built(
                table, {name: taken[name] for name in builder.names}, builder.loggers(taken), builder.disabled()
            )
            for name, handler in built.handlers.items():
                if name not in kept and (listener := getattr(handler, "listener", None)) is not None:
                    listener.start()  # of a `QueueHandler`, from Python 3.12 on
        except BaseException:
            self._release(taken.values())
            raise
        for name, handler in built.handlers.items():
            if name not in self._attached.handlers:
                handler.set_name(name)
        return built

    def _release(self, handlers: Any) -> None:
        """Close handlers that no other table uses, in reverse: a buffer is flushed to its target."""
        error: Exception | None = None
        for handler in reversed(list(handlers)):
            with self._lock:
                self._users[handler] -= 1
                if self._users[handler]:
                    continue
                del self._users[handler], self._specs[handler]
            self._emptied.discard(handler)
            try:
                listener: Any = getattr(handler, "listener", None)
                if getattr(listener, "_thread", None) is not None:  # it was started
                    listener.stop()
                handler.close()
            except Exception as raised:  # noqa: BLE001 - the others must be closed, too
                error = raised
        if error is not None:
            raise error

    # At publication, on a thread that must not block: attribute stores, and truncation of files of mode "w"; no lock

    def installed(self, handle: Handle[_Built] | None) -> None:
        """Attach the handlers to their loggers. None: the watcher is closed."""
        old, new = self._attached, _Built() if handle is None else handle.value
        try:
            if handle is None:
                for logger in old.loggers:
                    logger.handlers = list(logger.handlers)
                return
            self._attached = new
            for handler in self._emptied.intersection(new.handlers.values()):
                self._emptied.discard(handler)
                _empty(handler)
            for logger, wanted in new.loggers.items():
                self._attach(logger, wanted, old.loggers.get(logger), handle)
            for logger in old.loggers.keys() - new.loggers.keys():
                default = Wanted(logging.WARNING if logger is logging.root else logging.NOTSET)
                self._attach(logger, default, old.loggers[logger], None)
            for logger in old.disabled - new.disabled:
                logger.disabled = False
            for logger in new.disabled:
                logger.disabled = True
        except Exception:  # noqa: BLE001 - a class of loggers of the program's own
            log.fault("reload", "Handlers could not be attached to all loggers")
        _forget_levels()

    def _attach(
        self, logger: logging.Logger, wanted: Wanted, before: Wanted | None, handle: Handle[Any] | None
    ) -> None:
        """Configure one logger. Handlers and filters that others have added since the first time stay."""
        foreign = [] if before is None else [each for each in logger.handlers if each not in before.handlers]
        filters = [] if before is None else [each for each in logger.filters if each not in before.filters]
        logger.propagate = wanted.propagate
        logger.filters = [*wanted.filters, *filters]
        logger.handlers = foreign if handle is None else _Leased([*wanted.handlers, *foreign], handle)
        logger.level = wanted.level
        logger.disabled = False


def _empty(handler: Any) -> None:
    """Truncate its file, to which it has written nothing yet: system calls only."""
    try:
        handler.stream.truncate(0)
        handler.stream.seek(0)  # an encoding may have written a BOM
    except (OSError, ValueError, AttributeError):
        log.fault("reload", "A log file could not be emptied")


def _forget_levels() -> None:
    """Clear the cache of enabled levels, whose lock any thread may hold."""
    lock = getattr(logging, "_lock", None)
    manager: Any = logging.root.manager
    if lock is not None and lock.acquire(blocking=False):
        try:
            manager._clear_cache()
        finally:
            lock.release()
        return
    for logger in list(manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger._cache.clear()  # type: ignore[attr-defined]
    threads.Thread(manager._clear_cache, "hotconf logging").start()  # clears what was cached meanwhile
