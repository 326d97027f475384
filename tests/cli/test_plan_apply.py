"""`hotconf plan --apply`: everything is made of an edit and closed, by the program's own factories."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from cli.test_program import HOTCONF, error, project, run
from waiting import wait_until

__all__ = ["project"]

APP = """\
import asyncio, os, sys, time
from collections.abc import AsyncIterator, Iterator

from pydantic import BaseModel, SecretStr

from hotconf import HotReloadWatcher


class Database(BaseModel, frozen=True):
    url: str = "one"
    password: SecretStr = SecretStr("")


class App(BaseModel, frozen=True):
    database: Database = Database()
    port: int = 1
    mode: str = "quiet"
    late: str = "quiet"


watcher = HotReloadWatcher(__file__.replace("app.py", "app.yaml"), App)


@watcher.resource("database")
def pool(database):
    print("pool", database.url, "in place of", watcher.config.database.url)
    if database.url == "down":
        raise ConnectionRefusedError("down: " + database.password.get_secret_value())
    yield database.url
    print("closed pool")


@watcher.resource(lambda app: app.port, uses=pool)
async def server(port, pool):
    await asyncio.sleep(0)
    print("server", port, pool)
    yield port
    print("closed server")


@watcher.resource("port", uses=server)
def client(port, server):
    print("client", port, server)
    yield port
    print("closed client")


def act(mode):
    if mode == "hang":
        time.sleep(1000)
    elif mode == "sys.exit":
        sys.exit(3)
    elif mode == "os._exit":
        os._exit(3)
    elif mode == "input":
        input()
    elif mode == "fork" and os.fork() == 0:
        print("in the fork")
        sys.exit(3)
    elif mode == "no yield":
        return False
    return True


@watcher.resource("mode", timeout_s=1)
def plain(mode):
    if act(mode):
        yield mode


@watcher.resource("mode", timeout_s=1)
async def loop(mode):
    if act(mode.removeprefix("async ")):
        yield mode


@watcher.resource("late", timeout_s=1)
def closing(mode):
    yield mode
    if mode == "raise":
        raise ValueError("hunter22 again")
    act(mode)
