"""The command `hotconf` itself: help, version, and what all commands share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hotconf import __version__
from hotconf.cli.app import hotconf
from hotconf.cli.places import default_path, home
from hotconf.errors import UsageError


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_command_with_a_line(option):
    """And the variables that it listens to."""
    result = CliRunner().invoke(hotconf, [option])
    assert result.exit_code == 0
    for word in ("run", "watch", "check", "init", "CODE_HOME", "HOTCONF_LOG"):
        assert word in result.stdout


@pytest.mark.parametrize("name", hotconf.list_commands(click.Context(hotconf)))
def test_every_command_has_help(name):
    """With its arguments explained in a sentence or more."""
    result = CliRunner().invoke(hotconf, [name, "--help"])
    assert result.exit_code == 0
    # env is about the model alone, and fleet has commands of its own
    assert ("PATH" in result.stdout) == (name not in ("env", "completion", "fleet"))
    # What runs is no matter of its values.
    assert ("--schema MODULE:NAME" in result.stdout) == (name not in ("status", "reload", "completion", "fleet"))


def test_version():
    """As the package says."""
    result = CliRunner().invoke(hotconf, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"hotconf {__version__}\n")


def test_an_unknown_command_is_wrong_usage():
    """Status 2 and a word about it."""
    result = CliRunner().invoke(hotconf, ["frobnicate"])
    assert result.exit_code == 2
    assert "frobnicate" in result.stderr


@pytest.mark.parametrize("name", hotconf.list_commands(click.Context(hotconf)))
def test_options_before_the_command(name):
    """They are not known there: whoever writes them as other programs want them reads where they stand."""
    command = hotconf.get_command(click.Context(hotconf), name)
    assert command is not None
    for option in [opt for each in command.params if isinstance(each, click.Option) for opt in each.opts]:
        result = CliRunner().invoke(hotconf, [option, "value", name])
        if option not in ("-h", "--help", "--version"):
            assert (result.exit_code, result.stdout) == (2, "")
            assert f"give it after the command, hotconf {name} {option} …" in result.stderr
    for arguments in (["--frobnicate", name], ["--app", "x:y"]):
        result = CliRunner().invoke(hotconf, arguments)
        assert result.stderr.rstrip().endswith(f"No such option '{arguments[0]}'.")


@pytest.mark.parametrize("value", [None, ""])
def test_the_default_home_is_dot_code(monkeypatch, value):
    """`~/.code`, also when CODE_HOME is empty."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("CODE_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("CODE_HOME", value)
    assert default_path() == Path("/home/ada/.code/config.toml")


def test_code_home_moves_everything(monkeypatch):
    """And may begin with `~`."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("CODE_HOME", "~/elsewhere")
    assert home() == Path("/home/ada/elsewhere")


def test_without_a_home_directory_a_path_is_asked_for(monkeypatch):
    """A container's user may have none: that is said, not raised at people."""

    def lost(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("CODE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", lost)
    with pytest.raises(UsageError, match="CODE_HOME"):
        home()
    result = CliRunner().invoke(hotconf, ["check"])
    assert result.exit_code == 2
    assert "give a PATH" in result.stderr


def test_a_working_directory_that_is_gone_is_status_two(tmp_path, monkeypatch):
    """Not a traceback, and not status 1, which means invalid."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = CliRunner().invoke(hotconf, ["check", "x.toml"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
