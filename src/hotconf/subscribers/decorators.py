"""The types of decorators that subscribe functions, and leave them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.events import ConfigReloadEvent

Old = TypeVar("Old")
New = TypeVar("New")
R = TypeVar("R")
E = TypeVar("E", bound="Callable[[ConfigReloadEvent], object]")
C = TypeVar("C", bound="Callable[[Any, Any], object]")


class EventDecorator(Protocol):
    """Of a function of events."""

    def __call__(self, callback: E, /) -> E:
        """The function itself."""


class KeyDecorator(Protocol):
    """Of a function of the old and the new value under a key, whose types only the function knows."""

    def __call__(self, callback: C, /) -> C:
        """The function itself."""


class ChangeDecorator(Protocol[Old, New]):
    """Of a function of the old and the new value that a selector gives."""

    def __call__(self, callback: Callable[[Old, New], R], /) -> Callable[[Old, New], R]:
        """The function itself."""
