"""All outgoing text passes through here: it knows the secrets, and removes them.

Rule 1: a load knows the secrets in its files, in the resulting config, and in what was published before, by the
model's types and by the names of keys (`LoadSecrets`). Every text of a candidate passes its scrubber.
Rule 2: log records belong to no load. They pass the scrubbers of all watchers (`KnownSecrets`).
Rule 3: environment variables with the name of a secret are known everywhere, and so are variables with such names in
an exception's frames: a validator may quote what a `default_factory` made, even if no config resulted.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from hotconf.changes import MASK, MISSING
from hotconf.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.changes import Change
    from hotconf.config.layers import LayerTable
    from hotconf.formats.base import Document
    from hotconf.problems import Problem
    from hotconf.schema import Schema
    from hotconf.secrets.scrubber import Scrubber
    from hotconf.snapshot import Snapshot, SourceFile
    from hotconf.sources.files.set_reader import SetReader

_PLACES: Final = frozenset({"OLDPWD", "PWD"})
"""Variables that are no secrets, despite their names."""
_RETIRED: Final = 8
"""The secrets of so many earlier states are remembered: late messages may quote them."""


class LoadSecrets:
    """What is secret in one load; determined only when there is a message."""

    __slots__ = ("_config", "_current", "_former", "_known", "_published", "_reader", "_schema")

    def __init__(self, reader: SetReader, published: Snapshot[Any] | None, former: Scrubber | None) -> None:
        """`reader`: the files. `former`: the scrubber of what is published, if there is one."""
        self._reader = reader
        self._schema = reader.options.schema
        self._published = published
        self._former = former
        self._known: Scrubber | None = None
        self._current: Scrubber | None = None
        self._config: object = MISSING

    @property
    def current(self) -> Scrubber | None:
        """Knows the secrets in the files and in the resulting config, if these were determined."""
        return None if self._config is MISSING else self._current

    def scrubber(self, config: object = MISSING, changes: Iterable[Change] | None = None) -> Scrubber:
        """Knows the secrets in the files, in `config` if it resulted from them, and in what is published.

        If `changes` are all that is new in it, and none concerns a secret, the secrets are unchanged.
        """
        if self._known is None or config is not self._config:
            is_known = changes is not None and self._former is not None and not any(map(_is_secret, changes))
            former = self._former = self._former or self._published_before()
            self._current = former if is_known else self._found(config)
            self._config = config
            self._known = former.plus(self._current.secrets)
        return self._known

    def _published_before(self) -> Scrubber:
        from hotconf.secrets.scrubber import Scrubber

        if self._published is None:
            return Scrubber()
        return Scrubber(_secrets(self._schema, self._reader.cached.documents.values(), self._published.config))

    def _found(self, config: object) -> Scrubber:
        from hotconf.config.excerpts import secret_keys
        from hotconf.config.secret_values import secrets_in_text
        from hotconf.formats.registry import format_of
        from hotconf.secrets.scrubber import Scrubber

        read, documents = self._reader.reads, self._reader.documents
        found = set(_secrets(self._schema, [*documents.values(), *self._reader.over.tables], config))
        broken = read.keys() - documents.keys()
        keyed = secret_keys(self._schema).keyed if broken else ()
        for path in broken:
            found |= secrets_in_text(read[path].data.decode("utf-8", "replace"), keyed, format_of(path))
        former = self._former
        return former if former is not None and former.secrets == found else Scrubber(found)


def _is_secret(change: Change) -> bool:
    """Whether anything in it is masked."""
    todo = [change.old, change.new]
    while todo:
        value = todo.pop()
        if isinstance(value, str) and MASK in value:
            return True
        if isinstance(value, dict):
            todo += (*value, *value.values())
        elif isinstance(value, list):
            todo += value
    return any(isinstance(key, str) and MASK in key for key in change.path)


def _secrets(schema: Schema[Any], documents: Iterable[Document | LayerTable], config: object) -> frozenset[str]:
    from hotconf.config.secret_values import secrets_of
    from hotconf.config.shape import shape_of

    return secrets_of(shape_of(schema), documents, config) | environment()


def of_snapshot(
    schema: Schema[Any], snapshot: Snapshot[Any] | None, parsed: Mapping[Path, Document] = MappingProxyType({})
) -> Scrubber:
    """Knows what is secret in `snapshot`: in its config and in its files. What is in `parsed` is not parsed again."""
    from hotconf.formats.base import Document
    from hotconf.secrets.scrubber import Scrubber

    if snapshot is None:
        return Scrubber()
    read = (_document(file, parsed.get(file.path)) for file in snapshot.files if file.role != "watched")
    return Scrubber(_secrets(schema, [found for found in read if isinstance(found, Document)], snapshot.config))


def _document(file: SourceFile, parsed: Document | None) -> Document | Problem:
    from hotconf.formats.registry import parse

    if parsed is not None and file.content.decode("utf-8-sig", "replace") == parsed.text:
        return parsed
    return parse(file.content, file.path, allow_empty=True)


def environment() -> frozenset[str]:
    """The values of variables whose names are those of secrets."""
    from hotconf.secrets.keys import is_secret_key

    return frozenset(value for name, value in os.environ.items() if name not in _PLACES and is_secret_key(name))


class KnownSecrets:
    """What one watcher knows to be secret, for as long as it lives."""

    __slots__ = ("__weakref__", "_loaded", "_parsed", "_published", "_retired", "_schema", "_snapshot")

    def __init__(self, schema: Schema[Any], parsed: Callable[[], Mapping[Path, Document]]) -> None:
        """`parsed` returns the documents of the last load, at any time and in any thread."""
        self._schema = schema
        self._parsed = parsed
        self._snapshot: Snapshot[Any] | None = None
        self._published: Scrubber | None = None
        self._loaded: Scrubber | None = None
        self._retired: deque[frozenset[str]] = deque(maxlen=_RETIRED)
        _of_watchers[id(self)] = self

    @property
    def published(self) -> Scrubber | None:
        """Knows the secrets of what is published, if they were determined."""
        return self._published

    def publish(self, snapshot: Snapshot[Any], scrub: Scrubber | None) -> None:
        """This is published from now on; `scrub` knows its secrets."""
        if self._published is not None and scrub is not self._published:
            self._retired.append(self._published.secrets)
        self._snapshot, self._published, self._loaded = snapshot, scrub, None

    def load(self, scrub: Scrubber | None) -> None:
        """A load was refused; `scrub` knows its secrets."""
        self._loaded = scrub

    def scrubber(self) -> Scrubber:
        """Knows all of these, and the environment."""
        if self._published is None:
            self._published = of_snapshot(self._schema, self._snapshot, self._parsed())
        refused = frozenset[str]() if self._loaded is None else self._loaded.secrets
        return self._published.plus(environment().union(refused, *self._retired))


_of_watchers: WeakValueDictionary[int, KnownSecrets] = WeakValueDictionary()


def known_secrets() -> tuple[KnownSecrets, ...]:
    """What each of the watchers knows."""
    return tuple(known for reference in _of_watchers.valuerefs() if (known := reference()) is not None)


def lines(
    text: str,
    watchers: Iterable[KnownSecrets],
    error: BaseException | None = None,
    scrub: Scrubber | None = None,
) -> str:
    """`text` and the traceback of `error` without secrets: one line, then indented ones.

    Secrets are those that `watchers` and `scrub` know, and those in the frames that the error went through.
    """
    from hotconf.secrets.scrubber import Scrubber

    found, raised = environment(), ""
    if error is not None:
        from hotconf.config.secret_values import secrets_around

        found, raised = found | secrets_around([error]), "\n" + trace(error)
    for known in (*(each.scrubber() for each in watchers), *([scrub] if scrub else []), Scrubber(found)):
        text, raised = known(text), known(raised, words=True)
    first, *rest = f"{text}{raised}".split("\n")
    return "\n".join((printable(first), *(f"    {printable(line)}" for line in rest)))


def trace(error: BaseException) -> str:
    """Its traceback with all its causes, notes included; never the variables."""
    from traceback import TracebackException

    try:
        return "".join(TracebackException.from_exception(error).format()).rstrip("\n")
    except Exception:  # noqa: BLE001 - what users' exceptions say is users' code
        return type(error).__name__
