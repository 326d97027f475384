"""`hotconf watch` and `run` as processes: what a person, a pipe and a supervisor see."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import click
import pytest

from hotconf.snapshot import Timings
from prefork import Program

DEADLINE = 60.0
MAIN = "from hotconf.cli import main; main()"
HOTCONF = [sys.executable, "-c", MAIN]


class Process:
    """A running command, its stdout line by line."""

    def __init__(self, arguments, home, **env):
        self.home = home
        self.process = Program(
            MAIN,
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "CODE_HOME": str(home), "PYTHONIOENCODING": "utf-8", "HOTCONF_LOG": "", **env},
            cwd=home.parent,
        )
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.stderr = b""
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode())
        self.lines.put(None)

    def _read_errors(self):
        self.stderr = self.process.stderr.read()

    def line(self):
        """The next line of stdout, without its end; fails when there is none in time."""
        line = self.lines.get(timeout=DEADLINE)
        assert line is not None, f"ended: {self.process.wait(DEADLINE)} {self.stderr.decode()}"
        assert line.endswith("\n")
        return line[:-1]

    def until(self, word):
        """The lines up to the first that holds `word`."""
        lines = [self.line()]
        while word not in lines[-1]:
            lines.append(self.line())
        return lines

    def event(self, *names):
        """The next event, one of `names`."""
        event = json.loads(self.line())
        assert event["event"] in names, event
        return event

    def end(self, number=signal.SIGTERM):
        """Send a signal; the exit status, and what stdout still held."""
        self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        rest = []
        while (line := self.lines.get(timeout=DEADLINE)) is not None:
            rest.append(line)
        return status, rest

    def close(self):
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


@contextmanager
def running(arguments, home, **env):
    """The command while it runs."""
    process = Process(arguments, home, **env)
    try:
        yield process
    finally:
        process.close()


@pytest.fixture
def home(tmp_path):
    """The configuration's directory, with a valid file."""
    home = tmp_path / "code"
    home.mkdir()
    save(home, 'model = "a"\n')
    return home


def save(home, text):
    """As an atomic editor does."""
    new = home / ".config.toml.new"
    new.write_text(text)
    new.replace(home / "config.toml")


def test_text_tells_good_bad_and_good_again(home):
    """The notifications of the specification, each with the time of day, until SIGTERM: status 0."""
    with running(["watch", "--debounce-ms", 100], home) as watch:
        assert watch.line() == f"Watching {home}/config.toml (generation 1, debounce 100 ms). Ctrl+C to stop."
        save(home, 'model = "b"\n')
        changed, success, summary = (watch.line() for _ in range(3))
        assert changed[8:] == " … config.toml changed"
        assert success[8:] == " ✅ Config reloaded successfully"
        assert summary == '   - model: "a" → "b"'
        save(home, 'model = "b"\nmodel_verbosity = "loud"\n')
        assert watch.until("❌")[-1].endswith(
            '❌ Config reload failed: config.toml:2:19: Invalid enum value: model_verbosity="loud"'
            " (expected: low, medium, high)"
        )
        watch.until("Old configuration preserved.")
        save(home, 'model = "c"\n')
        assert watch.until('→ "c"')[-1] == '   - model: "b" → "c"'
        assert watch.end(signal.SIGTERM) == (0, [])
    assert watch.stderr == b""


def test_a_failure_is_shown_with_its_source(home):
    """Below the notification, under the name that was given, as `check` shows it; secrets stay hidden."""
    with running(["watch", "code/config.toml", "--debounce-ms", 100], home, NO_COLOR="1") as watch:
        watch.line()
        save(home, 'model_verbosity = "loud"\nmodel = 1\n[model_providers.x]\napi_key = 4711\nbase_url = 5\n')
        watch.until("Old configuration preserved.")
        shown = watch.until("base_url = 5")
        shown.append(watch.line())
        assert watch.end(signal.SIGTERM) == (0, [])
    assert shown[0] == "    --> code/config.toml:1:19"
    assert shown[1] == '   1 │ model_verbosity = "loud"'
    assert shown[2].startswith("     │                   ^")
    assert shown[3] == "    --> code/config.toml:2:9"
    assert "4711" not in "".join(shown)


def test_a_failure_is_painted_for_those_who_want_it(home):
    """Its head can still be looked for by its words; its source lines are painted, too."""
    with running(["watch", "--debounce-ms", 100], home, NO_COLOR="", FORCE_COLOR="1") as watch:
        watch.line()
        save(home, "model = 1\n")
        told = watch.until("Old configuration preserved.")
        place, source, caret = (watch.line() for _ in range(3))
    assert "❌ Config reload failed" in "".join(told)
    assert "Config reload failed: config.toml:1:9" in click.unstyle("".join(told))
    assert "\x1b[" in place
    assert click.unstyle(source) == "   1 │ model = 1"
    assert click.unstyle(caret).rstrip("^") == "     │         "


