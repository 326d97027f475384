"""`hotconf check`: is it valid? Loads exactly as the watcher would, and changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.echo import commands, echo
from hotconf.cli.findings import as_text, findings
from hotconf.cli.options import BASELINE, PATH, schema_option, state_dir_option, stdin
from hotconf.cli.places import default_path
from hotconf.cli.verdict import status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hotconf.cli.findings import Finding
    from hotconf.problems import Problem
    from hotconf.schema import Schema

_STDIN: Final = Path("-")
_NO_NAME: Final = Path("<stdin>")


@click.command(short_help="Check files without applying them.")
@click.argument("paths", nargs=-1, type=PATH)
@schema_option
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "concise", "json", "sarif", "github")),
    default="text",
    show_default=True,
    help="How problems are shown on stdout.",
)
@click.option("--stdin-filename", metavar="NAME", type=PATH, help="What to call the file that - reads from stdin.")
@click.option("--error-on-warning", is_flag=True, help="Warnings are enough for exit status 1.")
@state_dir_option(BASELINE)
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[Path, ...],
    schema: Schema[Any],
    form: str,
    stdin_filename: Path | None,
    error_on_warning: bool,
    state_dir: Path | None,
) -> None:
    """Check configuration files, each with the files that its watch_paths name. A PATH of - is standard input.

    Problems go to stdout in the order of the file, each once: as text with their source line, or concise, one line
    each (FILE:LINE:COL: error: TEXT), or as json, sarif or github (workflow commands). A line on stderr counts them.

    Exit status: 0 valid (there may be warnings), 1 invalid, 2 a file that is missing, unreadable or too large, or
    wrong usage.
    """
    from hotconf.report.problems.lines import summary

    given = tuple(dict.fromkeys(paths)) or (default_path(),)
    if stdin_filename is not None and _STDIN not in given:
        raise click.UsageError("--stdin-filename names what - reads: give - as a PATH")
    found = tuple(_findings(given, schema, stdin_filename or _NO_NAME, state_dir))
    text = _shown(form, found, schema)
    if text:
        commands(text) if form == "github" else echo(text, color=True)
    problems = [finding.problem for finding in found]
    echo(summary(problems, len(given)), err=True)
    ctx.exit(_status(problems, error_on_warning=error_on_warning))


def _findings(
    given: Sequence[Path], schema: Schema[Any], stdin_name: Path, state_dir: Path | None
) -> Iterator[Finding]:
    from hotconf.cli.baseline import baseline_of
    from hotconf.cli.contact import located
    from hotconf.inspection.inspect import inspect
    from hotconf.sources.base import DEFAULT_MAX_BYTES

    seen: set[tuple[object, ...]] = set()  # two files may have a fragment in common
    for path in given:
        name = stdin_name if path == _STDIN else path
        content = stdin(DEFAULT_MAX_BYTES + 1) if path == _STDIN else None
        main = located(name, lambda: schema, content=content)
        instead = {} if content is None else {main: content}
        inspection = inspect(main, schema, instead=instead, baseline=baseline_of(main, schema, state_dir))
        for finding in findings(inspection, main, name):
            problem = finding.problem  # what it is related to may differ
            key = (problem.file, problem.line, problem.column, problem.message)
            if key not in seen:
                seen.add(key)
                yield finding


def _shown(form: str, found: Sequence[Finding], schema: Schema[Any]) -> str:
    """What goes to stdout, without a newline at the end; each format is imported when it is asked for."""
    if form == "text":
        return as_text(found, schema, sys.stdout) if found else ""
    if form == "concise":
        from hotconf.report.problems.lines import concise

        return "\n".join(concise(finding.as_given) for finding in found)
    if form == "github":
        from hotconf.report.problems.github import github

        return "\n".join(github(finding.as_given) for finding in found)
    if form == "sarif":
        from hotconf.report.problems.sarif import sarif

        return sarif((finding.problem for finding in found), Path.cwd())
    from hotconf.report.ndjson import to_json_file

    return to_json_file(finding.problem for finding in found)


def _status(problems: Sequence[Problem], *, error_on_warning: bool) -> int:
    return status(problems) or int(error_on_warning and bool(problems))
