"""How long an answer is waited for: what etcd does not answer soon, it often never will.

A server that passes a request on to a leader that has just died keeps it for seven seconds, and answers that nobody
knows what became of it. The same request, sent again, is done as soon as there is another leader. But an etcd on a
slow disk takes a second or more for each answer, and then waiting for less would never end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

FIRST_S: Final = 1.0
_QUICK: Final = 4


class Patience:
    """For requests of one kind: it doubles with each one that got no answer in time, from one second to `longest_s`,
    and is halved only by answers that take less than a quarter of it.
    """

    __slots__ = ("_longest_s", "seconds")

    def __init__(self, longest_s: float, others: Iterable[Patience] = ()) -> None:
        """`others`: what is known of other kinds, which it begins with."""
        self.seconds: float = max((each.seconds for each in others), default=min(FIRST_S, longest_s))
        """How long the next answer is waited for."""
        self._longest_s = longest_s

    def answered(self, took_s: float) -> None:
        """An answer has come."""
        if took_s < self.seconds / _QUICK:
            self.seconds = max(self.seconds / 2, min(FIRST_S, self._longest_s))

    def exhausted(self, waited_s: float) -> None:
        """No answer has come for so long. Of several that were waited for at once, one counts."""
        self.seconds = max(self.seconds, min(2 * waited_s, self._longest_s))
