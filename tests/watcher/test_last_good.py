"""With a state directory: a start on broken files comes up on the last good state, says so, and recovers."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hotconf import (
    ConfigError,
    HotReloadSettings,
    HotReloadWatcher,
    NoConfigError,
    Problem,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    UsageError,
)
from hotconf.history import store, writer
from hotconf.history.record import Record
from hotconf.history.store import StateStore
from hotconf.system import private
from prefork import completed
from waiting import wait_until
from watcher.children import LONG_S, Told, ended, fork
from watcher.watched import BROKEN, CHANGED, App, Frozen, Gate, port, save

pytestmark = pytest.mark.skipif(not store.SUPPORTED, reason="POSIX only")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Where states are kept; not there yet."""
    return tmp_path / "home" / "state"


def kept(state_dir: Path, path: Path) -> list[str]:
    """What the main file was in each state that can be used, the oldest first."""
    found = [record for _, record in StateStore(state_dir, path).newest_first() if isinstance(record, Record)]
    return [record.files[0].content.decode() for record in reversed(found)]


def run_once(state_dir: Path, path: Path, *texts: str, schema: object = App) -> None:
    """An earlier run, in which these were saved one after the other."""
    with HotReloadWatcher(path, schema, debounce_ms=0, state_dir=state_dir) as watcher:
        for text in texts:
            save(path, text)
            watcher.reload()


def newest(state_dir: Path, path: Path) -> Path:
    """The file of the newest state."""
    return max(StateStore(state_dir, path).path.glob("*.state"))


def told(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """What was logged about states."""
    return [r.getMessage() for r in caplog.records if r.name == "hotconf.state" and r.levelno >= level]


# What is kept


def test_each_published_state_is_kept(path, watch, state_dir):
    """The state at start, each success, and comments; not what is broken, and nothing twice."""
    watcher, _ = watch(path, state_dir=state_dir)
    for text in (port(8001), port(8001) + "# why\n", BROKEN, port(8001) + "# why\n", port(8000)):
        save(path, text)
        watcher.reload()
    watcher.close()
    wanted = [port(8000), port(8001), port(8001) + "# why\n", port(8000)]
    assert kept(state_dir, path) == wanted
    run_once(state_dir, path)
    assert kept(state_dir, path) == wanted


def test_summaries_are_kept(path, state_dir):
    """What people were told of a change is in the index; nothing, if nobody watched when it came."""
    run_once(state_dir, path, port(8001), port(8001) + "# why\n")
    save(path, port(8002))
    run_once(state_dir, path)
    summaries = [record.summary for _, record in StateStore(state_dir, path).newest_first()]
    assert summaries == [(), ("no value differs",), ("server.port: 8000 → 8001",), ()]


def test_what_is_pending_is_not_kept(path, watch, state_dir):
    """Only what readers saw is a state; what a release publishes is."""
    watcher, _ = watch(path, state_dir=state_dir)
    with watcher.busy("gate"):
        save(path, port(8001))
        watcher.reload()
        save(path, port(8002))
        watcher.reload()
    watcher.close()
    assert kept(state_dir, path) == [port(8000), port(8002)]


def test_all_files_are_kept(path, watch, state_dir):
    """Fragments, too, with their roles, in order."""
    for name in ("b", "a"):
        path.with_name(f"{name}.toml").write_text(f'tags = ["{name}"]\n')
    watcher, _ = watch(path, state_dir=state_dir, watch_paths=["b.toml", "a.toml", "notes"])
    watcher.close()
    record = StateStore(state_dir, path).read(1)
    assert isinstance(record, Record)
    assert record.files == watcher.snapshot.files
    assert [(file.path.name, file.role) for file in record.files] == [
        ("config.toml", "main"),
        ("b.toml", "fragment"),
        ("a.toml", "fragment"),
    ]


def test_without_a_state_directory(path, watch, tmp_path):
    """Nothing is kept, and nothing is made."""
    watcher, _ = watch(path)
    watcher.close()
    assert list(tmp_path.iterdir()) == [path]
    assert (watcher.stats.degraded, watcher.stats.state_trouble) == (False, None)


# Falling back


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, "missing"), (b"", "empty"), (b"[a", "syntax"), (b"tags = 1", "schema"), (b"\xff", "encoding")],
)
@pytest.mark.parametrize("require", [True, False])
def test_a_start_that_fails(path, watch, state_dir, caplog, content, kind, require):
    """It succeeds on the last good state as generation 1, and says so wherever one may look."""
    run_once(state_dir, path, port(8001))
    path.unlink() if content is None else path.write_bytes(content)
    watcher, seen = watch(path, state_dir=state_dir, require=require)
    assert (watcher.config.server.port, watcher.generation) == (8001, 1)
    assert watcher.get_config() is watcher.config is watcher.snapshot.config
    assert watcher.snapshot.origin("server.port").line == 2
    assert watcher.stats.degraded
    assert watcher.has_drift()
    seen.exactly(f"ReloadFailed {kind}")
    assert isinstance(watcher.last, ReloadFailed)
    (line,) = told(caplog)
    what = "cannot be read" if kind in ("missing", "unreadable") else "is invalid"
    assert line.startswith(f"Degraded: {path} {what}; using its last good state, number 2 of ")
    assert line.endswith(watcher.last.error)


