"""The logging of a program follows its configuration: `dictConfig`, as a resource.

Handlers, formatters and filters are built before the configuration is published, without touching a logger: what
cannot be built refuses the save. At publication they are attached, by attribute stores. A handler is closed once no
logger has it and no record is on its way through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from logging.config import DictConfigurator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from hotconf.logs import log
from hotconf.resources.preparation import UnfitError
from hotconf.system import threads

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath
    from hotconf.resources.handle import Handle
    from hotconf.resources.resource import Resource
    from hotconf.watcher import HotReloadWatcher

T = TypeVar("T")

_LOGGER: Final = frozenset({"level", "handlers", "filters", "propagate"})
_TABLES: Final = ("formatters", "filters", "handlers", "loggers", "root")
_KEYS: Final = frozenset({*_TABLES, "version", "disable_existing_loggers"})
_TARGET: Final = "target not configured yet"
"""What `logging.config` says of a handler that names a later one."""


def configure(
    watcher: HotReloadWatcher[T], selector: str | tuple[str | int, ...] | Callable[[T], object] = "logging"
) -> Resource[Mapping[str, logging.Handler]]:
    """Have the logging of this process follow a table of the configuration, as `logging.config.dictConfig` reads it.

    `selector`: where it is, as for `watcher.resource`; a model will do as well as a dict. `version` may be left out;
    existing loggers stay enabled unless `disable_existing_loggers` is true. At the first publication the handlers of
    the loggers that it names are replaced; later only its own are. Handlers whose part of the configuration has not
    changed stay the same objects. What a table says no longer is undone. The resource is a mapping of its handlers.

    If something cannot be built (a wrong level, a class that cannot be imported, a directory that is missing), the
    reload fails as `apply`, at its line. `watcher.rebuild` of the resource makes all handlers anew. Closing the
    watcher closes the handlers, and changes no logger.

    Raises `UsageError` as `watcher.resource`; in a running watcher, what is raised there.
    """
    follower = _Logging()
    select = watcher._applying().selecting(selector)
    return watcher._register(select, None, "keep", 30.0, follower, follower.installed)


class _Leased(list[logging.Handler]):
    """The handlers of a logger. Who iterates over them, as every record does, holds what they belong to."""

    __slots__ = ("_handle",)

    def __init__(self, handlers: list[logging.Handler], handle: Handle[Any]) -> None:
        super().__init__(handlers)
        self._handle = handle


class _Wanted(NamedTuple):
    """What a logger is to have."""

    level: int = logging.NOTSET
    handlers: tuple[logging.Handler, ...] = ()
    filters: tuple[Any, ...] = ()
    propagate: bool = True


@dataclass(eq=False, repr=False)
class _Built(Mapping[str, logging.Handler]):
    """What a table says, before any logger knows."""

    table: object = None
    handlers: dict[str, logging.Handler] = field(default_factory=dict)
    loggers: dict[logging.Logger, _Wanted] = field(default_factory=dict)
    disabled: frozenset[logging.Logger] = frozenset()

    def __getitem__(self, name: str) -> logging.Handler:
        return self.handlers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.handlers)

    def __len__(self) -> int:
        return len(self.handlers)


class _Logging:
    """The factory of one resource, and what it has made."""

    __module__ = ""
    __qualname__ = "logging"

    def __init__(self) -> None:
        self._lock = threads.lock()
        """Held while users of handlers are counted: a thread may be left alone with a handler that hangs."""
        self._users: dict[logging.Handler, int] = {}
        """Of each open handler, how many tables that were built and are not closed have it."""
        self._specs: dict[logging.Handler, tuple[str, object]] = {}
        """What each of them was built of."""
        self._attached = _Built()

    def __call__(self, table: object) -> Iterator[Mapping[str, logging.Handler]]:
        """Build what `table` says; close, after that, what nothing else uses."""
        built = self._build(_plain(table))
        yield built
        self._release(built.handlers.values())
        for name, handler in self._attached.handlers.items():
            handler.set_name(name)  # closing one of the same name has taken it away

    # Building, on the thread of resources

    def _build(self, table: object) -> _Built:
        builder = _Builder(table)
        specs = builder.specs()
        anew = table == self._attached.table  # it was asked for: log files were rotated, for instance
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
                taken[name] = handler
            built = _Built(
                table, {name: taken[name] for name in builder.names}, builder.loggers(taken), builder.disabled()
            )
            for name, handler in built.handlers.items():
                if name not in kept and (listener := getattr(handler, "listener", None)) is not None:
                    listener.start()  # of a `QueueHandler`, from Python 3.12 on: nobody else would
        except BaseException:
            self._release(taken.values())
            raise
        for name, handler in built.handlers.items():
            if name not in self._attached.handlers:
                handler.set_name(name)
        return built

    def _release(self, handlers: Any) -> None:
        """Close those that nothing else uses, the last first: a buffer is flushed to its target."""
        error: Exception | None = None
        for handler in reversed(list(handlers)):
            with self._lock:
                self._users[handler] -= 1
                if self._users[handler]:
                    continue
                del self._users[handler], self._specs[handler]
            try:
                listener: Any = getattr(handler, "listener", None)
                if getattr(listener, "_thread", None) is not None:  # it was started
                    listener.stop()
                handler.close()
            except Exception as raised:  # noqa: BLE001 - the others are closed all the same
                error = raised
        if error is not None:
            raise error

    # At publication, on a thread that must not wait: attribute stores, and no lock

    def installed(self, handle: Handle[_Built] | None) -> None:
        """From now on the loggers have this. None: the watcher is closed, and the handlers are nobody's."""
        old, new = self._attached, _Built() if handle is None else handle.value
        try:
            if handle is None:
                for logger in old.loggers:
                    logger.handlers = list(logger.handlers)
                return
            self._attached = new
            for logger, wanted in new.loggers.items():
                self._attach(logger, wanted, old.loggers.get(logger), handle)
            for logger in old.loggers.keys() - new.loggers.keys():
                default = _Wanted(logging.WARNING if logger is logging.root else logging.NOTSET)
                self._attach(logger, default, old.loggers[logger], None)
            for logger in old.disabled - new.disabled:
                logger.disabled = False
            for logger in new.disabled:
                logger.disabled = True
        except Exception:  # noqa: BLE001 - a class of loggers of the program's own
            log.fault("reload", "Handlers could not be attached to all loggers")
        _forget_levels()

    def _attach(
        self, logger: logging.Logger, wanted: _Wanted, before: _Wanted | None, handle: Handle[Any] | None
    ) -> None:
        """Give it what is wanted. What others have added since the first time stays."""
        foreign = [] if before is None else [each for each in logger.handlers if each not in before.handlers]
        filters = [] if before is None else [each for each in logger.filters if each not in before.filters]
        logger.propagate = wanted.propagate
        logger.filters = [*wanted.filters, *filters]
        logger.handlers = foreign if handle is None else _Leased([*wanted.handlers, *foreign], handle)
        logger.level = wanted.level
        logger.disabled = False


