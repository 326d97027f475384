"""The last good state: the newest that is kept whole, and that the schema and the checks of today accept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from hotconf.engine.candidate import Candidate, Invalid, Valid
from hotconf.history.record import Damage, Record
from hotconf.history.store import StateStore
from hotconf.problems import one_line
from hotconf.snapshot import SourceFile
from hotconf.sources.files.missing import NO_BASELINE, Baseline

T = TypeVar("T")

Judge: TypeAlias = Callable[[tuple[SourceFile, ...], datetime], Candidate[T]]
"""What a load would bring back today if the files were as they were kept, read at that time."""


class LastGood(NamedTuple, Generic[T]):
    """It."""

    number: int
    valid: Valid[T]


class Search(Generic[T]):
    """Looks for it, once. `skipped` gets the number of each newer state, and why it is not the one.

    Raises `UsageError` and `OSError` as `StateStore.numbers` does.
    """

    __slots__ = ("_judge", "_skipped", "_store", "found")

    def __init__(self, store: StateStore, judge: Judge[T], skipped: Callable[[int, str], object]) -> None:
        self._store = store
        self._judge = judge
        self._skipped = skipped
        self.found: LastGood[T] | None = None
        """Set None to forget it."""

    def find(self) -> LastGood[T] | None:
        """The last good state; None if there is none."""
        if self.found is None:
            self.found = next(self._good(), None)
        return self.found

    def baseline(self) -> Baseline:
        """The newest whole state, which decides what is missing. `NO_BASELINE` if none of its files is missing, or
        there is no good one.
        """
        _, newest = next(self._whole(), (0, None))
        found = () if newest is None else newest.files
        files = tuple(file for file in found if file.configures and not file.version)  # what has one is no file
        if all(os.path.exists(file.path) for file in files) or self.find() is None:
            return NO_BASELINE
        return Baseline(files)

    def _good(self) -> Iterator[LastGood[T]]:
        for number, record in self._whole():
            candidate = self._judge(record.files, record.at)
            if isinstance(candidate, Valid):
                yield LastGood(number, candidate)
            elif isinstance(candidate, Invalid):
                self._skipped(number, f"is no longer valid: {one_line(candidate.errors)}")

    def _whole(self) -> Iterator[tuple[int, Record]]:
        for number, found in self._store.newest_first():
            if isinstance(found, Damage):
                self._skipped(number, found.text)
            else:
                yield number, found
