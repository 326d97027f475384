"""Notifications: the specification's lines, and nothing that could harm a terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.changes import Change
from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import Problem, Warnings, one_line
from hotconf.report.notification import SUMMARY_LIMIT, notification

FILE = Path("/home/ada/.code/config.toml")


def failed(*problems: Problem) -> ReloadFailed:
    """The failure that `problems` make."""
    return ReloadFailed(one_line(problems), problems[0].kind, problems)


def test_success_lists_what_changed():
    """The headline and one line for each line of the summary."""
    event = ReloadSuccess(2, (), ("3 model configs changed (openai, anthropic, google)", "Quality gates updated"))
    assert notification(event) == (
        "✅ Config reloaded successfully\n"
        "   - 3 model configs changed (openai, anthropic, google)\n"
        "   - Quality gates updated"
    )


def test_success_of_the_first_config_is_the_headline_alone():
    """Nothing changed against nothing."""
    assert notification(ReloadSuccess(1, (), ())) == "✅ Config reloaded successfully"


@pytest.mark.parametrize(
    ("extra", "last"), [(0, "   - line 19"), (1, "   - … and 1 more"), (80, "   - … and 80 more")]
)
def test_a_long_summary_is_cut(extra, last):
    """Twenty lines are shown, the rest is counted."""
    event = ReloadSuccess(2, (), tuple(f"line {number}" for number in range(SUMMARY_LIMIT + extra)))
    lines = notification(event).splitlines()
    assert lines[-1] == last
    assert len(lines) == 1 + SUMMARY_LIMIT + (extra > 0)


def test_warnings_follow_the_summary():
    """With their place and hint, marked as warnings."""
    warning = Problem("Unknown key: modle", ("modle",), "schema", "warning", 'did you mean "model"?', FILE, 3, 1)
    event = ReloadSuccess(2, (), ("model changed",), warnings=(warning,))
    assert notification(event) == (
        "✅ Config reloaded successfully\n"
        "   - model changed\n"
        '   ⚠ config.toml:3:1: Unknown key: modle (did you mean "model"?)'
    )


def test_a_failure_tells_the_place_and_that_the_old_config_stays():
    """One problem needs no list."""
    problem = Problem("Invalid TOML: missing closing bracket at line 42", kind="syntax", file=FILE, line=42, column=7)
    assert notification(failed(problem)) == (
        "❌ Config reload failed: config.toml:42:7: Invalid TOML: missing closing bracket at line 42\n"
        "   Old configuration preserved."
    )


def test_a_failure_without_an_old_config_waits():
    """Nothing is preserved where nothing was."""
    problem = Problem("No such file", kind="missing", file=FILE)
    assert notification(failed(problem), preserved=False) == (
        "❌ Config load failed: config.toml: No such file\n   Waiting for a valid configuration."
    )


def test_the_hint_of_a_single_problem_is_shown():
    """What to write instead is told at once."""
    problem = Problem("Unknown key: modle", hint='did you mean "model"?')
    assert notification(failed(problem)).splitlines()[1] == '   Hint: did you mean "model"?'


def test_several_problems_are_all_listed():
    """The headline counts them; the list has each with its place and hint, warnings marked."""
    problems = (
        Problem("Unknown key: modle", ("modle",), "schema", "error", 'did you mean "model"?', FILE, 1, 1),
        Problem("Type mismatch: a expected array, got string", ("a",), "schema", file=FILE, line=2, column=5),
        Problem("no such command", severity="warning"),
    )
    assert notification(failed(*problems)) == (
        "❌ Config reload failed: config.toml:1:1: Unknown key: modle (+2 more)\n"
        '   - config.toml:1:1: Unknown key: modle (did you mean "model"?)\n'
        "   - config.toml:2:5: Type mismatch: a expected array, got string\n"
        "   ⚠ no such command\n"
        "   2 errors, 1 warning. Old configuration preserved."
    )


def test_one_error_among_warnings_is_told_once():
    """With its hint; the warnings follow."""
    error = Problem("Type mismatch", ("a",), "schema", hint="write 20", file=Path("/config.toml"), line=2, column=1)
    warning = Problem("Unknown key: b", ("b",), "schema", "warning", file=Path("/config.toml"), line=3, column=1)
    event = ReloadFailed("config.toml:2:1: Type mismatch", "schema", (error, warning))
    assert notification(event).splitlines() == [
        "❌ Config reload failed: config.toml:2:1: Type mismatch",
        "   Hint: write 20",
        "   ⚠ config.toml:3:1: Unknown key: b",
        "   1 error, 1 warning. Old configuration preserved.",
    ]


ODD = Problem("Unknown key: modle", ("modle",), "schema", "warning", 'did you mean "model"?', FILE, 1, 1)
MOVED = replace(ODD, line=9)
OTHER = Problem("Unknown key: b", ("b",), "schema", "warning", file=FILE, line=3, column=1)


def test_warnings_of_before_are_counted_and_gone_ones_named():
    """In whatever outcome; only what is new is told in full."""
    was = Warnings().after([ODD, OTHER])
    assert notification(ReloadUnchanged("same", (ODD, OTHER)), warnings=was).count("⚠ config.toml") == 2
    again = was.after([MOVED, OTHER])
    assert notification(ReloadSuccess(2, (), (), warnings=(MOVED, OTHER)), warnings=again) == (
        "✅ Config reloaded successfully\n   ⚠ 2 as before"
    )
    one = again.after([OTHER])
    assert notification(ReloadUnchanged("same", (OTHER,)), warnings=one) == (
        "· Config unchanged (same)\n   ⚠ 1 as before\n   ✓ No longer: config.toml:9:1: Unknown key: modle"
    )
    error = Problem("Type mismatch", ("a",), file=FILE, line=2, column=1)
    broken = one.after([error, ODD, OTHER], failed=True)
    assert notification(failed(error, ODD, OTHER), warnings=broken).splitlines()[1:] == [
        '   ⚠ config.toml:1:1: Unknown key: modle (did you mean "model"?)',
        "   ⚠ 1 as before",
        "   1 error, 2 warnings. Old configuration preserved.",
    ]


def test_the_old_content_after_a_failure_is_valid_again():
    """It changes nothing, and is good news all the same."""
    event = ReloadUnchanged("the files are the same")
    assert notification(event, recovered=True) == "✅ Config valid again (the files are the same)"
    assert notification(event) == "· Config unchanged (the files are the same)"


OUTCOMES = st.lists(st.tuples(st.booleans(), st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)))))


@given(OUTCOMES)
def test_each_warning_is_new_once_for_as_long_as_it_is_there(outcomes):
    """Whatever its line. A failure may hide warnings, so none is gone with it."""
    warnings, told = Warnings(), Counter[str]()
    for has_failed, found in outcomes:
        problems = [Problem(message, severity="warning", file=FILE, line=line) for message, line in found]
        warnings = warnings.after(problems, failed=has_failed)
        told.update(each.message for each in warnings.new)
        told.subtract(each.message for each in warnings.gone)
        assert Counter(each.message for each in warnings.now.values()) == +told
        assert Counter((*warnings.new, *warnings.same)) == Counter(problems)
        if not has_failed:
            assert Counter(warnings.now.values()) == Counter(problems)
        else:
            assert not warnings.gone


def test_a_deferral_tells_what_it_waits_for_and_what_will_change():
    """Everything that is busy, and the lines that will follow."""
    event = ReloadDeferred(("quality gate", "agent"), (), ("model changed",))
    assert notification(event) == "⏸ Config reload queued: waiting for quality gate, agent\n   - model changed"


def test_a_save_that_changes_nothing_tells_its_warnings():
    """They may be the reason."""
    warning = Problem("Unknown key: modle", ("modle",), "schema", "warning", 'did you mean "model"?', FILE, 1, 1)
    assert notification(ReloadUnchanged("no value differs", (warning,))) == (
        '· Config unchanged (no value differs)\n   ⚠ config.toml:1:1: Unknown key: modle (did you mean "model"?)'
    )


def test_the_small_events_are_one_line():
    """A change that was noticed, and a save that changed nothing, with its reason."""
    assert notification(FileChanged(FILE)) == "… config.toml changed"
    assert notification(ReloadUnchanged("no value differs")) == "· Config unchanged (no value differs)"


@given(st.text(), st.text(min_size=1))
def test_nothing_from_outside_breaks_a_line_or_reaches_the_terminal_raw(text, name):
    """Whatever a check, a reason, a summary or a file name says, each line is printable and stays one line."""
    problem = Problem(text, hint=text, file=Path("/", name.replace("\0", "")))
    events = {
        FileChanged(Path("/", name.replace("\0", ""))): 1,
        ReloadSuccess(2, (), (text,), warnings=(problem,)): 3,
        ReloadUnchanged(text, (problem,)): 2,
        ReloadDeferred((text,), (), (text,)): 2,
        failed(problem, problem): 4,
    }
    for event, lines in events.items():
        told = notification(event).split("\n")
        assert len(told) == lines
        assert all(line.isprintable() for line in told)


def test_what_needs_a_restart_follows_what_changed():
    """Whether something else changed or not; of many the rest is counted."""
    waiting = tuple(Change((f"key{number}",), 1, 2) for number in range(SUMMARY_LIMIT + 2))
    lines = notification(ReloadSuccess(2, (), ("a line",), pending_restart=waiting)).splitlines()
    assert lines[1:3] == ["   - a line", "   ↻ Restart required: key0: 1 → 2"]
    assert lines[-1] == "   ↻ … and 2 more"
    unchanged = notification(ReloadUnchanged("a reason", (), waiting[:1]))
    assert unchanged == "· Config unchanged (a reason)\n   ↻ Restart required: key0: 1 → 2"
