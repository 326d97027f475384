"""Problems as lines that editors understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotconf.problems import Problem
from hotconf.report.problems.lines import concise, summary

FILE = Path("conf/config.toml")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("bad", file=FILE, line=3, column=7), "conf/config.toml:3:7: error: bad"),
        (Problem("bad", file=FILE, line=3), "conf/config.toml:3: error: bad"),
        (Problem("bad", file=FILE), "conf/config.toml:1:1: error: bad"),
        (Problem("bad", line=3, column=7), "error: bad"),
        (Problem("odd", severity="warning", file=FILE, line=1, column=1), "conf/config.toml:1:1: warning: odd"),
        (
            Problem("bad", hint='did you mean "b\n"?', file=FILE),
            'conf/config.toml:1:1: error: bad (did you mean "b\\n"?)',
        ),
        (Problem("\x1b[31mred\nline\u202e"), "error: \\x1b[31mred\\nline\\u202e"),
        (Problem("bad", file=Path("a\nb\udcff.toml"), line=1), "a\\nb\\udcff.toml:1: error: bad"),
    ],
)
def test_concise_is_file_line_column_severity_text(problem, line):
    """The path as it is spelt, a place to jump to if it is about a file, one printable line."""
    assert concise(problem) == line


def test_a_hint_follows_in_parentheses():
    """After the problem as it tells itself."""
    assert Problem("bad", hint="write 1", file=FILE, line=2).with_hint == "config.toml:2: bad (write 1)"
    assert Problem("bad").with_hint == "bad"


@pytest.mark.parametrize(
    ("severities", "files", "line"),
    [
        ([], 1, "1 file checked, no problems"),
        (["error"], 1, "1 file checked, 1 error"),
        (["warning", "error", "warning", "error"], 3, "3 files checked, 2 errors, 2 warnings"),
        (["warning"], 0, "0 files checked, 1 warning"),
    ],
)
def test_the_summary_counts(severities, files, line):
    """Errors before warnings, each with its plural, and a word for none of either."""
    assert summary([Problem("x", severity=severity) for severity in severities], files) == line
