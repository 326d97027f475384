"""Going back: the files get the bytes that they had in an earlier state, all of them or none.

Rule 1: nothing is written unless each file still holds what the plan was made from, or is gone.
Rule 2: everything is on the disk, beside its destination, before the first file is replaced.
Rule 3: if a replacement fails, those that were made before it are undone.
Rule 4: whatever happens, no temporary file remains.

The configuration is not touched: the watcher sees the files change and reloads them as it always does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hotconf.errors import UsageError
from hotconf.history.replacement import FileRemoval, FileWrite
from hotconf.sources.files import reading
from hotconf.text import printable, source_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotconf.snapshot import Snapshot


_FileChange: TypeAlias = FileWrite | FileRemoval


class RestoreRefused(UsageError):  # noqa: N818 - an answer that the files give, nothing is broken
    """A file changed since the plan was made, so that a change would be lost; nothing was written."""

    paths: tuple[Path, ...]

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)
        names = ", ".join(printable(path.name) for path in self.paths)
        super().__init__(f"{names} changed in the meantime; nothing was written: review the difference again")


@dataclass(frozen=True, slots=True)
class Restoration:
    """What going back to an earlier state means for the files."""

    writes: tuple[tuple[Path, bytes], ...] = field(repr=False)
    """The files whose content differs or that are no longer there, with the bytes that they get."""
    appeared: tuple[Path, ...]
    """Fragments that the earlier state did not have. They stay, unless `restore` is asked to remove them."""
    target: tuple[tuple[Path, bytes], ...] = field(repr=False)
    """All files of the earlier state. One that is missing when it is restored is written as well."""
    current: tuple[tuple[Path, bytes], ...] = field(repr=False)
    """What the files must still hold."""


def plan(target: Snapshot[Any], current: Snapshot[Any]) -> Restoration:
    """How the files of `current` become those of `target`. Pure. Raises `UsageError` for what is no file."""
    for file in target.files:
        if file.version:
            raise not_written(source_name(file.path))
    then, now = _contents(target), _contents(current)
    return Restoration(
        writes=tuple((path, data) for path, data in then.items() if now.get(path) != data),
        appeared=tuple(path for path in now if path not in then),
        target=tuple(then.items()),
        current=tuple(now.items()),
    )


def not_written(name: str) -> UsageError:
    """What to do instead, for the source of this name."""
    shown = printable(name)
    return UsageError(f"{shown} is no file, and not written here: `hotconf fleet rollback {shown}` goes back")


def _contents(snapshot: Snapshot[Any]) -> dict[Path, bytes]:
    return {file.path: file.content for file in snapshot.files if file.configures}


def restore(plan: Restoration, *, remove_appeared: bool = False) -> tuple[Path, ...]:
    """Carry out `plan` and return the files that were written or, if `remove_appeared`, removed.

    Files are replaced by renaming, with their mode, owner and extended attributes as far as that is permitted; links
    stay and their targets are replaced. Where renaming is impossible (a bind-mounted file, a directory that takes no
    new files) or would break a hard link, the file is written in place, which readers may see half done.

    Raises `RestoreRefused` if a file changed since, and `OSError` if writing fails; then the files are as before. If
    one of them could not be restored, a note on the error says so.
    """
    found = _read(plan)
    now, then = dict(plan.current), dict(plan.target)
    _refuse(path for path, read in found.items() if not _expected(read, now.get(path), then.get(path)))
    changes = _changes(plan, found, remove_appeared)
    try:
        _prepare(changes, plan, found)
        _commit(changes)
    finally:
        for change in changes:
            change.clean()
    return tuple(change.path for change in changes)


def _read(plan: Restoration) -> dict[Path, reading.Read]:
    largest: dict[Path, int] = {}
    for path, data in (*plan.current, *plan.target):
        largest[path] = max(largest.get(path, 0), len(data))
    return {path: reading.read(path, size) for path, size in largest.items()}


def _expected(read: reading.Read, now: bytes | None, then: bytes | None) -> bool:
    """Whether nothing is lost by overwriting it: it is what the plan was made from, or there is nothing."""
    if read.problem is not None:
        return read.problem.kind == "missing"
    return read.data == (then if now is None else now)


def _refuse(paths: Iterable[Path]) -> None:
    changed = tuple(paths)
    if changed:
        raise RestoreRefused(changed)


def _changes(plan: Restoration, found: dict[Path, reading.Read], remove_appeared: bool) -> list[_FileChange]:
    # The main file comes first: a file that is created anew is given its mode and owner.
    model = plan.target[0][0]
    writes = [
        FileWrite(path, data, None if found[path].problem else found[path].data, model)
        for path, data in plan.target
        if found[path].problem is not None or found[path].data != data
    ]
    appeared = plan.appeared if remove_appeared else ()
    return [*writes, *(FileRemoval(path) for path in appeared if found[path].problem is None)]


def _prepare(changes: Sequence[_FileChange], plan: Restoration, found: dict[Path, reading.Read]) -> None:
    """Prepare all, then read the files once more: has one changed meanwhile?"""
    try:
        for change in changes:
            change.prepare()
    except FileNotFoundError:  # it has, and what that caused is not worth reporting
        _refuse_changed(plan, found)
        raise
    _refuse_changed(plan, found)


def _refuse_changed(plan: Restoration, found: dict[Path, reading.Read]) -> None:
    again = _read(plan)
    _refuse(path for path, read in found.items() if (read.data, read.stamp) != (again[path].data, again[path].stamp))


def _commit(changes: Sequence[_FileChange]) -> None:
    begun: list[_FileChange] = []
    try:
        for change in changes:
            begun.append(change)
            change.commit()
    except BaseException as error:
        for change in reversed(begun):
            try:
                change.undo()
            except OSError as failure:
                error.add_note(f"{printable(str(change.path))} could not be restored: {failure.strerror}")
        raise
