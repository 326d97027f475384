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
    """0 for warnings only, 1 for errors, `UNKNOWN` if a file could not be checked.

    An entry of `watch_paths` that has nothing left, or a value that names a file that cannot be read, is an error of
    the file that says so, which is there.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    unknown = any(problem.kind in _NOT_JUDGED and not (problem.path and problem.file) for problem in errors)
    return UNKNOWN if unknown else int(bool(errors))


def is_lost(problem: Problem) -> bool:
    """Whether it reports a lost entry of `watch_paths`."""
    return (problem.kind, problem.severity) == ("missing", "error") and problem.path[-2:-1] == ("watch_paths",)
