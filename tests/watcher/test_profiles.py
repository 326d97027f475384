"""Profiles of a running watcher: tables and files that count in one environment only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, Field

from hotconf import ConfigError, DotEnv, Env, HotReloadSettings, HotReloadWatcher, Profile, ReloadFailed, UsageError
from waiting import wait_until
from watcher.watched import save

MAIN = "port = 1\n[profiles.dev]\nport = 2\nhost = 'd'\n[profiles.prod]\nport = 3\n"


class App(BaseModel, frozen=True):
    port: int = 0
    host: str = Field("", validation_alias=AliasChoices("host", "name"))
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A main file with two profiles; none is chosen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APP_PROFILE", raising=False)
    path = tmp_path / "config.toml"
    path.write_text(MAIN)
    return path


def where(watcher: HotReloadWatcher[Any], key: str) -> str:
    """The place of a value."""
    origin = watcher.snapshot.origin(key)
    assert origin is not None
    return origin.where


def test_the_tables_of_a_profile_lie_over_the_files(path, watch):
    """Of the others nothing is said; `profiles` is no unknown key."""
    watcher, _ = watch(path, App, layers=[Profile("dev")])
    assert (watcher.config.port, watcher.config.host) == (2, "d")
    assert not watcher.warnings
    answers = [answer.origin.where for answer in watcher.snapshot.explain("port")]
    assert answers == ["config.toml:3:8", "config.toml:1:8"]


def test_the_file_of_a_profile_lies_over_its_tables(path, watch, tmp_path):
    """It may come later, change, and is kept and missed as any fragment."""
    watcher, _ = watch(path, App, layers=[Profile("dev")])
    own = tmp_path / "config.dev.toml"
    save(own, "port = 4\n")
    wait_until(lambda: watcher.config.port == 4)
    assert where(watcher, "port") == "config.dev.toml:1:8"
    assert [file.path.name for file in watcher.snapshot.files] == ["config.toml", "config.dev.toml"]
    own.unlink()
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    assert [str(each) for each in watcher.last.problems] == ["config.dev.toml: The file is gone"]
    assert watcher.config.port == 4


def test_fragments_have_profiles_too(path, watch, tmp_path):
    """In the order of the files; directories and globs do not stand for files of profiles."""
    (tmp_path / "config.prod.toml").write_text("port = 9\n")
    (tmp_path / "over.toml").write_text("port = 5\n[profiles.dev]\nport = 6\n")
    watcher, _ = watch(path, App, layers=[Profile("dev")], watch_paths=["*.toml"])
    assert watcher.config.port == 6
    assert where(watcher, "host") == "config.toml:4:8"
    assert not watcher.warnings


def test_the_environment_chooses_at_each_load(path, watch, tmp_path, monkeypatch):
    """The variable is no unknown key; unset or empty means none."""
    (tmp_path / "config.prod.toml").write_text("host = 'p'\n")
    watcher, _ = watch(path, App, layers=[Profile(env="APP_PROFILE"), Env("APP_")])
    seen = [(watcher.config.port, watcher.config.host)]
    for name in ("dev", "prod", "", "dev"):
        monkeypatch.setenv("APP_PROFILE", name)
        watcher.reload()
        assert not watcher.warnings
        seen.append((watcher.config.port, watcher.config.host))
    assert seen == [(1, ""), (2, "d"), (3, "p"), (1, ""), (2, "d")]


def test_a_profile_that_is_not_there_lists_those_that_are(path, watch, tmp_path, monkeypatch):
    """Tables and files; the old configuration stays."""
    (tmp_path / "config.test.toml").write_text("port = 7\n")
    watcher, _ = watch(path, App, layers=[Profile(env="APP_PROFILE")])
    monkeypatch.setenv("APP_PROFILE", "produ")
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    text = '$APP_PROFILE: There is no profile "produ": there are dev, prod, test (did you mean "prod"?)'
    assert [each.with_hint for each in ending.problems] == [text]
    monkeypatch.setenv("APP_PROFILE", "../x")
    ending = watcher.reload()
    assert isinstance(ending, ReloadFailed)
    assert ending.problems[0].place == "$APP_PROFILE"
    assert watcher.config.port == 1


def test_a_misspelt_variable_of_a_profile_is_a_warning(path, watch, monkeypatch):
    """It says what was meant."""
    monkeypatch.setenv("APP_PROFIL", "prod")
    watcher, _ = watch(path, App, layers=[Profile(env="APP_PROFILE"), Env("APP_")])
    assert [each.with_hint for each in watcher.warnings] == [
        "$APP_PROFIL: Unknown key: profil (did you mean APP_PROFILE?)"
    ]


@pytest.mark.parametrize("chosen", [None, "test", "prod"])
def test_a_dotenv_file_chooses_no_profile(path, watch, tmp_path, monkeypatch, chosen):
    """A warning says so, unless the environment says the same."""
    monkeypatch.chdir(tmp_path)
    path.write_text("[profiles.prod]\n[profiles.test]\n")
    (tmp_path / ".env").write_text("APP_PROFILE=prod\n")
    if chosen:
        monkeypatch.setenv("APP_PROFILE", chosen)
    watcher, _ = watch(path, App, layers=[Profile(env="APP_PROFILE"), DotEnv(".env", "APP_"), Env("APP_")])
    text = "APP_PROFILE names the profile only in the environment: it has no effect here"
    expected = [] if chosen == "prod" else [f".env:1: {text} (set it in the environment)"]
    assert [each.with_hint for each in watcher.warnings] == expected


def test_mistakes_in_a_profile_have_their_line(path, watch):
    """In the table, and in whatever spelling."""
    path.write_text("host = 'a'\n[profiles.dev]\nname = 'd'\nport = 'x'\n")
    with pytest.raises(ConfigError) as raised:
        watch(path, App, layers=[Profile("dev")])
    assert str(raised.value).startswith("config.toml:4:8: Type mismatch: port expected integer, got string")
    path.write_text("host = 'a'\n[profiles.dev]\nname = 'd'\n")
    watcher, _ = watch(path, App, layers=[Profile("dev")])
    assert watcher.config.host == "d"


def test_a_profile_names_no_fragments(path, watch, tmp_path):
    """What decides which files are read is in the main file."""
    path.write_text("port = 1\n[profiles.dev.hot_reload]\nwatch_paths = ['x.toml']\n")
    watcher, _ = watch(path, App, layers=[Profile("dev")])
    assert [str(each) for each in watcher.warnings] == [
        "config.toml:3:1: watch_paths only has an effect in the main file"
    ]
    assert watcher.settings.watch_paths == ()


def test_a_model_may_have_the_keys_itself(path, watch, monkeypatch):
    """Then it gets them."""

    class Own(App, frozen=True):
        profiles: dict[str, Any] = {}
        profile: str = ""

    monkeypatch.setenv("APP_PROFILE", "dev")
    watcher, _ = watch(path, Own, layers=[Profile(env="APP_PROFILE"), Env("APP_")])
    assert set(watcher.config.profiles) == {"dev", "prod"}
    assert (watcher.config.profile, watcher.config.port) == ("dev", 2)


def test_without_the_layer_profiles_are_nothing_special(path, watch):
    """An unknown key, as any other."""
    watcher, _ = watch(path, App)
    assert "Unknown key: profiles" in str(watcher.warnings)


def test_its_files_are_kept(path, watch, tmp_path):
    """A start from the last good state has those of the profile of then, if it is that of today."""
    (tmp_path / "config.dev.toml").write_text("port = 4\n")
    states = tmp_path / "states"
    first, _ = watch(path, App, layers=[Profile("dev")], state_dir=states)
    first.close()
    (tmp_path / "config.dev.toml").write_text("port = \n")
    second, _ = watch(path, App, layers=[Profile("dev")], state_dir=states)
    assert second.stats.degraded
    assert second.config.port == 4
    second.close()
    path.write_text("[profiles\n")
    third, _ = watch(path, App, layers=[Profile("prod")], state_dir=states)
    assert third.config.port == 3


def test_no_state_of_another_profile_counts_without_the_file_of_this_one(path, watch, tmp_path):
    """What that file says would silently be missing: the start fails, and says so."""
    for name in ("dev", "prod"):
        (tmp_path / f"config.{name}.toml").write_text("port = 4\n")
    states = tmp_path / "states"
    first, _ = watch(path, App, layers=[Profile("dev")], state_dir=states)
    first.close()
    path.write_text("[profiles\n")
    with pytest.raises(ConfigError, match=r"No state to start from"):
        HotReloadWatcher(path, App, layers=[Profile("prod")], state_dir=states).start()
    again, _ = watch(path, App, layers=[Profile("dev")], state_dir=states)
    assert again.config.port == 4


def test_a_json_schema_beside_the_main_file_is_no_profile(tmp_path):
    """`schema --stamp` writes it where the file of a profile `schema` would be."""
    (tmp_path / "config.json").write_text('{"profiles": {"schema": {"port": 5}}}')
    (tmp_path / "config.schema.json").write_text('{"port": 6}')

    def start(name: str) -> int:
        with HotReloadWatcher(tmp_path / "config.json", App, layers=[Profile(name)]) as watcher:
            return watcher.config.port

    assert start("schema") == 5
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r'There is no profile "dev": there is none'):
        start("dev")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Profile(),
        lambda: Profile("dev", env="X"),
        lambda: Profile("a/b"),
        lambda: Profile(env=""),
        lambda: HotReloadWatcher("config.toml", App, layers=[Env("A_"), Profile("dev")]),
        lambda: HotReloadWatcher("config.toml", App, layers=[Profile("dev"), Profile("prod")]),
    ],
)
def test_what_cannot_work_is_refused(make):
    """It comes first, and once."""
    with pytest.raises(UsageError):
        make()
