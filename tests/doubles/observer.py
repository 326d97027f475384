"""`Observer`: a simulated kernel, which tells of changes late or never, and the reconcile that makes up for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from doubles.contents import source_id
from doubles.disk import Disk
from doubles.driver import VirtualDriver
from hotconf.engine.debounce import MILLISECOND, Touched
from hotconf.engine.protocol import Verified

RECONCILE_NS: Final = 2_000 * MILLISECOND
"""How often all files are looked at, whatever the kernel says."""


class Observer:
    """Turns changes of `disk` into Touched, as the runtime's observer does."""

    __slots__ = (
        "_complete",
        "_disk",
        "_driver",
        "_latest",
        "_read",
        "_renamed",
        "_told",
        "_writing",
        "deaf",
        "delay",
        "native",
        "watching",
    )

    def __init__(self, disk: Disk, driver: VirtualDriver, *, native: bool) -> None:
        self._disk = disk
        self._driver = driver
        self.native = native
        """Whether the kernel tells of anything at all."""
        self._read: dict[Path, int] = {}
        """The versions that the last load found."""
        self._told: dict[Path, int] = {}
        """The versions that a reconcile told of since."""
        self._writing: set[Path] = set()
        self._renamed: set[Path] = set()
        self._complete: set[Path] = set()
        self.deaf: set[Path] = set()
        """Files of which the kernel does not tell."""
        self.delay = 0
        """From a change until the kernel tells of it. What changed first is told first, even so."""
        self._latest = 0
        self.watching = True
        driver.clock.at(RECONCILE_NS, self._tick)

    def noticed(self, paths: Iterable[Path]) -> None:
        """Files were changed just now: tell of them after the delay, if at all."""
        noticed = {path: self._how(path) for path in paths if path not in self.deaf}
        if self.native and self.watching and noticed:
            self._latest = max(self._latest, self._driver.clock.now + self.delay)
            self._driver.clock.at(self._latest, lambda: self._report(noticed))

    def published(self) -> None:
        """A source that is no file has changed just now: that is known at once, whatever becomes of files."""
        if self.watching:
            self._touch(())

    def was_read(self, versions: Mapping[Path, int]) -> None:
        """A load, successful or not, found these versions when it began to read."""
        self._read = dict(versions)
        self._told = dict(versions)

    def verify(self) -> None:
        """Tell, before long, of what differs from what was read."""
        self._driver.clock.at(self._driver.clock.now + self.delay, self._compare)

    def watch(self, *, on: bool) -> None:
        """Begin or stop to watch; whoever begins looks at once, because changes may have gone unnoticed."""
        self.watching = on
        for known in (self._writing, self._renamed, self._complete):
            known.clear()
        if on:
            self._driver.clock.at(self._driver.clock.now, self._reconcile)

    def deafen(self, path: Path) -> None:
        """From now on the kernel does not tell of `path`; it is not known any more who has it open."""
        self.deaf.add(path)
        for known in (self._writing, self._renamed, self._complete):
            known.discard(path)

    def _how(self, path: Path) -> tuple[bool, bool, bool]:
        """Whether it is being written, was renamed into place, and came by an act that is over."""
        return path in self._disk.open, path in self._disk.renamed, path in self._disk.complete

    def _report(self, noticed: dict[Path, tuple[bool, bool, bool]]) -> None:
        for path, how in noticed.items():
            for known, so in zip((self._writing, self._renamed, self._complete), how, strict=True):
                (known.add if so and path not in self.deaf else known.discard)(path)
        if self.watching:
            self._touch(tuple(noticed))

    def _touch(self, paths: tuple[Path, ...], *, polled: bool = False) -> None:
        if polled:
            self._renamed.difference_update(paths)  # who knows how they came
            self._complete.difference_update(paths)
        sources, renamed, complete = map(_ids, (paths, self._renamed, self._complete))
        now, writing = self._driver.clock.now, bool(self._writing)
        self._driver.give(Touched(now, sources, writing, polled, frozenset(renamed), frozenset(complete)))

    def _compare(self) -> None:
        changed = self._disk.changed(self._read)
        if changed:
            self._touch(changed, polled=True)
        self._driver.give(Verified(self._driver.clock.now))

    def _tick(self) -> None:
        self._driver.clock.at(self._driver.clock.now + RECONCILE_NS, self._tick)
        self._reconcile()

    def _reconcile(self) -> None:
        read = set(self._disk.changed(self._read))
        changed = tuple(path for path in self._disk.changed(self._told) if path in read)
        if self.watching and changed:
            self._told.update({path: self._disk.versions[path] for path in changed})
            self._touch(changed, polled=True)


def _ids(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(map(source_id, paths))
