"""Problems as compilers show them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.problems import Problem, Related
from hotconf.report.problems.diagnostic import diagnostic, plain
from hotconf.report.problems.excerpt import excerpt

TEXT = 'model = "x"\napproval_policy = "unknwn"\n'
PROBLEM = Problem(
    'Invalid enum value: approval_policy="unknwn" (expected: untrusted, never)',
    ("approval_policy",),
    "schema",
    hint='did you mean "untrusted"?',
    file=Path("config.toml"),
    line=2,
    column=19,
    end_line=2,
    end_column=27,
    related=(Related("also defined", Path("more/models.toml"), 7, 1),),
)


def shown(problem: Problem, text: str = TEXT, **options) -> str:
    """`problem` of `text` as it is shown."""
    return plain(diagnostic(problem, excerpt(problem, text), **options))


def test_a_problem_with_all_that_is_known():
    """The kind, the place, the source, what to write instead and where else to look."""
    assert (
        shown(PROBLEM, airy=True)
        == """\
error[schema]: Invalid enum value: approval_policy="unknwn" (expected: untrusted, never)
 --> config.toml:2:19
  │
2 │ approval_policy = "unknwn"
  │                   ^^^^^^^^
  = help: did you mean "untrusted"?
  = note: also defined at more/models.toml:7:1"""
    )


def test_a_problem_of_which_little_is_known():
    """Nothing stands there that is not known."""
    assert shown(Problem("odd", severity="warning")) == "warning[semantic]: odd"
    missing = Problem("The file does not exist", kind="missing", file=Path("x.toml"), hint="make one")
    assert shown(missing, "") == "error[missing]: The file does not exist\n --> x.toml\n  = help: make one"


def test_the_frame_is_as_wide_as_the_number():
    """Everything stays in its column, whatever the line is."""
    problem = Problem("odd", kind="schema", file=Path("x"), line=1200, column=1, hint="mend it")
    assert shown(problem, "\n" * 1199 + "a = 1") == (
        "error[schema]: odd\n    --> x:1200:1\n1200 │ a = 1\n     │ ^\n     = help: mend it"
    )


def test_what_a_notification_says_is_left_out():
    """Below a notification stands only what it does not say."""
    assert shown(PROBLEM, only_below=True).splitlines() == [
        " --> config.toml:2:19",
        '2 │ approval_policy = "unknwn"',
        "  │                   ^^^^^^^^",
        "  = note: also defined at more/models.toml:7:1",
    ]
    assert shown(PROBLEM, "", only_below=True) == ""


@pytest.mark.parametrize("width", [1, 30, 50])
def test_text_is_broken_where_it_does_not_fit(width):
    """All of it stays there; the source has been cut to its room already."""
    lines = shown(PROBLEM, width=width).splitlines()
    assert "".join("".join(lines).split()) == "".join(shown(PROBLEM).split())
    texts = [line for line in lines if "│" not in line and "-->" not in line]
    assert max(map(len, texts)) <= max(width, 24)


def test_every_piece_says_what_it_is():
    """What paints them needs to look at no text."""
    head, place, source, caret, *_ = diagnostic(PROBLEM, excerpt(PROBLEM, TEXT))
    assert [piece.style for piece in head] == ["error", "plain", "message"]
    assert [piece.style for piece in place] == ["frame", "place"]
    assert [piece.style for piece in source] == ["frame", "source"]
    assert [piece.style for piece in caret] == ["frame", "error"]


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=60))
def test_whatever_it_holds_can_be_shown(message, name, line):
    """No control character, no bidirectional trick, no line of its own: in the message, a file's name or its text."""
    file = Path("/dir") / (name.replace("\0", "") or "x")
    problem = Problem(message, file=file, line=1, column=1, hint=message, related=(Related(message, file, 1, 1),))
    for pieces in diagnostic(problem, excerpt(problem, line)):
        assert "".join(piece.text for piece in pieces).isprintable()