def test_recovering(path, watch, state_dir, caplog):
    """The next good save is generation 2, told against the last good state, and ends it."""
    caplog.set_level(logging.INFO)
    run_once(state_dir, path, port(8001))
    path.write_text(BROKEN)
    watcher, seen = watch(path, state_dir=state_dir)
    changes: list[object] = []
    watcher.on_change("server.port", lambda old, new: changes.append((old, new)))
    save(path, port(8002))
    event = seen.exactly("ReloadFailed syntax", CHANGED, "ReloadSuccess 2")
    assert isinstance(event, ReloadSuccess)
    assert event.summary == ("server.port: 8001 → 8002",)
    assert not watcher.stats.degraded
    assert not watcher.has_drift()
    wait_until(lambda: changes == [(8001, 8002)])
    wait_until(lambda: f"No longer degraded: {path} is valid again" in told(caplog, logging.INFO))
    watcher.close()
    assert kept(state_dir, path) == [port(8000), port(8001), port(8002)]


@pytest.mark.parametrize("text", [port(8001), port(8001) + "# mended\n"])
def test_the_last_good_state_comes_back(path, watch, state_dir, text):
    """The same values once more: unchanged, the same config object, and no longer degraded."""
    run_once(state_dir, path, port(8001))
    path.write_text(BROKEN)
    watcher, seen = watch(path, state_dir=state_dir)
    config = watcher.config
    save(path, text)
    assert isinstance(seen.exactly("ReloadFailed syntax", CHANGED, "ReloadUnchanged"), ReloadUnchanged)
    assert watcher.config is config
    assert watcher.generation == 1
    assert not watcher.stats.degraded
    assert not watcher.has_drift()
    watcher.close()
    assert kept(state_dir, path)[-1] == text


def test_broken_once_more(path, watch, state_dir):
    """A save that is broken in another way leaves all as it was; one that is good while busy waits."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    watcher, _ = watch(path, state_dir=state_dir)
    path.write_text("tags = 1\n")
    assert isinstance(watcher.reload(), ReloadFailed)
    assert watcher.stats.degraded
    with watcher.busy("gate"):
        save(path, port(8002))
        watcher.reload()
        assert watcher.stats.degraded
    assert not watcher.stats.degraded
    assert watcher.generation == 2


def test_degraded_once_more(path, watch, state_dir):
    """A run that was degraded throughout keeps nothing new; the next start falls back on the same state."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    for _ in range(2):
        watcher, _ = watch(path, state_dir=state_dir)
        assert watcher.stats.degraded
        watcher.close()
    assert kept(state_dir, path) == [port(8000)]


