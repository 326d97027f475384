"""A watcher without a main file: its configuration is what the layers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hotconf import (
    ConfigError,
    DotEnv,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    ReloadFailed,
    SecretsDir,
    UsageError,
)
from waiting import wait_until
from watcher.watched import port, save


class Server(BaseModel, frozen=True):
    host: str
    port: int = 8000


class App(BaseModel, frozen=True):
    server: Server
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """In an empty working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("APP_SERVER__HOST", "APP_SERVER__PORT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def layers() -> list[Any]:
    """Everything that may stand over a file."""
    return [SecretsDir("secrets"), DotEnv(".env", "APP_"), Env("APP_")]


def test_layers_are_all_there_is(tmp_path, here, watch):
    """They are followed as ever; there is nothing else to watch."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / ".env").write_text("APP_SERVER__PORT=1\n")
    here.setenv("APP_SERVER__HOST", "h")
    watcher, _ = watch(None, App, layers=layers())
    assert watcher.config.server == Server(host="h", port=1)
    assert watcher.snapshot.files == ()
    assert watcher.watching == (tmp_path / ".env",)
    save(tmp_path / ".env", "APP_SERVER__PORT=2\n")
    wait_until(lambda: watcher.config.server.port == 2)
    save(tmp_path / "secrets" / "server__host", "ignored, for the environment is stronger")
    here.delenv("APP_SERVER__HOST")
    ending = watcher.reload()
    wait_until(lambda: watcher.config.server.host.startswith("ignored"))
    assert ending is not None
    assert not watcher.has_drift()


def test_what_is_missing_is_missing_in_no_file(here):
    """The problem has no place."""
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(None, App, layers=layers()[2:]).start()
    assert str(raised.value) == "Missing required field: server (set $APP_SERVER)"


def test_a_failure_names_the_layer(here, watch):
    """And the old configuration stays."""
    here.setenv("APP_SERVER__HOST", "h")
    watcher, _ = watch(None, App, layers=layers()[2:])
    here.setenv("APP_SERVER__PORT", "x")
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert [str(each) for each in ending.problems] == [
        '$APP_SERVER__PORT: Type mismatch: server.port expected integer, got "x"'
    ]
    assert watcher.config.server.port == 8000


def test_fragments_may_be_named_by_the_program(tmp_path, here, watch):
    """Relative to the working directory."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.toml").write_text(port(8001) + "host = 'f'\n")
    watcher, _ = watch(None, App, watch_paths=["conf.d"], layers=layers()[2:])
    assert watcher.config.server == Server(host="f", port=8001)
    save(tmp_path / "conf.d" / "a.toml", port(8002) + "host = 'g'\n")
    wait_until(lambda: watcher.config.server.port == 8002)
    assert watcher.snapshot.origin("server.port").where == "a.toml:2:8"


def test_a_file_of_layers_names_no_fragments(tmp_path, here, watch):
    """What decides which files are read cannot be among them."""
    (tmp_path / ".env").write_text('APP_SERVER__HOST=h\nAPP_HOT_RELOAD__WATCH_PATHS=["x.toml"]\n')
    (tmp_path / "secrets").mkdir()
    watcher, _ = watch(None, App, layers=layers())
    assert [str(each) for each in watcher.warnings] == [
        ".env:2: watch_paths only has an effect in the main file and in the environment"
    ]
    assert watcher.settings.watch_paths == ()


def test_there_is_nothing_to_keep():
    """A state directory needs files."""
    with pytest.raises(UsageError) as raised:
        HotReloadWatcher(None, App, layers=layers()[2:], state_dir="states")
    assert str(raised.value) == "state_dir keeps the states of files, and this watcher has none: give a path"
