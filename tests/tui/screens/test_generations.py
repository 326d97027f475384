"""The list of generations, and rollbacks from it, on real files with states that are kept on disk."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from hotconf.history.record import Record
from hotconf.history.store import StateStore
from hotconf.snapshot import SourceFile
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT
from hotconf.tui.clock import Clock
from hotconf.tui.screens.difference import Difference
from hotconf.tui.screens.generations import GenerationList
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.screens.sheet import SheetList
from hotconf.tui.session import Session
from hotconf.tui.view.facts import Note
from tui.stage import LARGE, play, screen, shows, until

QUICK = "[hot_reload]\ndebounce_ms = 100\n\n[validation]\ncheck_api_keys = false\ncheck_commands = false\n\n"
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def text(limit, more=""):
    """A configuration with this limit."""
    return f"{QUICK}[cost]\ndaily_limit_usd = {limit}\n{more}"


@pytest.fixture
def path(tmp_path):
    """A valid configuration of which five states are kept: two are good, one is damaged, one invalid, one foreign."""
    path, store = tmp_path / "config.toml", None
    path.write_text(text(10))
    store = StateStore(tmp_path / "states", path)
    assert store.claim()
    contents = (text('"much"'), text(5), text(6), text(7, 'passphrase = "hunter2"\n'), text(8))
    for number, content in enumerate(contents):
        file = SourceFile(path, "main", content.encode())
        at = LONG_AGO + timedelta(hours=number)
        keys = frozenset({"passphrase"}) if number == 3 else frozenset()
        store.write(Record(0, at, (file,), (f"change {number}",), keys))
    store.release()
    third = store.path / "00000003.state"
    third.write_bytes(third.read_bytes().replace(b"= 6", b"= 9"))
    return path


def live(path, scenario, **options):
    """Run the app on `path` and its states."""
    with closing(Session(path, lambda: Options(path, SPECKIT), path.parent / "states")) as session:
        return play(session, scenario, clock=Clock(), **options)


def lines(app):
    """The rows of the sheet, with what stands at their right."""
    shown = app.screen.query_one(SheetList)
    return [row.text + "".join(span.text for span in row.right) for row in shown.rows]


def note(app, start):
    """The note among the events that begins so."""
    found = (entry.event for entry in app.view.entries if isinstance(entry.event, Note))
    return next((event for event in found if event.text.startswith(start)), None)


def test_generations_and_states_are_one_list_that_follows(path):
    """By the numbers of the commands; what is broken is shown as such, what is active and last good is said."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("b")
        await shows(pilot, "Generations: 1 of this session, 6 kept on disk")
        await shows(pilot, "active, last good")
        found = lines(app)
        assert [line.split()[:2] for line in found] == [
            ["●", "@6"],
            ["Before", "this"],
            ["@5", "2026-01-02"],
            ["✗", "@4"],
            ["✗", "@3"],
            ["@2", "2026-01-02"],
            ["@1", "2026-01-02"],
        ]
        assert "generation 1" in found[0]
        assert "damaged: wrong checksum" in found[4]
        path.write_text(text(20))
        await shows(pilot, "@7  generation 2")
        await until(pilot, lambda: "active" in lines(app)[0] and "active" not in lines(app)[1])
        await pilot.press("home", "enter")
        await shows(pilot, "cost.daily_limit_usd: 10.0 → 20.0")
        await pilot.press("enter")
        assert "daily_limit_usd" not in "".join(lines(app))

    live(path, scenario, size=LARGE)


def test_any_two_are_compared_and_what_must_not_be_shown_is_not(path):
    """`d`: this one with the active one, or two that are marked. Damaged and foreign states are refused."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("b")
        await shows(pilot, "6 kept on disk")
        await pilot.press("end", "d")
        await shows(pilot, "@1 (2026-01-02 03:04:05) → @6 generation 1 (")
        await shows(pilot, '~ daily_limit_usd = "much"')
        await pilot.press("]")
        await shows(pilot, "~ daily_limit_usd = 5")
        await pilot.press("]")
        await shows(pilot, "@3 cannot be shown: it is damaged: wrong checksum")
        await pilot.press("]")
        await shows(pilot, "@4 cannot be shown: it is of another model, which keeps passphrase secret")
        assert "hunter2" not in screen(app)
        await pilot.press("escape", "m", "up", "m", "up", "m", "home", "d")
        await shows(pilot, "@2 (2026-01-02 04:04:05) → @3")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, GenerationList))

    live(path, scenario, size=LARGE)


def test_the_first_difference_is_to_the_state_before_this_session(path):
    """`d` on the main screen needs no second generation where a state is kept; `u` turns it at the first press."""

    async def scenario(pilot):
        await pilot.press("d")
        await shows(pilot, "@5 (2026-01-02 07:04:05) → @6 generation 1 (")
        for width in (99, 100, 101, 102, 103, 104, 120):
            await pilot.resize(width, 30)
            before = " │ " in "".join(lines(pilot.app))
            await pilot.press("u")
            assert (" │ " in "".join(lines(pilot.app))) is not before

    live(path, scenario, size=LARGE)


def test_a_kept_state_is_restored(path):
    """One question, what is written, what happens then; the events say that it was done."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("b")
        await shows(pilot, "6 kept on disk")
        await pilot.press("home", "down", "down", "b")
        await shows(pilot, "Roll back to @5?")
        assert lines(app)[:2] == [
            "Writes config.toml: 1 line changed",
            "The watcher then reloads, as after any save.",
        ]
        await pilot.press("y")
        assert isinstance(app.screen, AskRollback)
        await pilot.press("R")
        await shows(pilot, "generation 2  ✓ reloaded")
        assert path.read_text() == text(8)
        await until(pilot, lambda: note(app, "Rolled back to @5"))
        await pilot.press("b")
        await shows(pilot, "@7  generation 2")

    live(path, scenario, size=LARGE)


