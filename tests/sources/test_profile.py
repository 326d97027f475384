"""Profiles: the parts of the files that are for one environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from hotconf import (
    ConfigError,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    Problem,
    Profile,
    ReloadFailed,
    ReloadSuccess,
    Schema,
)
from hotconf.engine.candidate import Valid
from hotconf.runtime.load import load
from hotconf.settings import PinnedSettings
from hotconf.sources.base import Options
from watcher.watched import save

SECRETS = ("hunter2-of-prod", "sesame-of-others")


class Server(BaseModel, frozen=True, extra="forbid"):
    host: str = "localhost"
    port: int = 1
    tags: tuple[str, ...] = ()


class App(BaseModel, frozen=True, extra="forbid"):
    server: Server = Server()
    pin: SecretStr = SecretStr("")
    hot_reload: HotReloadSettings = HotReloadSettings()


MAIN = """\
[hot_reload]
watch_paths = ["*.toml"]

[server]
host = "main"
port = 2

[profiles.prod.server]
port = 3

[profiles.dev.server]
port = 9
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a main file that has two profiles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("APP_PROFILE", raising=False)
    (tmp_path / "config.toml").write_text(MAIN)
    return tmp_path


def opened(profile: Profile, *layers: Any, schema: Any = App) -> HotReloadWatcher[Any]:
    """A watcher of `config.toml`."""
    return HotReloadWatcher("config.toml", schema, layers=[profile, *layers])


def test_its_sections_lie_over_all_files_in_their_order(here: Path) -> None:
    """And its file over these; each value has its line."""
    (here / "a.toml").write_text("server.port = 4\nserver.tags = ['a']\nprofiles.prod.server.port = 5\n")
    (here / "b.toml").write_text("server.port = 6\nprofiles.prod.server.port = 7\n")
    (here / "config.prod.toml").write_text("[server]\nhost = 'own'\n")
    with opened(Profile("prod")) as watcher:
        assert watcher.config.server == Server(host="own", port=7, tags=("a",))
        answers = [(each.origin.where, each.value) for each in watcher.snapshot.explain("server.port")]
        assert answers == [
            ("b.toml:2:29", 7),
            ("a.toml:3:29", 5),
            ("config.toml:9:8", 3),
            ("b.toml:1:15", 6),
            ("a.toml:1:15", 4),
            ("config.toml:6:8", 2),
        ]
        origin = watcher.snapshot.origin("server.host")
        assert origin is not None
        assert (origin.layer, origin.where) == ("file", "config.prod.toml:2:8")
        assert watcher.warnings == ()


@pytest.mark.parametrize("patterns", [["*.toml"], ["."], ["**/*.toml"]])
def test_globs_and_directories_skip_its_files(here: Path, patterns: list[str]) -> None:
    """Those beside the main file; one that is listed by its name counts."""
    (here / "config.prod.toml").write_text("server.host = 'prod'\n")
    (here / "config.dev.toml").write_text("server.host = 'dev'\n")
    (here / "inner").mkdir()
    (here / "inner/config.dev.toml").write_text("server.tags = ['inner']\n")
    text = MAIN.replace('["*.toml"]', json.dumps(patterns))
    (here / "config.toml").write_text(text)
    with opened(Profile("prod")) as watcher:
        assert watcher.config.server.host == "prod"
        assert watcher.config.server.tags == (("inner",) if patterns == ["**/*.toml"] else ())
        save(here / "config.dev.toml", "broken")
        assert not isinstance(watcher.reload(), ReloadFailed)
    (here / "config.dev.toml").write_text("server.tags = ['dev']\n")
    (here / "config.toml").write_text(MAIN.replace('["*.toml"]', json.dumps(["config.dev.toml"])))
    with opened(Profile("prod")) as watcher:
        assert watcher.config.server == Server(host="prod", port=3, tags=("dev",))


