"""What the app's parts say to each other: one class per fact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from hotconf.snapshot import Snapshot
    from hotconf.tui.rows import Row


class Heard(Message):
    """There is something in the inbox."""


class StartFailed(Message):
    """The watcher could not be started."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__()


class Highlighted(Message):
    """The cursor of a list is at another row."""


class Chosen(Message):
    """The person wants the details of a row."""

    def __init__(self, row: Row) -> None:
        self.row = row
        super().__init__()


class Searched(Message):
    """The text that is looked for changed."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


class SearchEnded(Message):
    """The search box was left; `keep`: with what it found still shown."""

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        super().__init__()


class CommandEnded(Message):
    """The external command is over."""

    def __init__(self, status: int, lines: tuple[str, ...]) -> None:
        self.status = status
        self.lines = lines
        super().__init__()


class DriftSeen(Message):
    """The files were compared with what is published."""

    def __init__(self, drift: bool) -> None:
        self.drift = drift
        super().__init__()


class DiskRead(Message):
    """The files were read as they are on the disk, to go back from there to `target`."""

    def __init__(self, target: Snapshot[Any], on_disk: Snapshot[Any]) -> None:
        self.target = target
        self.on_disk = on_disk
        super().__init__()


class Restored(Message):
    """Earlier bytes were written to these files."""

    def __init__(self, generation: int, files: tuple[Path, ...]) -> None:
        self.generation = generation
        self.files = files
        super().__init__()


class NotRestored(Message):
    """Nothing was restored, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()
