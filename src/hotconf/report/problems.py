"""Problems as lines: for people, for editors and for `grep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.problems import Problem


def with_hint(problem: Problem) -> str:
    """`config.toml:3:1: Unknown key: modle (did you mean "model"?)`, on one printable line."""
    return str(problem) + _hint(problem)


def concise(problem: Problem) -> str:
    """`FILE:LINE:COL: error: TEXT`, the form that editors jump to; FILE as `problem.file` spells it.

    What is not known of the place is left out, and the hint follows in parentheses.
    """
    place = (problem.file, problem.line, problem.column)
    parts = [str(part) for part in place if part is not None] if problem.file is not None else []
    return printable(f"{':'.join(parts)}{': ' if parts else ''}{problem.severity}: {problem.message}") + _hint(
        problem
    )


def summary(problems: Iterable[Problem], files: int) -> str:
    """`2 files checked, 1 error, 3 warnings`; or `1 file checked, no problems`."""
    severities = [problem.severity for problem in problems]
    errors, warnings = severities.count("error"), severities.count("warning")
    counts = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
    return ", ".join([f"{_count(files, 'file')} checked", *(counts or ["no problems"])])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _hint(problem: Problem) -> str:
    return f" ({printable(problem.hint)})" if problem.hint else ""
