"""The effective configuration: every value with its origin, secrets masked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tomli
from pydantic import BaseModel, SecretStr

from hotconf.errors import UsageError
from hotconf.inspection.inspect import State, inspect
from hotconf.report.effective import Effective
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.sources.base import Options


class Part(BaseModel):
    name: str
    port: int = 80


class Config(BaseModel):
    title: str = "none yet"
    nick: str | None = None
    token: str = ""
    hidden: SecretStr = SecretStr("")
    parts: list[Part] = []
    labels: dict[str, str] = {}
    main: Part = Part(name="m")
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.fixture
def effective(tmp_path):
    """A function from the text of a configuration, and of a fragment, to what is in force."""

    def make(text: str, fragment: str = "", **options: object) -> Effective:
        path = Path(os.path.realpath(tmp_path)) / "config.toml"
        path.write_text(text + '\n[hot_reload]\nwatch_paths = ["sub/*.toml"]\n')
        if fragment:
            (path.parent / "sub").mkdir(exist_ok=True)
            (path.parent / "sub/a.toml").write_text(fragment)
        state = inspect(Options(path, Schema(Config, kebab=True)))
        assert isinstance(state, State), state
        return Effective(state.snapshot, **options)

    return make


def test_values_have_their_file_and_line_or_are_defaults(effective):
    """Of a fragment, too, by its name beside the main file."""
    text = effective('title = "x"\n[main]\nname = "y"\n', "[main]\nport = 5\n").as_text()
    told = dict(line.rsplit("  # ", 1) for line in text.splitlines() if "  # " in line)
    said = {line.strip(): place for line, place in told.items()}
    assert said['title = "x"'] == "config.toml:1"
    assert said["# nick is not set"] == "default"
    assert said['name = "y"'] == "config.toml:3"
    assert said["port = 5"] == "sub/a.toml:2"
    assert said["debounce_ms = 2000"] == "default"


def test_a_value_says_what_it_overrides(effective):
    """Without columns; in JSON as origins of their own."""
    made = effective('title = "x"\n[main]\nname = "y"\n', 'title = "z"\n[main]\nport = 5\n')
    lines = [" ".join(line.split()) for line in made.as_text().splitlines()]
    assert 'title = "z" # sub/a.toml:1, over config.toml:1' in lines
    assert "port = 5 # sub/a.toml:3" in lines
    (over,) = made.as_json()["origins"]["title"]["over"]
    assert (over["where"], over["line"]) == ("config.toml:1:9", 1)
    assert made.as_json()["origins"]["main.port"]["over"] == []


def test_secrets_are_masked_whatever_makes_them_secret(effective):
    """By their key, by their type, and in URLs, those of keys included; the origin is found all the same."""
    made = effective(
        'token = "hunter2-a"\nhidden = "hunter2-b"\n[labels]\n"http://u:hunter2-c@h" = "http://u:hunter2-d@h"\n'
    )
    assert "hunter2" not in made.as_text() + str(made.as_json())
    assert '"http://********@h" = "http://********@h"  # config.toml:4' in made.as_text()


def test_one_value_can_be_shown(effective):
    """As a document of its own, at its place; an item of an array keeps its origin."""
    text = '[[parts]]\nname = "a"\n[[parts]]\nname = "b"\n'
    assert effective(text, key=("parts", 1)).as_text() == (
        '[[parts]]\nname = "b"  # config.toml:4\nport = 80   # default\n'
    )
    assert effective(text, key=("parts", 1, "name")).as_text() == '[[parts]]\nname = "b"  # config.toml:4\n'
    assert effective(text, key=("nick",)).as_text() == "# nick is not set  # default\n"


def test_defaults_can_be_left_out(effective):
    """Only what a file sets remains; of arrays of tables each item."""
    text = 'nick = "x"\n[[parts]]\nname = "a"\n'
    found = tomli.loads(effective(text, written_only=True).as_text())
    assert found == {
        "nick": "x",
        "parts": [{"name": "a"}],
        "hot_reload": {"watch_paths": ["sub/*.toml"]},
    }


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (("tilte",), 'there is no "tilte": did you mean "title"?'),
        (("main", "prt"), 'there is no "main.prt": did you mean "port"?'),
        (("parts", 7), 'there is no "parts[7]"'),
        (("title", "x"), 'there is no "title.x"'),
    ],
)
def test_a_key_that_is_not_there_is_wrong_usage(effective, key, said):
    """With the one that was probably meant."""
    with pytest.raises(UsageError) as raised:
        effective("", key=key)
    assert str(raised.value) == said


def test_a_key_that_no_file_sets_is_no_part_of_what_files_set(effective):
    """Asked for both, there is nothing to show."""
    with pytest.raises(UsageError, match="no file sets title"):
        effective("", key=("title",), written_only=True)


def test_json_has_the_value_and_the_origins(effective):
    """By dotted key, with absolute paths; what is not there is null."""
    told = effective('[[parts]]\nname = "a"\n', key=("parts",)).as_json()
    assert told["key"] == "parts"
    assert told["value"] == [{"name": "a", "port": 80}]
    (origin,) = told["origins"].values()
    assert list(told["origins"]) == ["parts[0].name"]
    assert (Path(origin["file"]).name, origin["line"], origin["column"]) == ("config.toml", 2, 8)
    assert Path(origin["file"]).is_absolute()


def test_nothing_is_left_out_of_a_large_configuration(effective):
    """What is shown elsewhere is bounded; this is asked for."""
    labels = "\n".join(f'l{n} = "{n}"' for n in range(12_000))
    shown = tomli.loads(effective(f"[labels]\n{labels}\n").as_text())
    assert len(shown["labels"]) == 12_000