def test_a_broken_file_and_a_state_directory(home):
    """`--state-dir`: the watch comes up on the last good state, says so first, and recovers."""
    watch_it = ["watch", "--debounce-ms", 100, "--state-dir", home / "state"]
    with running(watch_it, home) as watch:
        watch.line()
        save(home, 'model = "b"\n')
        watch.until('"b"')
        watch.end(signal.SIGTERM)
    save(home, "model = [\n")
    with running([*watch_it, "--json"], home) as watch:
        started = watch.event("started")
        assert (started["generation"], started["degraded"]) == (1, True)
        assert started["last_good"].endswith("Z")
        watch.event("reload_failed")
        watch.end(signal.SIGTERM)
    with running(watch_it, home) as watch:
        assert "(generation 1, debounce 100 ms)" in watch.line()
        assert watch.line().startswith("   ⚠ degraded: running on the last good state of 20")
        assert watch.until("Old configuration preserved.")[0][8:].startswith(" ❌ Config reload failed: config.toml:")
        save(home, 'model = "c"\n')
        watch.until("✅")
        assert watch.line() == '   - model: "b" → "c"'
        watch.end(signal.SIGTERM)


def test_json_is_one_object_a_line_and_nothing_else(home):
    """Every line of stdout is an event, flushed at once, with the log on stderr and in the file."""
    with running(["watch", "--json", "--debounce-ms", 100], home, HOTCONF_LOG="debug") as watch:
        started = watch.event("started")
        assert started["path"] == str(home / "config.toml")
        assert (started["generation"], started["debounce_ms"]) == (1, 100)
        assert started["watching"] == [str(home / "config.toml")]
        save(home, 'model = "b"\n')
        assert watch.event("file_changed")["path"] == str(home / "config.toml")
        success = watch.event("reload_success")
        assert success["generation"] == 2
        assert success["changes"] == [{"path": "model", "old": "a", "new": "b"}]
        assert set(success["timings_ms"]) == set(Timings.__match_args__)
        save(home, "model = [\n")
        watch.event("file_changed")
        failed = watch.event("reload_failed")
        assert failed["kind"] == "syntax"
        assert (failed["problems"][0]["line"], failed["problems"][0]["column"]) == (1, 9)
        save(home, 'model = "b"\n')
        watch.event("file_changed")
        assert watch.event("reload_unchanged")["reason"]
        assert watch.end() == (0, [])
    log = watch.stderr.decode()
    assert "[DEBUG] HotReloadWatcher initialized\n" in log
    assert "[DEBUG] ReloadSuccess event emitted\n" in log
    assert "Config reload failed" in (home / "debug.log").read_text()


def test_no_planted_secret_is_told(home):
    """Neither text, nor JSON, nor the log shows what is secret."""
    secret = (
        '[model_providers.x]\nbase_url = "https://ada:hunter2@x"\n'
        '[mcp_servers.x]\nurl = "https://ada:hunter2-%s@x"\ntoken = "hunter2-%s"\n'
    )
    for option in ("--json", "--debounce-ms=50"):
        save(home, secret % ("one", "one"))
        with running(["watch", "--debounce-ms=50", option], home, HOTCONF_LOG="debug") as watch:
            watch.line()
            save(home, secret % ("two", "two"))
            told = watch.until("reload_success" if option == "--json" else "token")
            assert "mcp_servers.x.token" in told[-1]
            save(home, secret % ("three", "three") + 'api_key = "hunter2\n')
            told += watch.until("reload_failed" if option == "--json" else "preserved")
            watch.end()
        assert "hunter2" not in "\n".join(told)
        assert b"hunter2" not in watch.stderr
    assert "hunter2" not in (home / "debug.log").read_text()


@pytest.mark.parametrize("content", [None, "model = [\n"])
def test_it_waits_for_the_first_valid_file(home, content):
    """A file that is missing or broken at the start is told, and picked up when it is good."""
    if content is None:
        (home / "config.toml").unlink()
    else:
        save(home, content)
    with running(["watch", "--debounce-ms", 50], home) as watch:
        assert "(no valid configuration yet, debounce 50 ms)" in watch.line()
        assert "❌ Config load failed: config.toml" in watch.line()
        assert watch.until("configuration.")[-1] == "   Waiting for a valid configuration."
        save(home, 'model = "b"\n')
        watch.until("✅")
        save(home, "model = [\n")
        watch.until("Old configuration preserved.")
        assert watch.end()[0] == 0


