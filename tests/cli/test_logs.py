"""The log of the watching commands: the records that were asked for, each on one line."""

from __future__ import annotations

import json
import logging
import re
import stat

import pytest

from hotconf.cli import logs
from hotconf.cli.logs import parse

RELOAD = logging.getLogger("hotconf.reload")
WATCH = logging.getLogger("hotconf.watch")


@pytest.fixture
def code_home(tmp_path, monkeypatch):
    """The configuration's directory."""
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    monkeypatch.delenv("HOTCONF_LOG", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", {}),
        (" , ", {}),
        ("debug", {"hotconf": logging.DEBUG}),
        ("WARN", {"hotconf": logging.WARNING}),
        (
            "hotconf.reload=debug, hotconf.watch = info",
            {"hotconf.reload": logging.DEBUG, "hotconf.watch": logging.INFO},
        ),
        ("debug,hotconf.watch=off", {"hotconf": logging.DEBUG, "hotconf.watch": logging.CRITICAL + 1}),
    ],
)
def test_what_hotconf_log_asks_for(text, levels):
    """A level for all, or for some."""
    assert parse(text) == (levels, [])


@pytest.mark.parametrize("item", ["loud", "hotconf.reload=", "hotconf.reload=loud", "=debug", "asyncio=debug"])
def test_what_cannot_be_understood_is_named_and_left_out(item):
    """The rest still counts."""
    levels, (fault,) = parse(f"{item},hotconf.watch=info")
    assert levels == {"hotconf.watch": logging.INFO}
    assert fault.startswith(f"{item}: ")


def test_a_bad_value_is_named_on_stderr(code_home, monkeypatch, capsys):
    """And logging goes on as if it had not been set."""
    monkeypatch.setenv("HOTCONF_LOG", "lo\x1bud")
    with logs.logs():
        WATCH.warning("heard")
    assert capsys.readouterr().err == (
        "HOTCONF_LOG: lo\\x1bud: lo\\x1bud is not a level: use debug, info, warn, warning, error, off\n"
        "[WARNING] heard\n"
    )


def test_debug_shows_everything_on_stderr_and_nothing_on_stdout(code_home, monkeypatch, capsys):
    """In the form `[LEVEL] message`."""
    monkeypatch.setenv("HOTCONF_LOG", "debug")
    with logs.logs():
        RELOAD.debug("HotReloadWatcher initialized")
        WATCH.info("watching")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "[DEBUG] HotReloadWatcher initialized\n[INFO] watching\n")


def test_each_logger_has_its_level(code_home, monkeypatch, capsys):
    """What was not asked for is not shown, and goes to the file all the same."""
    monkeypatch.setenv("HOTCONF_LOG", "hotconf.reload=debug")
    with logs.logs():
        RELOAD.debug("shown")
        WATCH.error("not shown")
    assert capsys.readouterr().err == "[DEBUG] shown\n"
    assert len((code_home / "debug.log").read_text().splitlines()) == 2


def test_unasked_only_the_observers_warnings_are_shown(code_home, capsys):
    """A failed reload is told on stdout already."""
    with logs.logs():
        RELOAD.error("Config reload failed: x")
        WATCH.info("watching")
        WATCH.warning("polling only")
    assert capsys.readouterr().err == "[WARNING] polling only\n"
    assert len((code_home / "debug.log").read_text().splitlines()) == 3


def test_a_record_is_one_line_whatever_is_in_it(code_home, monkeypatch, capsys):
    """Line breaks, escapes, tracebacks and characters that have no encoding."""
    monkeypatch.setenv("HOTCONF_LOG", "debug")
    with logs.logs():
        RELOAD.error("a\n[ERROR] fake\x1b[2J\udcff\u202e")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            RELOAD.exception("caught")
    for text in (capsys.readouterr().err, (code_home / "debug.log").read_text()):
        first, second = text.splitlines()
        assert "a\\n[ERROR] fake\\x1b[2J\\udcff\\u202e" in first
        assert "caught\\nTraceback" in second


