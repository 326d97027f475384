"""`Message`: what the app says in passing, at the end of the status line, where it covers nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hotconf.events import ReloadDeferred, ReloadFailed, ReloadSuccess
from hotconf.tui.view.rows import Tone, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotconf.tui.view.stream import Entry

_SECONDS: Final = {ReloadSuccess: 6.0, ReloadDeferred: 6.0, ReloadFailed: 10.0}


@dataclass(frozen=True, slots=True)
class Message:
    """One line, and for how long it is shown."""

    text: str
    tone: Tone
    seconds: float


def of_ending(endings: Sequence[Entry]) -> Message | None:
    """What the latest of `endings` means, for a screen without the events; the status has its outcome and time.

    None if that is all there is to say.
    """
    if not endings:
        return None
    event = endings[-1].event
    seconds = _SECONDS.get(type(event), 0.0)
    match event:
        case ReloadFailed():
            return Message(event.error, "bad", seconds)
        case ReloadDeferred():
            return Message(f"waiting for {', '.join(event.reasons)}", "warn", seconds)
        case ReloadSuccess(summary=(first, *others)):
            return Message(f"{first} (+{len(others)} more)" if others else first, "good", seconds)
        case ReloadSuccess():
            return Message(counted(len(event.changes), "change"), "good", seconds)
    return None
