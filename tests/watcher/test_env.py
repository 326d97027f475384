"""Environment variables over the files of a running watcher."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from hotconf import (
    ConfigError,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    Origin,
    ReloadFailed,
    ReloadSuccess,
    UsageError,
)
from watcher.watched import port, save


class Db(BaseModel, frozen=True):
    pool: int = 1
    password: SecretStr = SecretStr("")


class Server(BaseModel, frozen=True):
    host: str = "localhost"
    port: int = 8000


class App(BaseModel, frozen=True):
    server: Server = Server()
    db: Db = Db()
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """None of the variables of this process."""
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    yield monkeypatch


def test_the_environment_is_read_at_each_load(path, watch, environment):
    """And beats the file, as its origins say."""
    environment.setenv("APP_SERVER__PORT", "9000")
    watcher, _ = watch(path, App, layers=[Env("APP_")])
    assert watcher.config.server.port == 9000
    assert watcher.snapshot.origin("server.port") == Origin("$APP_*", "$APP_SERVER__PORT")
    answers = [(each.origin.where, each.value) for each in watcher.snapshot.explain("server.port")]
    assert answers == [("$APP_SERVER__PORT", 9000), ("config.toml:2:8", 8000)]
    environment.setenv("APP_SERVER__PORT", "9001")
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert watcher.config.server.port == 9001
    environment.delenv("APP_SERVER__PORT")
    watcher.reload()
    assert watcher.config.server.port == 8000


def test_every_broken_variable_is_a_problem_of_its_own(path, watch, environment):
    """With its text, if that is no secret, and what it overrides."""
    watcher, _ = watch(path, App, layers=[Env("APP_")])
    environment.setenv("APP_SERVER__PORT", "many")
    environment.setenv("APP_DB__POOL", "few")
    environment.setenv("APP_DB__PASSWORD__X", "hunter2")
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    errors = {str(each) for each in ending.problems if each.severity == "error"}
    assert errors == {
        '$APP_SERVER__PORT: Type mismatch: server.port expected integer, got "many"',
        '$APP_DB__POOL: Type mismatch: db.pool expected integer, got "few"',
    }
    (at_port,) = (each for each in ending.problems if each.path == ("server", "port"))
    assert [(each.file, each.line) for each in at_port.related] == [(path, 2)]
    assert "hunter2" not in repr(ending)
    assert watcher.config.server.port == 8000


def test_a_secret_in_the_wrong_place_is_not_repeated(path, watch, environment):
    """Whatever is wrong with it."""

    class Pin(BaseModel, frozen=True):
        pin: int = 0
        password: int = 0

    environment.setenv("APP_PASSWORD", "hunter2-hunter2")
    path.write_text("pin = 1\n")
    with pytest.raises(ConfigError) as raised:
        watch(path, Pin, layers=[Env("APP_")])
    assert str(raised.value) == "$APP_PASSWORD: Type mismatch: password expected integer, got string"


def test_a_misspelt_variable_is_a_warning(path, watch, environment, caplog):
    """Once in the log, as long as it is there."""
    environment.setenv("APP_SERVER_PORT", "9000")
    watcher, _ = watch(path, App, layers=[Env("APP_")])
    watcher.reload()
    (warning,) = watcher.warnings
    assert warning.with_hint == "$APP_SERVER_PORT: Unknown key: server_port (did you mean APP_SERVER__PORT?)"
    assert caplog.text.count("APP_SERVER_PORT") == 1


def test_a_variable_that_another_layer_takes_is_not_misspelt(path, watch, environment):
    """One prefix may be the beginning of another one."""
    environment.setenv("APP_X_SERVER__PORT", "1")
    environment.setenv("APP_X_SERVER_PORT", "2")
    watcher, _ = watch(path, App, layers=[Env("APP_"), Env("APP_X_")])
    assert watcher.config.server.port == 1
    assert {each.where for each in watcher.warnings} == {"$APP_X_SERVER_PORT"}


def test_what_kubernetes_sets_is_explained(path, watch, environment):
    """`APP_SERVER__PORT` of a service called `app-server-` is none, and `APP_PORT` is."""

    class Flat(BaseModel, frozen=True):
        port: int = 1

    environment.setenv("APP_PORT", "tcp://10.0.0.1:80")
    path.write_text("port = 2\n")
    with pytest.raises(ConfigError) as raised:
        watch(path, Flat, layers=[Env("APP_")])
    text = '$APP_PORT: Type mismatch: port expected integer, got "tcp://10.0.0.1:80" (Kubernetes sets this variable'
    assert str(raised.value).startswith(text)


def test_settings_follow_the_environment(path, watch, environment):
    """`watch_paths`, too."""
    path.with_name("more.toml").write_text(port(8001))
    environment.setenv("APP_HOT_RELOAD__WATCH_PATHS", '["more.toml"]')
    environment.setenv("APP_HOT_RELOAD__DEBOUNCE_MS", "177")
    watcher = HotReloadWatcher(path, App, layers=[Env("APP_")])
    with watcher:
        assert watcher.settings.debounce_ms == 177
        assert watcher.config.server.port == 8001


def test_nothing_of_it_is_kept(path, watch, environment, tmp_path):
    """A start from the last good state reads it afresh."""
    state_dir = tmp_path / "states"
    environment.setenv("APP_DB__PASSWORD", "hunter2-then")
    first, _ = watch(path, App, layers=[Env("APP_")], state_dir=state_dir)
    save(path, port(8001))
    first.reload()
    first.close()
    kept = b"".join(each.read_bytes() for each in state_dir.rglob("*") if each.is_file())
    assert b"8001" in kept
    assert b"hunter2" not in kept
    path.write_text("[server\n")
    environment.setenv("APP_DB__POOL", "7")
    second, _ = watch(path, App, layers=[Env("APP_")], state_dir=state_dir)
    assert (second.config.server.port, second.config.db.pool) == (8001, 7)


def test_several_watchers_have_layers_of_their_own(path, watch, environment):
    """In one process."""
    environment.setenv("ONE_SERVER__PORT", "1")
    environment.setenv("TWO_SERVER__PORT", "2")
    watchers = [watch(path, App, layers=[Env(prefix)])[0] for prefix in ("ONE_", "TWO_", "THREE_")]
    assert [watcher.config.server.port for watcher in watchers] == [1, 2, 8000]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Env(None), "prefix=None: give a string, such as 'APP_'"),  # type: ignore[arg-type]
        (lambda: Env("A", nested=""), "nested='': give the separator between keys, such as '__', or None"),
        (lambda: Env("A", case_sensitive=1), "case_sensitive=1: give True or False"),  # type: ignore[arg-type]
    ],
)
def test_arguments_that_cannot_work_are_refused(make, message):
    """With what to give instead."""
    with pytest.raises(UsageError) as raised:
        make()
    assert str(raised.value) == message


def test_two_layers_of_one_prefix_are_refused(path):
    """They would be told apart by nothing."""
    with pytest.raises(UsageError):
        HotReloadWatcher(path, App, layers=[Env("APP_"), Env("APP_")])
    assert Path(path).exists()
