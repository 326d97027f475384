"""Fields with `AliasPath` under variables: they work, or say what to write instead. Nothing is silently a default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, SecretStr

from hotconf import MISSING, ConfigError, Env, HotReloadSettings, HotReloadWatcher, SecretsDir


class App(BaseModel, frozen=True):
    port: int = Field(0, validation_alias=AliasPath("server", "ports", 0))
    second: int = Field(0, validation_alias=AliasPath("server", "ports", 1))
    host: str = Field("", validation_alias=AliasPath("server", "Host"))
    deep: int = Field(0, validation_alias=AliasChoices("deep", AliasPath("a", "b", "c")))
    token: SecretStr = Field(SecretStr(""), validation_alias=AliasPath("auth", "ring", 0))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """What a watcher makes of variables: it, or why it refuses them."""

    def loaded(variables: dict[str, str], model: Any = App, text: str = "# nothing\n") -> Any:
        for name in [name for name in os.environ if name.startswith("APP_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "config.toml").write_text(text)
        watcher = HotReloadWatcher(tmp_path / "config.toml", model, layers=[Env("APP_")])
        try:
            with watcher:
                return watcher
        except ConfigError as error:
            return [problem.with_hint for problem in error.problems]

    return loaded


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"APP_SERVER__PORTS": "[1, 2]"}, {"port": 1, "second": 2}),
        ({"APP_SERVER": '{"ports": [3], "Host": "h"}'}, {"port": 3, "host": "h"}),
        ({"APP_SERVER__HOST": "h"}, {"host": "h"}),
        ({"APP_SERVER__HOST": "[1"}, {"host": "[1"}),
        ({"APP_SERVER": '{"ports": [3]}', "APP_SERVER__HOST": "h"}, {"port": 3, "host": "h"}),
        ({"APP_A__B__C": "7"}, {"deep": 7}),
        ({"APP_A__B": '{"c": 7}'}, {"deep": 7}),
        ({"APP_DEEP": "8"}, {"deep": 8}),
    ],
)
def test_what_works(load, variables, expected):
    """Arrays and tables as JSON, keys of tables one by one, in any case."""
    found = load(variables)
    assert not found.warnings
    assert {key: getattr(found.config, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("APP_SERVER__PORTS", "8000", 'server.ports expected array, got string (write it as JSON: ["…", "…"])'),
        ("APP_SERVER__PORTS", "[1", "server.ports expected array, got string"),
        ("APP_SERVER__PORTS", '{"x": 1}', "server.ports expected array, got string"),
        ("APP_SERVER", "x", "server expected table, got string (write it as JSON: {"),
        ("APP_SERVER__PORTS__0", "8000", "Items of arrays cannot be set one by one: server.ports (write all of them"),
        ("APP_A__B", "7", 'a.b expected table, got string (write it as JSON: {"c": …})'),
        ("APP_AUTH__RING", "hunter2", "auth.ring expected array, got string"),
    ],
)
def test_what_cannot_be_read_is_a_problem(load, name, text, expected):
    """Of the variable, with what to write; the text may be a secret."""
    (problem,) = load({name: text})
    assert problem.startswith(f"${name}: ")
    assert expected in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("name", ["APP_SERVER__PORT", "APP_SERVER__HOSTS", "APP_A__B__D", "APP_A__X"])
def test_what_no_alias_path_leads_to_is_unknown(load, name):
    """A warning, and no effect."""
    (warning,) = load({name: "1"}).warnings
    assert warning.where == f"${name}"
    assert "Unknown key" in warning.message


class Keeping(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)
    port: int = Field(0, validation_alias=AliasPath("server", "port"))


def test_a_model_that_keeps_other_keys_keeps_the_table(load):
    """Then any key of it is data."""
    found = load({"APP_SERVER__PORT": "1", "APP_SERVER__OTHER": "x"}, Keeping)
    assert found.config.port == 1
    assert not found.warnings
    assert load({"APP_SERVER__OTHER": "x"}, Keeping).config.server == {"other": "x"}


class Server(BaseModel, frozen=True):
    host: str = ""
    port: int = 0


class Ways(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    port: int = Field(0, validation_alias=AliasChoices("port", AliasPath("server", "ports", 0)))
    first: int = Field(0, validation_alias=AliasChoices(AliasPath("items", 0), "first"))
    second: int = Field(0, validation_alias=AliasPath("items", 1))
    old: int = Field(0, validation_alias=AliasChoices(AliasPath("new", "old"), AliasPath("before", "old")))
    either: int = Field(0, validation_alias=AliasChoices(AliasPath("these", 0), AliasPath("those", 0)))
    app: Server = Field(Server(), validation_alias=AliasChoices("app", AliasPath("deep", "app")))


@pytest.mark.parametrize(
    ("text", "variables", "key", "value"),
    [
        ("port = 3", {"APP_SERVER__PORTS": "[9]"}, "port", 9),
        ("server.ports = [3]", {"APP_PORT": "9"}, "port", 9),
        ("server.ports = [3]", {"APP_SERVER__PORTS": "[9]"}, "port", 9),
        ("items = [1, 2]", {"APP_FIRST": "9"}, "first", 9),
        ("first = 1", {"APP_ITEMS": "[9, 2]"}, "first", 9),
        ("first = 1", {"APP_ITEMS": "[9, 2]"}, "second", 2),
        ("new.old = 1", {"APP_BEFORE__OLD": "9"}, "old", 9),
        ("before.old = 1", {"APP_NEW__OLD": "9"}, "old", 9),
        ("these = [1]", {"APP_THOSE": "[9]"}, "either", 9),
        ("those = [1]", {"APP_THESE": "[9]"}, "either", 9),
        ("app.host = 'h'", {"APP_DEEP__APP__PORT": "9"}, "app", Server(host="h", port=9)),
        ("deep.app.host = 'h'", {"APP_APP__PORT": "9"}, "app", Server(host="h", port=9)),
    ],
)
def test_the_environment_wins_whichever_way_it_uses(load, text, variables, key, value):
    """Over the file, which uses another; the variable is the origin. Tables merge; no other field loses its item."""
    found = load(variables, Ways, text)
    assert not isinstance(found, list), found
    assert getattr(found.config, key) == value
    assert not found.warnings
    leaf = (key, "port") if key == "app" else (key,)
    answers = [each.origin.where for each in found.snapshot.explain(leaf)]
    assert answers[0] == f"${next(iter(variables))}"
    if key == "app":
        assert found.snapshot.origin("app.host").where.startswith("config.toml:1:")
    elif key != "second":
        assert answers[1].startswith("config.toml:1:")
    if text.startswith("items"):
        assert found.config.second == 2
        assert found.snapshot.origin("second").where == "config.toml:1:13"


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("items = [1, 2]", {"APP_FIRST": "x"}, '$APP_FIRST: Type mismatch: first expected integer, got "x"'),
        ("port = 1", {"APP_SERVER__PORTS": '["x"]'}, "$APP_SERVER__PORTS: Type mismatch: port expected integer"),
        ("server.ports = ['x']", {}, "config.toml:1:17: Type mismatch: port expected integer, got string"),
        ("items = [1, 'x']", {"APP_FIRST": "1"}, "config.toml:1:13: Type mismatch: items[1] expected integer"),
    ],
)
def test_what_came_another_way_is_blamed_where_it_is_written(load, tmp_path, text, variables, expected):
    """Not where the model finds it."""
    (problem,) = load(variables, Ways, text)
    assert problem.startswith(expected), problem


class Lenient(Ways, extra="ignore"):
    """The same."""


class Shared(BaseModel, frozen=True):
    server: Server = Server()
    port: int = Field(0, validation_alias=AliasChoices(AliasPath("server", "port"), "port"))


def test_what_cannot_be_is_refused(load):
    """The model prefers what another field has there: with another value than that, the weaker layer would win."""
    (problem,) = load({"APP_PORT": "9"}, Shared, "server.port = 1")
    assert problem.startswith("$APP_PORT: port cannot have its value: the model prefers server.port, which another")
    assert load({"APP_PORT": "1"}, Shared, "server.port = 1").config.port == 1
    assert load({"APP_SERVER__PORT": "9"}, Shared, "port = 1").config == Shared.model_validate(
        {"server": {"port": 9}}
    )


@pytest.mark.parametrize("key", ["port", "server.ports", "server"])
@pytest.mark.parametrize("text", ["port = 3", "server.ports = [3]"])
def test_an_override_removes_a_field_by_any_way(tmp_path, key, text):
    """Whichever way the file gives it."""
    (tmp_path / "config.toml").write_text(text)
    with HotReloadWatcher(tmp_path / "config.toml", Lenient) as watcher:
        assert watcher.config.port == 3
        with watcher.override({key: MISSING}):
            assert watcher.config.port == 0
        with watcher.override({"server.ports": [7]}):
            assert watcher.config.port == 7


class Vault(BaseModel, frozen=True):
    code: int = Field(0, validation_alias=AliasPath("vault", "code"))
    other: int = Field(0, validation_alias=AliasChoices("other", AliasPath("vault", "other")))
    plain: int = 0


def test_what_alias_paths_read_from_secrets_is_secret(tmp_path):
    """By the name of the field: its value shows in no change."""
    (tmp_path / "config.toml").write_text("# nothing\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/vault__code").write_text("4711\n")
    (tmp_path / "secrets/vault__other").write_text("4712\n")
    with HotReloadWatcher(tmp_path / "config.toml", Vault, layers=[SecretsDir(tmp_path / "secrets")]) as watcher:
        assert (watcher.config.code, watcher.config.other) == (4711, 4712)
        assert {("code",), ("other",)} <= watcher.snapshot.secret_paths()
        assert ("plain",) not in watcher.snapshot.secret_paths()
        (tmp_path / "secrets/vault__code").write_text("5711\n")
        (tmp_path / "secrets/vault__other").write_text("5712\n")
        assert set(watcher.reload().summary) == {"code: changed (secret)", "other: changed (secret)"}


class Reloading(BaseModel, frozen=True):
    hot_reload: HotReloadSettings = Field(
        HotReloadSettings(), validation_alias=AliasChoices("hot_reload", "reload", "watching")
    )
    x: int = 0


@pytest.mark.parametrize("name", ["hot_reload", "reload", "watching"])
def test_another_name_of_the_settings_says_which_files_are_read(tmp_path, name):
    """In a layer over the files, too."""
    (tmp_path / "config.toml").write_text("hot_reload.watch_paths = ['none.toml']\n")
    (tmp_path / "more.toml").write_text("x = 5\n")
    layer = {name: {"watch_paths": ["more.toml"]}}
    with HotReloadWatcher(tmp_path / "config.toml", Reloading, layers=[layer]) as watcher:
        assert watcher.config.x == 5
