"""`Source`: where a main document comes from that is not a file on a disk, and how it hears what becomes of it.

A watcher takes one in the place of the main file's path. Everything else is as with a file: layers lie over the
document, a document that is not valid changes nothing, `busy` defers, resources are prepared, states are kept.

Rule 1: a publish is one finished act. It is loaded without a window, and whatever `read` returns is one state.
Rule 2: nothing here waits for the network for long. A source that is cut off is no failure: what is published stays.
Rule 3: the document decides nothing about the watching: `[hot_reload]` in it is ignored, with a warning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from hotconf.formats.registry import FormatName
from hotconf.problems import Problem

REASON: Final = 300
"""The most characters of a reason."""


class Fetched(NamedTuple):
    """The main document, as it is at one time."""

    data: bytes
    """The text, in UTF-8. It may hold secrets."""
    version: str
    """What the source calls this state: short, printable, not secret. Shown to people, kept with states, and named by
    each verdict. What has the same version must have the same data.
    """
    format: FormatName = "toml"

    def __repr__(self) -> str:
        """Never shows the content."""
        return f"Fetched(version={self.version!r}, format={self.format!r}, {len(self.data)} bytes)"


Status: TypeAlias = Literal["applied", "unchanged", "deferred", "refused", "ready", "withdrawn"]


class Verdict(NamedTuple):
    """What became of a document."""

    status: Status
    """`applied`: it is published. `unchanged`: it is in force, and no value differed. `deferred`: it is valid, and
    waits for something busy. `refused`: it is not valid, a resource cannot be made of it, or it could not be read.
    Of offers only: `ready`: it is valid and prepared. `withdrawn`: it was, and is so no longer.
    """
    version: str
    """That of the document which was judged; empty if none could be read."""
    serving: str = ""
    """The version that is in force now; empty if nothing is, or that is not known."""
    generation: int = 0
    """Of what is in force now; 0 if nothing is."""
    reason: str = ""
    """Why it was refused, deferred or withdrawn: one line of at most 300 characters, with the place, but without any
    value of the configuration and without secrets.
    """


class Link(Protocol):
    """What a source may say to its watcher. All of it returns at once; any thread may call it, also after the end."""

    def changed(self) -> None:
        """`read` returns something else than before, or may: load it now. Not needed for what the first `read`, at
        the start, waits for.
        """

    def offer(self, fetched: Fetched, answer: Callable[[Verdict], object]) -> None:
        """Prepare this document without publishing it: it is loaded with the layers of now, validated, and its
        resources are made. An earlier offer is withdrawn first.

        `answer` is called once with `ready` or `refused`, and after `ready` perhaps once more with `withdrawn`, if
        what was prepared had to be given up before it was decided: by `reload(force=True)`, an override, `rebuild()`,
        a new resource, or an internal error. A watcher that closes answers `withdrawn`, too; a forked child answers
        nothing. It is called on the watcher's own thread: it returns quickly, and raises nothing.

        Nothing is emitted. It waits until the open round, if there is one, has ended, and is refused while a file of
        a layer may be half written. From `ready` until the decision all changes are checked and deferred, as by
        `busy`, those that `changed` reports, too: withdraw first what will not be committed.
        """

    def commit(self, version: str) -> None:
        """Publish the offered document of this version; what was prepared is used. If something is busy, it is
        deferred, and published at its release. The verdict comes by `Source.ended`.

        From now on `read` returns it, or a newer one. Where it is not ready, this is `changed()`.
        """

    def withdraw(self, version: str) -> None:
        """The offer of this version is off: what was prepared is closed, and nothing has changed. Never answered."""


class Source(ABC):
    """The main document of a watcher, in the place of a file. A watcher has its own; its name says which it is."""

    __slots__ = ()

    kind: str = "source"
    """What it is, in a word: `etcd`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """As people write it: `shop/prod`. Shown in origins, problems and logs. Always the same."""

    @property
    def path(self) -> Path:
        """Stands for the document where a file has its path: in events, problems, origins and snapshots, and as the
        key of kept states. Nothing is there, and it is never opened, looked at or watched. A source that is more than
        its name puts the rest into the parentheses.
        """
        return Path(f"/({self.kind})/{self.name}")

    @abstractmethod
    def read(self) -> Fetched | Problem:
        """The document as it is now, as far as is known here: while it is watched, what was received last.

        Each load calls it, on its thread, and so do commands that only look, without `watch`. It waits for the
        network a few seconds at most, at the first call, and later not at all. What cannot be had is a problem, of
        the kind `missing` (nothing is published) or `unreadable` (it cannot be reached, or must not be read). Its
        message names no value and no secret, and need not name the source.
        """

    @abstractmethod
    def watch(self, link: Link) -> Callable[[], object]:
        """From now on receive the document, and call `link.changed` after each change. Returns a function that ends
        this: it may be called twice, on any thread, and waits a second at most.

        Called before the first `read`, at `start()`; again in a forked child, where threads, connections and leases
        of before are the parent's: nothing may be sent over them. Returns quickly; what cannot be reached now is no
        exception, but `trouble`.
        """

    def as_observer(self) -> Source:
        """The same document for an app or a command that only looks: what it does counts nowhere as the program's.

        By default itself, for a source that counts nobody. One that does returns another one.
        """
        return self

    @property
    def trouble(self) -> str | None:
        """Why changes may not be noticed: it has been cut off for some seconds. None if all is well.

        Shown in `stats.trouble` and `health()`. Any thread may ask; it never waits. It is for the source to log it.
        """
        return None

    def ended(self, verdict: Verdict) -> None:  # noqa: B027 - nothing to do is an answer, too
        """A round, or the load at start, has ended with this verdict on what `read` had returned for it.

        Also when only layers had changed; then the version is the same as before. After a start on a kept state that
        is a `refused` with the version that is `serving`. Called on the watcher's own thread, in order: it returns
        quickly, and raises nothing.
        """
