"""`Quorum`: how many of all processes have to say yes, where not all have to."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from hotconf import arguments

_RULE: Final = re.compile(r"([0-9]{1,6})(%?)")


@dataclass(frozen=True, slots=True)
class Quorum:
    """A number of processes, or a part of all that are there when they are counted."""

    rule: str
    """As it was given: `50` or `90%`."""
    number: int
    percent: bool

    @classmethod
    def of(cls, rule: object) -> Self:
        """Raises `UsageError` for what is none."""
        found = _RULE.fullmatch(rule) if isinstance(rule, str) else None
        if found is None or int(found[1]) < 1 or (found[2] and int(found[1]) > 99):
            raise arguments.wrong("quorum", rule, "a number of processes from 1 on, or a part of them from 1% to 99%")
        return cls(found[0], int(found[1]), bool(found[2]))

    def needed(self, total: int) -> int:
        """How many of `total` processes; at least one."""
        return max(1, math.ceil(self.number * total / 100)) if self.percent else self.number