class _Builder(DictConfigurator):
    """Builds what a table says, each part with its place in the table if it cannot be built."""

    def __init__(self, table: object) -> None:
        if not isinstance(table, dict):
            raise UnfitError((), TypeError(f"a table is wanted, not {type(table).__name__}"))
        self._plain: dict[str, Any] = table
        for name in table.keys() - _KEYS:
            text = f"{name!r} is unknown here"
            if name == "incremental":
                text = "incremental tables have no place here: all of the table is followed"
            raise UnfitError((name,), ValueError(text))
        if (version := table.get("version", 1)) != 1:
            raise UnfitError(("version",), ValueError(f"unsupported version {version!r}"))
        for name in _TABLES:
            self._table(name)
        super().__init__(_copied({name: {} for name in _TABLES} | table))
        self.names = tuple(self._table("handlers"))

    def _table(self, *path: str) -> dict[str, Any]:
        found = self._plain
        for key in path:
            inner = found.get(key, {})
            if not isinstance(inner, dict):
                raise UnfitError(path, TypeError(f"a table is wanted, not {type(inner).__name__}"))
            found = inner
        return found

    def specs(self) -> dict[str, object]:
        """What each handler is built of; None if that may be anything."""
        return {name: self._spec(name, frozenset()) for name in self.names}

    def _spec(self, name: str, above: frozenset[str]) -> object:
        table = self._table("handlers", name)
        if "cfg://" in repr(table):
            return None
        filters = [self._table("filters").get(each) for each in _listed(table.get("filters"))]
        targets = [table.get("target"), *_listed(table.get("handlers"))]
        inner = [each for each in targets if isinstance(each, str) and each in self.names]
        if name in above:
            return None
        below = [self._spec(each, above | {name}) for each in inner]
        formatter = self._table("formatters").get(str(table.get("formatter")))
        return None if None in below else (table, formatter, filters, below)

    def handlers(self, kept: Mapping[str, logging.Handler]) -> Iterator[tuple[str, logging.Handler]]:
        """Those that are not kept, one after the other, targets first."""
        for kind, make in (("formatters", self.configure_formatter), ("filters", self.configure_filter)):
            for name in self._table(kind):
                self.config[kind][name] = _placed((kind, name), partial(make, self.config[kind][name]))
        for name in self.names:
            self._check_handler(name)
        self.config["handlers"].update(kept)
        waiting = [name for name in self.names if name not in kept]
        while waiting:
            later = []
            for name in waiting:
                try:
                    handler = self.configure_handler(self.config["handlers"][name])
                except Exception as error:
                    if _TARGET in str(error.__cause__) and len(waiting) > 1:
                        self.config["handlers"][name] = self.convert(_copied(self._table("handlers", name)))
                        later.append(name)
                        continue
                    raise self._unbuildable(name, error) from error
                self.config["handlers"][name] = handler
                yield name, handler
            if later == waiting:
                text = f"the targets of {', '.join(later)} are each other"
                raise UnfitError(("handlers", later[0], "target"), ValueError(text))
            waiting = later

    def _check_handler(self, name: str) -> None:
        """What can be said before it is built, at its place."""
        table, path = self._table("handlers", name), ("handlers", name)
        _level(table, path)
        formatter = table.get("formatter")
        if formatter is not None and formatter not in self._table("formatters"):
            raise UnfitError((*path, "formatter"), ValueError(f"there is no formatter {formatter!r}"))
        self._known(table, path, "filters")
        made_by = table.get("()", table.get("class"))
        if isinstance(made_by, str):
            _placed((*path, "()" if "()" in table else "class"), partial(self.resolve, made_by))

    def _unbuildable(self, name: str, error: Exception) -> UnfitError:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        while isinstance(cause.__cause__, Exception):
            cause = cause.__cause__
        table, path = self._table("handlers", name), ("handlers", name)
        if isinstance(cause, OSError) and "filename" in table:
            return UnfitError((*path, "filename"), cause)
        return UnfitError(path, cause)

    def _known(self, table: Mapping[str, Any], path: KeyPath, kind: str) -> None:
        for each in _listed(table.get(kind)):
            if isinstance(each, str) and each not in self._table(kind):
                raise UnfitError((*path, kind), ValueError(f"there is no {kind.removesuffix('s')} {each!r}"))

    def loggers(self, handlers: Mapping[str, logging.Handler]) -> dict[logging.Logger, _Wanted]:
        """What each logger is to have. The loggers are made, and nothing else."""
        places: list[tuple[KeyPath, str | None]] = [(("loggers", name), name) for name in self._table("loggers")]
        places += [(("root",), None)] if "root" in self._plain else []
        found = {}
        for path, name in places:
            table = self._table(*map(str, path))
            for unknown in table.keys() - _LOGGER:
                raise UnfitError((*path, unknown), ValueError(f"{unknown!r} is unknown here"))
            self._known(table, path, "handlers")
            self._known(table, path, "filters")
            made = [
                self.config["filters"][each] if isinstance(each, str) else each
                for each in _listed(table.get("filters"))
            ]
            own = tuple(handlers[each] for each in _listed(table.get("handlers")))
            propagate = bool(table.get("propagate", True))
            default = logging.WARNING if name is None else logging.NOTSET
            found[logging.getLogger(name)] = _Wanted(_level(table, path, default), own, tuple(made), propagate)
        return found

    def disabled(self) -> frozenset[logging.Logger]:
        """The loggers that exist and are to be silent: those that the table does not name, nor their parents."""
        if not self._plain.get("disable_existing_loggers", False):
            return frozenset()
        named = tuple(self._table("loggers"))
        below = tuple(f"{each}." for each in named)
        known = dict(logging.root.manager.loggerDict)
        return frozenset(
            logger
            for name, logger in known.items()
            if isinstance(logger, logging.Logger) and name not in named and not name.startswith(below or ("\0",))
        )


def _level(table: Mapping[str, Any], path: KeyPath, default: int = logging.NOTSET) -> int:
    given = table.get("level")
    if given is None:
        return default
    checking = logging.NullHandler()
    _placed((*path, "level"), partial(checking.setLevel, given))
    return checking.level


def _placed(path: KeyPath, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise UnfitError(path, cause) from error


def _listed(given: object) -> list[Any]:
    return [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else []


def _plain(given: Any) -> Any:
    """As `logging.config` takes it: models and what is frozen as dicts and lists, secrets as texts."""
    if callable(dump := getattr(given, "model_dump", None)):
        return _plain(dump(by_alias=True, exclude_none=True))
    if isinstance(given, Mapping):
        return {str(key): _plain(value) for key, value in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [_plain(each) for each in given]
    return revealed() if callable(revealed := getattr(given, "get_secret_value", None)) else given


def _copied(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: _copied(value) for key, value in given.items()}
    return [_copied(each) for each in given] if isinstance(given, list) else copy(given)


def _forget_levels() -> None:
    """Loggers remember which levels are enabled, under a lock of `logging`, which may be held by anybody."""
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
    threads.Thread(manager._clear_cache, "hotconf logging").start()  # what was computed just now with old levels
