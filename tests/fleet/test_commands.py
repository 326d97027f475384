"""`hotconf fleet …`, as an operator types it, with real etcd."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, Field, SecretStr

from fleet.etcd import Cluster
from fleet.simulated import Judge, Simulated, accept
from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.cli.fleet.text import status_lines
from hotconf.fleet import Etcd, Fleet, Published, UnreachableError
from hotconf.fleet.etcd.access import access
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Document
from outputs.test_ci_commands import taken_for_commands
from tui.fleet import made
from waiting import wait_until

pytestmark = pytest.mark.real_tool

_numbers = count()
Run = Callable[..., Result]
Join = Callable[..., Simulated]


class Shop(BaseModel):
    """What the documents are of."""

    port: int = Field(ge=1024)
    pin: SecretStr = SecretStr("")
    region: str


class Wide(Shop):
    """The same, with more."""

    url: str = ""
    db: dict[str, str] = {}


class Strict(BaseModel, extra="forbid"):
    """Of nothing."""


@pytest.fixture
def name() -> str:
    """A fleet of the test's own."""
    return f"commands-{next(_numbers)}"


@pytest.fixture
def run(one_node: Cluster, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types `hotconf fleet COMMAND NAME …` in a folder of its own."""
    monkeypatch.setenv("HOTCONF_ETCD_ENDPOINTS", ",".join(one_node.endpoints))
    monkeypatch.delenv("HOTCONF_APP", raising=False)
    monkeypatch.chdir(tmp_path)

    def typed(command: str, *arguments: str, text: str | None = None) -> Result:
        given = ["fleet", command, name, *arguments]
        return CliRunner().invoke(hotconf, given, input=text, catch_exceptions=False)

    return typed


@pytest.fixture
def join(one_node: Cluster, name: str) -> Iterator[Join]:
    """Instances that join."""
    with ExitStack() as stack:

        def made(instance: str, judge: Judge = accept, **labels: str) -> Simulated:
            joining = Simulated(access(one_node.endpoints), Keys.of(name), instance, judge, labels)
            return stack.enter_context(joining)

        yield made


def saved(text: str, file: str = "app.toml") -> str:
    """A file in the working directory."""
    Path(file).write_text(text, "utf-8")
    return file


def refuse(_document: Document) -> str:
    """Takes nothing."""
    return "port: too large"


def test_first_publish_and_status(run: Run, join: Join) -> None:
    """From nothing: published, accepted by all, and status says who runs what."""
    assert "nothing is published yet" in run("status").stdout
    join("web-1")
    join("web-2")
    done = run("publish", saved("port = 8080"), "--yes", "--wait", "--note", "first")
    assert done.exit_code == 0
    assert "accepted by 2 of 2 processes" in done.stdout
    status = run("status")
    assert status.exit_code == 0
    assert "2 processes: 2 accepted" in status.stdout
    assert "version 1: 2 processes" in status.stdout
    found = json.loads(run("status", "--json").stdout)
    assert (found["current"]["version"], found["states"]["ack"]) == ("1", 2)
    assert run("history").stdout.rstrip().endswith(": first")


def test_status_lists_who_runs_what(run: Run, join: Join) -> None:
    """Each process below its version, with labels, canary and refusal; of many only those that need attention."""
    run("publish", saved("port = 1"), "--yes", "--no-app")
    join("web-1", zone="eu")
    join("web-2", lambda document: None if document.version == "1" else "port: too large")
    run("publish", saved("port = 2"), "--yes", "--no-app", "--wait")
    run("rollback", "--yes", "--wait")
    run("publish", saved("port = 3"), "--yes", "--no-app", "--wait", "--canary", "zone=eu")
    assert run("status").stdout.splitlines()[1:] == [
        "2 processes: 2 accepted",
        "  version 1: 1 process",
        "    web-2 (pid 1) on host",
        "  version 3: 1 process",
        "    web-1 (pid 1) on host, zone=eu, canary",
    ]
    run("promote", "--wait")
    assert "    web-2 (pid 1) on host, refused: port: too large" in run("status").stdout.splitlines()


def test_status_of_many() -> None:
    """Of more than twenty, those that need attention are listed; all of them on demand."""
    found = made.status(*map(made.member, range(30)), made.member(30, "nack", "too large"))
    few, every = list(status_lines(found)), list(status_lines(found, everyone=True))
    refused = "  web-30 (pid 1030) on h serves version 6: too large"
    assert few[-3:] == ["refused:", refused, "(--all lists every process)"]
    assert sum("web-" in line for line in every) == 31


def test_nobody_accepted_it(run: Run) -> None:
    """With --wait a fleet without processes is no success: the name may be misspelt."""
    done = run("publish", saved("port = 8080"), "--yes", "--wait")
    assert done.exit_code == 1
    assert "no process is registered" in done.stdout


def test_refusal_is_named_and_exits_1(run: Run, join: Join) -> None:
    """A publish that one process refuses exits 1 with the process and its reason; so does status."""
    join("web-1")
    join("web-2", refuse)
    done = run("publish", saved("port = 8080"), "--yes", "--wait")
    assert done.exit_code == 1
    assert "web-2 (pid 1) on host" in done.stdout
    assert "port: too large" in done.stdout
    assert run("status").exit_code == 1


def test_auto_rollback(run: Run, join: Join) -> None:
    """A document that too many refuse is taken back, and the exit status says so."""
    run("publish", saved("port = 8080"), "--yes")
    join("web-1", lambda document: None if document.version == "1" else "port: too large")
    done = run("publish", saved("port = 9090"), "--yes", "--wait", "--auto-rollback", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["rolled_back"]["version"] == "1"
    assert run("show").stdout == "port = 8080\n"


def test_all_or_nothing(run: Run, join: Join) -> None:
    """One no: nothing is published, and the publisher says who and why; all yes: it is."""
    run("publish", saved("port = 8080"), "--yes")
    join("web-1")
    stubborn = join("web-2", lambda document: None if document.version == "1" else "port: too large")
    done = run("publish", saved("port = 9090"), "--yes", "--all-or-nothing")
    assert done.exit_code == 1
    assert "nothing was published: web-2 (pid 1) refuses: port: too large" in done.stderr
    as_json = run("publish", saved("port = 9090"), "--yes", "--all-or-nothing", "--json")
    refused = json.loads(as_json.stdout)
    assert (as_json.exit_code, refused["published"]) == (1, None)
    assert refused["refused"] == [{"instance": "web-2", "pid": 1, "reason": "port: too large"}]
    assert "port = 8080" in run("show").stdout
    stubborn.judge = accept
    assert run("publish", saved("port = 9090"), "--yes", "--all-or-nothing").exit_code == 0
    assert "all or nothing" in run("history").stdout


def test_all_or_nothing_of_nobody(run: Run) -> None:
    """It is refused before anybody is asked, with what to do instead."""
    file = saved("port = 8080")
    for yes in (["--yes"], []):
        done = run("publish", file, "--all-or-nothing", *yes)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "nothing was published. Start one first, or publish without --all-or-nothing" in done.stderr
    assert run("status").exit_code == 2


def test_quorum(run: Run, join: Join) -> None:
    """It is published although one refuses, which is shown; or not, with who and why."""
    run("publish", saved("port = 8080"), "--yes")
    join("web-1")
    join("web-2")
    asked, late = threading.Event(), threading.Event()

    def refuse(document: Document) -> str | None:
        """Its record stays as it was when it voted."""
        if document.version == "1":
            return None
        if asked.is_set():
            late.wait(60)
        asked.set()
        return "port: too large"

    join("web-3", refuse)
    done = run("publish", saved("port = 9090"), "--yes", "--quorum", "60%")
    late.set()
    assert done.exit_code == 0
    _, prepared, title, refused = done.stdout.splitlines()
    assert (prepared, title) == ("prepared before by 2 of 3 processes", "said no:")
    assert "web-3 (pid 1) on host" in refused
    assert refused.endswith(": port: too large")
    assert "quorum 60%" in run("history").stdout
    as_json = json.loads(run("publish", saved("port = 9091"), "--yes", "--quorum", "2", "--json").stdout)
    assert as_json["published"]["quorum"] == "2"
    said = {each["instance"]: (each["vote"], each["vote_reason"]) for each in as_json["status"]["members"]}
    assert said["web-3"] == ("no", "port: too large")
    assert said["web-1"] == ("yes", "")
    assert [member["vote"] for member in as_json["status"]["members"]] == ["yes", "yes", "no"]
    few = run("publish", saved("port = 9092"), "--yes", "--quorum", "3")
    assert (few.exit_code, few.stdout) == (1, "")
    assert "3 have to (quorum 3); web-3 (pid 1) refuses: port: too large" in few.stderr
    for wrong in (["--quorum", "100%"], ["--quorum", "2", "--all-or-nothing"], ["--quorum", "2", "--canary", "1"]):
        assert run("publish", saved("port = 9093"), "--yes", *wrong).exit_code == 2


def test_invalid_documents_are_not_published(run: Run) -> None:
    """Model and syntax are checked before anything is sent; what a layer may set may be missing."""
    schema = ["--schema", f"{__name__}:Shop", "--yes"]
    bad = run("publish", saved("port = 80"), *schema)
    assert bad.exit_code == 1
    assert "greater than or equal to 1024" in bad.stderr
    assert "--> app.toml:1:8" in bad.stderr
    Path("conf").mkdir()
    assert "--> conf/bad.toml:1:8" in run("publish", saved("port = 80", "conf/bad.toml"), *schema).stderr
    assert "--> standard input:1:8" in run("publish", "-", *schema, text="port = 80").stderr
    assert run("publish", saved("port = "), "--yes").exit_code == 1
    assert "nothing is published yet" in run("history").stderr
    fine = run("publish", saved("port = 8080"), *schema)
    assert fine.exit_code == 0
    assert "region" in fine.stderr


def test_difference_masks_secrets(run: Run) -> None:
    """The difference is shown before it is confirmed, without what the model keeps secret."""
    schema = ("--schema", f"{__name__}:Shop", "--yes")
    run("publish", saved('port = 8080\npin = "hunter1"\nregion = "eu"\n'), *schema)
    done = run("publish", saved('port = 9090\npin = "hunter2"\nregion = "eu"\n'), *schema)
    assert "-port = 8080" in done.stderr
    assert "+port = 9090" in done.stderr
    assert "hunter" not in done.output
    as_json = json.loads(run("diff", "1", "2", "--json", *schema[:2]).stdout)
    assert (as_json["old"], as_json["new"], "+port = 9090" in as_json["difference"]) == ("1", "2", True)
    between = run("diff", "1", "2", *schema[:2])
    assert between.exit_code == 1
    assert "+port = 9090" in between.stdout
    assert "hunter" not in between.output
    assert run("diff", "2", *schema[:2]).exit_code == 0


def test_formats(run: Run, join: Join) -> None:
    """The suffix says what a document is written in, or --type for stdin."""
    join("web-1")
    assert run("publish", saved("port: 8080\n", "app.yaml"), "--yes", "--wait").exit_code == 0
    assert json.loads(run("show", "--json").stdout)["format"] == "yaml"
    assert run("publish", "-", "--type", "json", "--yes", text='{"port": 9090}').exit_code == 0
    assert run("show").stdout == '{"port": 9090}\n'


def test_second_publisher_is_not_overwritten(run: Run) -> None:
    """What was published meanwhile stays, and the other publisher sees what it is."""
    run("publish", saved("port = 1"), "--yes")
    late = run("publish", saved("port = 2"), "--yes", "--expect", "7")
    assert late.exit_code == 1
    assert "version 1 is current, not version 7" in late.stderr


def test_what_is_current_is_not_published_again(run: Run, join: Join) -> None:
    """A deployment may be repeated: nothing is asked or published, and --wait reports the answers as before."""
    join("web-1")
    run("publish", saved("port = 1"), "--yes")
    for more in ([], ["--yes"], ["--wait"], ["--all-or-nothing"], ["--quorum", "1"], ["--expect", "1"]):
        again = run("publish", saved("port = 1"), *more)
        assert (again.exit_code, again.stdout.splitlines()[0][:37]) == (0, "already current: version 1 (epoch 1),")
    stubborn = join("web-2", refuse)
    wait_until(lambda: run("status").exit_code == 1)
    guarded = run("publish", saved("port = 1"), "--wait", "--auto-rollback", "--json")
    found = json.loads(guarded.stdout)
    assert (guarded.exit_code, found["unchanged"], found["rolled_back"], found["accepted"]) == (1, True, None, False)
    assert run("publish", saved("port = 1"), "--wait", "--auto-rollback", "--max-nack", "1").exit_code == 0
    assert run("publish", saved("port = 1"), "--all-or-nothing").exit_code == 1
    assert len(run("history").stdout.splitlines()) == 1
    stubborn.judge = accept
    run("publish", saved("port = 2"), "--yes", "--canary", "1")
    assert run("publish", saved("port = 2"), "--canary", "1").exit_code == 0
    for port, advice in ((2, "promote it"), (1, "roll back")):
        other = run("publish", saved(f"port = {port}"), "--yes")
        assert other.exit_code == 1
        assert advice in other.stderr


def test_failures_are_json_too(run: Run) -> None:
    """With --json a script finds on stdout, on one line, why nothing was done."""
    fine, invalid, broken = saved("port = 8081"), saved("port = 2", "b.toml"), saved("port =", "c.toml")
    run("publish", saved("port = 8080", "a.toml"), "--yes")
    for status, said, command in (
        (1, "version 1 is current, not version 7", ["publish", fine, "--yes", "--expect", "7"]),
        (1, "the document is not valid", ["publish", invalid, "--yes", "--schema", f"{__name__}:Shop"]),
        (1, "the document is no TOML", ["publish", broken, "--yes"]),
        (1, "none can vote", ["publish", fine, "--yes", "--all-or-nothing"]),
        (2, "give --yes", ["publish", fine]),
        (2, "no version 9", ["rollback", "9", "--yes"]),
        (2, "no canaries", ["promote"]),
        (2, "no version 9", ["diff", "9"]),
        (2, "no version 9", ["show", "9"]),
    ):
        done = run(*command, "--json")
        (line,) = done.stdout.splitlines()
        found = json.loads(line)
        assert (done.exit_code, found["refused"], said in found["error"]) == (status, [], True), line
        assert command[0] != "publish" or found["published"] is None


def test_what_was_published_is_said_although_the_wait_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object has both."""

    def lost(*_: object, **__: object) -> NoReturn:
        raise UnreachableError("nobody answers")

    monkeypatch.setattr(Fleet, "wait", lost)
    done = run("publish", saved("port = 1"), "--yes", "--wait", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["published"]["version"], found["error"]) == (2, "1", "nobody answers")
    run("publish", saved("port = 2"), "--yes")
    back = run("rollback", "--yes", "--wait", "--json")
    found = json.loads(back.stdout)
    assert (back.exit_code, found["version"], found["error"]) == (2, "1", "nobody answers")


def test_times_are_checked_first(run: Run) -> None:
    """Before anything is shown, asked or published."""
    for more in (["--wait", "--timeout", "nan"], ["--all-or-nothing", "--timeout", "86400"]):
        done = run("publish", saved("port = 1"), "--yes", *more)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "+port" not in done.stderr
    assert "nothing is published yet" in run("status").stdout


def test_what_was_not_checked_and_what_is_secret_is_said(run: Run) -> None:
    """A warning each, by names alone or by the model, which shows no value."""
    bare = run("publish", saved("port = 1"), "--yes")
    assert bare.stderr.splitlines()[-1].startswith("Warning: only the syntax was checked: --app")
    text = (
        'port = 8080\nregion = "eu"\npin = "hunter1"\nurl = "postgres://me:hunter2@db/"\n[db]\napi_key = "hunter3"\n'
    )
    for options, keys in (
        (["--no-app"], "url, db.api_key"),
        (["--schema", f"{__name__}:Wide"], "pin, url, db.api_key"),
    ):
        done = run("publish", saved(text + f"# {keys}"), "--yes", *options)
        assert done.exit_code == 0
        assert f"Warning: the document has secrets ({keys}): " in done.stderr
        assert "only the syntax" not in done.stderr
        assert "hunter" not in done.stderr.rpartition("Warning: ")[2]
    fine = run("publish", saved('port = 8080\nregion = "eu"'), "--yes", "--schema", f"{__name__}:Shop")
    assert "Warning" not in fine.stderr


def test_canary_promote_and_rollback(run: Run, join: Join) -> None:
    """A canary goes to some, promote to all, rollback back; each is in the history."""
    run("publish", saved("port = 1"), "--yes")
    members = [join(f"web-{number}") for number in range(4)]
    done = run("publish", saved("port = 2"), "--yes", "--canary", "1", "--wait")
    assert done.exit_code == 0
    assert sum(member.served[-1][1] == "2" for member in members) == 1
    assert "canary 1, the others 1" in run("status").stdout
    assert run("promote").exit_code == 0
    assert run("promote").exit_code == 2
    assert run("rollback", "--yes").exit_code == 0
    assert run("show").stdout == "port = 1\n"
    actions = [line.split(", ")[1].split()[0] for line in run("history").stdout.splitlines()]
    assert actions == ["rollback", "promote", "by", "by"]


def test_pause_and_resume(run: Run) -> None:
    """Status shows a pause, until resume."""
    run("publish", saved("port = 1"), "--yes")
    assert run("pause", "--note", "maintenance").stdout == "paused: no process is registered\n"
    assert "maintenance" in run("status").stdout
    again = run("pause", "--note", "other")
    assert again.exit_code == 1
    assert "paused already, by " in again.stderr
    assert again.stderr.endswith(": maintenance\n")
    assert run("resume").stdout.startswith("resumed: version 1 (epoch 1)")
    assert "maintenance" not in run("status").stdout
    assert run("resume").stdout == "it was not paused\n"
    assert json.loads(run("pause", "--json", "--note", "x").stdout)["paused"]["note"] == "x"
    assert json.loads(run("resume", "--json").stdout) == {"paused": None}


def test_no_such_fleet_is_not_paused(run: Run) -> None:
    """A misspelt name is said, and nothing is written."""
    for command in ("pause", "resume"):
        done = run(command)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "nothing is published in" in done.stderr
    assert "paused" not in run("status").output


def test_a_publish_during_a_pause(run: Run, one_node: Cluster, name: str) -> None:
    """It is said that nobody will serve it yet; who waits does not wait for the end of the pause."""
    run("publish", saved("port = 1"), "--yes")
    source = Etcd(name, one_node.endpoints, instance="web-1")
    with HotReloadWatcher(source, dict[str, int]):
        run("pause", "--note", "maintenance")
        done = run("publish", saved("port = 2"), "--yes", "--wait", "--timeout", "600")
        assert done.exit_code == 1
        assert "The fleet is paused by " in done.stderr
        assert done.stdout.endswith(": maintenance: 1 process waits until it is resumed\n")


def test_promote_and_rollback_wait(run: Run, join: Join) -> None:
    """They say what became of it, as publish does: with --json in the same object."""
    join("web-1")
    run("publish", saved("port = 1"), "--yes")
    bad = join("web-2", lambda document: None if document.version != "2" else "port: too large")
    run("publish", saved("port = 2"), "--yes", "--canary", "1")
    promoted = run("promote", "--wait")
    assert promoted.exit_code == 1
    assert "accepted by 1 of 2 processes\nrefused:\n  web-2 (pid 1)" in promoted.stdout
    back = run("rollback", "--yes", "--wait", "--json")
    found = json.loads(back.stdout)
    assert (back.exit_code, found["version"], found["accepted"]) == (0, "1", True)
    assert bad.served[-1][1] == "1"


def test_going_back_shows_where_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions, and the difference with secrets masked; also where the program cannot be imported."""
    for port in (1, 2):
        run("publish", saved(f'port = {port}\npin = "hunter{port}"\n'), "--yes")
    monkeypatch.setattr("hotconf.cli.refusal.can_ask", lambda: True)
    asked = run("rollback", "--schema", f"{__name__}:Shop", text="n\n")
    assert asked.exit_code == 1
    assert "Go back from version 2 to version 1?" in asked.stderr
    assert "+port = 1" in asked.stderr
    assert "hunter" not in asked.output
    done = run("rollback", "--app", "no_such_module:watcher", text="y\n")
    assert done.exit_code == 0
    assert "The difference is not shown: " in done.stderr
    assert "rolled back: version 1" in done.stdout


def test_going_back_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody goes back from, or promotes, what they have not seen: neither a person nor a pipeline."""
    for port in (1, 2, 3):
        run("publish", saved(f"port = {port}"), "--yes")
    assert run("rollback", "--yes", "--expect", "3").exit_code == 0
    again = run("rollback", "--yes", "--expect", "3")
    assert again.exit_code == 1
    assert "version 2 is current, not version 3" in again.stderr
    assert run("promote", "--expect", "3").exit_code == 1

    def meanwhile(_question: str) -> None:
        run("publish", saved("port = 4"), "--yes")

    monkeypatch.setattr("hotconf.cli.fleet.changing.confirm", meanwhile)
    late = run("rollback")
    assert late.exit_code == 1
    assert "something else became current meanwhile: version 4" in late.stderr
    assert run("show").stdout == "port = 4\n"


def test_something_else_became_current(run: Run, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    """--wait says what it is, and not how many accept that."""
    join("web-1")
    publish = Fleet.publish

    def overtaken(self: Fleet, data: bytes, **more: Any) -> Published:
        published = publish(self, data, **more)
        publish(self, b"port = 9")
        return published

    monkeypatch.setattr(Fleet, "publish", overtaken)
    done = run("publish", saved("port = 1"), "--yes", "--wait")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[1].startswith("something else became current meanwhile: version 2 (epoch 2)")
    assert len(done.stdout.splitlines()) == 2


def test_prune(run: Run) -> None:
    """Old entries go, after a look at what they are; a fleet that is not there is no success."""
    assert run("prune", "--yes").exit_code == 2
    for port in range(1, 6):
        run("publish", saved(f"port = {port}"), "--yes")
    asked = run("prune", "--keep", "3")
    assert asked.exit_code == 2
    what = "2 entries of the history (epochs 1, 2) and 2 documents (versions 1, 2)"
    assert f"To be deleted: {what}\n" in asked.stderr
    assert len(run("history").stdout.splitlines()) == 5
    done = run("prune", "--keep", "3", "--yes")
    assert (done.exit_code, done.stdout) == (0, f"deleted: {what}; left: 3 entries and 3 documents\n")
    none = run("prune", "--yes")
    assert (none.exit_code, none.stdout) == (0, "nothing to delete: the history has 3 entries, and 100 stay\n")
    as_json = json.loads(run("prune", "--keep", "2", "--json", "--yes").stdout)
    assert as_json == {"deleted": {"epochs": [3], "versions": ["3"]}, "entries_left": 2, "documents_left": 2}
    assert run("prune", "--keep", "1").exit_code == 2


def test_without_a_terminal_it_asks_nobody(run: Run) -> None:
    """Without --yes and without a terminal nothing is published or rolled back."""
    asked = run("publish", saved("port = 1"), text="y\n")
    assert asked.exit_code == 2
    assert "--yes" in asked.stderr
    assert "nothing is published yet" in run("status").stdout
    assert run("rollback", text="y\n").exit_code == 2


def test_nothing_is_a_command_of_ci(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What documents, notes and arguments hold is never taken for a command by the system that runs these."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    run("publish", saved("port = 8080"), "--yes")
    text = "port = 9090\n# x\n::error::x\n##[error]x\n"
    outputs = [run("publish", saved(text), "--yes").output]
    text = "port = 9090\na = '''\n::error::x\n##[error]x\n'''\n"
    outputs.append(run("publish", saved(text), "--yes", "--note", "\n::error::note", "--wait").output)
    outputs += [
        run(*each).output for each in (("show",), ("history",), ("status",), ("diff", "1"), ("show", "::a::b"))
    ]
    assert taken_for_commands("\n".join(outputs)) == []


def test_where_is_etcd(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without endpoints, with wrong ones, or nothing behind them: one line, exit status 2."""
    closed = run("status", "--endpoints", "http://127.0.0.1:1")
    assert (closed.exit_code, closed.stdout) == (2, "")
    assert len(closed.stderr.splitlines()) == 1
    exposed = run("status", "--endpoints", "http://etcd.example.com:2379")
    assert exposed.exit_code == 2
    assert "--insecure" in exposed.stderr or "insecure" in exposed.stderr
    monkeypatch.delenv("HOTCONF_ETCD_ENDPOINTS")
    nowhere = run("status")
    assert nowhere.exit_code == 2
    assert "HOTCONF_ETCD_ENDPOINTS" in nowhere.stderr


def test_agent_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for a document that can be written and ends; else it says why not. It is no member meanwhile."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    agent = ("--write", "app.toml", "--once", "--timeout")
    nothing = run("agent", *agent, "0.2")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "Error: app.toml was not written: nothing is published in" in nothing.stderr
    run("publish", saved("port = 8080", "other.toml"), "--yes")
    refused = run("agent", *agent, "0.2", "--schema", f"{__name__}:Strict")
    assert refused.exit_code == 1
    assert "refused version 1 (epoch 1): " in refused.stderr
    assert not (tmp_path / "app.toml").exists()
    done = run("agent", *agent, "60")
    assert done.exit_code == 0
    assert (tmp_path / "app.toml").read_text() == "port = 8080"
    assert run("agent", *agent, "60").exit_code == 0
    assert json.loads(run("status", "--json").stdout)["members"] == []
    unreachable = run("agent", *agent, "0.2", "--endpoints", "http://127.0.0.1:1")
    assert unreachable.exit_code == 1
    assert "etcd cannot be read" in unreachable.stderr
    assert run("agent", "--write", "app.toml", "--timeout", "1").exit_code == 2


def test_too_large(run: Run) -> None:
    """The limit is the fleet's, with its reason, whether a model is known or not."""
    file = saved("#" * 1_200_000)
    for more in ([], ["--schema", f"{__name__}:Shop"]):
        done = run("publish", file, *more)
        assert done.exit_code == 1
        assert "1 MiB, because etcd takes" in done.stderr


def test_no_such_fleet(run: Run) -> None:
    """Looking in the wrong place is no success."""
    assert run("status").exit_code == 2


def test_nobody_is_there(run: Run) -> None:
    """A publish that waits says that no process has it."""
    done = run("publish", saved("port = 1"), "--yes", "--wait")
    assert "no process is registered" in done.stdout


def test_difference_names_both_sides(run: Run) -> None:
    """The versions, and the file."""
    run("publish", saved("port = 1"), "--yes")
    done = run("publish", saved("port = 2"), "--yes")
    assert " version 1\n+++ app.toml\n" in done.stderr
    assert " version 2\n" in run("diff", "1", "2").stdout


def test_users(three_nodes: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With TLS and users: a publisher may, an instance may not, and no password is shown."""
    assert three_nodes.tls is not None
    monkeypatch.chdir(tmp_path)
    saved("port = 1  # by the command")
    tls = three_nodes.tls
    where = ["--endpoints", ",".join(three_nodes.endpoints), "--cacert", str(tls.ca)]
    where += ["--cert", str(tls.cert), "--key-file", str(tls.key)]

    def typed(user: str, password: str, *arguments: str) -> Result:
        monkeypatch.setenv("HOTCONF_ETCD_PASSWORD", password)
        return CliRunner().invoke(hotconf, ["fleet", *arguments, *where, "--user", user], catch_exceptions=False)

    assert typed("publisher", "publisher-secret", "publish", "shop", "app.toml", "--yes").exit_code == 0
    for user, password in (("web-1", "web-1-secret"), ("publisher", "wrong-secret")):
        denied = typed(user, password, "publish", "shop", "app.toml", "--yes")
        assert denied.exit_code == 2
        assert "secret" not in denied.output


@pytest.mark.parametrize(
    "record",
    [
        {"version": "9" * 5000},
        {"version": "\u001b[31mRED\u001b]0;title\u0007"},
        {"version": "", "epoch": int("9" * 4300)},
        {"epoch": 9_999_999_999_999},
        {"seen": -5, "since": "9999-12-31T23:59:59-23:59", "reason": "r" * 100_000},
    ],
)
def test_a_hostile_record_stops_nobody(one_node: Cluster, run: Run, name: str, record: dict[str, object]) -> None:
    """Whatever a process writes of itself: publishers publish, and no terminal gets its escape sequences."""
    run("publish", saved("port = 1"), "--yes")
    whole = {"version": "1", "epoch": 1, "status": "nack", "seen": 1} | record
    one_node.ctl("put", f"/hotconf/{name}/instance/evil/1", json.dumps(whole))
    done = run("publish", saved("port = 2"), "--yes")
    assert done.exit_code == 0, done.output
    assert "version 2 (epoch 2)" in done.stdout
    output = run("status").output
    assert output.replace("\n", "").isprintable()
    assert max(map(len, output.splitlines())) < 1000


ODD = """
import time
from pathlib import Path
from pydantic import BaseModel, field_validator

class Odd(BaseModel):
    port: int

    @field_validator("port")
    def slow(cls, port):
        Path(f"judging.{port}").touch()
        if port == 2:
            raise KeyboardInterrupt
        if port == 3:
            time.sleep(1000)
        return port
"""


def test_a_model_cannot_keep_the_agent_from_ending(run: Run, name: str, tmp_path: Path) -> None:
    """Neither by what it raises nor by hanging."""
    saved(ODD, "odd.py")
    assert run("publish", saved("port = 1"), "--yes").exit_code == 0
    command = [sys.executable, "-m", "hotconf", "fleet", "agent", name, "--write", "out.toml", "--schema", "odd:Odd"]
    agent = subprocess.Popen([*command, "--instance", "agent"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        wait_until((tmp_path / "out.toml").exists)
        refused = run("publish", saved("port = 2"), "--yes", "--wait", "--timeout", "60", "--json")
        assert "internal error" in refused.output
        assert run("publish", saved("port = 3"), "--yes").exit_code == 0
        wait_until((tmp_path / "judging.3").exists)
        agent.send_signal(signal.SIGTERM)
        said = agent.communicate(timeout=60)[1]
    finally:
        agent.kill()
        agent.communicate()
    assert agent.returncode == 0, said
    assert "the model raised KeyboardInterrupt" in said
    assert (tmp_path / "out.toml").read_text() == "port = 1"
