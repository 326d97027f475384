"""The session's generations and the states on disk as one list."""

from __future__ import annotations

from hotconf import ReloadSuccess, Timings
from hotconf.history.record import Damage, Record
from hotconf.tui.past.timeline import Kept, timeline, when
from hotconf.tui.view.history import History
from tui.updates import BETTER, COST, COST_LINE, GOOD, NOON, at, snapshot

OTHER = GOOD.replace("10.0", "30.0")


def record(number, text=GOOD, seconds=0.0, *summary):
    """A state that was kept."""
    return number, Record(number, at(seconds), snapshot(text).files, summary)


def published(seconds, generation=2):
    """What said so."""
    return ReloadSuccess(generation, COST, (COST_LINE,), Timings(), at=at(seconds))


def named(states):
    """What each is called."""
    return [state.long_name for state in states]


def test_what_is_kept_has_the_number_of_the_commands():
    """A generation that is kept has it, too; one that is not has none; earlier states come first."""
    history = History().with_(snapshot(GOOD, 1, 0)).with_(snapshot(BETTER, 2, 5), published(7))
    kept = Kept((record(12, GOOD, 0), record(11, OTHER, -500, "x: 1 → 2", "y"), (9, Damage("wrong checksum"))))
    states = timeline(history, kept, history.snapshots[-1])
    assert named(states) == ["@9", "@11", "@12 generation 1", "generation 2"]
    assert [state.refused for state in states] == ["is damaged: wrong checksum", "", "", ""]
    assert [state.active for state in states] == [False, False, False, True]
    assert [state.what for state in states] == [
        "damaged: wrong checksum",
        "x: 1 → 2 (+1 more)",
        "edited while not watched: config.toml",
        f"{COST_LINE} (+1 more)",
    ]
    assert states[3].at == at(7)
    assert states[3].details == (COST_LINE, "cost.daily_limit_usd: 10.0 → 20.0")


def test_the_same_content_at_another_time_is_another_state():
    """After a rollback there are two; each generation is at its own, although the files are the same."""
    history = History()
    for generation, text, seconds in ((1, GOOD, 0), (2, BETTER, 5), (3, GOOD, 10)):
        history = history.with_(snapshot(text, generation, seconds))
    kept = Kept((record(14, GOOD, 10), record(13, BETTER, 5), record(12, GOOD, 0)))
    states = timeline(history, kept, history.snapshots[-1])
    assert named(states) == ["@12 generation 1", "@13 generation 2", "@14 generation 3"]


def test_a_start_on_files_that_are_kept_already_is_that_state():
    """Nothing is kept twice in a row, so the newest older one with the same files is it; not one before others."""
    history = History().with_(snapshot(GOOD, 1, 0))
    kept = Kept((record(12, GOOD, -60), record(11, BETTER, -90), record(10, GOOD, -120)))
    assert named(timeline(history, kept, None)) == ["@10", "@11", "@12 generation 1"]
    kept = Kept((record(11, BETTER, -90), record(10, GOOD, -120)))
    assert named(timeline(history, kept, None)) == ["@10", "@11", "generation 1"]


def test_what_another_process_keeps_is_found():
    """It has read the same files a moment later."""
    history = History().with_(snapshot(GOOD, 1, 0)).with_(snapshot(BETTER, 2, 5))
    kept = Kept((record(12, BETTER, 5.2), record(11, GOOD, -60)))
    assert named(timeline(history, kept, None)) == ["@11 generation 1", "@12 generation 2"]


def test_a_change_of_comments_is_a_state_without_a_generation_of_its_own():
    """The generation is at the newer one, whose bytes are in force."""
    history = History().with_(snapshot(GOOD, 1, 0)).with_(snapshot("# new\n" + GOOD, 1, 5))
    kept = Kept((record(12, "# new\n" + GOOD, 5), record(11, GOOD, 0)), last_good=12)
    states = timeline(history, kept, history.snapshots[-1])
    assert named(states) == ["@11", "@12 generation 1"]
    assert [state.last_good for state in states] == [False, True]


def test_what_must_not_be_shown_is_hidden_and_what_is_invalid_is_not():
    """Both are refused, with the reason."""
    kept = Kept((record(2), record(1)), foreign={1: "is of another model"}, invalid={2: "is not valid any more"})
    states = timeline(History(), kept, None)
    assert [(state.refused, state.hidden) for state in states] == [
        ("is of another model", True),
        ("is not valid any more", False),
    ]


def test_the_day_is_named_unless_it_is_today():
    """Where the reader is."""
    assert when(NOON, NOON.date()) == "12:00:00"
    assert when(NOON.replace(day=3), NOON.date()) == "2026-05-03 12:00:00"
    assert when(None, NOON.date()) == ""
