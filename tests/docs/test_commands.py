"""The examples of the commands' page run as they stand, and print what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hotconf.cli.app import hotconf

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's fenced blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with what it says that it prints."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


@pytest.fixture
def here(tmp_path):
    """The directory with the files that the page shows, where `hotconf` is the one under test."""
    for block in (*blocks("toml"), *blocks("python")):
        (tmp_path / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/hotconf"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hotconf "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_there_are_examples():
    """The project, three files, a model, and a block for most commands."""
    assert len(blocks("toml")) == 4
    assert len(blocks("python")) == 2
    assert len(blocks("console")) >= 6
    assert all(steps(block) for block in blocks("console"))


@pytest.mark.parametrize("block", blocks("console"))
def test_examples_print_what_they_say(block, here):
    """Each block by itself; stdout and stderr as they come, exit statuses where they are asked for."""
    path = f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}"
    mine = {"PATH": path, "CODE_HOME": str(here), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    environment = {**os.environ, **mine}
    for command, promised in steps(block):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=here,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.stdout == promised, command


def test_every_command_is_described():
    """In the table, and in a section or on a page of its own."""
    for name in hotconf.list_commands(click.Context(hotconf)):
        assert re.search(rf"^\| \[`{name}`\]\(", PAGE, re.MULTILINE), name
