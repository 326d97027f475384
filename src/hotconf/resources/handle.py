"""`Handle` and `Lease`: what a factory made, and who still needs it.

Rule 1: a lease is a strong reference to a handle, and nothing else. No lock, no counter, and no Python code that has
to run when it ends: whatever is raised wherever, by a signal handler or into a thread, it ends with its references.
Rule 2: when the last reference to a handle is gone, C code puts a weak reference to it into the keeper's queue.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from hotconf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

R = TypeVar("R")


class Handle(Generic[R]):
    """One object that was made, as long as anything needs it."""

    __slots__ = ("__weakref__", "entry", "value")

    def __init__(self, value: R, entry: Any = None) -> None:
        self.value = value
        self.entry = entry
        """What the keeper knows about it."""


class Leased(Protocol[R]):
    """A resource, as its leases see it."""

    def _held(self) -> Handle[R]:
        """What to hold now."""


class Lease(Generic[R]):
    """Keeps what `use()` gave from being closed. A context manager, in plain and in async code; enter it once."""

    __slots__ = ("__weakref__", "_handle", "_resource")

    def __init__(self, resource: Leased[R]) -> None:
        self._resource = resource
        self._handle: Handle[R] | None = None

    def __enter__(self) -> R:
        if self._handle is not None:
            raise UsageError("this lease is held already: call use() once for each `with`")
        handle = self._handle = self._resource._held()
        return handle.value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle = None

    async def __aenter__(self) -> R:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle = None


class TracedLease(Lease[R]):
    """Under `python -X dev`: it knows where it was taken."""

    __slots__ = ("where",)

    def __enter__(self) -> R:
        self.where = caller()
        return super().__enter__()


TRACED: Final = sys.flags.dev_mode
lease: Final[type[Lease[Any]]] = TracedLease if TRACED else Lease


def caller() -> str:
    """The place in the program that calls into this package: `app.py:12`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hotconf."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def places(handle: Handle[Any]) -> Iterator[str]:
    """Where the leases and views that hold it were taken, as far as they know. Looks at all objects there are."""
    near = gc.get_referrers(handle)
    for each in [*near, *(far for shared in near if isinstance(shared, dict) for far in gc.get_referrers(shared))]:
        where = getattr(each, "where", None) if type(each).__module__.startswith("hotconf.resources.") else None
        if isinstance(where, str):
            yield where
