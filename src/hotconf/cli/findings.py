"""Problems as the commands show them: their files spelled as the person did, and the lines that they are about."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, TextIO

from hotconf.cli.echo import echo
from hotconf.report.problems.lines import spelled
from hotconf.sources.files.paths import absolute
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hotconf.inspection.inspect import Inspection
    from hotconf.problems import Problem
    from hotconf.schema import Schema

_MOST_SHOWN: Final = 50
"""How many problems are shown with their source. Nobody reads more, and the other formats have them all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and what is needed to show it."""

    problem: Problem
    """With absolute files."""
    as_given: Problem
    """With its files spelled as the person did."""
    inspection: Inspection
    schema: Schema[Any]
    """What knows of the secrets in its files."""


def findings(
    inspection: Inspection, schema: Schema[Any], main: Path, given: Path, main_as: Path | None = None
) -> Iterator[Finding]:
    """What was found about `main`, which was given as `given`; what is about no one file is put down to it.

    `main_as`: how to spell the main file, if its content came from elsewhere.
    """
    for each in inspection.problems:
        problem = each if each.where else replace(each, file=each.file or main)
        if (problem.kind, problem.file, problem.hint) == ("missing", main, None):
            problem = replace(problem, hint=f"hotconf init {shown(given)} creates one")
        yield Finding(problem, spelled(problem, main, given, main_as), inspection, schema)


def shown(path: Path) -> str:
    """`path` as an argument of a command."""
    return quote(printable(str(path)))


def as_text(found: Sequence[Finding], stream: TextIO) -> str:
    """The findings with their source lines, as wide and as colourful as `stream` wants them; the first 50."""
    from hotconf.cli.paint import Canvas
    from hotconf.config.redaction.secret_keys import secret_keys
    from hotconf.report.problems.diagnostic import diagnostic
    from hotconf.report.problems.excerpt import Excerpts

    canvas = Canvas(stream)
    excerpts: dict[int, Excerpts] = {}
    blocks = []
    for finding in _most_telling(found):
        inspection = finding.inspection
        source = excerpts.get(id(inspection))
        if source is None:
            schema = finding.schema
            secrets, keys = inspection.secrets(schema), secret_keys(schema)
            source = Excerpts(
                inspection.text, cells=canvas.cells, secrets=secrets, secret_keys=keys, form_of=inspection.form_of
            )
            excerpts[id(inspection)] = source
        lines = diagnostic(finding.as_given, source.of(finding.problem), airy=True, width=canvas.wraps_at)
        blocks.append(canvas.painted(lines) + "\n")
    if len(found) > len(blocks):
        blocks.append(f"… and {len(found) - len(blocks)} more; hotconf check --format concise shows more of them.\n")
    return "\n".join(blocks)


def _most_telling(found: Sequence[Finding]) -> list[Finding]:
    """As many as are shown, in their order; of too many the errors."""
    kept = sorted(range(len(found)), key=lambda index: found[index].problem.severity != "error")[:_MOST_SHOWN]
    return [found[index] for index in sorted(kept)]


def show_problems(found: Inspection, given: Path, schema: Schema[Any], main: Path | None = None) -> None:
    """Say on stderr what is wrong with what stands at `given`, or odd about it: it is not what was asked for. `main`:
    the main file, if it is called something else.
    """
    found_problems = list(findings(found, schema, main or absolute(given), given))
    if found_problems:
        echo(as_text(found_problems, sys.stderr), err=True, color=True)
