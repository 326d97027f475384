"""The app with a real watcher on real files."""

from __future__ import annotations

import os
import threading
from contextlib import closing

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from hotconf import HotReloadWatcher, ReloadSuccess, Schema
from hotconf.history.store import StateStore
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT
from hotconf.tui.operations.command import Command
from hotconf.tui.screens.rollback import AskRollback
from hotconf.tui.session import Session
from hotconf.tui.view import configuration
from tui.stage import play, screen, shows, until
from waiting import wait_until

QUICK = "[hot_reload]\ndebounce_ms = 100\n\n[validation]\ncheck_api_keys = false\n\n"


@pytest.fixture
def path(tmp_path):
    """A valid configuration."""
    path = tmp_path / "config.toml"
    save(path, 10)
    return path


def save(path, limit, more=""):
    """A limit in the file, replaced at once."""
    new = path.with_suffix(".new")
    new.write_text(f"{QUICK}[cost]\ndaily_limit_usd = {limit}\n{more}")
    new.replace(path)


def live(path, scenario, *, schema=SPECKIT, state_dir=None, read_only=False, end=lambda: None, **options):
    """Run the app on `path`, with nothing left of it at the end; `end` ends what else was begun."""
    with closing(Session(path, lambda: Options(path, schema), state_dir, read_only=read_only)) as session:
        try:
            app = play(session, scenario, **options)
        finally:
            if (command := options.get("command")) is not None:
                command.stop()
            end()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("hotconf")])
    return app


def test_a_broken_file_at_start_and_a_last_good_state(path, tmp_path):
    """The app comes up on the last good state, says so under the status line, and recovers with the next save."""
    states = tmp_path / "home" / "state"
    live(path, lambda pilot: shows(pilot, "daily_limit_usd = 10"), state_dir=states)
    save(path, '"much"')

    async def scenario(pilot):
        await shows(pilot, "✗ failed: config.toml:8:19: Type mismatch")
        await shows(pilot, "↺ degraded: running on the last good state of 20")
        await until(pilot, lambda: "daily_limit_usd = 10" in screen(pilot.app))
        save(path, "30.0")
        await shows(pilot, "Cost limits changed ($10/day → $30/day)")
        await until(pilot, lambda: "↺ degraded" not in screen(pilot.app))

    live(path, scenario, state_dir=states)


def test_a_save_that_another_process_refuses_is_accepted_here_and_refused_there(path, tmp_path, monkeypatch):
    """It stays below the status line until that process accepts the files; the problems say who refuses, and why."""
    monkeypatch.setattr("hotconf.tui.app._LOOK_S", 0.05)
    states = tmp_path / "states"

    program = HotReloadWatcher(path, SPECKIT, state_dir=states)

    @program.resource("cost.daily_limit_usd")
    def limiter(limit):
        if limit == 13:
            raise ValueError("unlucky")
        return limit

    async def scenario(pilot):
        app = pilot.app
        program.start()
        await until(pilot, lambda: app.view.others.number == 1)
        assert "✗ refused" not in screen(app)
        save(path, "13")
        await shows(pilot, "✗ refused by 1 of 1 process (")
        await shows(pilot, "Cost limits changed ($10/day → $13/day)")
        await until(pilot, lambda: "▸ Refused by 1 of 1 process (" in screen(app))
        await pilot.press("p")
        await shows(pilot, "Generation 2 is active here; other processes refuse the files.")
        await shows(pilot, f"Refused by {os.getpid()}, 1 of 1 process:")
        await shows(pilot, "a resource could not be created")
        assert "unlucky" not in screen(app)
        await pilot.press("escape")
        save(path, "14")
        await until(pilot, lambda: "✗ refused" not in screen(app))
        await pilot.press("p")
        await shows(pilot, "No problems: generation 3 is active.")

    live(path, scenario, state_dir=states, read_only=True, size=(120, 40), end=program.close)


