"""What the app's parts say to each other: one class per fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from hotconf.tui.view.rows import Row


class UpdatesArrived(Message):
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

    def __init__(self, row: Row, whole: str) -> None:
        self.row = row
        self.whole = whole
        """What the row is about, however long."""
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


class RoomChanged(Message):
    """The status line has another width."""


class CommandEnded(Message):
    """The external command is over."""

    def __init__(self, status: int, lines: tuple[str, ...]) -> None:
        self.status = status
        self.lines = lines
        super().__init__()