@pytest.mark.parametrize(
    "variables", [{"HOTCONF_LOG": "debug,json"}, {"HOTCONF_LOG_FORMAT": "JSON", "HOTCONF_LOG": "debug"}]
)
def test_a_record_as_json(code_home, monkeypatch, capsys, variables):
    """One object a line, whatever is in it: time, level, logger, message, and the traceback if there is one."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with logs.logs() as log:
        RELOAD.error("a\x1b[2J\udcff\u202e", extra={"more": 1})
        try:
            raise ValueError("two\nlines")
        except ValueError:
            WATCH.exception("caught")
        RELOAD.warning("%s\n%s", "users' code", "    Traceback (most recent call last):\n      File 1")
        log.say("said")
    for text in (capsys.readouterr().err, (code_home / "debug.log").read_text()):
        told = [json.loads(line) for line in text.splitlines()]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", told[0].pop("time"))
        assert told[0] == {"level": "error", "logger": "hotconf.reload", "message": "a\x1b[2J\udcff\u202e"}
        assert told[1]["message"] == "caught"
        assert told[1]["exception"].startswith("Traceback") and told[1]["exception"].endswith("two\nlines")
        assert told[2]["message"] == "users' code"
        assert told[2]["exception"] == "Traceback (most recent call last):\n  File 1"
        assert [each["message"] for each in told[3:]] == (["said"] if text.count("said") else [])


@pytest.mark.parametrize(
    ("log", "form", "levels", "as_json"),
    [
        ("json", "", {"hotconf.watch": logging.WARNING}, True),
        ("json,debug", "", {"hotconf": logging.DEBUG}, True),
        ("hotconf.reload=debug,JSON", "", {"hotconf.reload": logging.DEBUG}, True),
        ("json", "text", {"hotconf.watch": logging.WARNING}, False),
        ("", "json", {"hotconf.watch": logging.WARNING}, True),
        ("text", "", {"hotconf.watch": logging.WARNING}, False),
    ],
)
def test_levels_and_form(monkeypatch, log, form, levels, as_json):
    """Both can be asked for, in any order; the variable of the form has the last word."""
    monkeypatch.setenv("HOTCONF_LOG", log)
    monkeypatch.setenv("HOTCONF_LOG_FORMAT", form)
    assert logs._asked() == (levels, as_json, [])


def test_a_form_that_there_is_not(code_home, monkeypatch, capsys):
    """Reported, in the format that is used."""
    monkeypatch.setenv("HOTCONF_LOG_FORMAT", "xml")
    with logs.logs():
        pass
    assert capsys.readouterr().err == "HOTCONF_LOG_FORMAT: xml is not a format: use text or json\n"


def test_the_file_is_private_and_dated(code_home):
    """Readable by its owner only, also when it was there already; times are RFC 3339 in UTC."""
    file = code_home / "debug.log"
    file.write_text("before\n")
    file.chmod(0o644)
    with logs.logs():
        RELOAD.debug("hello")
    before, line = file.read_text().splitlines()
    assert before == "before"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[DEBUG\] hotconf\.reload: hello", line)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_file_rotates(code_home, monkeypatch):
    """Five files at most, each private; the oldest records go."""
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    with logs.logs():
        for number in range(200):
            RELOAD.debug("record %d", number)
    files = sorted(code_home.iterdir())
    assert [file.name for file in files] == ["debug.log", *(f"debug.log.{n}" for n in range(1, 5))]
    assert all(file.stat().st_size <= 2000 and stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert files[0].read_text().endswith("record 199\n")


def test_no_directory_is_made_for_the_log(code_home, monkeypatch, capsys):
    """Who watches a file elsewhere finds no new directory at home."""
    monkeypatch.setenv("CODE_HOME", str(code_home / "absent"))
    with logs.logs():
        WATCH.warning("heard")
    assert capsys.readouterr().err == "[WARNING] heard\n"
    assert list(code_home.iterdir()) == []


def test_a_log_that_cannot_be_opened_is_said_and_done_without(code_home, capsys):
    """Watching matters more."""
    (code_home / "debug.log").mkdir()
    with logs.logs():
        WATCH.warning("heard")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("No log is kept: ")
    assert second == "[WARNING] heard"


def test_an_app_has_the_terminal(code_home, capsys):
    """Trouble with the log meanwhile is reported once, when the app has ended."""
    (code_home / "debug.log").mkdir()
    with logs.logs(stderr=False):
        first = capsys.readouterr().err
        RELOAD.error("1")
        (code_home / "debug.log").rmdir()
        (code_home / "debug.log").symlink_to("elsewhere")
        RELOAD.error("2")
        RELOAD.error("3")
        assert capsys.readouterr().err == ""
    assert first.endswith("it is a directory\n")
    assert capsys.readouterr().err == f"No log is kept: {code_home}/debug.log: it is a symlink\n"


def test_nothing_is_left_installed(code_home):
    """After the block the library logs as before."""
    root = logging.getLogger("hotconf")
    before = (root.level, root.propagate, list(root.handlers))
    with logs.logs():
        pass
    assert (root.level, root.propagate, root.handlers) == before
