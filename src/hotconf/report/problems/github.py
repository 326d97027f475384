"""Problems as workflow commands of GitHub Actions, which show them at their lines of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotconf.report.problems.lines import place_of, text_and_hint
from hotconf.report.workflow import inert
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.problems import Problem


def github(problem: Problem) -> str:
    """`::error file=config.toml,line=2,col=19,…::config.toml:2:19: TEXT`; the place again, because logs hide it."""
    properties = {
        "title": f"hotconf ({problem.kind})",
        "file": problem.file,
        "line": problem.line,
        "col": problem.column,
        "endLine": problem.end_line,
        # Columns are only looked at within one line.
        "endColumn": problem.end_column if problem.end_line == problem.line else None,
    }
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    lines = [": ".join(filter(None, (place_of(problem), text_and_hint(problem))))]
    lines += [f"{related.message} at {place_of(related)}" for related in problem.related]
    return f"::{problem.severity} {given}::{inert(_data(chr(10).join(map(printable, lines))))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return printable(_data(text).replace(":", "%3A").replace(",", "%2C"))