"""


@pytest.fixture
def here(project: Path) -> Path:
    """A program with resources."""
    (project / "app.py").write_text(APP)
    (project / "app.yaml").write_text("database:\n  url: one\n  password: hunter22\n")
    return project


def plan(here: Path, text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """What an edit would do."""
    (here / "edit.yaml").write_text(f"database:\n  url: one\n  password: hunter22\n{text}")
    return run(here, "plan", "edit.yaml", "--apply", *arguments)


EVERY = ["app.pool", "app.server", "app.client", "app.plain", "app.loop", "app.closing"]


def test_everything_is_made_and_closed(here):
    """In order, and back. Factories see the configuration of now."""
    planned = plan(here, "port: 2\n")
    assert planned.returncode == 0
    assert planned.stdout.splitlines()[-1] == f"- created and closed: {', '.join(EVERY)}"
    made = ["pool one in place of one", "server 2 one", "client 2 2"]
    assert planned.stderr.splitlines() == [*made, "closed client", "closed server", "closed pool"]
    (here / "edit.yaml").write_text("database:\n  url: two\n")
    changed = run(here, "plan", "edit.yaml", "--apply", "--json")
    assert json.loads(changed.stdout)["made"] == EVERY
    assert "pool two in place of one" in changed.stderr
    assert json.loads(run(here, "plan", "edit.yaml", "--json").stdout)["made"] is None


def test_what_the_running_program_refuses(here):
    """The file says already what cannot be made: neither it nor an edit of something else is accepted."""
    (here / "app.yaml").write_text("database:\n  url: down\n")
    (here / "edit.yaml").write_text("database:\n  url: down\nport: 2\n")
    for file in ("app.yaml", "edit.yaml"):
        refused = run(here, "plan", file, "--apply")
        assert refused.returncode == 1
        assert "app.pool could not be created: ConnectionRefusedError" in refused.stdout


def test_what_cannot_be_made(here):
    """A problem at the line of its key, without the secret; status 1."""
    (here / "edit.yaml").write_text("port: 1\ndatabase:\n  url: down\n  password: hunter23\n")
    for form in ((), ("--json",)):
        refused = run(here, "plan", "edit.yaml", "--apply", *form)
        assert refused.returncode == 1
        assert "app.pool could not be created: ConnectionRefusedError: down: ********" in refused.stdout
        assert "hunter" not in refused.stdout + refused.stderr
        if form:
            assert json.loads(refused.stdout)["kind"] == "apply"
            assert "edit.yaml:2:1: app.pool could not be created: " in refused.stdout
        else:
            assert " --> edit.yaml:2:1\n" in refused.stdout
            assert "2 │ database:" in refused.stdout
            assert refused.stdout.endswith("\n❌ Would be refused: the old configuration would stay\n")


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("hang", "TimeoutError: it did not return within 1 s"),
        ("async hang", "TimeoutError: it did not return within 1 s"),
        ("os._exit", "SystemExit: 3"),
        ("async sys.exit", "SystemExit: 3"),
        ("input", "EOFError"),
        ("async no yield", "UsageError: it ended without a yield"),
    ],
)
def test_factories_that_do_not_behave(here, mode, why):
    """Whatever they do is a refusal, and the command ends."""
    refused = plan(here, f"mode: {mode}\n")
    assert (refused.returncode, refused.stdout.count(why)) == (1, 1), refused
    assert f"app.{'loop' if mode.startswith('async') else 'plain'} could not be created" in refused.stdout


def test_a_factory_that_forks(here):
    """The child writes nothing to stdout, and does not go on with the command."""
    planned = plan(here, "mode: fork\n")
    assert planned.returncode == 0
    assert planned.stdout.count("created and closed: ") == 1
    assert "in the fork" not in planned.stdout


@pytest.mark.parametrize(
    ("mode", "why"), [("raise", "Closing app.closing raised ValueError"), ("hang", "has not returned")]
)
def test_closing_that_fails(here, mode, why):
    """It is said on stderr, and refuses nothing."""
    planned = plan(here, f"late: {mode}\n")
    assert planned.returncode == 0
    assert f"created and closed: {', '.join(EVERY)}" in planned.stdout
    assert why in planned.stderr
    assert "hunter" not in planned.stderr


def test_where_the_present_file_is_not_valid(here):
    """Everything is made, as at a start; a factory that reads the configuration of now finds none."""
    (here / "app.yaml").write_text("port: x\n")
    (here / "edit.yaml").write_text("port: 2\n")
    refused = run(here, "plan", "edit.yaml", "--apply")
    assert refused.returncode == 1
    assert "app.pool could not be created: AttributeError: there is no configuration yet" in refused.stdout


def test_it_needs_the_program(here):
    """A model alone has no resources; neither has a program that could not be imported."""
    assert "--apply needs the program's own watcher: give --app" in error(plan(here, "port: 2\n", "--no-app"))
    with (here / "app.py").open("a") as app:
        app.write("watcher.start()\n")
    (here / "app.yaml").write_text("port: x\n")
    assert "its own start() failed" in error(plan(here, "port: 2\n"))


def test_a_program_without_resources(here):
    """There is nothing to be made."""
    (here / "app.py").write_text(APP.split("@watcher.resource")[0])
    assert "- the program has no resources" in plan(here, "port: 2\n").stdout


def test_ctrl_c_while_a_factory_works(here, tmp_path):
    """It says what is waited for, and at once on Ctrl-C what was."""
    (here / "app.py").write_text(APP.replace("timeout_s=1", "timeout_s=100"))
    (here / "edit.yaml").write_text("database:\n  url: one\n  password: hunter22\nmode: hang\n")
    command = [*HOTCONF, "plan", "edit.yaml", "--apply"]
    said = tmp_path / "stderr"
    with (
        said.open("w") as stderr,
        subprocess.Popen(command, cwd=here, stderr=stderr) as process,
    ):
        wait_until(lambda: "Waiting for app.plain" in said.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "Interrupted while waiting for app.plain" in said.read_text()
