"""Builds the objects of a `dictConfig` table, without changing a logger or truncating a log file."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from logging.config import DictConfigurator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.resources.preparation import UnfitError

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath

_LOGGER: Final = frozenset({"level", "handlers", "filters", "propagate"})
_TABLES: Final = ("formatters", "filters", "handlers", "loggers", "root")
_KEYS: Final = frozenset({*_TABLES, "version", "disable_existing_loggers"})
_FORMATTER: Final = frozenset(
    {"format", "datefmt", "style", "class", "validate"} | ({"defaults"} if sys.version_info >= (3, 12) else set())
)
_FILTER: Final = frozenset({"name"})
"""The keys of a formatter or a filter without a factory; others would be ignored silently."""
_TARGET: Final = "target not configured yet"
"""The message of `logging.config` about a handler whose target comes later."""


class Wanted(NamedTuple):
    """The configuration of one logger."""

    level: int = logging.NOTSET
    handlers: tuple[logging.Handler, ...] = ()
    filters: tuple[Any, ...] = ()
    propagate: bool = True


class Builder(DictConfigurator):
    """Builds the parts of a table. A part that cannot be built raises `UnfitError` with its key."""

    def __init__(self, table: object) -> None:
        if not isinstance(table, dict):
            raise UnfitError((), TypeError(f"expected a table, got {type(table).__name__}"))
        self._plain: dict[str, Any] = table
        if "incremental" in table:
            text = "incremental is not supported: the whole table is applied"
            raise UnfitError(("incremental",), ValueError(text))
        _unknown(table, (), _KEYS)
        if (version := table.get("version", 1)) != 1:
            raise UnfitError(("version",), ValueError(f"unsupported version {version!r}"))
        for name in _TABLES:
            self._table(name)
        super().__init__(_copied({name: {} for name in _TABLES} | table))
        self.names = tuple(self._table("handlers"))
        self.emptied: set[logging.Handler] = set()
        """Handlers of mode "w", whose file is truncated at publication."""

    def _table(self, *path: str) -> dict[str, Any]:
        found = self._plain
        for key in path:
            inner = found.get(key, {})
            if not isinstance(inner, dict):
                raise UnfitError(path, TypeError(f"expected a table, got {type(inner).__name__}"))
            found = inner
        return found

    def specs(self) -> dict[str, object]:
        """The specification of each handler; None if it cannot be compared."""
        return {name: self._spec(name, frozenset()) for name in self.names}

    def _spec(self, name: str, above: frozenset[str]) -> object:
        table = self._table("handlers", name)
        filters = [self._table("filters").get(each) for each in _listed(table.get("filters"))]
        targets = [table.get("target"), *_listed(table.get("handlers"))]
        inner = [each for each in targets if isinstance(each, str) and each in self.names]
        formatter = self._table("formatters").get(str(table.get("formatter")))
        if name in above or "cfg://" in repr((table, formatter, filters)):
            return None
        below = [self._spec(each, above | {name}) for each in inner]
        return None if None in below else (table, formatter, filters, below)

    def handlers(self, kept: Mapping[str, logging.Handler]) -> Iterator[tuple[str, logging.Handler]]:
        """Build the handlers that are not kept, targets first."""
        for kind, make, known, fit in (
            ("formatters", self.configure_formatter, _FORMATTER, _formats),
            ("filters", self.configure_filter, _FILTER, _filters),
        ):
            for name in self._table(kind):
                if "()" not in (table := self._table(kind, name)):
                    _unknown(table, (kind, name), known)
                made = _placed((kind, name), partial(make, self.config[kind][name]))
                _check_made(made, table, (kind, name), fit)
                self.config[kind][name] = made
        for name in self.names:
            self._check_handler(name)
        self.config["handlers"].update(kept)
        waiting = [name for name in self.names if name not in kept]
        while waiting:
            later = []
            for name in waiting:
                try:
                    emptied = self._appending(self.config["handlers"][name])
                    handler = self.configure_handler(self.config["handlers"][name])
                except Exception as error:
                    if _TARGET in str(error.__cause__) and len(waiting) > 1:
                        self.config["handlers"][name] = self.convert(_copied(self._table("handlers", name)))
                        later.append(name)
                        continue
                    raise self._unbuildable(name, error) from error
                table = self._table("handlers", name)
                _check_made(handler, table, ("handlers", name), lambda made: isinstance(made, logging.Handler))
                if emptied and not getattr(handler, "maxBytes", 0):  # rotating handlers always append
                    self.emptied.add(handler)
                self.config["handlers"][name] = handler
                yield name, handler
            if later == waiting:
                text = f"{', '.join(later)} are each other's targets"
                raise UnfitError(("handlers", later[0], "target"), ValueError(text))
            waiting = later

    def _appending(self, table: Any) -> bool:
        """Change mode "w" to append, because a refused save must not truncate the file. Returns whether it was "w".

        The handler keeps appending, so two handlers that have the file open do not overwrite each other.
        """
        made_by = table.get("()", table.get("class"))
        kind = self.resolve(made_by) if isinstance(made_by, str) else made_by
        mode, name = table.get("mode"), table.get("filename")
        if not (isinstance(kind, type) and issubclass(kind, logging.FileHandler)) or table.get("delay"):
            return False
        if not (isinstance(mode, str) and "w" in mode and isinstance(name, str | os.PathLike)):
            return False
        if (path := Path(name)).exists() and not path.is_file():
            return False  # a device or a pipe has nothing to lose
        table["mode"] = mode.replace("w", "a")
        return True

    def _check_handler(self, name: str) -> None:
        """Check what can be checked before building, for an error at the right key."""
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
        given = table.get(kind)
        if not isinstance(given, str | list | None):
            raise UnfitError((*path, kind), TypeError(f"expected a list of names, got {type(given).__name__}"))
        for each in _listed(given):
            if kind == "filters" and not isinstance(each, str) and _filters(each):
                continue  # an object from a model
            if not isinstance(each, str) or each not in self._table(kind):
                raise UnfitError((*path, kind), ValueError(f"there is no {kind.removesuffix('s')} {each!r}"))

    def loggers(self, handlers: Mapping[str, logging.Handler]) -> dict[logging.Logger, Wanted]:
        """The configuration of each logger. Creates the loggers, and changes nothing else."""
        places: list[tuple[KeyPath, str | None]] = [(("loggers", name), name) for name in self._table("loggers")]
        places += [(("root",), None)] if "root" in self._plain else []
        found = {}
        for path, name in places:
            table = self._table(*map(str, path))
            _unknown(table, path, _LOGGER)
            self._known(table, path, "handlers")
            self._known(table, path, "filters")
            made = [
                self.config["filters"][each] if isinstance(each, str) else each
                for each in _listed(table.get("filters"))
            ]
            own = tuple(handlers[each] for each in _listed(table.get("handlers")))
            propagate = _flag(table, path, "propagate", default=True)
            default = logging.WARNING if name is None else logging.NOTSET
            found[logging.getLogger(name)] = Wanted(_level(table, path, default), own, tuple(made), propagate)
        return found

    def disabled(self) -> frozenset[logging.Logger]:
        """The existing loggers to disable: those that neither the table nor a parent in it names.

        hotconf's own stay enabled: they say why the next save is refused.
        """
        if not _flag(self._plain, (), "disable_existing_loggers", default=False):
            return frozenset()
        named = tuple(self._table("loggers"))
        below = ("hotconf.", *(f"{each}." for each in named))
        known = dict(logging.root.manager.loggerDict)
        return frozenset(
            logger
            for name, logger in known.items()
            if isinstance(logger, logging.Logger) and name not in {"hotconf", *named} and not name.startswith(below)
        )


def _unknown(table: Mapping[str, Any], path: KeyPath, known: frozenset[str]) -> None:
    for name in table.keys() - known:
        raise UnfitError((*path, name), ValueError(f"unknown key {name!r}"))


def _flag(table: Mapping[str, Any], path: KeyPath, name: str, *, default: bool) -> bool:
    given = table.get(name)
    if given is None:
        return default
    if given not in (True, False):  # 1 and 0 are equal to them
        raise UnfitError((*path, name), TypeError(f"expected true or false, got {type(given).__name__}"))
    return bool(given)


def _filters(made: Any) -> bool:
    return callable(made) or callable(getattr(made, "filter", None))


def _formats(made: Any) -> bool:
    return callable(getattr(made, "format", None))


def _check_made(made: Any, table: Mapping[str, Any], path: KeyPath, fit: Callable[[Any], bool]) -> None:
    """Refuse a factory's object with which every record would raise."""
    if not fit(made):
        text = f"expected a {path[0].removesuffix('s')}, got {type(made).__name__}"  # type: ignore[union-attr]
        raise UnfitError((*path, "()" if "()" in table else "class"), TypeError(text))


def _level(table: Mapping[str, Any], path: KeyPath, default: int = logging.NOTSET) -> int:
    given = table.get("level")
    if given is None:
        return default
    if isinstance(given, bool):  # `logging` takes it for a number
        raise UnfitError((*path, "level"), TypeError("expected a level, got bool"))
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


def plain(given: Any) -> Any:
    """In the types that `logging.config` accepts: models and frozen values as dicts and lists, secrets revealed."""
    if callable(dump := getattr(given, "model_dump", None)):
        return plain(dump(by_alias=True, exclude_none=True))
    if isinstance(given, Mapping):
        return {str(key): plain(value) for key, value in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [plain(each) for each in given]
    return revealed() if callable(revealed := getattr(given, "get_secret_value", None)) else given


def _copied(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: _copied(value) for key, value in given.items()}
    return [_copied(each) for each in given] if isinstance(given, list) else copy(given)
