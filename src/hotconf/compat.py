"""What older Pythons do less well: cached properties without a lock, and possessive repeats."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["cached", "possessive"]

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


def possessive(pattern: str, times: str = "*") -> str:
    """A pattern that matches `pattern` as often as `times` says (`*`, `?`, `{0,20}`), possessively.

    Before 3.11.5 Python does not restore the position after the last failed repeat (CPython issue 106052) unless
    there is one more alternative: one that never matches. An atomic group works, too, but takes 60 bytes a repeat.
    """
    return f"(?:{pattern}){times}+" if sys.version_info >= (3, 11, 5) else f"(?:{pattern}|(?!)){times}+"
