"""Workflow commands: annotations of a pull request."""

from __future__ import annotations

from pathlib import Path

from hotconf.problems import Problem, Related
from hotconf.report.problems.github import github


def test_an_annotation_has_the_place_and_says_it():
    """GitHub shows the message at the line, and only the message in the log."""
    problem = Problem("bad", (), "schema", "error", "mend it", Path("a.toml"), 2, 4, 2, 9)
    assert github(problem) == (
        "::error title=hotconf (schema),file=a.toml,line=2,col=4,endLine=2,endColumn=9::a.toml:2:4: bad (mend it)"
    )
    assert github(Problem("odd", severity="warning")) == "::warning title=hotconf (semantic)::odd"


def test_columns_of_several_lines_are_left_out():
    """They would be taken for columns of one."""
    problem = Problem("bad", file=Path("a"), line=2, column=4, end_line=3, end_column=1)
    assert "line=2,col=4,endLine=3::" in github(problem)


def test_nothing_ends_a_property_or_the_line():
    """Colons, commas, percent signs and line breaks are escaped, as the runner unescapes them."""
    problem = Problem("50% of\nit\r", file=Path("a:b,c%\n.toml"), related=(Related("there", Path("b"), 1, 2),))
    told = github(problem)
    assert "\n" not in told
    assert ",file=a%3Ab%2Cc%25%0A.toml::" in told
    assert told.endswith("50%25 of\\nit\\r%0Athere at b:1:2")


def test_it_cannot_harm_a_terminal():
    """Control characters are shown as escapes, in names of files as well."""
    assert github(Problem("\x1b[2J\u202e", file=Path("\x1b[2J"))).isprintable()
