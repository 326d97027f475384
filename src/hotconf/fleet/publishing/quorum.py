"""`Quorum`: how many processes must vote yes, if not all."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from hotconf import arguments

_RULE: Final = re.compile(r"([0-9]{1,6})(%?)")


@dataclass(frozen=True, slots=True)
class Quorum:
    """A number, or a percentage of the processes registered at the count."""

    rule: str
    """As the publisher gave it: `50` or `90%`."""
    number: int
    percent: bool

    @classmethod
    def of(cls, rule: object) -> Self:
        """Parse a rule. Raises `UsageError` for an invalid one."""
        found = _RULE.fullmatch(rule) if isinstance(rule, str) else None
        if found is None or int(found[1]) < 1 or (found[2] and int(found[1]) > 99):
            raise arguments.wrong("quorum", rule, "a number of processes from 1 on, or a percentage from 1% to 99%")
        return cls(found[0], int(found[1]), bool(found[2]))

    def needed(self, total: int) -> int:
        """The number needed of `total` processes; at least one."""
        return max(1, math.ceil(self.number * total / 100)) if self.percent else self.number
