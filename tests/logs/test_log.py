"""What the library logs: the story of a round, and nothing that was not asked for."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotconf.changes import MASK, Change
from hotconf.events import (
    Ending,
    FileChanged,
    Notice,
    Publication,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
)
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot, Timings
from waiting import wait_until

MAIN = Path("/home/me/.code/config.toml")
PUBLISHED = Snapshot(object(), 1, "", datetime.now(UTC), (), {})


@pytest.fixture(autouse=True)
def home(monkeypatch, caplog):
    """A home directory; and all that is logged."""
    monkeypatch.setenv("HOME", "/home/me")
    caplog.set_level(logging.DEBUG, "hotconf")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged at debug level."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]


def ended(paths: list[Path], debounce_ms: int, event: Ending, *, eager: bool = False) -> None:
    """A round of these files ends, beside a published config."""
    listener, settings = log.RoundLog(MAIN), HotReloadSettings(debounce_ms=debounce_ms)
    for path in paths:
        listener.notify(Notice(FileChanged(path), PUBLISHED, settings))
    listener.notify(Notice(event, PUBLISHED, settings, eager=eager))


def test_the_story_names_the_format(caplog):
    """That of the main file."""
    listener = log.RoundLog(MAIN.with_suffix(".yaml"))
    listener.notify(Notice(ReloadUnchanged("same"), PUBLISHED, HotReloadSettings()))
    assert "Parsing YAML: OK" in lines(caplog)


def test_the_story_of_a_success(caplog):
    """The lines of the specification, in its order."""
    ended([MAIN], 2000, ReloadSuccess(2, (), ()))
    assert lines(caplog) == [
        "FileChanged event: ~/.code/config.toml",
        "Debouncing... (waiting 2000ms)",
        "Debounce complete, attempting reload",
        "Parsing TOML: OK",
        "Validating config: OK",
        "Publishing snapshot...",
        "Snapshot published (<1ms)",
        "Config replaced",
        "ReloadSuccess event emitted",
    ]
    assert {record.name for record in caplog.records} == {"hotconf.reload"}


def test_a_slow_swap_is_given_in_milliseconds(caplog):
    """Never a `<1ms` that is not."""
    ended([MAIN], 100, ReloadSuccess(2, (), (), timings=Timings(swap=12.3)))
    assert "Snapshot published (12ms)" in lines(caplog)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("syntax", ["Parsing TOML: ERROR (syntax)"]),
        ("empty", ["Parsing TOML: ERROR (empty)"]),
        ("encoding", ["Parsing TOML: ERROR (encoding)"]),
        ("schema", ["Parsing TOML: OK", "Validating config: ERROR (schema)"]),
        ("semantic", ["Parsing TOML: OK", "Validating config: ERROR (semantic)"]),
        ("internal", ["Parsing TOML: OK", "Validating config: ERROR (internal)"]),
        ("missing", ["Reading: ERROR (missing)"]),
        ("apply", ["Parsing TOML: OK", "Validating config: OK", "Preparing resources: ERROR (apply)"]),
        ("unreadable", ["Reading: ERROR (unreadable)"]),
        ("too_large", ["Reading: ERROR (too_large)"]),
        ("unstable", ["Reading: ERROR (unstable)"]),
    ],
)
def test_the_story_of_a_failure(caplog, kind, expected):
    """How far it came; and the reason as a warning, on one line."""
    ended([MAIN], 100, ReloadFailed("config.toml:1: bad\nline", kind, (Problem("bad"),)))
    assert lines(caplog)[3:] == [*expected, "ReloadFailed event emitted"]
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage() == "Config reload failed: config.toml:1: bad\\nline"


def test_the_other_endings(caplog):
    """What a deferred reload waits for; and that there was nothing to replace."""
    ended([MAIN], 100, ReloadDeferred(("agent", "quality\ngate"), (), ()))
    assert lines(caplog)[-2:] == ["Busy, reload queued: agent, quality\\ngate", "ReloadDeferred event emitted"]
    caplog.clear()
    ended([], 100, ReloadUnchanged("the files are the same"))
    assert lines(caplog) == [
        "Loading without a debounce window",
        "Parsing TOML: OK",
        "Validating config: OK",
        "Nothing to replace",
        "ReloadUnchanged event emitted",
    ]


def test_the_story_of_an_eager_ending(caplog):
    """Nothing is said of a window that nobody waited for."""
    ended([MAIN], 100, ReloadSuccess(2, (), ()), eager=True)
    assert lines(caplog)[:3] == [
        "FileChanged event: ~/.code/config.toml",
        "The save is complete: loading at once",
        "Parsing TOML: OK",
    ]


def infos(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged at info level."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


def test_each_ending_is_one_line_with_what_changed(caplog):
    """A failure is a warning instead."""
    changes = (Change(("server", "port"), 8000, 9000), Change(("name",), "a", "b\nc"))
    ended([MAIN], 100, ReloadSuccess(5, changes, ()))
    ended([MAIN], 100, ReloadSuccess(6, (), ("pool was recreated",)))
    ended([MAIN], 100, ReloadDeferred(("agent", "quality\ngate"), changes[:1], ()))
    ended([MAIN], 100, ReloadUnchanged("the files are the same"))
    ended([MAIN], 100, ReloadFailed("config.toml:1: bad", "syntax", (Problem("bad"),)))
    assert infos(caplog) == [
        'config.toml: reloaded, generation 5: server.port: 8000 → 9000; name: "a" → "b\\nc"',
        "config.toml: reloaded, generation 6",
        "config.toml: deferred, busy (agent, quality\\ngate): server.port: 8000 → 9000",
        "config.toml: unchanged, the files are the same",
    ]


def test_the_old_content_after_a_failure_is_valid_again(caplog):
    """Who waits for the end of a failure finds it."""
    listener = log.RoundLog(MAIN)
    for event in (ReloadFailed("config.toml:1: bad", "syntax", (Problem("bad"),)), *[ReloadUnchanged("same")] * 2):
        listener.notify(Notice(event, PUBLISHED, HotReloadSettings()))
    assert infos(caplog) == ["config.toml: valid again, unchanged, same", "config.toml: unchanged, same"]


def test_of_many_changes_five_are_named(caplog):
    """The others are counted."""
    changes = tuple(Change(("a", str(number)), 0, number) for number in range(1, 8))
    ended([MAIN], 100, ReloadSuccess(2, changes[:5], ()))
    ended([MAIN], 100, ReloadSuccess(3, changes, ()))
    first, second = infos(caplog)
    assert first == "config.toml: reloaded, generation 2: " + "; ".join(map(str, changes[:5]))
    assert second.startswith("config.toml: reloaded, generation 3: a.1: 0 → 1; a.2: ")
    assert second.endswith("; a.5: 0 → 5; and 2 more")


def test_the_first_configuration_is_one_line(caplog):
    """Whether it came with the start or later; what was recalled for lack of one is none."""
    listener, settings = log.RoundLog(MAIN), HotReloadSettings()
    published = Publication(())
    listener.notify(Notice(None, PUBLISHED, settings, published))
    listener.notify(Notice(ReloadSuccess(1, (), ()), PUBLISHED, settings, published))
    recalled = published._replace(recalled=True)
    listener.notify(Notice(ReloadFailed("bad", "syntax", ()), PUBLISHED, settings, recalled, degraded=True))
    assert infos(caplog) == ["config.toml: loaded, generation 1"] * 2


def test_secrets_in_changes_are_masked(caplog):
    """As everywhere: what is logged is what a change says of itself."""
    ended([MAIN], 100, ReloadSuccess(2, (Change(("api_key",), MASK, MASK),), ()))
    assert infos(caplog) == ["config.toml: reloaded, generation 2: api_key: changed (secret)"]


def test_trouble_is_a_warning_unless_polling_was_chosen(caplog):
    """Who relies on the kernel should know that it does not report everything."""
    log.observing(MAIN, "inotify", None)
    log.observing(MAIN, "poll", "asked for", asked=True)
    log.observing(MAIN, "inotify", "the limit is reached")
    log.observing(MAIN, "poll", "inotify is unavailable")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "Watching ~/.code/config.toml with inotify"),
        ("INFO", "Watching ~/.code/config.toml with poll (asked for)"),
        ("WARNING", "Some changes of ~/.code/config.toml are found by polling only: the limit is reached"),
        ("WARNING", "Changes of ~/.code/config.toml are found by polling only: inotify is unavailable"),
    ]
    assert {record.name for record in caplog.records} == {"hotconf.watch"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/me/x.toml", "~/x.toml"),
        ("/home/mean/x.toml", "/home/mean/x.toml"),
        ("/etc/x\n\x1b[2J.toml", "/etc/x\\n\\x1b[2J.toml"),
        ("/etc/\udcff.toml", "/etc/\\udcff.toml"),
    ],
)
def test_paths_are_printable(caplog, path, expected):
    """A name cannot forge a line of the log, nor play with a terminal."""
    log.warning("watch", "%s", Path(path))
    wait_until(lambda: caplog.messages)
    assert caplog.messages == [expected]


def test_a_fault_never_raises(monkeypatch, caplog):
    """Also where an application's filters do; else with the traceback."""
    try:
        raise ValueError("why")
    except ValueError:
        log.fault("watch", "Internal error in %s", "there")
    assert "Internal error in there" in caplog.text
    assert "ValueError: why" in caplog.text

    def refuse(record):
        raise SystemExit

    monkeypatch.setattr(logging.getLogger("hotconf.watch"), "filters", [refuse])
    log.fault("watch", "more")