def test_a_state_that_is_damaged_meanwhile_is_marked(path):
    """Also that of the active generation, which this session has itself."""
    store = StateStore(path.parent / "states", path)

    async def scenario(pilot):
        await pilot.press("b")
        await shows(pilot, "active, last good")
        newest = store.path / "00000006.state"
        newest.write_bytes(newest.read_bytes().replace(b"= 10", b"= 99"))
        await shows(pilot, "✗ @6")
        assert sum("damaged: wrong checksum" in line for line in lines(pilot.app)) == 2
        await until(pilot, lambda: any("@5" in line and "last good" in line for line in lines(pilot.app)))

    live(path, scenario, size=LARGE)


def test_a_rollback_that_cannot_work_is_refused_with_the_reason(path, monkeypatch):
    """Damaged, foreign, invalid today, the same already, not writable; nothing is asked, nothing is written."""

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("b")
        await shows(pilot, "6 kept on disk")
        refusals = (
            "The files are those of @6 already",
            "@4 cannot be restored: it is of another model",
            "@3 cannot be restored: it is damaged: wrong checksum",
            "@1 is not valid any more, so that it would not be loaded",
        )
        for downs, refusal in zip((0, 3, 1, 2), refusals, strict=True):
            await pilot.press(*["down"] * downs, "b")
            await shows(pilot, refusal)
            assert isinstance(app.screen, GenerationList)
        monkeypatch.setattr("hotconf.tui.past.states.os.access", lambda *_: False)
        await pilot.press("up", "b")
        await shows(pilot, "config.toml cannot be written: neither it nor its directory is writable")
        assert path.read_text() == text(10)

    live(path, scenario, size=LARGE)


def test_a_rollback_that_fails_says_what_is_left_and_what_to_do(path, monkeypatch):
    """Among the events: the reason, what could not be put back, and how to try again."""

    def full(plan, *, remove_appeared=False):
        error = OSError(28, "No space left on device", str(path))
        error.add_note("more.toml could not be put back: Input/output error")
        raise error

    monkeypatch.setattr("hotconf.history.restore.restore", full)

    async def scenario(pilot):
        app = pilot.app
        await pilot.press("d", "b")
        await until(pilot, lambda: isinstance(app.screen, AskRollback))
        await pilot.press("R")
        await until(pilot, lambda: note(app, "Not rolled back to @5"))
        said = note(app, "Not rolled back to @5")
        assert said.text == f"Not rolled back to @5: {path}: No space left on device"
        assert said.lines == (
            "more.toml could not be put back: Input/output error",
            "To try again: d, then b. Or, in a shell: hotconf rollback 5",
        )

    live(path, scenario, size=LARGE)


def test_without_states_on_disk_there_are_the_generations_of_this_session(path):
    """And why none is kept."""

    async def scenario(pilot):
        await pilot.press("b")
        await shows(pilot, "Generations: 1 of this session, 0 kept on disk")
        await shows(pilot, "Not kept on disk: no state directory is used")
        await pilot.press("d")
        assert not isinstance(pilot.app.screen, Difference)

    with closing(Session(path, lambda: Options(path, SPECKIT))) as session:
        play(session, scenario)
    with closing(Session(path, lambda: Options(path, SPECKIT), path.parent / "states")) as session:
        (path.parent / "states").chmod(0o777)
        play(session, untrusted)


async def untrusted(pilot):
    """A directory that others may write to is not read."""
    await pilot.press("b")
    await shows(pilot, "Not kept on disk: ")
    await shows(pilot, "1 of this session, 0 kept")
    assert "not safe" in "".join(lines(pilot.app)) or "write" in "".join(lines(pilot.app)), lines(pilot.app)
