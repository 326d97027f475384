"""Secrets in what leaves the process: what each load and each watcher knows, and how log records are scrubbed.

Rule 1: a load knows the secrets in its files, in the resulting config, and in what is published, by the model's types
and by the names of keys (`LoadSecrets`). All texts of a candidate are scrubbed of these.
Rule 2: log records belong to no load. They are scrubbed of what all watchers know (`KnownSecrets`).
Rule 3: environment variables with the name of a secret are known everywhere, and so are variables with such names in
an exception's frames: a validator may quote what a `default_factory` made, even if no config resulted.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from hotconf.changes import MASK, MISSING
from hotconf.text import printable

if TYPE_CHECKING:
    from typing import Protocol

    from hotconf.changes import Change
    from hotconf.config.layers import LayerTable
    from hotconf.formats.base import Document
    from hotconf.formats.salvage import Salvage
    from hotconf.schema import Schema
    from hotconf.secrets.scrubber import Scrubber
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import FileSet, Options
    from hotconf.sources.files.reading import Read

    class LayersRead(Protocol):
        """What a load is made of."""

        @property
        def options(self) -> Options[Any]:
            """What is loaded."""

        @property
        def reads(self) -> Mapping[Path, Read]:
            """What was read of each file."""

        @property
        def documents(self) -> list[Document]:
            """Those that could be parsed."""

        @property
        def salvaged(self) -> Mapping[Path, Salvage]:
            """What is left of those that could not be parsed."""

        @property
        def over(self) -> tuple[LayerTable, ...]:
            """The other layers."""

        @property
        def cached(self) -> FileSet:
            """What the load before read."""


_LOADS: Final = 8
"""How many loads to remember the secrets of: late messages may quote them."""


class LoadSecrets:
    """What is secret in one load; sought for the first message only."""

    __slots__ = ("_all", "_config", "_own", "_published", "_published_scrub", "_reader")

    def __init__(self, reader: LayersRead, published: Snapshot[Any] | None, scrub: Scrubber | None) -> None:
        """`scrub` removes the secrets of what is `published`, if these were sought."""
        self._reader = reader
        self._published = published
        self._published_scrub = scrub
        self._config: object = MISSING
        self._own: Scrubber | None = None
        self._all: Scrubber | None = None

    @property
    def own(self) -> Scrubber | None:
        """Removes the secrets in the files and in the resulting config, if these were sought."""
        return None if self._config is MISSING else self._own

    def scrubber(self, config: object = MISSING, changes: Iterable[Change] | None = None) -> Scrubber:
        """Removes the secrets in the files, in `config` if it resulted from them, and in what is published.

        `changes`: all that is new in `config`. Unless one of them holds a secret, the secrets are the published ones.
        """
        if self._all is None or (config is not MISSING and config is not self._config):
            from hotconf.secrets.scrubber import Scrubber

            published = self._published_scrub
            if published is not None and changes is not None and not any(map(_holds_secret, changes)):
                self._own = published
            else:
                found = self._in_files(config)
                self._own = Scrubber(found if published is not None else found | self._in_published())
            self._config = config
            self._all = self._own if published is None else self._own.plus(published.secrets)
        return self._all

    def _in_files(self, config: object) -> frozenset[str]:
        schema = self._reader.options.schema
        broken = [read for read in self._reader.reads.values() if read.document is None]
        layers: list[Document | LayerTable] = [*self._reader.documents, *self._reader.over]
        layers += [each.document for each in self._reader.salvaged.values() if each.document is not None]
        if (profile := self._reader.options.profile) is not None:
            layers += profile.tables(self._reader.documents)
        found = _secrets(schema, layers, config)
        return found.union(*(_in_text(read.data.decode("utf-8", "replace"), found) for read in broken))

    def _in_published(self) -> frozenset[str]:
        if self._published is None:
            return frozenset()
        reader = self._reader
        return _secrets(reader.options.schema, reader.cached.documents, self._published.config)


def _in_text(text: str, known: frozenset[str]) -> frozenset[str]:
    """What may be secret in `text`, a file that is no document: a broken one, or one of a layer.

    If it is `known` as one secret and is JSON, its values are known, too; its keys are names of fields.
    """
    from hotconf.config.redaction.secret_values import keys_in_json
    from hotconf.config.redaction.source_text import secrets_in_text

    found = secrets_in_text(text)
    if (whole := text.strip()) in known and (keys := keys_in_json(whole)):
        found = frozenset(each for each in found - keys if any(map(str.isalnum, each)))
    return found


def _holds_secret(change: Change) -> bool:
    return MASK in repr((change.path, change.old, change.new))


def _secrets(schema: Schema[Any], layers: Iterable[Document | LayerTable], config: object) -> frozenset[str]:
    from hotconf.config.redaction.secret_values import secrets_of
    from hotconf.config.shape import shape_of

    return secrets_of(shape_of(schema), layers, config) | environment()


def environment() -> frozenset[str]:
    """The values of variables whose names are those of secrets."""
    from hotconf.secrets.keys import is_directory, is_secret_key

    named = ((name, value) for name, value in os.environ.items() if is_secret_key(name))
    return frozenset(value for name, value in named if not is_directory(name, os.environ))


class KnownSecrets:
    """What one watcher knows to be secret, for as long as it lives."""

    __slots__ = ("__weakref__", "_loads", "_schema", "_scrub", "_snapshots", "_sought", "published")

    def __init__(self, schema: Schema[Any]) -> None:
        self._schema = schema
        self._snapshots: tuple[Snapshot[Any], ...] = ()
        """What is published and what was before, if their loads did not seek their secrets."""
        self._sought: tuple[Snapshot[Any], ...] = ()
        """Those whose secrets were sought for a log record."""
        self.published: Scrubber | None = None
        """Removes the secrets of what is published, if these were sought."""
        self._loads: deque[frozenset[str]] = deque(maxlen=_LOADS)
        self._scrub: Scrubber | None = None
        _of_watchers[id(self)] = self

    def publish(self, snapshot: Snapshot[Any], scrub: Scrubber | None) -> None:
        """`snapshot` is published; `scrub` removes its secrets, if they were sought."""
        self._snapshots = (*self._snapshots[-1:], *([] if scrub is not None else [snapshot]))
        self.published = scrub
        self.load(scrub)

    def load(self, scrub: Scrubber | None) -> None:
        """A load has ended; `scrub` removes its secrets."""
        if scrub is not None:
            self._loads.append(scrub.secrets)

    def scrubber(self) -> Scrubber:
        """Removes all of these, and those of the environment."""
        from hotconf.secrets.scrubber import Scrubber

        snapshots = self._snapshots
        for snapshot in snapshots:
            if all(snapshot is not each for each in self._sought):
                self._loads.append(secrets_of_snapshot(self._schema, snapshot))
        self._sought = snapshots
        found = environment().union(*self._loads)
        scrub = self._scrub
        if scrub is None or scrub.secrets != found:
            scrub = self._scrub = Scrubber(found)
        return scrub


def secrets_of_snapshot(schema: Schema[Any], snapshot: Snapshot[Any]) -> frozenset[str]:
    """Those of its config and of its layers."""
    from hotconf.config.merge import Origins

    layers = snapshot.origins.layers if isinstance(snapshot.origins, Origins) else ()
    return _secrets(schema, layers, snapshot.config)


_of_watchers: WeakValueDictionary[int, KnownSecrets] = WeakValueDictionary()


def known_secrets() -> tuple[KnownSecrets, ...]:
    """What each of the watchers knows."""
    return tuple(known for reference in _of_watchers.valuerefs() if (known := reference()) is not None)


def lines(
    text: str,
    watchers: Iterable[KnownSecrets],
    error: BaseException | None = None,
    known: Scrubber | None = None,
) -> str:
    """`text` and the traceback of `error` without secrets: one line, then indented ones.

    Secrets are those that `watchers` and `known` know, and those in the frames that the error went through.
    """
    from hotconf.secrets.scrubber import Scrubber, scrub

    found, raised = environment(), ""
    if error is not None:
        from hotconf.config.redaction.secret_values import secrets_around

        found, raised = found | secrets_around([error]), "\n" + trace(error)
    scrubbers = [*(each.scrubber() for each in watchers), *([known] if known else []), Scrubber(found)]
    first, *rest = f"{scrub(text, scrubbers)}{scrub(raised, scrubbers, words=True)}".split("\n")
    return "\n".join((printable(first), *(f"    {printable(line)}" for line in rest)))


def trace(error: BaseException) -> str:
    """Its traceback with all its causes, notes included; never the variables."""
    from traceback import TracebackException

    try:
        return "".join(TracebackException.from_exception(error).format()).rstrip("\n")
    except Exception:  # noqa: BLE001 - what users' exceptions say is users' code
        return type(error).__name__
