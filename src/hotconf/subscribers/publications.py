"""What subscribers see of where configurations are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from hotconf.snapshot import Snapshot
    from hotconf.subscribers.streams import Arrival

T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """Has what is published now."""

    @property
    def snapshot(self) -> Snapshot[T_co] | None:
        """It; None before the first."""


class Publications(Protocol):
    """Says when something is published."""

    @property
    def published(self) -> Arrival:
        """Set when the next configuration is published, or nothing more will be."""

    @property
    def life(self) -> object:
        """What is published from a start to a close belongs to; a watcher may be started again."""

    def ended(self, life: object) -> bool:
        """Whether nothing more is published in it."""


class Beginner(Protocol):
    """Follows a value, beginning with what is published when it subscribes, or else with what is published first."""

    def begin(self, snapshot: Snapshot[Any]) -> None:
        """That is it. Called at most once; runs no users' code."""


class Publishing(Protocol[T_co]):
    """Publishes in steps."""

    @property
    def snapshot(self) -> Snapshot[T_co] | None:
        """What is published now."""

    def barrier(self) -> None:
        """Return once subscribers were notified of what is published."""

    def settle(self, until: float) -> bool:
        """Wait until what was made of earlier ones is closed, unless leased. Returns whether that was in time."""
