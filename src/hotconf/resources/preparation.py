"""`Preparation`: several resources that are to be made, all or none, and how that ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from hotconf.keypath import KeyPath, dotted
from hotconf.resources.handle import Handle
from hotconf.resources.resource import Resource


class Wanted(NamedTuple):
    """A resource to make."""

    resource: Resource[Any]
    value: Callable[[], object]
    """What of the new config it is made of, or `UNCHANGED`: called in its turn, on the keeper's thread; may be users'
    code."""


class Made:
    """All of them are made. Publish it or discard it, once."""

    __slots__ = ("_handles", "took_ns")

    def __init__(self) -> None:
        self._handles: dict[Resource[Any], Handle[Any]] = {}
        self.took_ns = 0
        """How long that took."""

    def __len__(self) -> int:
        return len(self._handles)

    def add(self, resource: Resource[Any], handle: Handle[Any]) -> None:
        """One more is made."""
        self._handles[resource] = handle

    def get(self, resource: Resource[Any]) -> Handle[Any] | None:
        """What was made of it."""
        return self._handles.get(resource)

    def take(self) -> dict[Resource[Any], Handle[Any]]:
        """The handles, in order of registration; it is empty afterwards, and holds nothing."""
        handles, self._handles = self._handles, {}
        return handles


class UnfitError(ValueError):
    """A factory of ours cannot use what was selected, because of what stands at `path` in it: `error`."""

    def __init__(self, path: KeyPath, error: Exception) -> None:
        super().__init__(f"{dotted(path)}: {error}")
        self.path = path
        self.error = error


@dataclass(frozen=True, slots=True)
class Refused:
    """One of them could not be created; those made before it are closed."""

    resource: Resource[Any] | None
    """Which; None if none was tried."""
    error: BaseException
    """What its factory raised; `TimeoutError` if it did not return in time."""

    @property
    def text(self) -> str:
        """`myapp.pool could not be created: ConnectionRefusedError: …`, as people read it; not scrubbed."""
        error = self.error.error if isinstance(self.error, UnfitError) else self.error
        while (
            isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1
        ):  # a task group says nothing itself
            [error] = error.exceptions
        said = type(error).__name__
        with suppress(BaseException):  # what users' exceptions say is users' code, here on a thread of ours
            said = f"{said}: {text}" if (text := str(error)) else said
        return f"{self.resource.recipe.name} could not be created: {said}" if self.resource is not None else said


Then: TypeAlias = Callable[[Made | Refused], object]


class Preparation:
    """What is to be made. Used on the keeper's thread, except `cancelled`."""

    __slots__ = ("_all", "_wanted", "cancelled", "decided", "made", "outcome", "then")

    def __init__(self, wanted: Sequence[Wanted] | Callable[[], Sequence[Wanted]], then: Then) -> None:
        self._wanted = wanted
        self._all: Sequence[Wanted] | None = None
        self.then = then
        self.made = Made()
        self.outcome: Made | Refused | None = None
        self.cancelled = False
        self.decided = 0
        """How many are made, or need not be."""

    def dependency(self, resource: Resource[Any]) -> Handle[Any] | None:
        """What it uses: of this preparation, otherwise what is published."""
        uses = resource.recipe.uses
        return None if uses is None else self.made.get(uses) or uses._handle

    def next(self) -> Wanted | None:
        """What to make next; None if all are made. If it is to be decided in its turn, that is now."""
        if self._all is None:
            self._all = self._wanted() if callable(self._wanted) else self._wanted
        return self._all[self.decided] if self.decided < len(self._all) else None
