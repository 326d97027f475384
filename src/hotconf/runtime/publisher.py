"""`Publisher`: what readers of one watcher see now, and the settings that came with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hotconf.changes import Change
from hotconf.config.reload_settings import settings_of
from hotconf.engine.candidate import Valid
from hotconf.engine.debounce import MILLISECOND, Round
from hotconf.engine.protocol import Publish, Refresh
from hotconf.events import Publication
from hotconf.logs.scrubbing import KnownSecrets
from hotconf.problems import Problem
from hotconf.snapshot import Snapshot, Timings
from hotconf.sources.base import Options
from hotconf.sources.files.missing import NO_BASELINE

if TYPE_CHECKING:
    from hotconf.resources.handle import Handle
    from hotconf.resources.published import Published

T = TypeVar("T")


class Publisher(Generic[T]):
    """`install` makes a snapshot visible to readers."""

    __slots__ = (
        *("applied", "baseline", "good", "install", "resources", "retired", "secrets", "settings", "snapshot"),
        "unannounced",
    )

    def __init__(self, options: Options[T], install: Callable[[Snapshot[T]], None]) -> None:
        self.snapshot: Snapshot[T] | None = None
        self.settings = options.pins.over(settings_of(options.schema, {}))
        """In force now."""
        self.secrets = KnownSecrets(options.schema)
        """Knows the secrets of what is published."""
        self.baseline = NO_BASELINE
        """Decides which files are missing: the published state; before the first one, the newest kept state."""
        self.good: Valid[T] | None = None
        """The candidate that is published, or that was found to be the same."""
        self.applied: Valid[T] | None = None
        """The latest of these without overrides."""
        self.install = install
        self.resources: Published[T] | None = None
        """What is made of the config, if anything is."""
        self.retired: list[Handle[Any]] = []
        """What was replaced: to be closed once the ending is reported."""
        self.unannounced: Publication | None = None
        """How the snapshot was published, until listeners are notified of it."""

    @property
    def generation(self) -> int:
        """Of what is published; 0 if nothing is."""
        return 0 if self.snapshot is None else self.snapshot.generation

    @property
    def files_digest(self) -> str:
        """That of what is published; empty if nothing is."""
        return "" if self.good is None else files_digest(self.good)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """About the files of what is published."""
        return () if self.snapshot is None else self.snapshot.warnings

    @property
    def pending_restart(self) -> tuple[Change, ...]:
        """What these files say, and takes effect only after a restart."""
        return () if self.snapshot is None else self.snapshot.pending_restart

    def publish(self, effect: Publish, detect_ns: int) -> None:
        """Make it visible to readers. `detect_ns`: how long it took until the change was known."""
        good = effect.candidate
        snapshot: Snapshot[T] = Snapshot(
            good.config,
            effect.generation,
            good.digest,
            good.loaded_at,
            good.files,
            good.origins,
            good.warnings,
            good.pending_restart,
        )
        began = time.monotonic_ns()
        made = effect.prepared.took_ns if effect.prepared is not None else 0
        if self.resources is not None:
            self.retired += self.resources.publish(snapshot.config, effect.prepared)
        self.install(snapshot)
        done = time.monotonic_ns()
        self.snapshot = snapshot
        self.secrets.publish(snapshot, good.secrets)
        self.baseline = good.baseline
        self.settings = good.settings
        overridden = _overridden(self.good) or _overridden(good)
        self._accept(good)
        timings = replace(_timings(good.timings, effect.round, began, done, detect_ns), prepare=made / MILLISECOND)
        self.unannounced = Publication(good.summary, timings, effect.recalled, overridden)

    def refresh(self, effect: Refresh) -> None:
        """Keep the config, but take over its new files, digest and origins."""
        if self.snapshot is None:
            return
        good = effect.candidate
        self.snapshot = replace(
            self.snapshot,
            digest=good.digest,
            loaded_at=good.loaded_at,
            files=good.files,
            origins=good.origins,
            warnings=good.warnings,
            pending_restart=good.pending_restart,
        )
        self.baseline = good.baseline
        self.settings = good.settings
        self._accept(good)
        self.secrets.publish(self.snapshot, good.secrets or self.secrets.published)
        self.install(self.snapshot)
        self.unannounced = Publication((good.unchanged or "",))

    def _accept(self, good: Valid[T]) -> None:
        self.good = good
        if not _overridden(good):
            self.applied = good


def files_digest(good: Valid[Any]) -> str:
    """Of main file, fragments and profile, as hexadecimal SHA-256.

    It may leave the process, unlike that of a snapshot: the digest of a short secret, such as the environment may
    hold, can be guessed. Equal for files that hold the same, wherever they are.
    """
    digest = sha256(b"" if good.made_of is None else good.made_of.profile.encode(), usedforsecurity=False)
    for file in good.files:
        if file.configures:
            digest.update(b"\0%d\0" % len(file.content) + file.content)
    return digest.hexdigest()


def _overridden(good: Valid[T] | None) -> bool:
    return good is not None and good.made_of is not None and bool(good.made_of.overrides)


def _timings(loaded: Timings, round_: Round | None, began: int, done: int, detect_ns: int) -> Timings:
    """Where the time of a reload went that was published from `began` to `done` (monotonic nanoseconds)."""
    ms = MILLISECOND
    settle = began - round_.first if round_ is not None else 0
    overhead = max(0, done - round_.deadline) if round_ is not None else 0
    swap = done - began
    return replace(loaded, detect=detect_ns / ms, settle=settle / ms, swap=swap / ms, overhead=overhead / ms)