def test_the_environment_may_change_while_the_program_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each load reads it; whatever is wrong with it, the old configuration stays."""
    (here / "config.prod.toml").write_text("[server]\nhost = 'own'\n")
    monkeypatch.setenv("APP_PROFILE", "prod")
    with opened(Profile(env="APP_PROFILE"), Env("APP_")) as watcher:
        assert watcher.config.server == Server(host="own", port=3)
        monkeypatch.setenv("APP_PROFILE", "dev")
        ending = watcher.reload()
        assert isinstance(ending, ReloadSuccess)
        assert (watcher.config.server, watcher.warnings) == (Server(host="main", port=9), ())
        monkeypatch.setenv("APP_PROFILE", "tset")
        ending = watcher.reload()
        assert isinstance(ending, ReloadFailed)
        assert [str(each) for each in ending.problems] == [
            '$APP_PROFILE: There is no profile "tset": there are dev, prod'
        ]
        for wrong in ("../prod", "a b", "é", "prod\n"):
            monkeypatch.setenv("APP_PROFILE", wrong)
            ending = watcher.reload()
            assert isinstance(ending, ReloadFailed)
            assert ending.problems[0].place == "$APP_PROFILE"
            assert "is not the name of a profile" in ending.problems[0].message
        assert watcher.config.server.port == 9
        monkeypatch.delenv("APP_PROFILE")
        watcher.reload()
        assert watcher.config.server.port == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("profiles = 3\n", "config.toml:1:12"),
        ("[profiles]\nprod = 'x'\n", "config.toml:2:8"),
        ("[[profiles]]\nprod = 1\n", "config.toml:1:3"),
    ],
)
def test_what_is_no_table_is_a_problem_at_its_place(here: Path, text: str, place: str) -> None:
    """And not a profile that is not there."""
    (here / "config.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        opened(Profile("prod")).start()
    (found,) = raised.value.problems
    assert (found.message.split()[1:], found.place) == (["is", "not", "a", "table"], place)


def test_what_is_wrong_in_it_has_its_line(here: Path) -> None:
    """Unknown keys, and values that override others."""
    (here / "config.toml").write_text(MAIN.replace("port = 3", "port = 'x'\nprot = 1"))
    with pytest.raises(ConfigError) as raised:
        opened(Profile("prod")).start()
    wrong, unknown = raised.value.problems
    assert (wrong.place, unknown.place) == ("config.toml:9:8", "config.toml:10:1")
    assert [(each.message, each.line) for each in wrong.related] == [("also defined", 6)]
    with opened(Profile("dev")) as watcher:  # what is wrong in another profile does not count
        assert watcher.config.server.port == 9


def test_profiles_reach_models_that_have_such_a_field(here: Path) -> None:
    """With what counts in it merged as well."""

    class Open(BaseModel, frozen=True):
        server: Server = Server()
        profiles: Mapping[str, Any] = Field(default_factory=dict)

    with opened(Profile("prod"), schema=Open) as watcher:
        assert watcher.config.server.port == 3
        assert watcher.config.profiles["dev"]["server"] == {"port": 9}
    with opened(Profile("prod"), schema=dict[str, Any]) as watcher:
        assert "profiles" not in watcher.config
    with HotReloadWatcher("config.toml", dict[str, Any]) as watcher:  # without the layer it is data
        assert "profiles" in watcher.config


def test_no_secret_of_any_profile_shows(here: Path) -> None:
    """Not of those that do not count either."""

    def check(app: App) -> Iterator[Problem]:
        yield Problem(" or ".join(SECRETS))

    text = f"[profiles.prod]\npin = '{SECRETS[0]}'\n[profiles.dev]\npin = '{SECRETS[1]}'\n"
    (here / "config.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        opened(Profile("prod"), schema=Schema(App, checks=[check])).start()
    assert not any(secret in repr(raised.value.problems) for secret in SECRETS)


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_all_formats_have_profiles(here: Path, suffix: str) -> None:
    """The file of a profile has the suffix of the main file."""
    main = here / f"app{suffix}"
    main.write_text('{"server": {"port": 2}, "profiles": {"prod": {"server": {"port": 3}}}}')
    main.with_name(f"app.prod{suffix}").write_text('{"server": {"host": "own"}}')
    with HotReloadWatcher(main, App, layers=[Profile("prod")]) as watcher:
        assert watcher.config.server == Server(host="own", port=3)


KEYS = st.sampled_from(["a", "b", "c"])
TABLES = st.recursive(st.integers(0, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6).filter(
    lambda found: isinstance(found, dict)
)


def laid(weak: Any, strong: Any) -> Any:
    """The reference of merging."""
    if not (isinstance(weak, dict) and isinstance(strong, dict)):
        return strong
    return weak | {key: laid(weak[key], value) if key in weak else value for key, value in strong.items()}


@settings(max_examples=60)
@given(st.lists(st.tuples(TABLES, st.none() | TABLES), min_size=1, max_size=3), st.none() | TABLES)
def test_what_counts_is_what_plain_merging_gives(files: list[tuple[Any, Any]], own: Any) -> None:
    """All files, then their sections, then the file of the profile."""
    with TemporaryDirectory() as name:
        root = Path(name)
        for number, (table, section) in enumerate(files):
            whole = table if section is None else {**table, "profiles": {"p": section, "q": {"a": -1}}}
            (root / f"{number}.json").write_text(json.dumps(whole))
        if own is not None:
            (root / "0.p.json").write_text(json.dumps(own))
        expected: Any = {}
        for table in (*(each for each, _ in files), *(each for _, each in files if each is not None), own or {}):
            expected = laid(expected, table)
        pins = PinnedSettings(watch_paths=tuple(f"{number}.json" for number in range(1, len(files))))
        schema: Schema[Any] = Schema(dict[str, Any])
        options = Options(root / "0.json", schema, pins, allow_empty=True, layers=(Profile("p"),))
        found = load(options).candidate
        if own is None and all(section is None for _, section in files):
            assert not isinstance(found, Valid)
        else:
            assert isinstance(found, Valid), found
            assert found.config == expected


@pytest.mark.parametrize("text", ["a =", "server.port = 'x'", "server.prot = 1"])
def test_a_profile_whose_file_is_wrong_is_there(here: Path, text: str) -> None:
    """What is wrong with the file is the only problem."""
    (here / "config.test.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        opened(Profile("test")).start()
    assert [problem.place.split(":")[0] for problem in raised.value.problems] == ["config.test.toml"]


def test_a_profile_that_is_nowhere_says_where_to_write_it(here: Path) -> None:
    """A directory of that name is no file."""
    (here / "config.staging.toml").mkdir()
    with pytest.raises(ConfigError) as raised:
        opened(Profile("staging")).start()
    (problem,) = raised.value.problems
    assert problem.message == 'There is no profile "staging": there are dev, prod'
    assert problem.hint == "write [profiles.staging], or the file config.staging.toml"