def test_a_save_is_seen_and_a_bad_one_keeps_the_old(path):
    """The summary of the changes, the value in the tree, the failure with its line, and good again."""

    async def scenario(pilot):
        save(path, "20.0")
        await shows(pilot, "Cost limits changed ($10/day → $20/day)")
        await shows(pilot, "daily_limit_usd = 20.0  was 10.0  ")
        save(path, '"much"')
        await shows(pilot, "failed: config.toml:8:19: Type mismatch: cost.daily_limit_usd expected float")
        await shows(pilot, '8 │ daily_limit_usd = "much"')
        await shows(pilot, "daily_limit_usd = 20.0")
        save(path, "30.0")
        await shows(pilot, "daily_limit_usd = 30.0  was 20.0")
        await until(pilot, lambda: "✗ failed: " not in screen(pilot.app))

    live(path, scenario)


def test_it_opens_on_a_broken_file_and_goes_live(path):
    """The problem with its source, until the file is mended."""
    path.write_text("[cost\n")

    async def scenario(pilot):
        await shows(pilot, "No valid configuration yet")
        await shows(pilot, "1 │ [cost")
        save(path, "20.0")
        await shows(pilot, "generation 1")
        await shows(pilot, "daily_limit_usd = 20.0")

    live(path, scenario)


def test_a_reload_waits_for_the_gate_and_is_applied_at_its_end(path):
    """Queued, said so, and published when the gate is finished."""

    async def scenario(pilot):
        pilot.app.action_start("gate")
        save(path, "20.0")
        await shows(pilot, "1 reload queued: waiting for quality gate (press f to apply it now)")
        assert pilot.app.view.facts.generation == 1
        pilot.app.action_finish("gate")
        await shows(pilot, "generation 2  ✓ reloaded")
        await until(pilot, lambda: "reload queued" not in screen(pilot.app))

    live(path, scenario)


def test_a_queued_reload_is_applied_now(path):
    """Though the gate goes on."""

    async def scenario(pilot):
        pilot.app.action_start("gate")
        save(path, "20.0")
        await shows(pilot, "f Apply now")
        await pilot.press("f")
        await shows(pilot, "generation 2  ✓ reloaded")
        await shows(pilot, "quality gate rehearsal")

    live(path, scenario)


def test_rollback_restores_the_earlier_bytes(path):
    """Through the ordinary path: it is a save like any other, and a generation of its own."""
    before = path.read_bytes()

    async def scenario(pilot):
        save(path, "20.0")
        await shows(pilot, "generation 2  ✓")
        await pilot.press("d", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskRollback))
        await shows(pilot, "+daily_limit_usd = 10")
        await pilot.press("R")
        await shows(pilot, "generation 3  ✓ reloaded")
        assert path.read_bytes() == before

    live(path, scenario)


def test_rollback_mends_a_broken_file(path):
    """The difference is to what is on the disk, not to what is active."""
    before = path.read_bytes()

    async def scenario(pilot):
        save(path, '"much"')
        await shows(pilot, "✗ failed: ")
        await pilot.press("d", "b")
        await shows(pilot, '-daily_limit_usd = "much"')
        await pilot.press("R")
        await until(pilot, lambda: path.read_bytes() == before)
        await until(pilot, lambda: "✗ failed: " not in screen(pilot.app))

    live(path, scenario)


def test_rollback_is_refused_if_the_file_changed_meanwhile(path):
    """What nobody has seen in the difference is not overwritten."""

    async def scenario(pilot):
        save(path, "20.0")
        await shows(pilot, "generation 2  ✓")
        await pilot.press("d", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskRollback))
        save(path, "30.0")
        await pilot.press("R")
        await shows(pilot, "Not rolled back: config.toml changed in the meantime")
        assert "30.0" in path.read_text()

    live(path, scenario)


def test_fragments_that_appeared_stay_unless_confirmed(path):
    """`x` says that they shall go."""
    save(path, 10, '[mcp_servers]\nx = { command = "y" }\n')
    path.write_text(path.read_text().replace("[hot_reload]\n", '[hot_reload]\nwatch_paths = ["more/*.toml"]\n'))
    more = path.parent / "more"
    more.mkdir()
    (more / "b.toml").write_text("[cost]\ndaily_limit_usd = 5.0\n")  # or nothing would be left of the pattern

    async def scenario(pilot):
        (more / "a.toml").write_text("[cost]\nmonthly_limit_usd = 5.0\n")
        await shows(pilot, "generation 2  ✓")
        await pilot.press("d", "b")
        await shows(pilot, "Keeps a.toml, which generation 1 did not have")
        await pilot.press("x")
        await shows(pilot, "Removes more/a.toml")
        await pilot.press("R")
        await shows(pilot, "generation 3  ✓")
        assert [each.name for each in more.iterdir()] == ["b.toml"]

    live(path, scenario)


