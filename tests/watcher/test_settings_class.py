"""A `BaseSettings` class as the model of a running watcher: its sources are layers, and they are followed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from hotconf import ReloadFailed, ReloadSuccess, ReloadUnchanged
from waiting import wait_until
from watcher.watched import save

SECRET = "hunter2-of-the-settings"


class Db(BaseModel):
    host: str = "localhost"
    pool: int = 5


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="APP_", env_nested_delimiter="__", env_file=".env", secrets_dir="secrets", extra="forbid"
    )

    debug: bool = False
    db: Db = Db()
    plugins: list[str] = []
    password: SecretStr = SecretStr("")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """None of the variables of this process, in a working directory with an empty `.env` and no secrets."""
    for name in [name for name in os.environ if name.upper().startswith("APP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / ".env").touch()
    (tmp_path / "config.toml").write_text('debug = true\n[db]\nhost = "file"\npool = 1\n')
    return monkeypatch


def where(watcher: Any, key: str) -> str:
    """The origin of a value, as people write it."""
    origin = watcher.snapshot.origin(key)
    assert origin is not None
    return origin.where


def hints(problems: Any) -> list[str]:
    """One a line, with what to do."""
    return [problem.with_hint for problem in problems]


# Values and their origins


def test_each_source_overrides_the_weaker_ones(watch, environment, tmp_path):
    """Files, secrets, `.env`, environment: every answer is known, the winner first."""
    (tmp_path / "secrets" / "app_db").write_text('{"host": "secret", "pool": 2}\n')
    (tmp_path / ".env").write_text("# hosts\nAPP_DB__POOL=3\nAPP_PLUGINS='[\"a\"]'\n")
    environment.setenv("APP_DB__POOL", "4")
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    assert watcher.config.db == Db(host="secret", pool=4)
    answers = [(each.origin.where, each.value) for each in watcher.snapshot.explain("db.pool")]
    assert answers == [("$APP_DB__POOL", "4"), (".env:2", "3"), ("secrets/app_db", 2), ("config.toml:4:8", 1)]
    assert where(watcher, "db.host") == "secrets/app_db"
    assert where(watcher, "plugins") == ".env:3"
    assert where(watcher, "debug") == "config.toml:1:9"
    assert where(watcher, "password") == "default"


def test_its_files_are_followed(watch, tmp_path):
    """`.env` and secrets, those that come later included."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    save(tmp_path / ".env", "APP_DB__POOL=7\n")
    wait_until(lambda: watcher.config.db.pool == 7)
    save(tmp_path / "secrets" / "app_password", f"{SECRET}\n")
    wait_until(lambda: watcher.config.password.get_secret_value() == SECRET)
    assert where(watcher, "password") == "secrets/app_password"


def test_paths_are_those_of_the_start(watch, environment, tmp_path):
    """A program that changes its working directory keeps its `.env`."""
    (tmp_path / "elsewhere").mkdir()
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.chdir(tmp_path / "elsewhere")
    save(tmp_path / ".env", "APP_DB__POOL=7\n")
    wait_until(lambda: watcher.config.db.pool == 7)
    assert where(watcher, "db.pool") == ".env:1"


def test_the_environment_is_read_at_each_load(watch, environment, tmp_path):
    """A reload without any difference says so."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.setenv("APP_DB__POOL", "9")
    assert isinstance(watcher.reload(), ReloadSuccess)
    assert (watcher.config.db.pool, where(watcher, "db.pool")) == (9, "$APP_DB__POOL")
    assert isinstance(watcher.reload(), ReloadUnchanged)


def test_explicit_layers_lie_over_those_of_the_class(watch, environment, tmp_path):
    """`layers=` are the strongest."""
    environment.setenv("APP_DB__POOL", "9")
    watcher, _ = watch(tmp_path / "config.toml", Settings, layers=[{"db": {"pool": 10}}])
    assert (watcher.config.db.pool, where(watcher, "db.pool")) == (10, "layers[0]")


def test_a_nested_class_is_a_declaration_too(watch, environment, tmp_path):
    """Its sources lie over the files, and under those of the class around it; they are read once a load."""

    class Cache(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="CACHE_", env_file="cache.env")

        host: str = "none"
        port: int = 1
        size: int = 1

    class Outer(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_", env_nested_delimiter="__")

        cache: Cache = Field(default_factory=Cache)

    (tmp_path / "cache.env").write_text("CACHE_HOST=dotenv\nCACHE_PORT=2\nCACHE_SIZE=2\n")
    (tmp_path / "config.toml").write_text('[cache]\nhost = "file"\n')
    environment.setenv("CACHE_PORT", "3")
    environment.setenv("APP_CACHE__SIZE", "4")
    watcher, _ = watch(tmp_path / "config.toml", Outer)
    assert watcher.config.cache == Cache.model_construct(host="dotenv", port=3, size=4)
    assert [where(watcher, f"cache.{key}") for key in ("host", "port", "size")] == [
        "cache.env:1",
        "$CACHE_PORT",
        "$APP_CACHE__SIZE",
    ]
    save(tmp_path / "cache.env", "CACHE_HOST=other\n")
    wait_until(lambda: watcher.config.cache.host == "other")


def test_an_instance_as_default_is_a_warning(watch, tmp_path):
    """It was made before there was a watcher."""

    class Outer(BaseSettings):
        settings: Settings = Settings()

    (tmp_path / "config.toml").write_text("# nothing\n")
    watcher, _ = watch(tmp_path / "config.toml", Outer)
    (warning,) = watcher.warnings
    assert "The default of settings was made at the import: its sources are not followed" in warning.with_hint
    assert "Field(default_factory=Settings)" in warning.with_hint


# What is wrong


def test_every_broken_variable_is_a_problem_of_its_own(watch, environment, tmp_path):
    """With its text, unless its key is that of a secret."""
    watcher, _ = watch(tmp_path / "config.toml", Settings)
    environment.setenv("APP_DB__POOL", "many")
    environment.setenv("APP_DEBUG", "perhaps")
    environment.setenv("APP_PLUGINS", "[1")
    (tmp_path / ".env").write_text("APP_PASWORD=x\n")
    (tmp_path / "secrets" / "app_db").write_text(f'{{"pool": "{SECRET}"')
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert sorted(hints(ending.problems)) == [
        '$APP_DB__POOL: Type mismatch: db.pool expected integer, got "many"',
        '$APP_DEBUG: Type mismatch: debug expected boolean, got "perhaps"',
        "$APP_PLUGINS: Invalid JSON: Expecting ',' delimiter at column 3 (write it as JSON)",
        ".env:1: Unknown key: app_pasword",
        "secrets/app_db: Invalid JSON: Expecting ',' delimiter at column 35 (write it as JSON)",
    ]
    assert SECRET not in str(ending)
    assert watcher.config.db.pool == 1


def test_pydantic_settings_is_not_imported_for_other_models(tmp_path):
    """It is the cost of its users only."""
    program = (
        "import sys\nfrom pydantic import BaseModel\nfrom hotconf import HotReloadWatcher\n"
        "class App(BaseModel, frozen=True):\n    debug: bool\n    db: dict[str, str | int]\n"
        "with HotReloadWatcher(sys.argv[1], App): print('pydantic_settings' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"
