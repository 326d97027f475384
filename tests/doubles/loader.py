"""`Loader`: simulated loads, which take time, during which the files may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from doubles.clock import VirtualClock
from doubles.contents import Config, Content, candidate, unstable
from doubles.disk import Disk
from hotconf.engine.candidate import Candidate, Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import Loaded


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the parts of a load take, in nanoseconds."""

    queue: int = 0
    """Other watchers' loads come first."""
    read: int = 0
    """What changes during this time makes the read unstable."""
    think: int = MILLISECOND
    """Parsing and validating; what changes now is not seen."""


@dataclass(slots=True)
class Loader:
    """Reads `disk` and compares it with `published`, as the runtime's loader does."""

    clock: VirtualClock
    disk: Disk
    done: Callable[[Loaded, Mapping[Path, int]], None]
    """Gets each result, and the versions of the files when the read began."""
    pace: Pace = field(default=Pace())
    published: Valid[Config] | None = None
    last_good: Valid[Config] | None = None
    """What was kept of an earlier run."""
    read: Mapping[Path, Content | None] = field(default_factory=dict)
    """What the last load found."""
    before: Mapping[Path, Content | None] = field(default_factory=dict)
    """What the files said when the last round ended."""

    def begin(self, number: int, instead: Mapping[Path, Content]) -> None:
        """Do this load at the pace of now. `instead`: what is offered in the place of what the source says."""
        pace = self.pace
        self.clock.at(self.clock.now + pace.queue, lambda: self._read(number, pace, instead))

    def _read(self, number: int, pace: Pace, instead: Mapping[Path, Content]) -> None:
        began = self.clock.now
        versions = dict(self.disk.versions)
        self.clock.at(began + pace.read, lambda: self._think(number, pace, began, versions, instead))

    def _think(
        self, number: int, pace: Pace, began: int, versions: dict[Path, int], instead: Mapping[Path, Content]
    ) -> None:
        changed = self.disk.changed(versions)
        found: Candidate[Config]
        contents = {**self.disk.contents, **instead}
        found = unstable(changed) if changed else candidate(contents, self.published, self.before)
        self.read = self.read if instead else contents
        self.clock.at(self.clock.now + pace.think, lambda: self._done(number, began, found, versions))

    def _done(self, number: int, began: int, found: Candidate[Config], versions: dict[Path, int]) -> None:
        now = self.clock.now
        failed = self.published is None and not isinstance(found, Valid)
        last_good = self.last_good if failed else None
        self.done(Loaded(now, number, found, cost_ns=now - began, last_good=last_good), versions)