def test_hot_reload_off_is_said(path, monkeypatch):
    """`r` loads what is there, and watching goes on if the file says so."""
    monkeypatch.setattr("hotconf.tui.app._LOOK_S", 0.05)

    async def scenario(pilot):
        path.write_text(path.read_text().replace("[hot_reload]\n", "[hot_reload]\nenabled = false\n"))
        await shows(pilot, "hot reload off: edits are not noticed")
        save(path, "20.0")
        await shows(pilot, "drift: the files differ from generation 2")
        await pilot.press("r")
        await shows(pilot, "generation 3  ✓ reloaded")
        await until(pilot, lambda: "≠" not in screen(pilot.app))

    live(path, scenario)


def test_warnings_stay_in_sight_and_old_content_is_valid_again(path):
    """In the status line, on the row of the table, and once in the events; through a failure and back."""
    save(path, "10", "daily_limit = 3\n")

    async def scenario(pilot):
        await shows(pilot, "⚠ 1 warning")
        await shows(pilot, "warning[schema]: Unknown key: cost.daily_limit")
        await until(pilot, lambda: any("cost" in line and " ⚠ config.toml:7" in line for line in lines_of(pilot)))
        save(path, "20", "# moved\ndaily_limit = 3\n")
        await shows(pilot, "⚠ 1 as before")
        save(path, '"much"', "# moved\ndaily_limit = 3\n")
        await shows(pilot, "✗ 1 error, ⚠ 1 warning: config.toml:8:19: Type mismatch")
        await shows(pilot, "✗ failed")
        save(path, "20", "# moved\ndaily_limit = 3\n")
        await shows(pilot, "✓ Valid again (")
        await until(pilot, lambda: "✓ valid again" in lines_of(pilot)[0] and "⚠ 1 warning" in lines_of(pilot)[0])
        save(path, "20")
        await shows(pilot, "✓ no longer: config.toml:10:1: Unknown key:")
        await until(pilot, lambda: "⚠" not in lines_of(pilot)[0])

    live(path, scenario, size=(120, 40))


def lines_of(pilot):
    """The lines of the screen."""
    return screen(pilot.app).splitlines()


def test_what_no_event_reports_is_seen(path, tmp_path, monkeypatch):
    """States that cannot be kept, an event that cannot be shown, and a watcher that does not watch any more."""
    monkeypatch.setattr("hotconf.tui.app._LOOK_S", 0.05)
    (tmp_path / "state").touch()

    async def scenario(pilot):
        await shows(pilot, "⚠ states are not kept: ")
        monkeypatch.setattr(pilot.app.session, "_facts", None)
        save(path, "20")
        await shows(pilot, "could not be shown, the latest at ")
        pilot.app.session._watcher.close()
        await shows(pilot, "⚠ nothing is watched: closed")

    live(path, scenario, state_dir=tmp_path / "state")


def test_an_external_command_is_the_operation(path, tmp_path):
    """Reloads wait until it ends, its name is the reason, and its status and last lines are told."""
    go = tmp_path / "go"
    command = Command(f"until [ -e {go} ]; do sleep 0.02; done; echo done; exit 3")

    async def scenario(pilot):
        app = pilot.app
        await shows(pilot, "▸ until")
        save(path, "20.0")
        await shows(pilot, "1 reload queued: waiting for until")
        go.touch()
        await shows(pilot, "generation 2  ✓ reloaded")
        note = next(entry.event for entry in app.view.entries if "status 3" in getattr(entry.event, "text", ""))
        assert note.lines == ("done",)

    live(path, scenario, command=command)


def test_a_command_ends_with_the_app(path):
    """It, and what it started."""
    command = Command("sleep 1000 & sleep 1000")

    async def scenario(pilot):
        await shows(pilot, "▸ sleep 1000")

    live(path, scenario, command=command)


