"""`Generations`: this session's generations and the states on disk, for the sheets that show them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from hotconf.tui.past.timeline import Kept, State, timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.tui.session import Session
    from hotconf.tui.view.comparison import File
    from hotconf.tui.view.history import History
    from hotconf.tui.view.view import View

Result = TypeVar("Result")


class Host(Protocol):
    """What this needs of the app."""

    session: Session
    view: View
    history: History

    def aside(self, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do `work` on another thread, then `then` with its result."""


class Generations:
    """As they were when they were last read; files are read on another thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._kept = Kept()
        self._reading = False
        self._made: tuple[object, ...] = ()
        self._states: tuple[State, ...] = ()

    @property
    def states(self) -> tuple[State, ...]:
        """All, the oldest first."""
        made_of = self._host.history, self._kept, self._host.view.facts.snapshot
        if not self._made or any(old is not new for old, new in zip(self._made, made_of, strict=True)):
            self._made, self._states = made_of, timeline(*made_of)
        return self._states

    @property
    def trouble(self) -> str:
        """Why states are not kept, or cannot be read."""
        return self._kept.trouble

    def read(self, then: Callable[[], object]) -> None:
        """Look at the disk, then call `then` if it is not as it was; at one time once."""
        if not self._reading:
            self._reading = True
            self._host.aside(self._host.session.states.kept, partial(self._was_read, then))

    def compare(self, old: State, new: State, then: Callable[[tuple[File, ...] | str], object]) -> None:
        """Call `then` with the files in which they differ, or why they cannot be compared."""
        self._host.aside(partial(self._host.session.states.compared, old, new), then)

    def _was_read(self, then: Callable[[], object], kept: Kept) -> None:
        self._reading = False
        if kept != self._kept:
            self._kept = kept
            then()