def test_callbacks_have_a_config(path, state_dir):
    """Whoever is told of the failure finds the last good state in force."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    watcher = HotReloadWatcher(path, App, state_dir=state_dir)
    found: list[int] = []
    changed: list[object] = []
    watcher.on_event(lambda event: found.append(watcher.config.server.port))
    watcher.on_change("server.port", lambda old, new: changed.append(new))
    with watcher:
        wait_until(lambda: found)
    assert found == [8000]
    assert changed == [], "a start is no change"


def test_fragments_fall_back_as_well(path, watch, state_dir):
    """One broken fragment: all files of the last good state, never a mixture."""
    more = path.with_name("more.toml")
    more.write_text('tags = ["a"]\n')
    path.write_text(port(8000) + '[hot_reload]\nwatch_paths = ["more.toml"]\n')
    run_once(state_dir, path)
    path.write_text(port(8001) + '[hot_reload]\nwatch_paths = ["more.toml"]\n')
    more.write_text("tags = [")
    watcher, seen = watch(path, state_dir=state_dir)
    assert (watcher.config.server.port, watcher.config.tags) == (8000, ["a"])
    more.write_text('tags = ["b"]\n')
    seen.exactly("ReloadFailed syntax", "FileChanged more.toml", "ReloadSuccess 2")
    assert (watcher.config.server.port, watcher.config.tags) == (8001, ["b"])


def test_a_last_good_state_that_turned_hot_reload_off(path, watch, state_dir):
    """It is watched all the same until the files are good; then their own word counts."""
    off = port(8000) + "[hot_reload]\nenabled = false\ndebounce_ms = 100\n"
    path.write_text(off)
    run_once(state_dir, path)
    path.write_text(BROKEN)
    watcher, seen = watch(path, state_dir=state_dir, settings=None, debounce_ms=None)
    assert watcher.settings == HotReloadSettings(enabled=True, debounce_ms=100)
    save(path, off)
    seen.exactly("ReloadFailed syntax", CHANGED, "ReloadUnchanged")
    assert not watcher.settings.enabled
    assert watcher.watching == ()


def test_hot_reload_pinned_off(path, watch, state_dir):
    """What the program fixed stays fixed: not watched, but `reload()` recovers."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    watcher, _ = watch(path, state_dir=state_dir, settings=HotReloadSettings(enabled=False))
    assert watcher.stats.degraded
    assert not watcher.settings.enabled
    save(path, port(8001))
    watcher.reload()
    assert not watcher.stats.degraded


# Which state


def test_nothing_was_kept(path, watch, state_dir):
    """Without an earlier state a start fails as it always did."""
    path.write_text(BROKEN)
    with pytest.raises(ConfigError):
        HotReloadWatcher(path, App, state_dir=state_dir).start()
    watcher, seen = watch(path, state_dir=state_dir, require=False)
    seen.exactly("ReloadFailed syntax")
    with pytest.raises(NoConfigError):
        watcher.get_config()
    assert not watcher.stats.degraded
    watcher.close()
    assert not list(state_dir.rglob("*.state"))


def test_another_configurations_state(path, watch, state_dir):
    """A state is used only for the file that it was kept of."""
    run_once(state_dir, path)
    other = path.with_name("other.toml")
    other.write_text(BROKEN)
    with pytest.raises(ConfigError):
        HotReloadWatcher(other, App, state_dir=state_dir).start()


def test_the_newest_is_damaged(path, watch, state_dir, caplog):
    """The next older state is taken, and the damage is told."""
    run_once(state_dir, path, port(8001), port(8002))
    with newest(state_dir, path).open("r+b") as file:
        file.truncate(100)
    path.write_text(BROKEN)
    watcher, _ = watch(path, state_dir=state_dir)
    assert watcher.config.server.port == 8001
    assert told(caplog)[0] == f"State 3 of {path} is not used: it is damaged: wrong checksum"


class Newer(App):
    """The model of a later version of the program."""

    must: int


def test_no_longer_valid(path, watch, state_dir, caplog):
    """A state that the program's model of today refuses is not used: an older one, or none."""
    run_once(state_dir, path, port(8001))
    path.write_text(BROKEN)
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(path, Newer, state_dir=state_dir).start()
    syntax, why = raised.value.problems
    assert syntax.kind == "syntax"
    assert why.message.startswith("No state to start from: state 2 is no longer valid: config.toml: Missing")
    assert [line.partition(": it ")[2] for line in told(caplog)] == [
        "is no longer valid: config.toml: Missing required field: must"
    ] * 2