class Vault(BaseModel):
    """A secret of a name that only the model knows to be one."""

    model_config = ConfigDict(frozen=True)
    passphrase: SecretStr = SecretStr("")
    size: int = 0


def test_secrets_that_only_the_model_knows_are_masked(path):
    """In the differences and in the question before a rollback, though a line was only ever a comment."""
    text = '# passphrase = "hunter2-old"\npassphrase = "hunter2-%d"\nsize = %d\n'
    path.write_text(text % (1, 1))
    seen = []

    async def scenario(pilot):
        path.write_text(text % (2, 2))
        await shows(pilot, "generation 2  ✓")
        await pilot.press("d")
        await shows(pilot, "size = 2")
        seen.append(screen(pilot.app))
        await pilot.press("b")
        await shows(pilot, "Roll back to generation 1?")
        seen.append(screen(pilot.app))

    live(path, scenario, schema=Schema(Vault), size=(120, 40))
    assert "passphrase = " in seen[0]
    assert "hunter2" not in "".join(seen)


def test_no_secret_reaches_the_screen(path):
    """Not in the tree, the events, the source lines, the differences."""
    env = '[mcp_servers.x]\ncommand = "y"\ntoken = "hunter2-%s"\n'
    save(path, 10, env % "one")
    seen = []

    async def scenario(pilot):
        app = pilot.app
        seen.append(screen(app))
        save(path, 20, env % "two")
        await shows(pilot, "generation 2  ✓")
        await pilot.press("tab", "enter")
        await shows(pilot, "mcp_servers.x.token: changed (secret)")
        seen.append(screen(app))
        await pilot.press("escape", "d", "u")
        await shows(pilot, "+token = ")
        seen.append(screen(app))
        await pilot.press("escape", "slash", *"token")
        await shows(pilot, "token = ********")
        seen.append(screen(app))
        await pilot.press("escape")
        save(path, 20, env.replace('"\n', "\n") % "three")
        await shows(pilot, "✗ 2 errors: ")
        seen.append(screen(app))

    live(path, scenario, size=(120, 40))
    assert "hunter2" not in "".join(seen)


def test_the_watcher_never_waits_for_what_the_app_prepares(path, monkeypatch):
    """While it prepares what to show, others hear of the next events; then all are shown, in their order."""
    ready, items, shown, heard = threading.Event(), configuration.items, [], []
    session = Session(path, lambda: Options(path, SPECKIT))
    with closing(session):
        session.start(shown.append, pytest.fail)
        wait_until(lambda: shown)
        monkeypatch.setattr(configuration, "items", lambda *given: ready.wait(60) and items(*given))
        session._watcher.on_event(heard.append)
        for limit in (20, 30):
            save(path, limit)
            wait_until(lambda: any(isinstance(event, ReloadSuccess) for event in heard))
            heard.clear()
        assert len(shown) <= 2  # and that the file was changed
        ready.set()
        wait_until(lambda: shown[-1].facts.generation == 3 and isinstance(shown[-1].event, ReloadSuccess))
    generations = [update.facts.generation for update in shown]
    assert generations == sorted(generations)
    limits = [configuration.find(update.facts.items, ("cost", "daily_limit_usd")).whole for update in shown]
    assert limits == sorted(limits)
    assert set(limits) == {10, 20, 30}


def test_states_of_a_running_program_are_shown_and_left_alone(path, tmp_path):
    """By the numbers of the commands, with its last good one; the app keeps none there, nor elsewhere."""
    states = tmp_path / "of the program"
    with HotReloadWatcher(path, SPECKIT, state_dir=states):
        pass
    store = StateStore(states, path)
    numbers = store.numbers()

    async def scenario(pilot):
        await pilot.press("b")
        await shows(pilot, f"1 of this session, {len(numbers)} kept on disk")
        await shows(pilot, "active, last good")
        save(path, 20)
        await shows(pilot, f"2 of this session, {len(numbers)} kept on disk")
        assert store.numbers() == numbers
        assert {found.name for found in tmp_path.iterdir()} == {"config.toml", "of the program"}

    live(path, scenario, state_dir=states, read_only=True)
