"""A watcher whose main document is no file: it comes from a source, which hears what becomes of it."""

from __future__ import annotations

import json
import logging
import os
import pickle
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from doubles.source import CUT_OFF, NOTHING, Board
from hotconf import (
    ConfigError,
    DotEnv,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    Problem,
    Profile,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    RestartRequired,
    UsageError,
    WatchedFile,
)
from hotconf.history.store import StateStore
from hotconf.sources.source import Verdict
from waiting import wait_until
from watcher.watched import App, port, save

NAME = "shop/prod"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty working directory, where nothing is called as the source is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were looked at below the one that stands for the source: none may be."""
    looked: list[str] = []
    for name in ("stat", "lstat", "open", "readlink", "listdir", "scandir"):
        real = getattr(os, name)

        def seen(path: Any, *args: Any, real: Any = real, **named: Any) -> Any:
            if not isinstance(path, int) and "board" in os.fsdecode(path):
                looked.append(os.fsdecode(path))
            return real(path, *args, **named)

        monkeypatch.setattr(os, name, seen)
    return looked


# What is published


def test_a_publish_is_loaded_at_once(watch, untouched):
    """No window, however long it is, and no FileChanged; the source hears each ending."""
    board = Board(port(8000))
    watcher, seen = watch(board, debounce_ms=60_000)
    assert watcher.config.server.port == 8000
    assert board.verdict(1) == Verdict("applied", "v1", "v1", 1)
    board.publish(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")
    assert board.verdict(2) == Verdict("applied", "v2", "v2", 2)
    board.publish(port(8001) + "# the same\n", "v3")
    seen.exactly("ReloadSuccess 2", "ReloadUnchanged")
    assert board.verdict(3) == Verdict("unchanged", "v3", "v3", 2)
    assert watcher.snapshot.files[0].version == "v3"
    assert watcher.reload().reason == "the document is the same"
    assert watcher.watching == ()
    assert not watcher.has_drift()
    assert untouched == []


def test_a_document_that_is_not_valid_changes_nothing(watch):
    """It is refused, with the place and without the value, and the next good one is applied."""
    board = Board(port(8000))
    watcher, seen = watch(board)
    board.publish('[server]\nport = "hunter2-is-no-port"\n', "v2")
    ending = seen.exactly("ReloadFailed schema")
    assert isinstance(ending, ReloadFailed)
    assert str(ending.problems[0]).startswith("shop/prod:2:8: Type mismatch: server.port expected integer")
    assert watcher.config.server.port == 8000
    assert board.verdict(2) == Verdict("refused", "v2", "v1", 1, "shop/prod:2:8: server.port: type mismatch")
    board.publish(port(8002), "v3")
    seen.exactly("ReloadFailed schema", "ReloadSuccess 2")
    assert watcher.health().status == "ok"


def test_what_a_document_shares_with_the_one_before_is_no_half_of_it(watch):
    """A shorter document is as whole as any; an empty one is refused at once."""
    board = Board("[server]\nport = 8001\n")
    _, seen = watch(board, debounce_ms=60_000)
    board.publish("[server]\n", "v2")
    seen.exactly("ReloadSuccess 2")
    board.publish("", "v3")
    seen.exactly("ReloadSuccess 2", "ReloadFailed empty")


def test_each_document_says_its_format(watch, tmp_path):
    """Problems, origins and kept states are those of the format that it came in."""
    board = Board(port(8000))
    watcher, seen = watch(board, state_dir=tmp_path / "states")
    board.publish("server:\n  port: 8001\n", "v2", "yaml")
    seen.exactly("ReloadSuccess 2")
    assert watcher.snapshot.origin("server.port").where == "shop/prod:2:9"
    board.publish("server:\n\tport: 1\n", "v3", "yaml")
    ending = seen.exactly("ReloadSuccess 2", "ReloadFailed syntax")
    assert "YAML" in ending.error
    board.publish(json.dumps({"server": {"port": 8004}}), "v4", "json")
    seen.exactly("ReloadSuccess 2", "ReloadFailed syntax", "ReloadSuccess 3")
    watcher.close()
    later = HotReloadWatcher(Board(), App, state_dir=tmp_path / "states")
    with later:
        assert later.config.server.port == 8004
        assert [(file.format, file.version) for file in later.snapshot.files] == [("json", "v4")]


def test_the_same_text_in_another_format_is_parsed_anew(watch):
    """A text may be two things."""
    board = Board("{}", form="json")
    _, seen = watch(board, allow_empty=True)
    board.publish("{}", "v2", "toml")
    seen.exactly("ReloadFailed syntax")


@pytest.mark.parametrize(
    "found",
    [None, b"x", Problem("x"), ("a", "b"), Exception],
    ids=["None", "bytes", "problem", "tuple", "raises"],
)
def test_whatever_a_source_returns_the_old_stays(watch, found):
    """Its mistakes are failures of the load."""
    board = Board(port(8000))
    watcher, seen = watch(board)

    def read() -> Any:
        if found is Exception:
            raise ValueError("hunter2")
        return found

    board.read = read
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert "hunter2" not in ending.error
    assert ending.error.startswith("shop/prod: ")
    assert watcher.config.server.port == 8000
    assert seen.ending() is ending


def test_a_document_that_is_too_large_is_refused(watch):
    """As a file is."""
    board = Board(port(8000))
    watcher, _ = watch(board, max_bytes=100)
    board.publish("# " + "x" * 100, "v2")
    assert board.verdict(2) == Verdict("refused", "v2", "v1", 1, "shop/prod: the document is too large")
    assert watcher.config.server.port == 8000


# What it does not decide


def test_its_settings_do_not_count(watch, tmp_path):
    """Neither enabled nor watch_paths, in no profile either; the warning names the line. Layers and arguments do."""
    (tmp_path / "x.toml").write_text("tags = [1]\n")
    text = '[hot_reload]\nenabled = false\nwatch_paths = ["x.toml"]\n[profiles.p.hot_reload]\nenabled = false\n'
    board = Board(text)
    layers = [Profile("p"), {"hot_reload": {"debounce_ms": 1234, "watch_paths": ["x.toml"]}}]
    watcher, seen = watch(board, layers=layers, debounce_ms=None)
    assert watcher.settings.enabled
    assert watcher.settings.debounce_ms == 1234
    assert watcher.watching == ()
    assert [str(each) for each in watcher.warnings] == [
        "shop/prod:1:2: hot_reload does not count in a document of shop/prod",
        "shop/prod:4:13: hot_reload does not count in a document of shop/prod",
        "layers[1]: watch_paths makes no sense with shop/prod",
    ]
    board.publish(f"{port(8001)}[profiles.p]\n", "v2")
    seen.exactly("ReloadSuccess 2")


@pytest.mark.parametrize("options", [{"watch_paths": ["x"]}, {"settings": HotReloadSettings(watch_paths=("x",))}])
def test_fragments_make_no_sense(options):
    """They would stand beside a file."""
    with pytest.raises(UsageError, match=r"^watch_paths makes no sense with shop/prod: "):
        HotReloadWatcher(Board(), App, **options)
    with pytest.raises(UsageError, match=r"^format makes no sense with shop/prod: "):
        HotReloadWatcher(Board(), App, format="yaml")
    with pytest.raises(UsageError, match=r"^path of type object: give a path"):
        HotReloadWatcher(object(), App)  # type: ignore[arg-type]


def test_profiles_stand_in_the_document_only(watch, untouched):
    """There is no file beside it."""
    board = Board("[profiles.prod.server]\nport = 1\n[profiles.test.server]\nport = 2\n")
    watcher, _ = watch(board, layers=[Profile("prod")])
    assert watcher.config.server.port == 1
    with pytest.raises(ConfigError, match=r'no profile "x": there are prod, test'):
        HotReloadWatcher(board, App, layers=[Profile("x")]).start()
    with pytest.raises(ConfigError, match=r'no profile "x": there is none \(write \[profiles\.x\]\)'):
        HotReloadWatcher(Board("a = 1\n"), dict[str, Any], layers=[Profile("x")]).start()
    assert untouched == []


def test_files_that_it_names_are_relative_to_the_working_directory(watch, tmp_path):
    """There is no directory of its own. They are watched as ever."""

    class Model(BaseModel, frozen=True):
        key: WatchedFile

    (tmp_path / "key.pem").write_text("one")
    watcher, _ = watch(Board('key = "key.pem"\n'), Model)
    assert watcher.config.key.text == "one"
    save(tmp_path / "key.pem", "two")
    wait_until(lambda: watcher.config.key.text == "two")


# Layers over it


def test_layers_lie_over_it_and_are_watched_as_ever(watch, tmp_path, monkeypatch):
    """A file of a layer has its window; a publish meanwhile does not end it."""
    env = tmp_path / ".env"
    env.write_text("APP_SERVER__HOST=a\n")
    board = Board(port(8000))
    watcher, seen = watch(board, layers=[DotEnv(".env", prefix="APP_"), Env("APP_")], debounce_ms=100)
    assert watcher.watching == (env,)
    save(env, "APP_SERVER__HOST=b\n")
    seen.exactly("FileChanged .env", "ReloadSuccess 2")
    assert board.verdict(2) == Verdict("applied", "v1", "v1", 2)
    assert [answer.origin.where for answer in watcher.snapshot.explain("server.port")] == ["shop/prod:2:8"]
    monkeypatch.setenv("APP_SERVER__PORT", "1")
    board.publish(port(8001), "v2")
    seen.exactly("FileChanged .env", "ReloadSuccess 2", "ReloadSuccess 3")
    assert (watcher.config.server.host, watcher.config.server.port) == ("b", 1)
    assert [answer.origin.where for answer in watcher.snapshot.explain("server.port")] == [
        "$APP_SERVER__PORT",
        "shop/prod:2:8",
    ]


def test_a_layer_that_is_wrong_is_not_the_document(watch, tmp_path):
    """The verdict is on what was read, which is what is served."""
    env = tmp_path / ".env"
    env.write_text("APP_SERVER__PORT=1\n")
    board = Board(port(8000))
    watch(board, layers=[DotEnv(".env", prefix="APP_")], debounce_ms=50)
    save(env, "APP_SERVER__PORT=hunter2\n")
    assert board.verdict(2) == Verdict("refused", "v1", "v1", 1, ".env:1: server.port: type mismatch")


# Cut off


def test_a_start_without_it_is_refused():
    """As one without a file: with the reason."""
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(Board(), App).start()
    assert str(raised.value) == "shop/prod: Nothing is published"
    board = Board()
    board.found = CUT_OFF
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(board, App).start()
    assert str(raised.value) == "shop/prod: Cannot be reached: connection refused"
    assert [each.status for each in board.verdicts] == ["refused"]
    assert board.ended_watches == 1


def test_the_first_publish_may_come_later(watch):
    """Without `require` there is no configuration until then."""
    board = Board()
    watcher, seen = watch(board, require=False)
    assert board.verdict(1) == Verdict("refused", "", "", 0, "shop/prod: nothing is published")
    board.publish(port(8000), "v1")
    seen.exactly("ReloadFailed missing", "ReloadSuccess 1")
    assert watcher.config.server.port == 8000


def test_a_start_without_it_comes_up_on_the_last_good_state(watch, tmp_path, untouched, caplog):
    """Degraded, with the version that it serves, and it goes on by itself. It is not called invalid."""
    states = tmp_path / "states"
    with HotReloadWatcher(Board(port(8000), "v7"), App, state_dir=states):
        pass
    board = Board()
    board.found, board.trouble_now = CUT_OFF, "cut off for 6 s"
    watcher, seen = watch(board, state_dir=states)
    assert watcher.config.server.port == 8000
    assert watcher.stats.degraded
    (line,) = (each.getMessage() for each in caplog.records if "Degraded" in each.getMessage())
    assert line.startswith("Degraded: shop/prod cannot be read; using its last good state, number 1 of ")
    assert watcher.stats.trouble == "shop/prod: cut off for 6 s"
    assert watcher.health()[:2] == (
        "degraded",
        "started on the last good state: shop/prod: the document cannot be read",
    )
    assert board.verdict(1) == Verdict("refused", "", "v7", 1, "shop/prod: the document cannot be read")
    board.trouble_now = None
    board.publish(port(8001), "v8")
    seen.exactly("ReloadFailed unreadable", "ReloadSuccess 2")
    assert not watcher.stats.degraded
    assert watcher.health().status == "ok"
    assert board.verdict(2) == Verdict("applied", "v8", "v8", 2)
    assert untouched == []


def test_an_outage_is_none_of_the_program(watch):
    """It is reported, and nothing else happens: what was read last counts."""
    board = Board(port(8000))
    watcher, seen = watch(board)
    board.trouble_now = "cut off for 5 s"
    assert watcher.health()[:2] == ("degraded", "shop/prod: cut off for 5 s")
    assert watcher.stats.trouble == "shop/prod: cut off for 5 s"
    assert isinstance(watcher.reload(), ReloadUnchanged)
    board.trouble_now = None
    assert watcher.health().status == "ok"
    seen.exactly("ReloadUnchanged")


def test_a_document_that_is_gone_keeps_the_old(watch):
    """As a file that is gone; nothing waits for it to come back."""
    board = Board(port(8000))
    watcher, seen = watch(board, debounce_ms=60_000)
    board.fail(NOTHING)
    seen.exactly("ReloadFailed missing")
    assert watcher.config.server.port == 8000
    assert watcher.health()[:2] == ("failed", "shop/prod: nothing is published")


def test_a_source_whose_methods_raise_disturbs_nothing(watch, caplog):
    """It is logged, and shown as trouble."""

    class Bad(Board):
        def watch(self, link: Any) -> Any:
            raise ValueError("hunter2")

        def ended(self, verdict: Verdict) -> None:
            raise ValueError(verdict)

    with caplog.at_level(logging.WARNING, "hotconf"):
        board = Bad(port(8000))
        watcher, _ = watch(board)
        assert watcher.stats.trouble == "shop/prod is not watched"
        board.found = Board(port(8001), "v2").found
        assert isinstance(watcher.reload(), ReloadSuccess)
    assert "shop/prod is not watched: only reload() reads it" in caplog.text


def test_what_the_program_did_wrong_is_raised():
    """The source knows it when it is watched."""

    class Misused(Board):
        def watch(self, link: Any) -> Any:
            raise UsageError("two watchers of one source")

    with pytest.raises(UsageError, match="two watchers of one source"):
        HotReloadWatcher(Misused(port(1)), App).start()


# All that a file has


def test_busy_defers_it(watch):
    """And the last release publishes it."""
    board = Board(port(8000))
    watcher, seen = watch(board)
    with watcher.busy("a request"):
        board.publish(port(8001), "v2")
        assert isinstance(seen.exactly("ReloadDeferred a request"), ReloadDeferred)
        assert board.verdict(2) == Verdict("deferred", "v2", "v1", 1, "a request")
    assert watcher.config.server.port == 8001
    assert board.verdict(3) == Verdict("applied", "v2", "v2", 2)


def test_a_resource_that_cannot_be_made_refuses_it(watch):
    """With the reason; the old one stays in use."""
    board = Board(port(8000))
    watcher = HotReloadWatcher(board, App)

    @watcher.resource("server.port")
    def connection(number: int) -> str:
        if number == 8001:
            raise OSError("hunter2 refused")
        return f"to {number}"

    with watcher:
        board.publish(port(8001), "v2")
        verdict = board.verdict(2)
        assert verdict == Verdict(
            "refused", "v2", "v1", 1, "shop/prod:2:8: server.port: a resource could not be created"
        )
        assert connection.current == "to 8000"
        board.publish(port(8002), "v3")
        assert board.verdict(3) == Verdict("applied", "v3", "v3", 2)
        assert connection.current == "to 8002"


def test_what_needs_a_restart_waits_for_it(watch):
    """It is unchanged as long as nothing else differs."""

    class Model(BaseModel, frozen=True):
        size: Annotated[int, RestartRequired()] = 1

    board = Board("size = 1\n")
    watcher, _ = watch(board, Model)
    board.publish("size = 2\n", "v2")
    assert board.verdict(2).status == "unchanged"
    assert watcher.config.size == 1
    assert [change.new for change in watcher.pending_restart] == [2]


def test_overrides_lie_over_it(watch):
    """And leave no trace."""
    board = Board(port(8000))
    watcher, _ = watch(board)
    with watcher.override({"server.port": 1}):
        assert watcher.config.server.port == 1
        board.publish(port(8001), "v2")
        wait_until(lambda: board.verdicts[-1].version == "v2")
        assert watcher.config.server.port == 1
    assert watcher.config.server.port == 8001


def test_the_log_names_it(watch, caplog):
    """As people write it."""
    with caplog.at_level(logging.DEBUG, "hotconf"):
        board = Board(port(8000))
        _, seen = watch(board)
        board.publish("server: {port: 8001}\n", "v2", "yaml")
        seen.exactly("ReloadSuccess 2")
        wait_until(lambda: "shop/prod: reloaded, generation 2" in caplog.text)
    assert "Watching: shop/prod" in caplog.text
    assert "Parsing YAML: OK" in caplog.text
    assert "/(board)" not in caplog.text


def test_the_same_document_under_another_version_is_no_other_state(watch, tmp_path):
    """An act in a fleet that changes nothing here, as a canary elsewhere, is not kept."""
    board = Board(port(8000), "7@1")
    watcher, _seen = watch(board, state_dir=tmp_path / "states")
    for nth, (text, version) in enumerate([(8000, "7@2"), (8001, "8@3"), (8001, "8@4"), (8000, "7@5")], 2):
        board.publish(port(text), version)
        board.verdict(nth)
    watcher.close()
    with HotReloadWatcher(Board(port(8000), "7@6"), App, state_dir=tmp_path / "states"):
        pass
    found = StateStore(tmp_path / "states", watcher.path).newest_first()
    assert [record.files[0].version for _, record in found] == ["7@5", "8@3", "7@1"]


def test_history_and_status_know_it(watch, tmp_path):
    """States are kept with the version; the status names the source."""
    from hotconf.status.reading import statuses

    board = Board(port(8000))
    watcher, seen = watch(board, state_dir=tmp_path / "states")
    board.publish(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")
    wait_until(lambda: any(each.generation == 2 for each in statuses(tmp_path / "states", watcher.path)))
    (status,) = statuses(tmp_path / "states", watcher.path)
    assert status.config == NAME


def test_after_close_it_is_not_watched(watch):
    """Its watch ends once, and what it says then means nothing."""
    board = Board(port(8000))
    watcher, seen = watch(board)
    watcher.close()
    watcher.close()
    assert board.ended_watches == 1
    board.publish(port(8001), "v2")
    assert seen.lines == []
    assert watcher.config.server.port == 8000


def test_a_watcher_is_sent_with_its_source():
    """If that can be pickled."""

    class Local(Board):
        pass

    watcher = HotReloadWatcher(Board(port(8000)), App, debounce_ms=7)
    again = pickle.loads(pickle.dumps(watcher))
    with again:
        assert again.config.server.port == 8000
        assert again.path == watcher.path
    with pytest.raises(UsageError, match=r"^path \(.*Local\) cannot be pickled"):
        pickle.dumps(HotReloadWatcher(Local(), App))


def test_it_starts_as_soon_as_a_plain_change_is_known(watch):
    """What the source says before the load at start is read by that load: there is one."""

    class Early(Board):
        def watch(self, link: Any) -> Any:
            link.changed()
            return super().watch(link)

    board = Early(port(8000))
    _, seen = watch(board)
    assert board.verdict(1).status == "applied"
    assert board.reads == 1
    assert seen.lines == []


def test_a_storm_of_publishes_ends_with_the_last(watch):
    """From several threads; each ending is of one state, in order."""
    import threading

    board = Board(port(1000))
    watcher, _ = watch(board)
    lock, count = threading.Lock(), iter(range(1001, 1201))

    def publish() -> None:
        while True:
            with lock:
                if (number := next(count, None)) is None:
                    return
                board.publish(port(number), f"v{number}")

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: watcher.config.server.port == 1200)
    wait_until(lambda: board.verdicts[-1].version == "v1200")
    versions = [int(each.version[1:]) for each in board.verdicts[1:]]
    assert versions == sorted(versions)
    assert {each.status for each in board.verdicts} <= {"applied", "unchanged"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_watches_it_anew(watch):
    """With a link of its own; the parent's is the parent's."""
    from watcher.children import ended, fork

    board = Board(port(8000))
    watcher, seen = watch(board)

    def work() -> None:
        wait_until(lambda: len(board.links) == 2)
        board.publish(port(8001), "v2")
        wait_until(lambda: watcher.config.server.port == 8001)
        assert board.verdicts[-1] == Verdict("applied", "v2", "v2", 2)
        watcher.close()
        assert board.ended_watches == 1

    assert ended(fork(work)) == 0
    assert watcher.config.server.port == 8000
    assert len(board.links) == 1
    board.publish(port(8002), "v3")
    seen.exactly("ReloadSuccess 2")


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_no_observer_looks_at_it(watch, untouched, tmp_path, observer):
    """But at files of layers."""
    env = tmp_path / ".env"
    env.write_text("APP_TAGS=[]\n")
    board = Board(port(8000))
    watcher, seen = watch(board, layers=[DotEnv(".env", prefix="APP_")], observer=observer, reconcile_s=0.05)
    save(env, 'APP_TAGS=["b"]\n')
    wait_until(lambda: watcher.config.tags == ["b"])
    board.publish(port(8001), "v2")
    wait_until(lambda: watcher.config.server.port == 8001)
    seen.exactly("FileChanged .env", "ReloadSuccess 2", "ReloadSuccess 3")
    assert untouched == []
