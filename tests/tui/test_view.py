"""The view: updates go in, what to show comes out. No Textual, no clock, no files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from hotconf import Change, Problem, ReloadSuccess, ReloadUnchanged
from hotconf.tui.view import problems, status, stream
from hotconf.tui.view.facts import Note, Others, Refusal, Update
from hotconf.tui.view.message import of_ending
from hotconf.tui.view.view import MOST_ENTRIES, View, new_endings, updated
from tui.updates import (
    BRACKET,
    COST_LINE,
    FILE,
    GOOD,
    NOON,
    at,
    changed,
    deferred,
    facts,
    failed,
    reloaded,
    snapshot,
    unchanged,
)

START = View(facts(snapshot()))


def lines(view, width=80, toggled=None, which="all", query=""):
    """The rows of the event stream."""
    kept = stream.kept(view.entries, which, query)
    return stream.rows(kept, toggled or {}, width, opened=stream.opened_by_itself(kept), query=query)


def texts(view, width=80, toggled=None):
    """The lines of the event stream."""
    return [row.text for row in lines(view, width, toggled)]


def alerts(view):
    """What stays below the status line."""
    return [alert.text for alert in status.status(view, NOON).alerts]


def test_a_last_good_state_is_told_until_the_files_are_good():
    """Under the failure it stands which state is in force, and of when."""
    broken = replace(START, failed=failed(0).event, facts=replace(START.facts, degraded=True))
    when = f"{START.facts.snapshot.loaded_at.astimezone():%Y-%m-%d %H:%M:%S}"
    assert alerts(broken)[1] == f"↺ degraded: running on the last good state of {when}"
    mended = updated(broken, [Update(START.facts, reloaded(1).event)])
    assert not any("degraded" in alert for alert in alerts(mended))


def state(view, seconds=0.0):
    """What the status line says of the state."""
    return " ".join(span.text for span in status.status(view, at(seconds)).state)


def test_the_view_needs_no_textual():
    """What is decided can be tested, and understood, without a terminal."""
    code = (
        "import sys, hotconf.tui.view.view, hotconf.tui.view.status, hotconf.tui.view.stream,"
        "hotconf.tui.view.message, hotconf.tui.view.configuration, hotconf.tui.view.comparison,"
        "hotconf.tui.view.latency, hotconf.tui.operations.operation,"
        "hotconf.tui.view.history, hotconf.tui.inbox, hotconf.tui.outside.editor;"
        "sys.exit(any(name.partition('.')[0] in ('textual', 'rich') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_newest_ending_is_open_and_the_others_are_folded():
    """What happened last is seen without a key, what happened before does not take its room."""
    view = updated(START, [changed(), reloaded(), changed(5), failed(7)])
    assert texts(view) == [
        "12:00:07 ✗ Failed 1 error",
        "error[syntax]: Invalid TOML: missing closing bracket at line 7",
        " --> config.toml:7:8",
        '7 │ plan = ["gemini"',
        "  │        ^",
        '  = help: close it with "]"',
        "Old configuration preserved.",
        "12:00:05 … config.toml changed",
        "12:00:03 ✓ Reloaded generation 2 · 1 change",
        "12:00:01 … config.toml changed",
    ]


def test_lines_of_folded_events_are_not_made(monkeypatch):
    """A log of hundreds costs no more than what is seen of it."""
    made = []
    lines = stream._lines_of
    monkeypatch.setattr(
        stream, "_lines_of", lambda entry, *args, **kw: made.append(entry) or lines(entry, *args, **kw)
    )
    view = updated(START, [reloaded(n) for n in range(100)])
    texts(view)
    assert made == [view.entries[-1]]


def test_what_the_person_opened_stays_open():
    """Until it is folded again, whatever comes after it."""
    view = updated(START, [reloaded(), failed(7)])
    opened = texts(view, toggled={("entry", 0): True, ("entry", 1): False})
    assert opened == [
        "12:00:07 ✗ Failed config.toml:7:8: Invalid TOML: missing closing bracket at line 7",
        "12:00:03 ✓ Reloaded generation 2 · 1 change",
        COST_LINE,
        "cost.daily_limit_usd: 10.0 → 20.0",
        "detect 0.1 · settle 2000.4 · read 0.1 · parse 0.3 · validate 0.5 · swap 0.0",
        "· overhead 0.4 ms",
    ]


def test_a_problem_leads_the_editor_to_its_place():
    """Every line about it does, the source included."""
    view = updated(START, [failed()])
    places = {row.place for row in lines(view) if row.depth}
    assert {(place.file, place.line, place.column) for place in places if place} == {(FILE, 7, 8)}


def test_text_from_files_cannot_move_the_cursor():
    """Escape sequences, line breaks and bidirectional tricks are shown as what they are."""
    problem = replace(BRACKET, message="bad \x1b[2J\n\u202eevil", hint="\x07")
    view = updated(START, [failed(3, problem)])
    assert all(text.isprintable() for text in texts(view))
    assert all(alert.isprintable() for alert in alerts(view))


def test_a_failure_stays_until_a_good_save():
    """A change of a file alone does not clear it; success, no change and a queued reload do."""
    broken = updated(START, [failed()])
    line = "✗ failed: config.toml:7:8: Invalid TOML: missing closing bracket at line 7"
    assert alerts(broken) == [line]
    assert alerts(updated(broken, [changed(5)])) == [line]
    for good in (reloaded(5), unchanged(5)):
        assert alerts(updated(broken, [good])) == []
    assert "failed" not in "".join(alerts(updated(broken, [deferred(5)])))


def test_a_queued_reload_says_what_it_waits_for_and_what_to_press():
    """And that it can be applied now all the same."""
    view = updated(START, [deferred()])
    told = "‖ 1 reload queued: waiting for quality gate"
    assert alerts(view) == [f"{told} (press f to apply it now)"]


def test_processes_that_refuse_what_is_accepted_here_are_named_with_their_reasons():
    """Most of many by their number. What is refused here, too, is said once."""
    many = Refusal(tuple(map(str, range(100, 107))), ("config.toml:3:8: cost.daily_limit_usd: refused by a check",))
    view = replace(START, others=Others(9, (many, Refusal(("7",), ("pool: a resource could not be created",)))))
    assert alerts(view) == [
        "✗ refused by 8 of 9 processes (100, 101, 102, 103, 104 and 3 more): "
        "config.toml:3:8: cost.daily_limit_usd: refused by a check"
    ]
    rows = [row.text for row in problems.rows(view, 100)]
    assert rows == [
        "Generation 1 is active here; other processes refuse the files.",
        "",
        "Refused by 100, 101, 102, 103, 104 and 2 more, 7 of 9 processes:",
        "config.toml:3:8: cost.daily_limit_usd: refused by a check",
        "",
        "Refused by 7, 1 of 9 processes:",
        "pool: a resource could not be created",
        "",
        "`hotconf status` says what each of them runs, `hotconf plan --apply` tries their resources.",
    ]
    assert problems.heads(problems.rows(view, 100)) == (2, 5)
    broken = replace(view, failed=failed(0).event)
    assert not any(
        "processes" in text for text in (*alerts(broken), *(row.text for row in problems.rows(broken, 100)))
    )


def test_hot_reload_off_and_drift_are_said():
    """Nobody believes that edits are noticed, or that the files are what is active."""
    view = replace(View(facts(snapshot(), enabled=False, watching=())), drift=True)
    assert [alert.split(":")[0] for alert in alerts(view)] == ["○ hot reload off", "≠ drift"]
    assert status.status(view, NOON).watch == ("not watching",)


def test_settling_counts_down_from_the_last_change():
    """And is over when the round ends, not when the window does."""
    view = updated(START, [changed(0)])
    assert state(view, 0.6) == "generation 1 … settling 1.4 s"
    assert state(view, 9) == "generation 1 … settling"
    half = status.status(view, NOON, waits="file shrank")
    assert half.state[-1].text == "… settling (file shrank)"
    lacking = status.status(view, NOON, waits="files are gone")
    assert lacking.state[-1].text == "… settling (files are gone)"
    assert state(updated(view, [reloaded(2)]), 9) == "generation 2 ✓ reloaded 12:00:02"


def test_the_state_before_there_is_a_configuration():
    """Starting, and waiting for a valid file, are told apart."""
    assert state(View(facts(None, started=False))) == "starting"
    assert state(View(facts(None))) == "waiting for a valid file"


def test_the_log_is_bounded():
    """However much happens: the newest entries are kept, and the number of all is known."""
    view = updated(START, [changed(n) for n in range(MOST_ENTRIES + 70)])
    assert len(view.entries) == MOST_ENTRIES
    assert view.total == MOST_ENTRIES + 70
    assert view.entries[-1].number == view.total - 1


def test_only_the_newest_ending_is_said_in_passing():
    """The steps before it are not, and nothing twice; what the status says already, outcome and time, is left out."""
    before = updated(START, [failed(1)])
    after = updated(before, [changed(2), reloaded(3)])
    assert [type(entry.event) for entry in new_endings(before, after)] == [ReloadSuccess]
    assert new_endings(after, after) == []
    assert of_ending([]) is None
    said = of_ending(new_endings(START, after))
    assert said is not None
    assert (said.text, said.tone) == (COST_LINE, "good")
    said = of_ending(new_endings(START, before))
    assert said is not None
    assert (said.text, said.tone) == ("config.toml:7:8: Invalid TOML: missing closing bracket at line 7", "bad")


def test_notes_of_the_app_are_no_outcome():
    """A rehearsal or a command does not look like a reload."""
    note = Update(facts(snapshot()), Note("make lint: ended with status 0", at(9), lines=("ok",)))
    view = updated(updated(START, [reloaded()]), [note])
    assert state(view) == "generation 1 ✓ reloaded 12:00:03"
    assert texts(view)[0] == "12:00:09 ▸ make lint: ended with status 0"


def test_settling_ends_a_second_after_a_second():
    """The time that is left is never negative."""
    view = updated(START, [changed(0)])
    assert status.remaining_s(view, at(0) + timedelta(seconds=0.5)) == 1.5
    assert status.remaining_s(view, at(99)) == 0.0
    assert status.remaining_s(START, at(0)) is None


def test_copying_gives_the_notification_and_the_source():
    """What a person pastes into a chat is what they saw."""
    entry = updated(START, [failed()]).entries[0]
    assert stream.plain(entry).splitlines() == [
        "❌ Config reload failed: config.toml:7:8: Invalid TOML: missing closing bracket at line 7",
        '   Hint: close it with "]"',
        "   Old configuration preserved.",
        '7 │ plan = ["gemini"',
        "  │        ^",
    ]
    assert "hunter2" in GOOD


def test_what_waits_for_a_restart_is_said_for_as_long_as_it_waits():
    """On a line of its own, and below the ending that found it."""
    waiting = (Change(("cost", "daily_limit_usd"), 10.0, 20.0), Change(("model",), "a", "b"))
    known = replace(START.facts, snapshot=replace(START.facts.snapshot, pending_restart=waiting))
    event = ReloadUnchanged("only what needs a restart differs", (), waiting, at=NOON)
    view = updated(START, [Update(known, event)])
    assert alerts(view) == ["↻ restart required for cost.daily_limit_usd, model"]
    assert "↻ restart required: cost.daily_limit_usd: 10.0 → 20.0" in texts(view)
    assert not alerts(updated(view, [Update(START.facts, unchanged(1).event)]))


def warned(update, *messages, line=1):
    """`update` with warnings."""
    found = tuple(Problem(each, (each,), severity="warning", file=FILE, line=line) for each in messages)
    return replace(update, event=replace(update.event, warnings=found))


def test_warnings_are_in_the_status_until_they_are_gone():
    """Whatever happens meanwhile; that some are new is said."""
    view = updated(START, [warned(reloaded(3), "a", "b")])
    assert state(view) == "generation 2 ✓ reloaded 12:00:03 ⚠ 2 warnings"
    view = updated(view, [changed(5), failed(7), changed(8), deferred(9)])
    assert "⚠ 2 warnings" in state(view)
    view = updated(view, [warned(unchanged(11), "a", "b", "c")])
    assert state(view).endswith("· unchanged 12:00:11 ⚠ 3 warnings, 1 new")
    assert "⚠" not in state(updated(view, [unchanged(13)]))


def test_a_warning_is_told_in_full_once_and_its_end_too():
    """Its line may move; in the details of an event all are shown."""
    view = updated(START, [warned(reloaded(3), "odd"), warned(unchanged(5), "odd", "new", line=7)])
    first = texts(view, toggled={("entry", 0): True})
    assert [line for line in first if "warning" in line or "⚠" in line] == [
        "warning[semantic]: new",
        "⚠ 1 as before",
        "warning[semantic]: odd",
    ]
    all_of = [row.text for row in stream.body(view.entries[1], 80)]
    assert "warning[semantic]: odd" in all_of
    assert "⚠ 1 as before" not in all_of
    assert "✓ no longer: config.toml:7: odd" in texts(updated(view, [warned(reloaded(9), "new")]))
    assert [
        row.key for row in lines(updated(view, [warned(reloaded(9), "odd", "new")]), which="failures and warnings")
    ]


def test_the_warnings_of_the_load_at_start_are_in_force():
    """Though no event brought them; the first reload does not tell them again."""
    odd = Problem("odd", ("odd",), severity="warning", file=FILE, line=1)
    known = replace(facts(snapshot()), snapshot=replace(snapshot(), warnings=(odd,)))
    note = Note("Loaded generation 1, 1 warning", at(0), "good", problems=(odd,))
    view = updated(View(facts(None, started=False)), [Update(known, note)])
    assert state(view) == "generation 1 ✓ loaded 12:00:00 ⚠ 1 warning"
    assert "warning[semantic]: odd" in texts(view)
    assert "⚠ 1 as before" in texts(updated(view, [warned(reloaded(3), "odd")]))


def test_a_failure_counts_errors_and_warnings_apart():
    """And shows the first error, even where a warning stands above it."""
    odd = Problem("odd", severity="warning", file=FILE, line=1)
    bad = Problem("bad", file=FILE, line=2)
    worse = Problem("worse", file=FILE, line=3)
    assert alerts(updated(START, [failed(3, odd, bad, worse)])) == ["✗ 2 errors, ⚠ 1 warning: config.toml:2: bad"]
    assert texts(updated(START, [failed(3, odd, bad)]))[0] == "12:00:03 ✗ Failed 1 error, 1 warning"


def test_the_old_content_after_a_failure_is_valid_again():
    """It is no news that nothing changed; it is that the files are good."""
    view = updated(START, [failed(3), changed(5), unchanged(7)])
    assert state(view) == "generation 1 ✓ valid again 12:00:07"
    assert texts(view)[0] == "12:00:07 ✓ Valid again (the files are the same)"
    assert stream.plain(view.entries[-1]) == "✅ Config valid again (the files are the same)"
    view = updated(view, [unchanged(9)])
    assert state(view) == "generation 1 · unchanged 12:00:09"
    assert texts(view)[0] == "12:00:09 · Unchanged (the files are the same)"
    fallen = View(facts(snapshot(), degraded=True))
    assert "✓ valid again" in state(updated(fallen, [unchanged(3)]))


def test_what_is_lost_or_in_trouble_is_said():
    """Events that came too fast until an ending is shown, troubles while they last."""
    view = updated(START, [changed(1)], 12)
    assert alerts(view) == ["⚠ 12 events came too fast to be shown"]
    assert alerts(updated(view, [changed(2)])) == ["⚠ 12 events came too fast to be shown"]
    assert alerts(updated(view, [reloaded(3)])) == []
    view = replace(START, troubles=("states are not kept: No space left on device",))
    assert alerts(view) == ["⚠ states are not kept: No space left on device"]
