"""Fields with `AliasPath` under variables: they work, or say what to write instead. Nothing is silently a default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, SecretStr

from hotconf import ConfigError, Env, HotReloadWatcher


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
