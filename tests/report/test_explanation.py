"""What each layer says about a value, secrets masked."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field, SecretStr

from hotconf import Env, Flags, Schema, SecretsDir, Snapshot, UsageError
from hotconf.engine.candidate import Valid
from hotconf.report.effective import Effective
from hotconf.report.explanation import as_json, as_text, explain
from hotconf.runtime.load import load
from hotconf.sources.base import Options
from hotconf.sources.layers import given_layers
from hotconf.tui.view import configuration


class Db(BaseModel, frozen=True):
    pool: int = 5
    password: SecretStr = SecretStr("hunter2-default")
    plain: str = "quiet"
    keys: dict[str, SecretStr] = {}


class App(BaseModel, frozen=True):
    db: Db = Db()
    nick: str | None = None
    url: str = Field("", validation_alias=AliasChoices("url", "base-url"))
    many: tuple[Db, ...] = ()
    token: str = ""


SCHEMA = Schema(App)


def snapshot(root: Path, text: str, *layers: Any) -> Snapshot[App]:
    """What a program with `layers` over a file with `text` would have."""
    main = root / "config.toml"
    main.write_text(text or "# nothing\n")
    found = load(Options(main, SCHEMA, layers=given_layers(layers, SCHEMA))).candidate
    assert isinstance(found, Valid), found
    return Snapshot(found.config, 1, found.digest, found.loaded_at, found.files, found.origins)


def told(found: Snapshot[App], *key: str | int) -> str:
    """The explanation of `key`."""
    return as_text(explain(found, SCHEMA, key))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory of secrets."""
    path = tmp_path / "secrets"
    path.mkdir()
    return path


def test_every_layer_answers_the_winner_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its place and what it says; the default is the weakest."""
    monkeypatch.setenv("APP_DB__POOL", "7")
    found = snapshot(tmp_path, "[db]\npool = 2\n", {"db": {"pool": 3}}, Env("APP_"), Flags({"db.pool": 9}))
    assert told(found, "db", "pool").splitlines() == [
        "db.pool = 9",
        "  flags[db.pool]   9",
        "  $APP_DB__POOL    7",
        "  layers[0]        3",
        "  config.toml:2:8  2",
        "  default          5",
    ]


def test_a_default_alone_says_so(tmp_path: Path) -> None:
    """Also where there is no value."""
    found = snapshot(tmp_path, "")
    assert told(found, "nick") == "nick = none\n  default  none"
    assert told(found, "db", "pool") == "db.pool = 5\n  default  5"


def test_of_a_table_each_value_is_explained(tmp_path: Path) -> None:
    """In their order, each a paragraph."""
    found = snapshot(tmp_path, "[[many]]\npool = 1\n[[many]]\n")
    heads = [each.split("\n")[0] for each in told(found, "many").split("\n\n")]
    assert heads[:2] == ["many[0].pool = 1", 'many[0].password = "********"']
    assert heads[4] == "many[1].pool = 5"
    with pytest.raises(UsageError, match='there is no "nikc": did you mean "nick"'):
        told(found, "nikc")


def test_json_has_the_same(tmp_path: Path) -> None:
    """With absolute paths."""
    found = snapshot(tmp_path, "[db]\npool = 2\n", Flags({"db.pool": 9}))
    said: Any = json.loads(json.dumps(as_json(explain(found, SCHEMA, ("db", "pool")), ("db", "pool"))))
    (value,) = said["values"]
    assert (said["key"], value["key"], value["value"]) == ("db.pool", "db.pool", 9)
    assert [(each["where"], each["layer"], each["value"]) for each in value["answers"]] == [
        ("flags[db.pool]", "flags", 9),
        ("config.toml:2:8", "file", 2),
        ("default", "default", 5),
    ]
    assert value["answers"][1]["file"] == str(tmp_path / "config.toml")


def test_what_a_secrets_directory_sets_is_masked_everywhere(tmp_path: Path, secrets: Path) -> None:
    """Whatever its key is called: in `show`, in `explain` and in the app."""
    (secrets / "db__plain").write_text("sesame")
    (secrets / "nick").write_text("abc")
    found = snapshot(tmp_path, "[db]\nplain = 'loud'\n", SecretsDir(secrets))
    texts = (
        Effective(found).as_text() + json.dumps(Effective(found).as_json()),
        told(found, "db") + told(found, "nick"),
        repr(configuration.items(found, ())),
    )
    for text in texts:
        assert "********" in text
        assert "sesame" not in text
        assert '"abc"' not in text
    assert f'  {secrets}/db__plain  "********"' in told(found, "db", "plain")


SECRET = "hunter2-Xy"
PLACES = [("db", "password"), ("token",), ("db", "keys", "a"), ("db", "keys", "b")]


@given(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6), st.data())
def test_no_secret_of_any_layer_shows(places: list[tuple[str, ...]], data: st.DataObject) -> None:
    """Whichever layers set it, and whether it wins or not."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        layers: list[Any] = []
        for number, place in enumerate(places):
            value = f"{SECRET}{number}"
            kind = data.draw(st.sampled_from(["mapping", "flags", "text"]))
            nested: Any = value
            for key in reversed(place):
                nested = {key: nested}
            if kind == "mapping":
                layers.append(nested)
            elif not any(isinstance(each, Flags) for each in layers):
                layers.append(Flags(Namespace(**nested) if kind == "flags" else {"__".join(place): value}))
        found = snapshot(root, f'token = "{SECRET}-f"\n[db]\nkeys = {{a = "{SECRET}-g"}}\n', *layers)
        said = told(found) + repr(as_json(explain(found, SCHEMA, ()), ()))
        said += Effective(found).as_text() + repr(Effective(found).as_json()) + repr(configuration.items(found, ()))
        assert SECRET not in said
        assert said.count("********") > len(layers)


def test_a_value_that_quotes_a_secret_is_scrubbed(tmp_path: Path) -> None:
    """A URL, or another layer's secret in a plain value."""
    found = snapshot(tmp_path, f'url = "http://u:{SECRET}@h"\n[db]\nplain = "of {SECRET}"\n', {"token": SECRET})
    assert SECRET not in told(found)
