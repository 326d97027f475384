"""The exit status that problems come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.problems import Kind, Problem

UNKNOWN: Final = 2
"""The exit status where there is no answer."""
_NOT_JUDGED: Final[frozenset[Kind]] = frozenset({"missing", "unreadable", "too_large"})
"""Nothing can be said about the content."""


def status(problems: Iterable[Problem]) -> int:
    """0 for warnings only, 1 for errors, `UNKNOWN` where there is a file of which nothing can be said."""
    kinds = {problem.kind for problem in problems if problem.severity == "error"}
    return UNKNOWN if kinds & _NOT_JUDGED else int(bool(kinds))
