"""`hotconf schema`: the JSON Schema on stdout; --stamp puts it beside the configuration, and never over anything."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from hotconf.cli import stamp as module
from hotconf.cli.app import hotconf
from hotconf.inspection.inspect import inspect
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT

LINE = "#:schema ./config.schema.json\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a configuration that only its owner may read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('model = "x"\n')
    (tmp_path / "config.toml").chmod(0o600)
    return tmp_path


def schema(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["schema", "--schema", "speckit", *map(str, arguments)])


def test_it_prints_the_schema(here):
    """As JSON and nothing else; no file is looked at."""
    result = schema()
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["properties"]["hot_reload"]
    assert list(here.iterdir()) == [here / "config.toml"]


LAYERED = """
import pydantic, typing
from hotconf import Env, HotReloadWatcher

class File(pydantic.BaseModel):
    kind: typing.Literal["file"]
    path: str

class Memory(pydantic.BaseModel):
    kind: typing.Literal["memory"]
    size: int

class Own(pydantic.BaseModel):
    port: int
    store: File | Memory = pydantic.Field(discriminator="kind")

watcher = HotReloadWatcher("config.toml", Own, layers=[Env("APP_")])
"""


def test_a_key_that_another_layer_may_set_is_not_required(here, monkeypatch):
    """What `check` accepts the editor accepts: only what tells alternatives apart has to stand in the file."""
    (here / "layered_app.py").write_text(LAYERED)
    monkeypatch.syspath_prepend(here)
    result = CliRunner().invoke(hotconf, ["schema", "--app", "layered_app:watcher"])
    found = json.loads(result.stdout)
    assert found["required"] == []
    assert [found["$defs"][name]["required"] for name in ("File", "Memory")] == [["kind"], ["kind"]]


def test_that_of_a_model_of_ones_own(here):
    """As for all commands."""
    (here / "own_schema_s.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    port: int\n")
    assert json.loads(schema("--schema", "own_schema_s:Own").stdout)["required"] == ["port"]


def test_a_path_without_stamp_is_wrong_usage(here):
    """It would be easy to believe that something had been written."""
    assert schema("config.toml").exit_code == 2


def test_the_file_is_stamped_and_the_schema_lies_beside_it(here):
    """With the mode of the configuration; the values are the same as before."""
    result = schema("--stamp")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (here / "config.toml").read_text() == LINE + 'model = "x"\n'
    assert json.loads((here / "config.schema.json").read_text()) == json.loads(schema().stdout)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in here.iterdir()}
    assert modes == {"config.toml": 0o600, "config.schema.json": 0o600}
    assert inspect(Options(here / "config.toml", SPECKIT)).problems == ()


def test_to_stamp_again_changes_nothing(here):
    """Not even the times of the files."""
    schema("--stamp", "config.toml")
    before = {path: path.stat().st_mtime_ns for path in here.iterdir()}
    result = schema("--stamp", "config.toml")
    assert (result.exit_code, result.stderr) == (0, "Already up to date\n")
    assert {path: path.stat().st_mtime_ns for path in here.iterdir()} == before


def test_an_old_schema_is_brought_up_to_date(here):
    """It is known by the mark that hotconf left in it."""
    schema("--stamp")
    path = here / "config.schema.json"
    path.write_text(path.read_text().replace('"debounce_ms"', '"debounce"'))
    assert schema("--stamp").exit_code == 0
    assert json.loads(path.read_text()) == json.loads(schema().stdout)


def test_that_of_another_model_is_replaced_by_force(here):
    """Otherwise it is said whose it is, and nothing is written."""
    (here / "own_schema_f.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    model: str\n")
    schema("--stamp")
    before = {path: path.read_bytes() for path in here.glob("config.*")}
    result = schema("--stamp", "--schema", "own_schema_f:Own", "config.toml")
    assert result.exit_code == 2
    assert "is the schema of another model, hotconf.speckit.config:AppConfig" in result.stderr
    assert "--force" in result.stderr
    assert {path: path.read_bytes() for path in here.glob("config.*")} == before
    assert schema("--stamp", "--force", "--schema", "own_schema_f:Own", "config.toml").exit_code == 0
    assert "own_schema_f:Own" in json.loads((here / "config.schema.json").read_text())["$comment"]
    assert "own_schema_f:Own" in schema("--stamp").stderr


def test_force_is_only_for_stamp(here):
    """Alone it would mean nothing."""
    assert schema("--force").exit_code == 2


def test_a_schema_of_somebody_else_is_not_touched(here):
    """Neither is the configuration then."""
    (here / "config.schema.json").write_text("{}")
    result = schema("--stamp")
    assert result.exit_code == 2
    assert "was not written by hotconf" in result.stderr
    assert (here / "config.schema.json").read_text() == "{}"
    assert (here / "config.toml").read_text() == 'model = "x"\n'


def test_a_line_that_names_another_schema_is_not_touched(here):
    """Somebody wanted it so."""
    (here / "config.toml").write_text("#:schema ./mine.json\nmodel = 'x'\n")
    result = schema("--stamp")
    assert result.exit_code == 2
    assert "names another schema already: ./mine.json" in result.stderr
    assert not (here / "config.schema.json").exists()
    assert schema("--stamp", "--force").exit_code == 0
    assert (here / "config.toml").read_text() == f"{LINE}model = 'x'\n"


def test_another_way_to_name_the_same_schema_stays(here):
    """Nothing has to be changed."""
    (here / "config.toml").write_text("#:schema config.schema.json\nmodel = 'x'\n")
    assert schema("--stamp").exit_code == 0
    assert (here / "config.toml").read_text() == "#:schema config.schema.json\nmodel = 'x'\n"


@pytest.mark.parametrize("data", [b"", b" \n", b"\xef\xbb\xbf", b"model = '\xff'\n"])
def test_what_is_no_text_is_not_made_one(here, data):
    """An empty file with a comment in it would become a valid configuration, all defaults."""
    (here / "config.toml").write_bytes(data)
    assert schema("--stamp").exit_code == 2
    assert (here / "config.toml").read_bytes() == data


def test_a_broken_file_can_be_stamped(here):
    """An editor that knows the schema helps to mend it."""
    (here / "config.toml").write_text("x = [\n")
    assert schema("--stamp").exit_code == 0
    assert (here / "config.toml").read_text() == LINE + "x = [\n"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_what_cannot_be_read_is_status_two(here, name):
    """And nothing is written."""
    result = schema("--stamp", name)
    assert result.exit_code == 2
    assert not list(here.glob("*.json"))


def test_a_change_in_the_meantime_is_not_overwritten(here, monkeypatch):
    """What somebody saves while the schema is made stays."""
    make = module.json_schema

    def slow(given, **more):
        (here / "config.toml").write_text('model = "newer"\n')
        return make(given, **more)

    monkeypatch.setattr(module, "json_schema", slow)
    result = schema("--stamp")
    assert result.exit_code == 2
    assert "changed in the meantime" in result.stderr
    assert (here / "config.toml").read_text() == 'model = "newer"\n'
    assert not (here / "config.schema.json").exists()


def test_links_stay_links(here):
    """The target is written; the schema lies beside the name that was given."""
    (here / "link").mkdir()
    (here / "link/config.toml").symlink_to(here / "config.toml")
    assert schema("--stamp", "link/config.toml").exit_code == 0
    assert (here / "link/config.toml").is_symlink()
    assert (here / "config.toml").read_text().startswith(LINE)
    assert (here / "link/config.schema.json").exists()


def test_the_name_of_the_schema_follows_that_of_the_file(here):
    """So that two configurations in one directory have their own."""
    (here / "my server.toml").write_text("model = 'x'\n")
    assert schema("--stamp", "my server.toml").exit_code == 0
    assert (here / "my server.toml").read_text().startswith("#:schema ./my server.schema.json\n")


def test_a_name_that_does_not_fit_on_a_line_is_refused(here):
    """It would be more than a comment."""
    path = Path("a\nmodel = 5.toml")
    path.write_text("model = 'x'\n")
    assert schema("--stamp", path).exit_code == 2
    assert path.read_text() == "model = 'x'\n"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_init_stamps_what_it_writes(here):
    """A new configuration begins with the line; both files are its owner's alone."""
    result = CliRunner().invoke(hotconf, ["init", "--schema", "speckit", "new/first.toml"])
    assert result.exit_code == 0
    assert (here / "new/first.toml").read_text() == "#:schema ./first.schema.json\n" + SPECKIT.template
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (here / "new").iterdir()}
    assert modes == {"first.toml": 0o600, "first.schema.json": 0o600}


def test_init_does_without_where_a_schema_is_in_the_way(here):
    """The configuration is what was asked for; why there is no schema is said."""
    (here / "new.schema.json").write_text("{}")
    result = CliRunner().invoke(hotconf, ["init", "--schema", "speckit", "new.toml"])
    assert result.exit_code == 0
    assert (here / "new.toml").read_text() == SPECKIT.template
    assert "No schema for editors" in result.stderr


FAILING = """
from pydantic import BaseModel

class Failing(BaseModel):
    @classmethod
    def __get_pydantic_json_schema__(cls, core, handler):
        raise RuntimeError("no\x1b schema")
"""


@pytest.mark.parametrize("stamp", [[], ["--stamp"]], ids=["printed", "stamped"])
def test_a_model_that_has_no_schema_is_refused(here, stamp):
    """It is the model's fault, and said in one line."""
    (here / "model_without_schema.py").write_text(FAILING)
    result = schema(*stamp, "--schema", "model_without_schema:Failing")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: the model has no JSON Schema: ")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr
    assert not (here / "config.schema.json").exists()
