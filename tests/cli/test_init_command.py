"""`hotconf init`: a valid file to start from, and never a loss."""

from __future__ import annotations

import stat

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf
from hotconf.speckit import SPECKIT


@pytest.fixture
def code_home(tmp_path, monkeypatch):
    """The configuration's directory, which does not exist yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path / "deep/code"))
    return tmp_path / "deep/code"


def invoke(*arguments):
    """Run `hotconf` with `arguments`."""
    return CliRunner().invoke(hotconf, [arguments[0], "--schema", "speckit", *map(str, arguments[1:])])


def mode(path):
    """Who may do what with `path`."""
    return stat.S_IMODE(path.stat().st_mode)


def test_it_writes_the_template_for_its_owner_alone(code_home):
    """Directory and file are private, and what was written is valid."""
    result = invoke("init")
    file = code_home / "config.toml"
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(file) in result.stderr
    assert file.read_text() == f"#:schema ./config.schema.json\n{SPECKIT.template}"
    assert (mode(code_home), mode(file)) == (0o700, 0o600)
    assert invoke("check").exit_code == 0


def test_directories_elsewhere_are_created_as_usual(code_home, tmp_path):
    """Only the file is private where the directory is not the configuration's own."""
    assert invoke("init", "some/where/x.toml").exit_code == 0
    assert mode(tmp_path / "some/where/x.toml") == 0o600
    assert mode(tmp_path / "some/where") != 0o700


@pytest.mark.parametrize("kind", ["file", "directory", "dangling link"])
def test_what_exists_is_never_touched(code_home, tmp_path, kind):
    """Not even a link that leads nowhere is written through."""
    target = tmp_path / "x.toml"
    if kind == "file":
        target.write_text("mine")
    elif kind == "directory":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    result = invoke("init", target)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert kind != "file" or target.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_directory_that_cannot_be_made_is_status_two(code_home, tmp_path):
    """Said in one line, without a traceback."""
    (tmp_path / "file").write_text("")
    result = invoke("init", "file/x.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_schema_without_a_template_gets_one_from_its_model(code_home, tmp_path):
    """With the keys that are to be filled in on stderr, in the words of `check`."""
    (tmp_path / "own_schema_of_init.py").write_text(
        "import pydantic\nclass Own(pydantic.BaseModel):\n    port: int\n"
    )
    result = invoke("init", "x.toml", "--schema", "own_schema_of_init:Own")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Still to fill in: port\n" in result.stderr
    assert (tmp_path / "x.toml").read_text().endswith("\n# Integer. Required.\n#port = 0\n")
    assert "Missing required field: port\n" in invoke("check", "x.toml", "--schema", "own_schema_of_init:Own").output


@pytest.mark.parametrize(("name", "said"), [("x.ini", "Wrote x.ini, in TOML\n"), ("x.yaml", "Wrote x.yaml\n")])
def test_it_says_what_a_file_is_written_in_whose_name_does_not(code_home, tmp_path, name, said):
    """Nobody expects TOML in a .ini file."""
    result = invoke("init", name, "--schema", "speckit")
    assert result.exit_code == 0
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(("name", "missing"), [("DATABASE__PASSWORD", "database.host"), ("OTHER", "both")])
def test_what_a_layer_sets_is_not_to_be_filled_in(code_home, tmp_path, monkeypatch, name, missing):
    """Only what is missing when the program starts."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / name).write_text("hunter22")
    (tmp_path / "app_of_init.py").write_text(
        "from pydantic import BaseModel, SecretStr\n"
        "from hotconf import HotReloadWatcher, SecretsDir\n"
        "class Database(BaseModel, frozen=True):\n    password: SecretStr\n    host: str\n"
        "class App(BaseModel, frozen=True):\n    database: Database\n"
        "def watcher():\n    return HotReloadWatcher('x.yaml', App, layers=[SecretsDir('secrets')])\n"
    )
    result = CliRunner().invoke(hotconf, ["init", "--app", "app_of_init:watcher"])
    expected = missing if missing != "both" else "database.password, database.host"
    assert f"Still to fill in: {expected}\n" in result.stderr
