"""`States`: the states that are kept on disk, and what going back to one means. Everything here is slow: it reads
files, and runs the validators and checks of the model. It is called on a thread, and raises nothing that files cause.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hotconf.errors import UsageError
from hotconf.history.record import Damage, Record
from hotconf.problems import one_line
from hotconf.text import printable
from hotconf.tui.past.timeline import Kept, State
from hotconf.tui.view import comparison
from hotconf.tui.view.comparison import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from hotconf.history.restore import Restoration
    from hotconf.history.store import Stamp
    from hotconf.inspection.kept import Look
    from hotconf.snapshot import Snapshot
    from hotconf.sources.base import Options


@dataclass(frozen=True, slots=True)
class Question:
    """What a rollback to `state` would write."""

    state: State
    plan: Restoration
    files: tuple[File, ...]
    """How the files on disk become those of the state; those that appeared since stay."""
    without_appeared: tuple[File, ...]
    """The same, if those are removed."""


class States:
    """The states of what `options` load, in `state_dir`; each is read again only if it changes."""

    def __init__(
        self,
        options: Options[Any],
        state_dir: Path | None,
        secret_keys: frozenset[str],
        trouble: Callable[[], str | None],
    ) -> None:
        """`trouble` says why states are not kept, if they are not."""
        self._options = options
        self._trouble = trouble
        self._state_dir = state_dir
        self._secret_keys = secret_keys
        self._reading = threading.Lock()
        self._stamps: Mapping[int, Stamp] = {}
        """Of what was read."""
        self._records: dict[int, Record] = {}
        self._looks: dict[int, Look] = {}
        """At those that were judged."""

    def kept(self) -> Kept:
        """The states that are on disk now."""
        if self._state_dir is None:
            return Kept(trouble="no state directory is used")
        with self._reading:
            try:
                return self._read(self._state_dir)
            except (OSError, UsageError) as error:
                return Kept(trouble=_reason(error))

    def compared(self, old: State, new: State) -> tuple[File, ...] | str:
        """The files in which they differ, or why they cannot be compared."""
        sides: list[Snapshot[Any]] = []
        for state in (old, new):
            if state.snapshot is not None:
                sides.append(state.snapshot)
            elif state.hidden:
                return f"{state.name} cannot be shown: it {state.refused}"
            else:
                sides.append(self._look(state).snapshot)
        return comparison.compared(sides[0], sides[1], self._secret_keys)

    def question(self, state: State) -> Question | str:
        """What going back to `state` would write, or why that is not possible or changes nothing."""
        from hotconf.history.restore import plan

        if state.refused:
            return f"{state.name} cannot be restored: it {state.refused}"
        try:
            then = self._look(state)
            if then.errors:
                return f"{state.name} is not valid any more, so that it would not be loaded: {one_line(then.errors)}"
            now = self._on_disk([file.path for file in state.files if file.configures])
            planned = plan(then.snapshot, now.snapshot)
        except (OSError, UsageError) as error:
            return _reason(error)
        if not planned.writes and not planned.appeared:
            return f"The files are those of {state.name} already"
        locked = next((path for path, _ in planned.writes if not self._writable(path)), None)
        if locked is not None:
            return f"{printable(locked.name)} cannot be written: neither it nor its directory is writable"
        stays = set(planned.appeared)
        touched = replace(now.snapshot, files=tuple(file for file in now.snapshot.files if file.path not in stays))
        files = comparison.compared(touched, then.snapshot, self._secret_keys)
        removed = comparison.compared(now.snapshot, then.snapshot, self._secret_keys) if stays else files
        return Question(state, planned, files, removed)

    def restore(self, plan: Restoration, *, remove_appeared: bool) -> tuple[Path, ...]:
        """Write the earlier bytes; the watcher then sees a save like any other. Raises as `history.restore` does."""
        from hotconf.history.restore import restore

        return restore(plan, remove_appeared=remove_appeared)

    def _read(self, state_dir: Path) -> Kept:
        from hotconf.history.store import SUPPORTED, StateStore
        from hotconf.inspection.kept import unknown_secrets

        if not SUPPORTED:
            return Kept(trouble="states are kept on POSIX systems only")
        store = StateStore(state_dir, self._options.path)
        before, self._stamps = self._stamps, store.stamps()
        same = {number for number, stamp in self._stamps.items() if stamp == before.get(number)}
        self._records = {number: each for number, each in self._records.items() if number in same}
        self._looks = {number: look for number, look in self._looks.items() if number in same}
        found: list[tuple[int, Record | Damage]] = []
        for number in sorted(self._stamps, reverse=True):
            each = self._records.get(number) or store.read(number)
            if each is not None:
                found.append((number, each))
        self._records = {number: each for number, each in found if isinstance(each, Record)}
        self._looks = {number: look for number, look in self._looks.items() if number in self._records}
        good = next((number for number, each in self._records.items() if not self._judged(number, each).errors), None)
        foreign, invalid = {}, {}
        for number, record in self._records.items():
            look = self._looks.get(number)
            if unknown := unknown_secrets(record, self._options.schema):
                foreign[number] = f"is of another model, which keeps {unknown} secret"
            elif look is not None and look.errors:
                invalid[number] = f"is not valid any more: {one_line(look.errors)}"
        return Kept(tuple(found), foreign, invalid, good, self._trouble() or "")

    def _look(self, state: State) -> Look:
        if state.number is not None and state.snapshot is None and (record := self._records.get(state.number)):
            return self._judged(state.number, record)
        return self._judge(Record(0, state.at or datetime.now(UTC), state.files))

    def _judged(self, number: int, record: Record) -> Look:
        if number not in self._looks:
            self._looks[number] = self._judge(record)
        return self._looks[number]

    def _judge(self, record: Record) -> Look:
        from hotconf.inspection.kept import as_kept

        return as_kept(record, self._options)

    def _on_disk(self, also: Iterable[Path]) -> Look:
        from hotconf.inspection.kept import on_disk

        return on_disk(self._options, also)

    def _writable(self, path: Path) -> bool:
        """Whether it can be replaced, or written in place; through links."""
        real = os.path.realpath(path)
        return os.access(os.path.dirname(real), os.W_OK | os.X_OK) or os.access(real, os.W_OK)  # noqa: PTH120


def _reason(error: OSError | UsageError) -> str:
    if isinstance(error, UsageError):
        return str(error)
    where = f"{printable(str(error.filename))}: " if error.filename is not None else ""
    return f"{where}{error.strerror or error}"
