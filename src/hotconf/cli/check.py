"""`hotconf check`: is it valid? Looks exactly as the watcher would, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.options import PATH, schema_option
from hotconf.cli.places import default_path

if TYPE_CHECKING:
    from hotconf.problems import Kind, Problem
    from hotconf.schema import Schema

_NOT_CHECKED: Final[frozenset[Kind]] = frozenset({"missing", "unreadable", "too_large"})
"""Nothing can be said about the content."""


@click.command(short_help="Check files without applying them.")
@click.argument("paths", nargs=-1, type=PATH)
@schema_option
@click.pass_context
def check(ctx: click.Context, paths: tuple[Path, ...], schema: Schema[Any]) -> None:
    """Check configuration files, each with the files that its watch_paths name.

    Every problem is one line on stdout, FILE:LINE:COL: error: TEXT (or warning:), in the order of the file; the
    last line, on stderr, counts them.

    Exit status: 0 valid (there may be warnings), 1 invalid, 2 a file that is missing, unreadable or too large, or
    wrong usage.
    """
    from hotconf.report.problems import concise, summary

    found: list[Problem] = []
    for path in paths or (default_path(),):
        problems = _problems(path, schema)
        for problem in problems:
            click.echo(concise(problem))
        found += problems
    click.echo(summary(found, len(paths) or 1), err=True)
    ctx.exit(_status(found))


def _problems(path: Path, schema: Schema[Any]) -> list[Problem]:
    from hotconf.runtime.load import check as problems_of
    from hotconf.runtime.paths import absolute

    main = absolute(path)
    return [replace(problem, file=_as_given(problem.file, main, path)) for problem in problems_of(main, schema)]


def _as_given(file: Path | None, main: Path, path: Path) -> Path:
    """`file` spelled like `path`, which was given for `main`; what is about no one file is put down to `main`."""
    if file is None or file == main:
        return path
    return path.parent / file.relative_to(main.parent) if file.is_relative_to(main.parent) else file


def _status(problems: list[Problem]) -> int:
    kinds = {problem.kind for problem in problems if problem.severity == "error"}
    return 2 if kinds & _NOT_CHECKED else int(bool(kinds))
