"""When a reload waits: while a quality gate is active, an agent runs or something critical happens."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

Hold_co = TypeVar("Hold_co", covariant=True)
Hold = TypeVar("Hold")


class Holdable(Protocol[Hold_co]):
    """The part of a watcher that `Activity` needs."""

    def busy(self, reason: str) -> Hold_co:
        """A context manager; reloads wait while it is open."""


def should_defer_reload(quality_gate_active: bool, agent_running: bool) -> bool:
    """Whether a reload must wait: while a quality gate is active or an agent runs.

    For programs that keep such flags; hotconf itself defers while `watcher.busy` is held.
    """
    return quality_gate_active or agent_running


class Activity(Generic[Hold]):
    """Says what the application is doing, so that reloads wait for it.

    Each method gives what `watcher.busy(reason)` gives: a context manager for `with` and `async with`. They may be
    open many times at once; a reload that waits is carried out when the last one closes.
    """

    __slots__ = ("_watcher",)

    def __init__(self, watcher: Holdable[Hold]) -> None:
        self._watcher = watcher

    def quality_gate(self) -> Hold:
        """While it is open, a quality gate is active: its configuration must not change half-way."""
        return self._watcher.busy("quality gate")

    def agent(self) -> Hold:
        """While it is open, an agent is running."""
        return self._watcher.busy("agent")

    def critical(self) -> Hold:
        """While it is open, something is done that must not be interrupted, such as a file write or a git commit."""
        return self._watcher.busy("critical operation")
