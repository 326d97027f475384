"""Toasts: the notification of what just ended. However many endings come in a row, there is one toast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from hotconf.events import Ending, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.report.notification import notification
from hotconf.tui.view.rows import counted

if TYPE_CHECKING:
    from hotconf.tui.view.stream import Entry

LINES: Final = 7
"""A toast is no longer than this; the details are in the event stream."""

_SECONDS: Final = {ReloadSuccess: 6.0, ReloadUnchanged: 3.0, ReloadDeferred: 6.0, ReloadFailed: 10.0}
_SEVERITY: Final[dict[type, Literal["information", "warning", "error"]]] = {
    ReloadDeferred: "warning",
    ReloadFailed: "error",
}


@dataclass(frozen=True, slots=True)
class Toast:
    """What to show, for how long, and how many endings it stands for."""

    text: str
    title: str
    severity: Literal["information", "warning", "error"]
    seconds: float
    until: float
    count: int


def toast(endings: Sequence[Entry], shown: Toast | None, now: float) -> Toast | None:
    """The toast for `endings`, in place of the one that is `shown`; None if there is nothing to show."""
    if not endings:
        return None
    entry = endings[-1]
    event = entry.event
    if not isinstance(event, ReloadSuccess | ReloadUnchanged | ReloadDeferred | ReloadFailed):
        return None
    earlier = shown.count if shown is not None and now < shown.until else 0
    count = earlier + len(endings)
    seconds = _SECONDS[type(event)]
    return Toast(
        text=_short(_text(event, preserved=entry.preserved)),
        title=f"The latest of {count}" if count > 1 else "",
        severity=_SEVERITY.get(type(event), "information"),
        seconds=seconds,
        until=now + seconds,
        count=count,
    )


def _text(event: Ending, *, preserved: bool) -> str:
    """The notification; warnings are counted, for they stay the same from save to save."""
    if not isinstance(event, ReloadSuccess | ReloadUnchanged) or not event.warnings:
        return notification(event, preserved=preserved)
    return f"{notification(replace(event, warnings=()))}\n   ⚠ {counted(len(event.warnings), 'warning')}"


def _short(text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= LINES:
        return text
    return "\n".join((*lines[: LINES - 1], f"   … and {len(lines) - LINES + 1} more lines"))