def test_checks_are_run_again(path, watch, state_dir):
    """Semantic checks decide, too: the newest that passes today's is used; one that raises is as good as failed."""

    def check(config: App) -> list[Problem]:
        if config.server.port == 8003:
            raise RuntimeError("no")
        return [Problem("too high", path="server.port")] if config.server.port > 8001 else []

    run_once(state_dir, path, port(8001), port(8002), port(8003))
    path.write_text(BROKEN)
    watcher, _ = watch(path, state_dir=state_dir, checks=[check])
    assert watcher.config.server.port == 8001


def test_a_check_cannot_reload(path, watch, state_dir):
    """A check of a recalled state is part of a load like any."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    raised: list[UsageError] = []

    def check(config: App) -> list[Problem]:
        try:
            watcher.reload()
        except UsageError as error:
            raised.append(error)
        return []

    watcher = HotReloadWatcher(path, App, state_dir=state_dir, checks=[check])
    with watcher:
        assert watcher.stats.degraded
    assert raised


# The disk and others


def test_refused_directories(path, watch, state_dir, caplog):
    """A state directory that others may write to keeps no valid configuration from starting; it is a warning."""
    run_once(state_dir, path)
    state_dir.chmod(0o777)
    watcher, _ = watch(path, state_dir=state_dir)
    assert "others may write" in str(watcher.stats.state_trouble)
    assert "others may write" in told(caplog)[0]
    save(path, port(8001))
    watcher.reload()
    watcher.close()
    assert len(told(caplog)) == 1
    state_dir.chmod(0o700)
    assert kept(state_dir, path) == [port(8000)]


def test_states_that_a_start_does_not_believe(path, watch, state_dir, caplog):
    """A directory of ours that others could write to, as Kubernetes opens it: one warning, and states are kept."""
    run_once(state_dir, path)
    opened = newest(state_dir, path).parent
    opened.chmod(0o770)
    watcher, _ = watch(path, state_dir=state_dir)
    (line,) = told(caplog)
    assert line.startswith(f"The last good state of {path} cannot be read: others may write to {state_dir}")
    wait_until(lambda: not opened.stat().st_mode & 0o022)
    wait_until(lambda: kept(state_dir, path))
    assert watcher.stats.state_trouble is None


@pytest.mark.parametrize("text", [port(8001), BROKEN])
def test_a_damaged_state_is_reported_at_each_start(path, watch, state_dir, caplog, text):
    """Once, whether the start needs a state or not."""
    run_once(state_dir, path, port(8001))
    newest(state_dir, path).write_bytes(b"damaged")
    path.write_text(text)
    watch(path, state_dir=state_dir)
    said = [line for line in told(caplog) if "is damaged" in line]
    assert said == [
        f"State 2 of {path} is not used: it is damaged: not a state that this version of hotconf can read"
    ]


def test_a_start_that_needs_a_state(path, state_dir, caplog):
    """It fails if states cannot be trusted, and says so along with the problems of the files."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    state_dir.chmod(0o777)
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(path, App, state_dir=state_dir).start()
    first, why = raised.value.problems
    assert (first.kind, why.severity) == ("syntax", "warning")
    assert why.message.startswith(f"No state to start from: others may write to {state_dir}")
    state_dir.chmod(0o700)
    newest(state_dir, path).chmod(0o660)
    with pytest.raises(ConfigError, match="No state to start from: state 1 is damaged: others may read or write it"):
        HotReloadWatcher(path, App, state_dir=state_dir).start()


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV])
def test_a_mount_that_died(path, watch, state_dir, monkeypatch, error):
    """Every call on the state directory fails from one moment on: reported, and close() raises nothing."""
    watcher, _ = watch(path, state_dir=state_dir, debounce_ms=60_000)
    wait_until(lambda: kept(state_dir, path))
    with monkeypatch.context() as dead:
        for name in ("open", "stat", "fstat", "close", "listdir", "mkdir"):
            dead.setattr(store.os, name, dying(getattr(os, name), state_dir, error))
        save(path, port(8001))
        assert isinstance(watcher.reload(), ReloadSuccess)
        wait_until(lambda: watcher.stats.state_trouble == f"{state_dir}: {os.strerror(error)}")
        watcher.close()
    assert watcher.config.server.port == 8001


