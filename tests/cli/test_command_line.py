"""What all commands have in common: names, colours, completion, examples, and words where something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf
from hotconf.cli.common import EXAMPLES

HOTCONF = [sys.executable, "-m", "hotconf"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $CODE_HOME, which is the working directory, too."""
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def ran(*arguments: str, status: int = 0, **env: str) -> str:
    """What a command says, stdout and stderr."""
    done = CliRunner().invoke(hotconf, arguments, env=env, prog_name="hotconf", color=True)
    assert done.exit_code == status, done.output
    return done.output


def completed(words: str, home: Path) -> list[str]:
    """What a shell is offered for the last of the words."""
    env = {
        "_HOTCONF_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
    }
    done = subprocess.run(HOTCONF, env={**os.environ, **env, "CODE_HOME": str(home)}, capture_output=True, check=True)
    assert done.stderr == b""
    return [line.partition(",")[2] for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize(
    ("given", "meant"), [("chek", "check"), ("dif", "diff"), ("histroy", "history"), ("comp", "completion")]
)
def test_a_misspelt_command_is_answered_with_the_one_that_was_meant(home: Path, given: str, meant: str) -> None:
    """So is the beginning of one; what is like none is only refused."""
    assert f'did you mean "{meant}"?' in ran(given, status=2)
    assert "did you mean" not in ran("frobnicate", status=2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("cost.daily_limt", "daily_limit_usd"),
        ("daily_limit_usd", "cost.daily_limit_usd"),
        ("cost.dayly_limit_usd", "daily_limit_usd"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_one_that_was_meant(home: Path, given: str, meant: str) -> None:
    """Also one without its table, or with a word left out."""
    (home / "config.toml").write_text('model = "a"\n')
    for arguments in (["explain", given], ["show", "--key", given]):
        assert f'did you mean "{meant}"?' in ran(*arguments, status=2)


def test_the_version_has_a_short_option(home: Path) -> None:
    """As with other tools."""
    assert ran("-V") == ran("--version")


def test_each_command_has_examples_which_can_be_called(home: Path) -> None:
    """Below its help; their options exist."""
    ctx = click.Context(hotconf)
    for name in hotconf.list_commands(ctx):
        assert EXAMPLES[name][0] in ran(name, "--help")
        command = hotconf.get_command(ctx, name)
        assert command is not None
        known = {option for each in command.params for option in each.opts}
        for line in EXAMPLES[name]:
            call = line.partition(f"hotconf {name}")[2].partition("|")[0].split()
            assert {word for word in call if word.startswith("-") and word != "-"} <= known, line


def test_colours_are_wanted_or_not(home: Path) -> None:
    """The option decides, then the variables; a pipe has none."""
    (home / "config.toml").write_text("model = \n")
    plain = ran("check", status=1)
    assert "\x1b[" not in plain
    assert "\x1b[" in ran("check", "--color", "always", status=1, NO_COLOR="1")
    assert "\x1b[" in ran("check", status=1, CLICOLOR_FORCE="1")
    assert "\x1b[31mfix" in ran("doctor", "nothing", "--schema", "speckit", "--color", "always", status=1)
    (home / "other.toml").write_text('model = "b"\n')
    (home / "one.toml").write_text('model = "a"\n')
    two = ("one.toml", "other.toml", "--schema", "speckit")
    assert "\x1b[36mmodel\x1b[0m: " in ran("diff", *two, "--color", "always", status=1)
    assert ran("diff", *two, status=1).startswith('model: "a" → "b"')
    assert ran("check", status=1, CLICOLOR_FORCE="1", NO_COLOR="1") == plain
    assert ran("check", "--color", "never", status=1, FORCE_COLOR="1") == plain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught_to_complete(home: Path, shell: str) -> None:
    """What is printed calls the command."""
    assert "_HOTCONF_COMPLETE" in ran("completion", shell)


def test_commands_keys_and_themes_are_completed(home: Path) -> None:
    """Those of the model that the options name."""
    assert completed("hotconf his", home) == ["history"]
    assert completed("hotconf explain --schema speckit cost.daily", home) == ["cost.daily_limit_usd"]
    (home / "mine.py").write_text("import pydantic\nclass App(pydantic.BaseModel):\n    port: int = 1\nprint(1)\n")
    assert completed("hotconf show --schema mine:App --key p", home) == ["port"]
    assert "nord" in completed("hotconf run --theme no", home)


def test_what_is_not_there_can_be_written(home: Path) -> None:
    """`check`, `show` and `doctor` say how."""
    for command, status in (("check", 2), ("show", 2), ("doctor", 1)):
        assert f"hotconf init {home / 'config.toml'} creates one" in ran(command, status=status)
    assert "hotconf init 'my app.toml' creates" in ran("check", "my app.toml", "--schema", "speckit", status=2)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux only")
def test_where_nothing_may_be_written_is_said_in_words(home: Path) -> None:
    """No number of an error."""
    text = ran("init", "/proc/config.toml", "--schema", "speckit", status=2)
    assert text == "Error: /proc/config.toml cannot be written: No such file or directory\n"