def test_no_story_is_made_up_for_nobody(monkeypatch, caplog):
    """Every round has one, and hardly any program asks for it; a failure is logged all the same."""
    caplog.set_level(logging.INFO, "hotconf")
    monkeypatch.delattr(log, "_story")
    ended([MAIN], 100, ReloadSuccess(2, (), ()))
    ended([MAIN], 100, ReloadFailed("no port", "schema", (Problem("no port"),)))
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ["config.toml: reloaded, generation 2", "Config reload failed: no port"]


def test_logging_is_not_imported_for_nobody():
    """It costs 4 ms and half a megabyte; a failure is reported in any case."""
    code = (
        "import sys; from pathlib import Path; from hotconf.logs import log; from hotconf.events import Notice\n"
        "from hotconf.events import ReloadFailed, ReloadUnchanged\n"
        "log.debug('reload', 'Watching: %s', Path('/x')); log.observing(Path('/x'), 'inotify', None)\n"
        "log.RoundLog(Path('/x')).notify(Notice(ReloadUnchanged('same'), None, None))\n"
        "log.info('reload', 'Closed')\n"
        "assert not {'logging', 'pydantic'} & sys.modules.keys()\n"
        "log.RoundLog(Path('/x')).notify(Notice(ReloadFailed('bad', 'syntax', ()), object(), None))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Config reload failed: bad\n")