def dying(real: Callable[..., Any], directory: Path, error: int) -> Callable[..., Any]:
    """`real`, but failing for what lies below `directory`."""

    def call(target: Any, *args: Any, **options: Any) -> Any:
        at = target if options.get("dir_fd") is None else options["dir_fd"]
        where = str(Path(f"/proc/self/fd/{at}").readlink()) if isinstance(at, int) else os.fsdecode(at)
        if not where.startswith(str(directory)):
            return real(target, *args, **options)
        if real is os_close:
            real(target)
        raise OSError(error, os.strerror(error))

    return call


os_close = os.close


def test_a_directory_that_becomes_unsafe(path, watch, state_dir, caplog):
    """Later it is a warning: reloads go on, nothing is written."""
    watcher, _ = watch(path, state_dir=state_dir)
    wait_until(lambda: kept(state_dir, path))
    state_dir.chmod(0o777)
    save(path, port(8001))
    watcher.reload()
    wait_until(lambda: watcher.stats.state_trouble)
    assert watcher.config.server.port == 8001
    assert "others may write" in told(caplog)[0]
    state_dir.chmod(0o700)
    watcher.close()
    assert kept(state_dir, path) == [port(8000)]


def test_a_full_disk(path, watch, state_dir, caplog, monkeypatch):
    """A warning, once; reloads succeed, and when there is room again states are kept again."""
    caplog.set_level(logging.INFO)
    # With a short window a slow machine publishes before the reload does.
    watcher, _ = watch(path, state_dir=state_dir, debounce_ms=60_000)
    wait_until(lambda: kept(state_dir, path))
    with monkeypatch.context() as full:
        refused: list[Record] = []
        full.setattr(store, "encode", lambda record: refused.append(record) or no_room(record))
        for number in (8001, 8002):
            save(path, port(number))
            assert isinstance(watcher.reload(), ReloadSuccess)
            wait_until(lambda number=number: len(refused) == number - 8000)
            wait_until(lambda: watcher.stats.state_trouble == f"{state_dir}: No space left on device")
    assert told(caplog) == [f"States of {path} are not kept: {state_dir}: No space left on device"]
    save(path, port(8003))
    watcher.reload()
    wait_until(lambda: watcher.stats.state_trouble is None)
    assert told(caplog, logging.INFO)[1:] == [f"States of {path} are kept again"]
    watcher.close()
    assert kept(state_dir, path) == [port(8000), port(8003)]


def no_room(record: Record) -> bytes:
    """A disk on which there is none."""
    raise OSError(28, "No space left on device")


def test_a_directory_that_cannot_be_made(path, watch, tmp_path, caplog):
    """A file in the way of its parent: a warning, no more."""
    (tmp_path / "file").write_bytes(b"")
    state_dir = tmp_path / "file" / "state"
    watcher, _ = watch(path, state_dir=state_dir)
    wait_until(lambda: watcher.stats.state_trouble == f"{state_dir}: Not a directory")
    assert told(caplog) == [f"States of {path} are not kept: {state_dir}: Not a directory"]
    assert watcher.config.server.port == 8000


def test_a_disk_that_hangs(path, watch, state_dir, caplog, monkeypatch, gate):
    """Neither publishing nor telling nor loads wait for it; close() waits no longer than it ever does."""
    stuck = Gate()
    monkeypatch.setattr(store, "encode", lambda record: stuck() or no_room(record))
    monkeypatch.setattr(writer, "SLOW_NS", 3600 * 10**9)
    watcher, _ = watch(path, state_dir=state_dir, debounce_ms=60_000)  # as in the test above
    assert stuck.entered.wait(60)
    assert watcher.stats.state_trouble is None
    for number in range(8001, 8001 + writer.MAX_WAITING + 5):
        save(path, port(number))
        assert isinstance(watcher.reload(), ReloadSuccess)
    assert watcher.stats.state_trouble == "the disk is slow: not every state is kept"
    watcher.close()
    wait_until(lambda: len(told(caplog)) == 2)
    assert told(caplog)[0] == f"States of {path} are not kept: the disk is slow: not every state is kept"
    assert f"States of {path} are not kept: the disk had not finished after" in told(caplog)[1]
    stuck.released.set()
    wait_until(lambda: StateStore(state_dir, path).claim())


