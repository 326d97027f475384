"""`BaseSettings` classes in a program that changes its working directory, and classes that read their own sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Optional

import pytest
from pydantic import BaseModel, Field, create_model
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    JsonConfigSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)

from hotconf import HotReloadWatcher, ReloadFailed, ReloadUnchanged
from waiting import wait_until
from watcher.watched import save


class Db(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="db_")

    host: str = "localhost"
    pool: int = 1


class OwnFiles(BaseSettings):
    """Makes sources with relative paths itself."""

    model_config = SettingsConfigDict(extra="ignore")
    pool: int = 1
    plugins: list[str] = []

    @classmethod
    def settings_customise_sources(cls, settings_cls, init_settings, env_settings, **_):
        return (
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=("none.env", "local.env")),
            SecretsSettingsSource(settings_cls, secrets_dir="secrets"),
        )


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Starts a watcher in `tmp_path`, which is then left."""
    started = []
    for name in [name for name in os.environ if name.upper() in ("POOL", "PLUGINS", "DB_HOST", "DB_POOL")]:
        monkeypatch.delenv(name)

    def begun(model: Any, text: str = "# nothing\n") -> HotReloadWatcher[Any]:
        (tmp_path / "config.toml").write_text(text)
        monkeypatch.chdir(tmp_path)
        watcher = HotReloadWatcher(tmp_path / "config.toml", model, debounce_ms=20)
        watcher.start()
        started.append(watcher)
        return watcher

    yield begun
    for watcher in started:
        watcher.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another directory with the same files, of other contents."""
    elsewhere = tmp_path / "elsewhere"
    for folder, pool in ((tmp_path, 3), (elsewhere, 4)):
        (folder / "secrets").mkdir(parents=True)
        (folder / "secrets" / "plugins").write_text(f'["{pool}"]')
        (folder / "local.env").write_text(f"POOL={pool}\n")
        (folder / "own.toml").write_text(f"pool = {pool}\n")
        (folder / "own.yaml").write_text(f"pool: {pool}\n")
        (folder / "own.json").write_text(f'{{"pool": {pool}}}')
    return elsewhere


def test_paths_of_sources_of_its_own_are_those_of_the_start(watch, elsewhere, tmp_path, monkeypatch):
    """Files of the same name elsewhere do not count; those at the start are followed, and named."""
    watcher = watch(OwnFiles)
    monkeypatch.chdir(elsewhere)
    assert isinstance(watcher.reload(), ReloadUnchanged)
    assert (watcher.config.pool, watcher.config.plugins) == (3, ["3"])
    save(tmp_path / "local.env", "POOL=7\n")
    wait_until(lambda: watcher.config.pool == 7)
    assert watcher.snapshot.origin("pool").file == tmp_path / "local.env"
    assert watcher.snapshot.origin("plugins").file == tmp_path / "secrets/plugins"


@pytest.mark.parametrize("source", [TomlConfigSettingsSource, YamlConfigSettingsSource, JsonConfigSettingsSource])
def test_a_relative_file_of_its_own_is_a_problem_elsewhere(watch, elsewhere, tmp_path, monkeypatch, source):
    """The class has read another file, or none: the old configuration stays until it is back."""
    form = source.__name__[:4].lower()

    class Own(BaseSettings):
        model_config = SettingsConfigDict(**{f"{form}_file": f"own.{form}"})
        pool: int = 1

        @classmethod
        def settings_customise_sources(cls, settings_cls, **_):
            return (source(settings_cls),)

    watcher = watch(Own)
    assert watcher.config.pool == 3
    monkeypatch.chdir(elsewhere)
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    text = f"{form}_file of {source.__name__} is relative, and the working directory has changed"
    assert [each.with_hint for each in ending.problems] == [f"{Own.__qualname__}: {text} (give it an absolute path)"]
    assert watcher.config.pool == 3
    monkeypatch.chdir(tmp_path)
    assert isinstance(watcher.reload(), ReloadUnchanged)


class Around(BaseModel):
    db: Db = Field(default_factory=Db)


UNFOLLOWED: dict[str, tuple[Any, Any]] = {
    "optional": (Optional[Db], None),  # noqa: UP045
    "union": (Db | int, 0),
    "none": (Db, None),
    "list": (list[Db], []),
    "dict": (dict[str, Db], {}),
    "tuple": (tuple[int, Db] | None, None),
    "annotated": (list[Annotated[Db, "x"]], []),
    "function": (Db, Field(default_factory=lambda: Db(pool=3))),
    "in a model": (list[Around], []),
}


@pytest.mark.parametrize("name", UNFOLLOWED)
def test_a_class_that_reads_its_own_sources_is_a_warning(watch, name):
    """Once, with the way out; its values are those that it makes itself, and a plain field has none."""
    model = create_model("Outer", field=UNFOLLOWED[name], plain=(Db, Field(default_factory=Db)))
    watcher = watch(model)
    (warning,) = watcher.warnings
    assert warning.where == "Outer.field"
    assert "Db in field reads its own sources: files override them" in warning.message
    assert "field: Db = Field(default_factory=Db)" in str(warning.hint)
    assert isinstance(watcher.reload(), ReloadUnchanged)
    assert watcher.warnings == (warning,)


def test_such_a_class_is_as_it_makes_itself(watch, monkeypatch):
    """Its variables fill in what the file does not say; that is not a default."""
    monkeypatch.setenv("DB_HOST", "env")
    monkeypatch.setenv("DB_POOL", "7")
    model = create_model("Outer", field=(Db | None, None), others=(list[Db], []))
    watcher = watch(model, "[field]\nhost = 'file'\n[[others]]\npool = 2\n")
    assert watcher.config.field == Db(host="file", pool=7)
    assert watcher.config.others == [Db(host="env", pool=2)]
    assert watcher.snapshot.origin("field.pool").where == "computed"
    assert watcher.snapshot.origin("field.host").where == "config.toml:2:8"
