"""The small pure parts: history, inbox, editor command lines, operations, comparison, latency."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf import ReloadSuccess, Timings, UsageError
from hotconf.report.cells import width, wrapped
from hotconf.subscribers.stats import Meter
from hotconf.text import printable
from hotconf.tui import inbox
from hotconf.tui.operations import operation
from hotconf.tui.operations.operation import Operation
from hotconf.tui.operations.rehearsals import Step
from hotconf.tui.outside import editor
from hotconf.tui.view import history, latency
from hotconf.tui.view.facts import Update
from hotconf.tui.view.history import History
from hotconf.tui.view.rows import Place
from tui.updates import BETTER, FILE, GOOD, at, facts, snapshot


def test_history_keeps_each_generation_once():
    """A snapshot that stands in for one of the same generation replaces it."""
    one, two = snapshot(GOOD, 1), snapshot(BETTER, 2)
    again = replace(two, digest="other")
    kept = History().with_(None).with_(one).with_(one).with_(two).with_(again)
    assert [found.digest for found in kept.snapshots] == [one.digest, "other"]
    assert kept.snapshots[-1] is again
    assert kept.since(again) == again.loaded_at
    event = ReloadSuccess(2, (), (), Timings(), at=at(9))
    assert kept.with_(again, event).since(again) == at(9)


def test_history_is_bounded_in_number_and_in_bytes(monkeypatch):
    """The newest is kept whatever its size."""
    kept = History()
    for number in range(1, history.MOST_GENERATIONS + 20):
        kept = kept.with_(replace(snapshot(), generation=number))
    assert len(kept.snapshots) == history.MOST_GENERATIONS
    monkeypatch.setattr(history, "MOST_BYTES", 10)
    kept = kept.with_(replace(snapshot(), generation=1000))
    assert [found.generation for found in kept.snapshots] == [1000]


def test_the_inbox_rings_once_for_all_that_is_in_it():
    """Until it has been emptied; what it cannot hold is counted, the oldest first."""
    rings: list[int] = []
    box = inbox.Inbox(lambda: rings.append(1))
    updates = [Update(facts(None)) for _ in range(inbox.CAPACITY + 3)]
    for update in updates:
        box.put(update)
    news, lost = box.take()
    assert (len(rings), len(news), lost) == (1, inbox.CAPACITY, 3)
    assert news[-1] is updates[-1]
    box.put(updates[0])
    assert len(rings) == 2
    box.close()
    box.put(updates[0])
    assert box.take() == ((), 0)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("vim", ["vim", "+call cursor(7,3)", "--", "/a b.toml"]),
        ("/usr/bin/nvim -u NONE", ["/usr/bin/nvim", "-u", "NONE", "+call cursor(7,3)", "--", "/a b.toml"]),
        ("nano", ["nano", "+7,3", "/a b.toml"]),
        ("emacs -nw", ["emacs", "-nw", "+7:3", "/a b.toml"]),
        ("hx", ["hx", "/a b.toml:7:3"]),
        ("code", ["code", "--wait", "--goto", "/a b.toml:7:3"]),
        ("ed", ["ed", "/a b.toml"]),
    ],
)
def test_editors_open_at_the_line(command, line):
    """Each in its own way; an unknown one at least opens the file."""
    assert editor.command(command, Place(Path("/a b.toml"), 7, 3)) == line


def test_the_editor_is_the_persons():
    """VISUAL before EDITOR before vi; what is no command says so."""
    assert editor.editor({"VISUAL": "hx", "EDITOR": "ed"}) == "hx"
    assert editor.editor({"EDITOR": "ed"}) == "ed"
    assert editor.editor({}) == "vi"
    for nonsense in ("vim 'x", " "):
        with pytest.raises(UsageError):
            editor.command(nonsense, Place(FILE))


GATE = Operation("quality gate", 100.0, (Step("plan · gemini", 4.0), Step("plan · claude", 6.0)))


def test_an_operation_walks_its_steps():
    """And is over after the last; a command never is by itself."""
    assert [GATE.label(now) for now in (100.0, 103.9, 104.1, 200.0)] == [
        "plan · gemini",
        "plan · gemini",
        "plan · claude",
        "plan · claude",
    ]
    assert [GATE.over(now) for now in (100.0, 109.9, 110.0)] == [False, False, True]
    assert not Operation("make lint", 0.0).over(1e9)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_an_operation_fits_its_line(columns):
    """It says that it is a rehearsal, where it is, and which key ends it."""
    text = "".join(span.text for span in operation.spans(GATE, 105.0, columns))
    assert len(text) <= columns
    assert text.startswith(" ▸ quality gate rehearsal · plan · cl")
    assert text.endswith(" 5.0 s ")


def test_a_command_says_how_long_it_runs():
    """There is no bar, for nobody knows how long it takes."""
    text = "".join(span.text for span in operation.spans(Operation("make lint", 100.0), 107.4, 80))
    assert text == " ▸ make lint  running for 7 s  reloads wait"


def test_latency_shows_counts_histogram_and_phases():
    """In no more than the width, from the first reload on, and before it."""
    meter = Meter()
    assert "0 reloads" in latency.rows(meter.stats("inotify", None), 76)[0].text
    for number in range(40):
        timings = Timings(settle=2000, read=0.2, parse=0.3, validate=0.4, swap=0.01, overhead=0.1 + number / 50)
        meter.count(ReloadSuccess(number, (), (), timings))
    rows = latency.rows(meter.stats("poll", "no inotify: polling"), 76)
    assert all(width(row.text) <= 76 for row in rows)
    texts = [row.text for row in rows]
    assert texts[0] == "40 reloads · 40 success · observer: poll"
    assert any("overhead" in text and "█" in text for text in texts)
    assert texts[-1] == "no inotify: polling"


def test_lines_are_wrapped_but_never_to_nothing():
    """However narrow the window."""
    assert wrapped("", 10) == [""]
    assert wrapped("a" * 30, 3) == ["a" * 20, "a" * 10]


@given(st.text(alphabet="ab 日本\u0301\n", max_size=200), st.integers(20, 60))
def test_wrapped_lines_fit_and_lose_nothing(text, room):
    """Counted in cells, for some characters take two."""
    lines = wrapped(text, room)
    assert all(width(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == printable(text).replace(" ", "")


def test_lines_are_broken_between_words():
    """As long as they fit."""
    assert wrapped("one two three four five", 20) == ["one two three four", "five"]
    assert wrapped("日本 " * 6, 20) == ["日本 日本 日本 日本", "日本 日本"]


def test_a_megabyte_is_wrapped_in_time():
    """A value may be as long as a file."""
    assert len(wrapped("x" * 1_000_000, 50)) == 20_000