def test_a_disk_that_is_busy_for_long(path, watch, state_dir, caplog, monkeypatch):
    """It shows in `stats`, and is logged."""
    stuck = Gate()
    monkeypatch.setattr(store, "encode", lambda record: stuck() or no_room(record))
    monkeypatch.setattr(writer, "SLOW_NS", 0)
    watcher, _ = watch(path, state_dir=state_dir)
    try:
        assert stuck.entered.wait(60)
        assert str(watcher.stats.state_trouble).startswith("the disk has been busy with a state for ")
        wait_until(lambda: any("are not kept: the disk has been busy with a state" in line for line in told(caplog)))
    finally:
        stuck.released.set()


@pytest.mark.parametrize("text", [port(8001), BROKEN])
def test_a_disk_that_hangs_at_start(path, state_dir, monkeypatch, text):
    """A valid configuration starts, and that is reported; an invalid one says why there is no state to start on."""
    run_once(state_dir, path)
    path.write_text(text)
    stuck = Gate()
    monkeypatch.setattr(writer, "ANSWER_S", 0.1)
    monkeypatch.setattr(private, "_open_shared", lambda root: stuck())
    watcher = HotReloadWatcher(path, App, state_dir=state_dir)
    try:
        if text == BROKEN:
            with pytest.raises(ConfigError, match=f"No state to start from: {state_dir}: the disk does not respond"):
                watcher.start()
        else:
            watcher.start()
            assert watcher.config.server.port == 8001
            assert watcher.stats.state_trouble == f"{state_dir}: the disk does not respond"
        watcher.close()
    finally:
        stuck.released.set()


def test_two_watchers(path, watch, state_dir, caplog):
    """Only the first writes; the other says so once, and writes when the first is closed."""
    caplog.set_level(logging.INFO)
    first, _ = watch(path, state_dir=state_dir)
    wait_until(lambda: kept(state_dir, path))
    second, _ = watch(path, state_dir=state_dir)
    for number in (8001, 8002):
        save(path, port(number))
        first.reload()
        second.reload()
    wait_until(lambda: second.stats.state_trouble == "another watcher keeps them")
    wait_until(lambda: len(kept(state_dir, path)) == 3)
    assert first.stats.state_trouble is None
    first.close()
    save(path, port(8003))
    second.reload()
    second.close()
    assert kept(state_dir, path) == [port(8000), port(8001), port(8002), port(8003)]
    assert told(caplog, logging.INFO) == [
        f"States of {path} are only read here: another watcher keeps them",
        f"States of {path} are kept again",
    ]


PROGRAM = """
import sys
from hotconf import HotReloadWatcher
watcher = HotReloadWatcher(sys.argv[1], dict, debounce_ms=0, state_dir=sys.argv[1] + ".state")
watcher.start()
print(watcher.config, watcher.stats.degraded, flush=True)
{end}
"""


