"""A property that is computed once for each object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as cached
else:

    class cached:  # noqa: N801 (a decorator)
        """`functools.cached_property` without a lock. Before Python 3.12 that has one lock for all objects: a child
        forked while another thread computes a property would wait for it forever.
        """

        def __init__(self, compute: Callable[[Any], object]) -> None:
            self._compute = compute
            self._name = compute.__name__
            self.__doc__ = compute.__doc__

        def __get__(self, instance: object | None, owner: type) -> object:
            """Compute it, and store it where the next lookup finds it first."""
            return self if instance is None else instance.__dict__.setdefault(self._name, self._compute(instance))


__all__ = ["cached"]
