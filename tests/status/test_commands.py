"""`hotconf status` and `hotconf reload`, with several real processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from hotconf.cli.app import hotconf
from hotconf.cli.processes import lines as table
from hotconf.status.reading import statuses
from hotconf.status.record import Status
from prefork import Program
from waiting import wait_until
from watcher.watched import port, save

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

Begin: TypeAlias = Callable[..., Program]
PROGRAM = """
import os, sys
from pydantic import BaseModel
from hotconf import HotReloadSettings, HotReloadWatcher

class Server(BaseModel, frozen=True):
    port: int = 8000

class App(BaseModel, frozen=True):
    server: Server = Server()
    hot_reload: HotReloadSettings = HotReloadSettings()

{before}
watcher = HotReloadWatcher("config.toml", App, state_dir="states", debounce_ms={window}, reconcile_s=3600)
watcher.start()
{after}
os.write(1, b"started\\n")  # in one go: a forked child writes, too
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a valid configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(port(8000))
    return tmp_path


@pytest.fixture
def begin(home: Path) -> Iterator[Begin]:
    """Start a program that watches it, and ends when the test does."""
    with ExitStack() as stack:

        def start(before: str = "", after: str = "", window: int = 20) -> Program:
            known = len(found())
            process = Program(
                PROGRAM.format(before=before, after=after, window=window),
                cwd=home,
                stdin=-1,
                stdout=-1,
                ignore_warnings=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout.readline() == b"started\n"
            wait_until(lambda: len(found()) > known)
            return process

        yield start


def run(*arguments: object) -> Result:
    """Run `hotconf` here."""
    return CliRunner().invoke(hotconf, [*map(str, arguments), "config.toml", "--state-dir", "states"])


def found() -> list[Status]:
    """What `hotconf status` sees."""
    return statuses(Path("states").absolute(), Path("config.toml").absolute())


def rows(result: Result) -> list[dict[str, Any]]:
    """The lines of JSON of a command."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_nobody_runs_it(home: Path) -> None:
    """Exit status 2: a deployment that looks in the wrong place must not seem well."""
    for arguments in (["status"], ["status", "--wait"], ["reload"], ["reload", "--wait"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "no process runs" in result.stderr


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "soon"])
def test_what_is_no_time_to_wait(home: Path, seconds: str) -> None:
    """It is refused: nothing is waited for."""
    for command in ("status", "reload"):
        assert run(command, "--wait", f"--timeout={seconds}").exit_code == 2


def test_a_watcher_without_a_state_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes cannot be seen: the reason is said, and not a directory that it does not use."""
    program = "from hotconf import HotReloadWatcher\nwatcher = HotReloadWatcher('config.toml', dict[str, int])\n"
    (home / "stateless.py").write_text(program)
    monkeypatch.syspath_prepend(home)
    result = CliRunner().invoke(hotconf, ["status", "--app", "stateless:watcher"])
    assert result.exit_code == 2
    assert "has no state_dir" in result.stderr


def test_all_processes_are_shown(home: Path, begin: Begin) -> None:
    """A line each, and whether they run the files as they are."""
    processes = [begin(), begin(window=60_000)]
    result = run("status")
    assert result.exit_code == 0
    head, *lines = result.stdout.splitlines()
    assert head.split("  ")[0] == "PROCESS"
    assert {line.split()[0] for line in lines} == {str(status.pid) for status in found()}
    assert all(line.split()[2] == "1" and line.endswith("ok") for line in lines)
    assert result.stderr.startswith("2 of 2 processes run ")
    whole, narrow = list(table(found())), list(table(found(), 80))
    assert max(map(len, whole)) > 80
    assert max(map(len, narrow)) <= 80
    assert narrow[0].split() == whole[0].split()
    assert all("…" in line and line.endswith("ok") for line in narrow[1:])
    save(home / "config.toml", port(9000))
    wait_until(lambda: sorted(status.generation for status in found()) == [1, 2])
    result = run("status", "--json")
    assert result.exit_code == 1
    assert sorted((row["generation"], row["current"]) for row in rows(result)) == [(1, False), (2, True)]
    assert len({row["digest"] for row in rows(result)}) == 2
    assert {row["host"] for row in rows(result)} == {os.uname().nodename}
    assert len(processes) == 2


def test_wait_ends_when_all_run_the_files_as_they_are(home: Path, begin: Begin) -> None:
    """Not before; with the time over it says that they do not."""
    begin(), begin()
    for number in range(9000, 9003):
        save(home / "config.toml", port(number))
        result = run("status", "--wait", "--json")
        assert result.exit_code == 0, result.output
        assert [row["current"] for row in rows(result)] == [True, True]
        assert len({row["digest"] for row in rows(result)}) == 1
    begin(window=60_000)
    save(home / "config.toml", port(9004))
    result = run("status", "--wait", "--timeout", 0)
    assert result.exit_code == 1
    assert " of 3 processes run " in result.stderr


def test_a_refusal_ends_the_wait_with_its_problems(home: Path, begin: Begin) -> None:
    """With their places, and without values."""
    begin(), begin()
    save(home / "config.toml", '[server]\nport = "774411774411x"\n')
    result = run("status", "--wait")
    assert result.exit_code == 1
    assert "config.toml:2:8: server.port: type mismatch" in result.stdout
    assert "774411774411" not in result.output
    wait_until(lambda: all(status.failed for status in found()))
    assert [row["problems"] for row in rows(run("status", "--json"))] == [
        ["config.toml:2:8: server.port: type mismatch"]
    ] * 2
    save(home / "config.toml", port(9000))
    assert run("status", "--wait").exit_code == 0


def test_a_killed_process_is_dropped(home: Path, begin: Begin) -> None:
    """At once, whatever it was about to do."""
    begin()
    begin(window=60_000)
    save(home / "config.toml", port(9000))
    wait_until(lambda: sorted(status.generation for status in found()) == [1, 2])
    (late,) = [status.pid for status in found() if status.generation == 1]
    os.kill(late, signal.SIGKILL)
    result = run("status", "--wait")
    assert result.exit_code == 0
    assert str(late) not in result.stdout


FORKS = """
for _ in range(2):
    if os.fork() == 0:
        break
"""


def test_forked_children_write_their_own(home: Path, begin: Begin) -> None:
    """Prefork servers: the master has a watcher, and each worker follows by itself."""
    process = begin(after=FORKS)
    wait_until(lambda: len(found()) >= 3)
    save(home / "config.toml", port(9000))
    wait_until(lambda: all(status.generation == 2 for status in found()))
    assert run("status", "--wait").exit_code == 0
    assert len({status.pid for status in found()}) == len(found()) >= 3
    process.stdin.close()
    wait_until(lambda: found() == [])


def test_reload_asks_everybody(home: Path, begin: Begin) -> None:
    """Whatever their window; without --wait it only asks."""
    begin(window=60_000), begin(window=60_000)
    save(home / "config.toml", port(9000))
    result = run("reload", "--wait", "--json")
    assert result.exit_code == 0, result.output
    assert [(row["generation"], row["ending"]) for row in rows(result)] == [(2, "success")] * 2
    save(home / "config.toml", port(9001))
    result = run("reload")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Asked 2 processes to reload ")
    wait_until(lambda: all(status.generation == 3 for status in found()))


def test_reload_is_heard_while_hot_reload_is_off(home: Path, begin: Begin) -> None:
    """It is the way back, too."""
    off = "[hot_reload]\nenabled = false\n"
    save(home / "config.toml", port(8000) + off)
    begin()
    wait_until(lambda: [status.health for status in found()] == ["unwatched"])
    for number in (9000, 9001):
        save(home / "config.toml", port(number) + off)
        assert run("reload", "--wait").exit_code == 0
    assert [status.generation for status in found()] == [3]
    save(home / "config.toml", port(9001))
    assert run("reload", "--wait").exit_code == 0
    assert [status.health for status in found()] == ["ok"]


def test_reload_shows_what_is_refused(home: Path, begin: Begin) -> None:
    """Exit status 1."""
    begin(window=60_000)
    save(home / "config.toml", "[server\n")
    result = run("reload", "--wait")
    assert result.exit_code == 1
    assert "refused by" in result.stdout
    assert "config.toml:1:1: syntax error" in result.stdout
    assert "hotconf check" in result.stderr


def test_reload_waits_for_what_is_busy(home: Path, begin: Begin) -> None:
    """And names it, and the process, when its time is over."""
    begin(after='busy = watcher.busy("a migration")\nbusy.__enter__()')
    save(home / "config.toml", port(9000))
    result = run("reload", "--wait", "--timeout", 0.3)
    assert result.exit_code == 1
    wait_until(lambda: found()[0].pending is not None)
    result = run("status")
    assert "a migration" in result.stdout
    assert found()[0].generation == 1


def test_two_who_ask_at_once_are_both_answered(home: Path, begin: Begin) -> None:
    """A later request stands for an earlier one."""
    begin(window=60_000)
    for _ in range(5):
        assert run("reload").exit_code == 0
    assert run("reload", "--wait").exit_code == 0


def test_other_configurations_are_not_shown(home: Path, begin: Begin) -> None:
    """Each file has its own processes, although they share a state directory."""
    begin()
    (home / "other.toml").write_text("")
    result = CliRunner().invoke(hotconf, ["status", "other.toml", "--state-dir", "states"])
    assert result.exit_code == 2
    assert len(statuses(Path("states").absolute())) == 1


def test_hostile_files_change_nothing(home: Path, begin: Begin) -> None:
    """Whatever lies there; even a valid one of a process that is dead."""
    begin()
    directory = home / "states" / "status"
    (real,) = directory.glob("*.json")
    for number, data in enumerate((b"", b"[" * 100_000, b"\xff", real.read_bytes())):
        path = directory / f"{number}-{'a' * 16}.json"
        path.write_bytes(data)
        path.chmod(0o600)
    result = run("status")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    (home / "states").chmod(0o777)
    result = run("status")
    assert result.exit_code == 2
    assert "others may write" in result.stderr


def test_the_app_says_where_to_look(home: Path, begin: Begin) -> None:
    """As for `history`: the program's own watcher names the file and the state directory, and is not started."""
    begin()
    (home / "app.py").write_text(PROGRAM.format(before="", after="", window=20).split("watcher.start()")[0])
    for arguments in (["status"], ["reload", "--wait"]):
        result = CliRunner().invoke(hotconf, [*arguments, "--app", "app:watcher"])
        assert result.exit_code == 0, result.output
    assert len(found()) == 1