DIES_WHEN_KEPT = """
import glob, os, signal, time
while not glob.glob(sys.argv[1] + ".state/*/*.state"):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "watcher.close()"])
def test_a_program_that_ends_at_once(path, end):
    """Its state is kept all the same; on a broken file it comes up on that."""
    done = completed(PROGRAM.format(end=end), path)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(BROKEN)
    done = completed(PROGRAM.format(end=end), path)
    assert done.stdout == "{'server': {'port': 8000}} True\n"
    assert done.returncode == 0


def test_a_writer_that_dies_lets_another_write(path, watch, state_dir):
    """The lock dies with its process, however it died."""
    done = completed(PROGRAM.format(end=DIES_WHEN_KEPT), path)
    assert done.returncode == -9
    assert StateStore(path.with_name("config.toml.state"), path).claim()


def test_a_fork(path, watch, state_dir):
    """A child does not keep the parent's lock; the parent goes on writing, and when it is gone the child does."""
    watcher, _ = watch(path, state_dir=state_dir)
    wait_until(lambda: kept(state_dir, path))

    told = Told()

    def work() -> None:
        wait_until(lambda: watcher.stats.state_trouble == "another watcher keeps them", LONG_S)
        told.tell()
        wait_until(lambda: watcher.config.server.port == 8002, LONG_S)
        watcher.close()
        assert StateStore(state_dir, path).claim()

    child = fork(work)
    save(path, port(8001))
    wait_until(lambda: kept(state_dir, path)[1:] == [port(8001)], LONG_S)
    told.wait()
    told.close()
    watcher.close()
    save(path, port(8002))
    assert ended(child) == 0
    assert kept(state_dir, path) == [port(8000), port(8001), port(8002)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_forks_while_states_are_written(path, watch, state_dir):
    """No child has descriptors of the parent's states, whenever it was forked."""
    watcher, _ = watch(path, state_dir=state_dir)

    def work() -> None:
        watcher.close()  # whatever the child itself has opened is closed now
        found = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not [target for target in found if target.startswith(str(state_dir))], found

    children = []
    for number in range(8001, 8016):
        save(path, port(number))
        watcher.reload()
        children.append(fork(work))
    assert [ended(child) for child in children] == [0] * len(children)


def test_closed_by_who_listens_to_the_log(path, watch, state_dir, monkeypatch):
    """A handler of the log, called on the thread that writes, may close the watcher."""
    begun, closed = threading.Event(), threading.Event()

    class Closing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert begun.wait(LONG_S)
            watcher.close()
            closed.set()

    handler = Closing()
    logging.getLogger("hotconf.state").addHandler(handler)
    try:
        monkeypatch.setattr(store, "encode", no_room)
        watcher, _ = watch(path, state_dir=state_dir)
        begun.set()
        assert closed.wait(LONG_S)
    finally:
        logging.getLogger("hotconf.state").removeHandler(handler)


def test_degraded_through_a_fork(path, watch, state_dir):
    """A child of a degraded process is degraded, and recovers by itself."""
    run_once(state_dir, path)
    path.write_text(BROKEN)
    watcher, _ = watch(path, state_dir=state_dir)
    told = Told()

    def work() -> None:
        assert watcher.stats.degraded
        told.tell()
        wait_until(lambda: watcher.config.server.port == 8001, LONG_S)
        assert not watcher.stats.degraded

    child = fork(work)
    told.wait()
    told.close()
    save(path, port(8001))
    assert ended(child) == 0
    wait_until(lambda: not watcher.stats.degraded)


# Secrets


class Db(Frozen):
    password: str = ""
    passphrase: SecretStr = SecretStr("")
    url: str = ""


class Guarded(Frozen):
    db: Db = Db()


def test_no_secret_in_the_index(path, watch, state_dir, caplog, capfd):
    """Files are kept whole, and private; neither the index nor what is logged holds a secret."""
    caplog.set_level(logging.DEBUG)
    secrets = [f"s3cr3t-{n}-{word}" for n in range(2) for word in ("word", "phrase", "url")]
    texts = [
        f'[db]\npassword = "{a}"\npassphrase = "{b}"\nurl = "postgres://u:{c}@h/d"\n'
        for a, b, c in (secrets[:3], secrets[3:])
    ]
    path.write_text(texts[0])
    run_once(state_dir, path, texts[1], schema=Guarded)
    path.write_text(texts[1].replace("]\n", "\n"))
    watcher, _ = watch(path, Guarded, state_dir=state_dir)
    watcher.close()
    assert kept(state_dir, path) == texts
    shown = [caplog.text, *capfd.readouterr(), repr(watcher.stats), repr(StateStore(state_dir, path).read(2))]
    shown += [file.read_bytes().split(b"\n")[2].decode() for file in StateStore(state_dir, path).path.glob("*.state")]
    assert any('"summary":["db.password: changed (secret)",' in text for text in shown)
    for secret in secrets:
        assert not any(secret in text for text in shown)


def test_hostile_names_and_values(tmp_path, watch, caplog):
    """Escape sequences, line breaks and reordering in names and values reach neither the log nor the index."""
    path = tmp_path / "con\x1b[31m\u202e\nfig.toml"
    path.write_text('a = "x"\n')
    run_once(tmp_path / "state", path, 'a = "\\u001b[31m\\u202e\\n"\n', schema=dict)
    newest(tmp_path / "state", path).write_bytes(b"")
    path.write_text("a")
    watcher, _ = watch(path, dict, state_dir=tmp_path / "state")
    assert watcher.stats.degraded
    assert len(told(caplog)) == 2
    assert all(line.isprintable() for line in told(caplog))
    index = newest(tmp_path / "state", path).parent / "00000001.state"
    assert index.read_bytes().split(b"\n")[2].decode().isprintable()
