"""Values that are not valid, and that stronger layers hide."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, model_validator

from hotconf import HotReloadWatcher, Profile
from hotconf.inspection.inspect import State, inspect
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.sources.layers import given_layers


class Server(BaseModel, frozen=True):
    port: int = 8000
    most: int = 10_000

    @model_validator(mode="after")
    def _ordered(self):
        if self.port > self.most:
            raise ValueError("port is more than most")
        return self


class App(BaseModel, frozen=True):
    server: Server = Server()
    token: SecretStr | None = None
    needed: str = ""


SAYS = {"nothing": {}, "good": {"server": {"port": 81}}, "bad": {"server": {"port": "many"}}}


def found(path, layers, *, thorough=True):
    """What `path` and these layers over it come to."""
    schema = Schema.of(App)
    return inspect(Options(path, schema, layers=given_layers(layers, schema)), thorough=thorough)


@pytest.mark.parametrize("said", list(product(SAYS, repeat=4)), ids="-".join)
def test_each_hidden_value_is_judged_wherever_it_stands(tmp_path: Path, said):
    """A value that is not valid is a warning if a stronger layer hides it, and an error if none does."""
    lines = {"nothing": "", "good": "server: {port: 80}\n", "bad": "server: {port: many}\n"}
    path = tmp_path / "config.yaml"
    path.write_text(lines[said[0]] or "# nothing\n")
    (tmp_path / "config.prod.yaml").write_text(lines[said[1]] or "# nothing\n")
    given = [SAYS[each] for each in said[2:]]
    result = found(path, [Profile("prod"), *({"needed": "x"} | each for each in given)])

    places = ["config.yaml", "config.prod.yaml", "layers[1]", "layers[2]"]
    stated = [place for place, each in zip(places, said, strict=True) if each != "nothing"]
    bad = [place for place, each in zip(places, said, strict=True) if each == "bad"]
    valid = not (bad and stated[-1] == bad[-1])
    assert isinstance(result, State) is valid
    warned = [each.file.name if each.file else each.where for each in result.problems if each.severity == "warning"]
    assert warned == (bad if valid else [])
    if valid:
        messages = [each.message.replace(f"{tmp_path}/", "") for each in result.problems]
        assert all(f", hidden by {stated[-1]}" in each for each in messages)


def test_only_what_is_hidden_is_reported(tmp_path: Path):
    """What layers only complete, or what is wrong with several values together, hides nothing."""
    path = tmp_path / "config.yaml"
    path.write_text("server: {port: 20000}\n")
    assert found(path, [{"server": {"most": 30_000}}]).problems == ()


def test_hidden_secrets_stay_secret(tmp_path: Path):
    """No warning repeats the secret that it is about."""
    path = tmp_path / "config.yaml"
    path.write_text("token: [hunter22hunter22]\n")
    problems = found(path, [{"token": "x"}]).problems
    assert [each.path for each in problems] == [("token",)]
    assert "hunter22" not in str(problems)


def test_loads_look_no_deeper(tmp_path: Path):
    """Programs do not pay for it: validators run once for a load."""
    path = tmp_path / "config.yaml"
    path.write_text("server: {port: many}\n")
    assert found(path, [{"server": {"port": 1}}], thorough=False).problems == ()
    watcher = HotReloadWatcher(path, App, layers=[{"server": {"port": 1}}])
    with watcher:
        assert watcher.config.server.port == 1
