"""Real editors and tools save a real file: each save is one FileChanged and one outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from realtools import need, nobodys, run, workplace
from terminal import Terminal
from watcher.watched import CHANGED, port

pytestmark = pytest.mark.real_tool

WINDOW_MS = 200


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that looks like a home directory to editors, empty of anybody's settings."""
    with workplace("home-") as directory:
        yield directory


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Nobody's settings: programs find none of the user's files."""
    return nobodys(home)


@pytest.fixture
def path(home: Path) -> Path:
    """The file to be edited."""
    path = home / "config.toml"
    path.write_text(port(8000))
    return path


@pytest.fixture
def saved(path, watch, calm):
    """Watch the file, by events alone; call it after each save with the port that was saved."""
    watcher, seen = watch(path, debounce_ms=WINDOW_MS, reconcile_s=3600.0)
    expected: list[str] = []

    def once(number: int) -> None:
        expected.extend([CHANGED, f"ReloadSuccess {len(expected) // 2 + 2}"])
        seen.exactly(*expected)
        calm(WINDOW_MS + 50)
        seen.exactly(*expected)
        assert watcher.config.server.port == number
        assert path.read_text() == port(number)

    return once


# Editors, in a terminal


VIM = {
    "as installed": [],
    "no backup while writing": ["set nowritebackup"],
    "the same file": ["set backupcopy=yes"],
    "another file": ["set backupcopy=no"],
    "a backup is kept": ["set backup"],
    "no swap file": ["set noswapfile"],
}


@pytest.mark.parametrize("settings", VIM.values(), ids=VIM)
def test_vim(path, environment, saved, settings):
    """vim, in whichever way it writes: `:w` is one save, and so is the next one."""
    options = [option for setting in settings for option in ("-c", setting)]
    with Terminal([need("vim"), "--clean", *options, "config.toml"], path.parent, environment) as vim:
        vim.shows("8000")
        vim.type(":%s/8000/9000/\r:w\r")
        saved(9000)
        vim.type(":%s/9000/9001/\r:wq\r")
        vim.ends()
    saved(9001)


def test_vim_looks_only(path, environment, watch, calm):
    """Opened, and left without a save: the swap file beside it is none of our business."""
    _, seen = watch(path, debounce_ms=WINDOW_MS)
    with Terminal([need("vim"), "--clean", "config.toml"], path.parent, environment) as vim:
        vim.shows("8000")
        vim.type(":q\r")
        vim.ends()
    calm(WINDOW_MS + 50)
    assert seen.events == []


def test_vim_through_a_link(home, environment, watch, calm):
    """The file is a link into another directory: vim writes the target; the link is what is named."""
    target, path = home / "dotfiles" / "app.toml", home / "config.toml"
    target.parent.mkdir()
    target.write_text(port(8000))
    path.symlink_to(target)
    _, seen = watch(path, debounce_ms=WINDOW_MS, reconcile_s=3600.0)
    with Terminal([need("vim"), "--clean", "config.toml"], home, environment) as vim:
        vim.shows("8000")
        vim.type(":%s/8000/9000/\r:wq\r")
        vim.ends()
    seen.exactly(CHANGED, "ReloadSuccess 2")
    calm(WINDOW_MS + 50)
    seen.exactly(CHANGED, "ReloadSuccess 2")
    assert path.is_symlink()
    assert target.read_text() == port(9000)


@pytest.mark.parametrize("options", [[], ["--backup"]], ids=["as installed", "with a backup"])
def test_nano(path, environment, saved, options):
    """nano: ^O is one save."""
    command = [need("nano"), "--ignorercfiles", *options, "+2", "config.toml"]
    with Terminal(command, path.parent, environment) as nano:
        nano.shows("8000")
        nano.type("\x0bport = 9000")  # ^K cuts the line
        nano.shows("Modified")
        nano.type("\x0f")
        nano.shows("config.toml")
        nano.type("\r")
        saved(9000)
        nano.type("\x18")
        nano.ends()


# Tools


TOOLS = {
    "sed": ["sed", "-i", "s/8000/9000/", "config.toml"],
    "sed with a backup": ["sed", "-i.bak", "s/8000/9000/", "config.toml"],
    "perl": ["perl", "-pi", "-e", "s/8000/9000/", "config.toml"],
    "cp": ["cp", "new.toml", "config.toml"],
    "cp by force": ["cp", "--remove-destination", "new.toml", "config.toml"],
    "mv": ["mv", "new.toml", "config.toml"],
    "install": ["install", "-m", "600", "new.toml", "config.toml"],
    "ln": ["ln", "-sfn", "new.toml", "config.toml"],
    "rsync": ["rsync", "--ignore-times", "new.toml", "config.toml"],
    "rsync in place": ["rsync", "--ignore-times", "--inplace", "new.toml", "config.toml"],
    "dd": ["dd", "if=new.toml", "of=config.toml", "status=none"],
    "shell": ["sh", "-c", "cat new.toml > config.toml"],
}


@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS)
def test_tool(path, environment, saved, command):
    """A tool that writes, renames or copies: one save."""
    path.with_name("new.toml").write_text(port(9000))
    run(path.parent, environment, *command)
    saved(9000)


def test_tee(path, environment, saved):
    """A pipe into the file."""
    run(path.parent, environment, "tee", "config.toml", stdin=port(9000))
    saved(9000)


def test_git(path, environment, saved):
    """`git checkout`, `git stash` and `git stash pop` are one save each."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    git = ["git", *identity]
    run(path.parent, environment, *git, "init", "--quiet")
    run(path.parent, environment, *git, "add", "config.toml")
    run(path.parent, environment, *git, "commit", "--quiet", "-m", "eight")
    path.write_text(port(9000))
    saved(9000)
    run(path.parent, environment, *git, "stash", "--quiet")
    saved(8000)
    run(path.parent, environment, *git, "stash", "pop", "--quiet")
    saved(9000)
    run(path.parent, environment, *git, "checkout", "--quiet", "config.toml")
    saved(8000)
