"""Whose fault is it? `UsageError`: the caller's. `ConfigError`: the files'. Nothing else is raised on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotconf.problems import Problem


class UsageError(Exception):
    """The caller used hotconf in a way that cannot work; the message says what to do instead."""


class NoConfigError(UsageError):
    """The config was asked for before there was one: not started, or no good file has been seen yet."""


class ConfigError(Exception):
    """The files do not make a valid configuration; `problems` holds every reason, in file order.

    Its text has a line for each, with a hint what to write instead; lines of warnings begin with `warning: `.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(_line, self.problems)))


def _line(problem: Problem) -> str:
    return f"warning: {problem.with_hint}" if problem.severity == "warning" else problem.with_hint