def test_hot_reload_switched_off_is_said(home):
    """Nobody is left to believe that edits are noticed."""
    save(home, "[hot_reload]\nenabled = false\n")
    with running(["watch"], home) as watch:
        assert "Hot reload is off" in watch.line()
        assert watch.end() == (0, [])


@pytest.mark.parametrize("arguments", [["watch"], ["watch", "--json"]])
def test_ctrl_c_ends_it_with_status_zero(home, arguments):
    """Without a traceback and without another word."""
    with running(arguments, home) as watch:
        watch.line()
        assert watch.end(signal.SIGINT) == (0, [])
    assert watch.stderr == b""


def test_when_nobody_reads_it_ends_quietly(home):
    """`hotconf watch | head -1` leaves no traceback."""
    process = Program(
        MAIN,
        *["watch", "--debounce-ms", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CODE_HOME": str(home), "HOTCONF_LOG": ""},
    )
    try:
        assert process.stdout.readline().startswith(b"Watching")
        process.stdout.close()
        save(home, 'model = "b"\n')
        assert process.wait(DEADLINE) == 2, "a supervisor starts it again"
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_when_nobody_reads_stderr_it_goes_on(home):
    """Only the output there is lost; the watch goes on, and its exit status stays."""
    (home / "debug.log").mkdir()  # something to say
    process = Program(
        MAIN,
        *["watch", "--json", "--debounce-ms", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CODE_HOME": str(home), "HOTCONF_LOG": "debug"},
    )
    try:
        process.stderr.close()
        assert b'"started"' in process.stdout.readline()
        save(home, 'model = "b"\n')
        assert b"file_changed" in process.stdout.readline()
        assert b"reload_success" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sighup_reloads(home, number):
    """`systemctl reload`: the files are loaded at once, whatever the window, and the outcome is printed."""
    with running(["watch", "--json", "--debounce-ms", 60_000], home) as watch:
        watch.event("started")
        watch.process.send_signal(signal.SIGHUP)
        assert watch.event("reload_unchanged")["generation"] == 1
        save(home, 'model = "b"\n')
        watch.event("file_changed")
        watch.process.send_signal(signal.SIGHUP)
        assert watch.event("reload_success")["generation"] == 2
        save(home, "model = [\n")
        watch.event("file_changed")
        watch.process.send_signal(signal.SIGHUP)
        assert watch.event("reload_failed")["generation"] == 2
        assert watch.end(number) == (0, [])
    assert watch.stderr == b""


def test_sighup_at_any_moment(home):
    """It never ends the watch: not while it starts, not in a storm; the last state is reported."""
    with running(["watch", "--json", "--debounce-ms", 0], home, PYTHONSTARTUP="") as watch:
        watch.event("started")
        for number in range(30):
            save(home, f'model = "{number}"\n')
            watch.process.send_signal(signal.SIGHUP)
        watch.until('"new": "29"')
        assert watch.end()[0] == 0


def test_sighup_that_is_to_be_ignored(home):
    """Under nohup it still is: no reload, and no end."""
    process = subprocess.Popen(
        ["nohup", *HOTCONF, "watch", "--json", "--debounce-ms", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CODE_HOME": str(home), "HOTCONF_LOG": ""},
    )
    try:
        assert b'"started"' in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        save(home, 'model = "b"\n')
        assert b"file_changed" in process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_each_event_has_its_generation(home):
    """The one in force after it; 0 if there is none yet."""
    save(home, "model = [\n")
    with running(["watch", "--json", "--debounce-ms", 50], home) as watch:
        assert watch.event("started")["generation"] == 0
        assert watch.event("reload_failed")["generation"] == 0
        save(home, 'model = "a"\n')
        assert watch.event("file_changed")["generation"] == 0
        assert watch.event("reload_success")["generation"] == 1
        save(home, 'model = "a"\n# the same\n')
        assert watch.event("file_changed")["generation"] == 1
        assert watch.event("reload_unchanged")["generation"] == 1
        watch.end()


@pytest.mark.parametrize("variables", [{"HOTCONF_LOG": "json,debug"}, {"HOTCONF_LOG_FORMAT": "json"}])
def test_a_log_for_machines(home, variables):
    """Every line of stderr is a JSON object, what is no record of the library included; so is the file."""
    (home / "states").mkdir()
    (home / "states").chmod(0o777)
    arguments = ["watch", "--json", "--debounce-ms", 0, "--state-dir", home / "states"]
    with running(arguments, home, **{"HOTCONF_LOG": "debug", **variables}) as watch:
        watch.event("started")
        save(home, "model = [\n")
        watch.until("reload_failed")
        watch.end()
    for text in (watch.stderr.decode(), (home / "debug.log").read_text()):
        records = [json.loads(line) for line in text.splitlines()]
        assert {"time", "level", "logger", "message"} == set(records[0])
        assert any(record["level"] == "warning" and "Config reload failed" in record["message"] for record in records)
    told = [json.loads(line) for line in watch.stderr.splitlines()]
    assert any(record["message"].startswith("States are not kept: others may write") for record in told)


def test_one_signal_ends_it_although_stdout_is_stuck(home):
    """A reader that has stopped reading cannot keep the command from ending when it is asked to."""
    with running(["watch", "--json", "--debounce-ms", 0], home) as watch:
        watch.event("started")
        process = Program(
            MAIN,
            *["watch", "--json", "--debounce-ms", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "CODE_HOME": str(home), "HOTCONF_LOG": ""},
        )
        try:
            assert json.loads(process.stdout.readline())["event"] == "started"
            big = "x" * 50_000  # two of these in one event are more than a pipe holds
            save(home, f'model = "{big}"\n')
            watch.until("reload_success")
            save(home, f'model = "{big}y"\n')
            watch.until("reload_success")
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def test_warnings_of_the_first_load_are_told(home):
    """What is odd in the file that the watch begins with is said at the beginning, in text and in JSON."""
    save(home, "[costs]\ndaily_limit_usd = 1.0\n")
    with running(["watch"], home) as watch:
        watch.line()
        assert watch.line() == '   ⚠ config.toml:1:2: Unknown key: costs (did you mean "cost"?)'
    with running(["watch", "--json"], home) as watch:
        assert watch.event("started")["warnings"][0]["message"] == "Unknown key: costs"


def test_warnings_are_told_once_and_the_old_content_is_valid_again(home):
    """Through saves, a failure, and the bytes of before; what is gone is said to be gone."""
    odd = "[costs]\ndaily_limit_usd = 1.0\n"
    save(home, odd)
    with running(["watch", "--debounce-ms", 50], home) as watch:
        assert watch.until("⚠")[-1].startswith("   ⚠ config.toml:1:2: Unknown key: costs")
        save(home, "# moved\n" + odd)
        assert watch.until("⚠")[-1] == "   ⚠ 1 as before"
        save(home, "model_verbosity = 1\n" + odd)
        broken = watch.until("Old configuration preserved.")
        assert broken[-2:] == ["   ⚠ 1 as before", "   1 error, 1 warning. Old configuration preserved."]
        save(home, "# moved\n" + odd)
        again = watch.until("⚠")
        assert "✅ Config valid again (" in again[-2]
        assert "Unknown key" not in "".join(again)
        save(home, 'model = "c"\n')
        assert watch.until("No longer")[-1] == "   ✓ No longer: config.toml:2:2: Unknown key: costs"
        assert watch.end(signal.SIGTERM) == (0, [])


def test_a_terminal_without_unicode_gets_escapes(home):
    """An old locale does not end the watch."""
    with running(["watch", "--debounce-ms", 50], home, PYTHONIOENCODING="latin-1") as watch:
        watch.line()
        save(home, 'model = "b"\n')
        assert "\\u2705 Config reloaded successfully" in watch.until("\\u2705")[-1]


def test_run_writes_nothing_where_there_is_no_terminal(tmp_path):
    """A pipeline in the wrong directory leaves no configuration behind; it is watched for."""
    home = tmp_path / "new"
    with running(["run"], home) as run:
        assert "no valid configuration yet" in run.line()
        run.end()
    assert b"no terminal for the app" in run.stderr
    assert not (home / "config.toml").exists()


def test_run_writes_nothing_to_a_path_that_was_given(home):
    """A mistyped path stays a mistake that can be seen."""
    with running(["run", home / "other.toml", "--schema", "speckit"], home) as run:
        assert "no valid configuration yet" in run.line()
        run.end()
    assert not (home / "other.toml").exists()


def test_run_keeps_states_and_falls_back_on_them(home):
    """In `.hotconf` beside the configuration; one that is gone is no first one, and is not written anew."""
    with running(["run"], home) as run:
        run.line()
        save(home, "[hot_reload]\ndebounce_ms = 100\n")
        run.until("✅")
        run.end()
    assert (home / ".hotconf").stat().st_mode & 0o777 == 0o700
    (home / "config.toml").unlink()
    with running(["run"], home) as run:
        assert "(generation 1, debounce 100 ms)" in run.line()
        assert "degraded: running on the last good state of" in run.line()
        assert "The file does not exist" in run.line()
        run.end()
    assert not (home / "config.toml").exists()


def test_run_leaves_an_existing_configuration_alone(home):
    """And watches it."""
    with running(["run"], home) as run:
        run.line()
        run.end()
    assert (home / "config.toml").read_text() == 'model = "a"\n'
    assert b"wrote" not in run.stderr
