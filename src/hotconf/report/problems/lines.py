"""Problems as lines: for people, for editors and for `grep`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hotconf.text import printable, source_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hotconf.problems import Problem, Related


def text_and_hint(problem: Problem) -> str:
    """`Unknown key: modle (did you mean "model"?)`, without the place, on one printable line."""
    text = printable(problem.message)
    return f"{text} ({printable(problem.hint)})" if problem.hint else text


def place_of(problem: Problem | Related) -> str:
    """`FILE:LINE:COL`, as much of it as is known, or the name of a layer; printable, FILE as the problem has it."""
    if problem.file is None:
        return printable(problem.where)
    parts = (source_name(problem.file) or problem.file, problem.line, problem.column)
    return printable(":".join(str(part) for part in parts if part is not None))


def spelled(problem: Problem, main: Path, given: Path, main_as: Path | None = None) -> Problem:
    """`problem` with its files spelled like `given`, which stands for the file `main`; both it and they are absolute.

    If `given` is relative, so is what lies below the directory that it is relative to; what lies elsewhere below the
    directory of `main` begins as `given` does, and the rest stays absolute. `main_as`: what `main` itself is called.
    """
    names = len(given.parts)
    here = main.parents[names - 1] if names < len(main.parts) and main.parts[-names:] == given.parts else main.parent

    def spell(file: Path | None) -> Path | None:
        if file is None:
            return None
        if file == main:
            return main_as or given
        if file.is_relative_to(main.parent):
            return given.parent / file.relative_to(main.parent)
        return file.relative_to(here) if file.is_relative_to(here) else file

    return replace(
        problem,
        file=spell(problem.file),
        related=tuple(replace(related, file=spell(related.file)) for related in problem.related),
    )


def concise(problem: Problem) -> str:
    """`FILE:LINE:COL: error: TEXT`, the form that editors jump to; FILE as `problem.file` spells it.

    A problem of a whole file stands at its beginning, so that editors have a place to jump to. The hint follows in
    parentheses.
    """
    if problem.file is not None and problem.line is None:
        problem = replace(problem, line=1, column=1)
    place = place_of(problem)
    return f"{place}{': ' if place else ''}{problem.severity}: {text_and_hint(problem)}"


def summary(problems: Iterable[Problem], files: int, *, layers: bool = False, noun: str = "file") -> str:
    """`2 files checked, 1 error, 3 warnings`; or `1 file and its layers checked, no problems`."""
    severities = [problem.severity for problem in problems]
    errors, warnings = severities.count("error"), severities.count("warning")
    counts = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
    whose = f" and {'its' if files == 1 else 'their'} layers" if layers else ""
    return ", ".join([f"{_count(files, noun)}{whose} checked", *(counts or ["no problems"])])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
