"""`Source`: provides a main document that is not a file, and is notified of what became of it.

A watcher takes one in place of the main file's path. Everything else is as with a file: layers override the document,
an invalid document changes nothing, `busy` defers, resources are prepared, states are kept.

Rule 1: a publish is one finished act. It is loaded without a window, and each result of `read` is one state.
Rule 2: no method blocks on the network for long. A source that is cut off is no failure: the published state stays.
Rule 3: the document cannot configure the watching: `[hot_reload]` in it is ignored, with a warning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from hotconf.formats.registry import FormatName
from hotconf.problems import Problem

REASON: Final = 300
"""The longest reason, in characters."""


class Fetched(NamedTuple):
    """One state of the main document."""

    data: bytes
    """The text, in UTF-8. It may contain secrets."""
    version: str
    """The source's name for this state: short, printable, not secret. It is displayed, kept with states, and in each
    verdict. The same version must always mean the same data.
    """
    format: FormatName = "toml"

    def __repr__(self) -> str:
        """Never shows the content."""
        return f"Fetched(version={self.version!r}, format={self.format!r}, {len(self.data)} bytes)"


Status: TypeAlias = Literal["applied", "unchanged", "deferred", "refused", "ready", "withdrawn"]


class Verdict(NamedTuple):
    """The watcher's verdict on a document."""

    status: Status
    """`applied`: it is published. `unchanged`: it is in force, and no value differed. `deferred`: it is valid, and
    waits while something is busy. `refused`: it is not valid, a resource could not be created, or it could not be
    read. For offers only: `ready`: it is valid and prepared. `withdrawn`: it was ready, and is discarded.
    """
    version: str
    """The version of that document; empty if none could be read."""
    serving: str = ""
    """The version now in force; empty if there is none, or if it is unknown."""
    generation: int = 0
    """The generation now in force; 0 if there is none."""
    reason: str = ""
    """Why it was refused, deferred or withdrawn: one line of at most 300 characters, with the place, but without any
    value of the configuration and without secrets.
    """


class Link(Protocol):
    """A source's calls to its watcher. All are thread-safe and return at once, even after the watcher is closed."""

    def changed(self) -> None:
        """The document may have changed: load it now. Not needed for the first document, which `read` waits for at
        the start.
        """

    def offer(self, fetched: Fetched, answer: Callable[[Verdict], object]) -> None:
        """Prepare this document without publishing it: it is loaded with the current layers and validated, and its
        resources are created. An earlier offer is withdrawn first.

        `answer` is called once, with `ready` or `refused`. After `ready`, it may be called once more with
        `withdrawn`, if the offer had to be discarded before its decision: by `reload(force=True)`, an override,
        `rebuild()`, a new resource, an internal error, or because the watcher closes. A forked child answers nothing.
        It is called on the watcher's own thread, and must return quickly and not raise.

        Emits no events. An offer waits for the end of an open round, and is refused while a file of a layer may be
        half written. From `ready` until the decision, all other changes are checked and deferred, as with `busy`,
        including those that `changed` reports: withdraw an offer that will not be committed.
        """

    def commit(self, version: str) -> None:
        """Publish the offered document of this version, with the prepared resources. While something is busy, this is
        deferred until its release. The verdict is passed to `Source.ended`.

        `read` must return this document or a newer one from then on. If the offer is not ready, this is `changed()`.
        """

    def withdraw(self, version: str) -> None:
        """Withdraw the offer of this version: its resources are closed, and nothing else changes. No answer
        follows.
        """


class Source(ABC):
    """The main document of a watcher, in place of a file. Each watcher needs a source of its own."""

    __slots__ = ()

    kind: str = "source"
    """The kind of source, in a word: `etcd`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A name such as `shop/prod`, shown in origins, problems and logs. It never changes."""

    @property
    def path(self) -> Path:
        """Stands in for a file's path in events, problems, origins and snapshots, and as the key of kept states.
        There is no such file; it is never opened or watched. If its name is ambiguous, a source adds the rest in
        the parentheses.
        """
        return Path(f"/({self.kind})/{self.name}")

    @abstractmethod
    def read(self) -> Fetched | Problem:
        """The current document; while it is watched, the last one received.

        Each load calls it, on its own thread; so do commands that only display it, without `watch`. The first call
        may block on the network for a few seconds, later ones must not. Return a problem of the kind `missing` if
        nothing is published, or `unreadable` if the source cannot be reached, or access is denied. Its message must
        contain no values and secrets, and need not name the source.
        """

    @abstractmethod
    def watch(self, link: Link) -> Callable[[], object]:
        """Begin to receive the document, and call `link.changed` after each change. Returns a function that ends
        this; it may be called twice, on any thread, and must return within a second.

        Called at `start()`, before the first `read`, and again in a forked child, where earlier threads, connections
        and leases belong to the parent: send nothing over them. Must return quickly. If the source cannot be reached,
        report that by `trouble`, and do not raise.
        """

    def as_observer(self) -> Source:
        """The source for an app or a command that only displays the document, and must not count as the program.

        By default, the source itself. A source that registers its watchers returns a copy that does not.
        """
        return self

    @property
    def trouble(self) -> str | None:
        """Why changes may not be noticed, for instance because the source has been cut off for some seconds; None if
        all is well.

        Shown in `stats.trouble` and `health()`. Must be thread-safe, and not block. The source itself logs it.
        """
        return None

    def ended(self, verdict: Verdict) -> None:  # noqa: B027 - optional
        """A round, or the load at start, has ended with this verdict on the document that `read` returned for it.

        Also called if only layers have changed, with the same version as before. After a start on a kept state, the
        status is `refused`, and `serving` has the version of that state. Called on the watcher's own thread, in
        order; must return quickly, and not raise.
        """
