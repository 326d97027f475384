"""Real programs save real files, several times in a row, where nothing tells them that it is only a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from realtools import need, nobodys, run
from terminal import Terminal
from torture.contents import main
from torture.extent import FULL
from torture.harness import PATIENCE_S, Case
from torture.patterns import Laid, chained, included, linked, over_the_link, plain
from waiting import wait_until

pytestmark = pytest.mark.real_tool

SAVES = 6 if FULL else 2


def layouts(*more: Callable[[Path], Laid]) -> pytest.MarkDecorator:
    """A plain file; in full others as well."""
    return pytest.mark.parametrize("layout", [plain, *(more if FULL else ())], ids=lambda layout: layout.__name__)


# Editors, in a terminal


@dataclass(frozen=True)
class Editor:
    """How to start it, to replace one text by another everywhere and save, and to leave."""

    command: list[str]
    change: str
    leave: str
    shows: str = "1000"


EDITORS = {
    "vim": Editor(["vim", "--clean"], ":%s/{old}/{new}/g\r:w\r", ":q\r"),
    "vim, the same file": Editor(["vim", "--clean", "-c", "set backupcopy=yes"], ":%s/{old}/{new}/g\r:w\r", ":q\r"),
    "vim, a backup": Editor(["vim", "--clean", "-c", "set backup"], ":%s/{old}/{new}/g\r:w\r", ":q\r"),
    "neovim": Editor(["nvim", "--clean"], ":%s/{old}/{new}/g\r:w\r", ":q\r"),
    "nano": Editor(["nano", "--ignorercfiles"], "\x1c{old}\r{new}\ra\x0f\r", "\x18"),
    "emacs": Editor(
        ["emacs", "-nw", "-Q"],
        '\x1b:(progn (goto-char 1) (while (search-forward "{old}" nil t) (replace-match "{new}")) (save-buffer))\r',
        "\x18\x03",
    ),
    "micro": Editor(["micro"], "\x05replaceall {old} {new}\r\x13", "\x11"),
    "kakoune": Editor(["kak", "-n"], ":exec -draft %{{%s{old}<ret>c{new}<esc>}}\r:w\r", ":q\r"),
    "joe": Editor(["joe", "-nobackups"], "\x0bu\x0bf{old}\rr\r{new}\rr\x0bd\r", "\x0bx"),
}


@pytest.mark.parametrize("editor", EDITORS.values(), ids=EDITORS)
@layouts(linked, chained)
def test_editors(root: Path, begin: Callable[..., Case], layout: Callable[[Path], Laid], editor: Editor) -> None:
    """Editors: the file is opened once, changed and saved several times."""
    tool, *options = editor.command
    laid = layout(root)
    home = laid.config.parent
    with (
        begin(laid.config, **laid.options, debounce_ms=200) as case,
        Terminal([need(tool), *options, laid.config.name], home, nobodys(home)) as terminal,
    ):
        case.will(laid.state(main(1000)))
        terminal.shows(editor.shows)
        for number in range(1001, 1001 + SAVES):
            case.will(laid.state(main(number)))
            terminal.type(editor.change.format(old=number - 1, new=number))
            wait_until(lambda number=number: _text(laid.config) == main(number), PATIENCE_S)  # type: ignore[misc]
            case.settles()
        terminal.type(editor.leave)
        terminal.ends()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


# Tools

TOOLS = {
    "sed": "sed -i s/{old}/{new}/g {file}",
    "sed, a backup": "sed -i.bak s/{old}/{new}/g {file}",
    "perl": "perl -pi -e s/{old}/{new}/g {file}",
    "ed": "printf ',s/{old}/{new}/g\\nw\\nq\\n' | ed -s {file}",
    "rsync": "rsync --ignore-times {fresh} {file}",
    "rsync in place": "rsync --ignore-times --inplace {fresh} {file}",
    "install": "install -m 644 {fresh} {file}",
    "patch": "diff -u {file} {fresh} > change.diff || :; patch --quiet --follow-symlinks {file} change.diff",
    "sponge": "sed s/{old}/{new}/g {file} | sponge {file}",
    "mv": "mv {fresh} {file}",
    "cp by force": "cp --remove-destination {fresh} {file}",
    "tee": "cat {fresh} | tee {file}",
}


def shell(directory: Path, script: str) -> None:
    """Run a line of shell; every program in it must be there."""
    run(directory, nobodys(directory), "sh", "-ec", script)


@pytest.mark.parametrize("name", TOOLS)
@layouts(linked, over_the_link, chained, included)
def test_tools(root: Path, begin: Callable[..., Case], layout: Callable[[Path], Laid], name: str) -> None:
    """Tools: the file is changed several times in a row."""
    need(name.split()[0].removesuffix(","))
    laid = layout(root)
    directory, fresh = laid.at.parent, root / "fresh.toml"
    with begin(laid.config, **laid.options, debounce_ms=200) as case:
        laid.at.write_text(laid.write(1000))
        case.will(laid.state(laid.write(1000)))
        for number in range(1001, 1001 + SAVES):
            case.will(laid.state(laid.write(number)))
            fresh.write_text(laid.write(number))
            shell(directory, TOOLS[name].format(old=number - 1, new=number, file=laid.at.name, fresh=fresh))
        case.settles()


def test_git(root: Path, begin: Callable[..., Case]) -> None:
    """git: branches are switched, changes stashed and popped, a file checked out, a merge undone."""
    home = root / "home"
    home.mkdir()
    path = home / "config.toml"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "advice.detachedHead=false"]

    def do(*command: str) -> None:
        run(home, nobodys(home), *git, *command)

    do("init", "--quiet", "--initial-branch=one")
    for number, branch in ((1000, "one"), (2000, "two")):
        path.write_text(main(number))
        do("add", "config.toml")
        do("commit", "--quiet", "-m", branch)
        do("tag", f"at-{branch}")
    with begin(path, debounce_ms=200) as case:
        case.will(main(2000))
        for number in range(3000, 3000 + SAVES):
            for text, command in (
                (main(1000), ["checkout", "--quiet", "at-one"]),
                (main(2000), ["checkout", "--quiet", "at-two"]),
            ):
                case.will(text)
                do(*command)
            case.will(main(number))
            path.write_text(main(number))
            case.settles()
            for text, command in (
                (main(2000), ["stash", "--quiet"]),
                (main(number), ["stash", "pop", "--quiet"]),
                (main(2000), ["checkout", "--quiet", "--", "config.toml"]),
                (main(1000), ["reset", "--quiet", "--hard", "at-one"]),
            ):
                case.will(text)
                do(*command)
            case.settles()


def test_stow(root: Path, begin: Callable[..., Case]) -> None:
    """stow: one package of dotfiles takes the place of another."""
    need("stow")
    home, packages = root / "home", root / "packages"
    for number in (1000, 2000):
        (packages / str(number)).mkdir(parents=True)
        (packages / str(number) / "config.toml").write_text(main(number))
    home.mkdir()

    def stow(*options: str) -> None:
        run(packages, nobodys(home), "stow", "--target", str(home), *options)

    stow("1000")
    with begin(home / "config.toml") as case:
        case.will(main(1000))
        for there, other in ((1000, 2000), (2000, 1000)) * (SAVES // 2):
            case.will(main(other))
            stow("--delete", str(there), "--stow", str(other))
        case.settles()
        stow("--restow", "1000")
        case.settles()


def test_two_programs(root: Path, begin: Callable[..., Case]) -> None:
    """Two programs: both save the same file at once, each in its own way; then a person does."""
    path = plain(root).config
    for number in (2000, 3000):
        (root / f"{number}.toml").write_text(main(number))
    renaming = "for i in 1 2 3 4 5 6 7 8; do cp ../2000.toml new; mv new config.toml; done"
    removing = "for i in 1 2 3 4 5 6 7 8; do install -m 644 ../3000.toml config.toml || :; done"
    with begin(path) as case:
        case.will(main(1000))
        for number in (2000, 3000) * 16 * SAVES:  # in which order is not known
            case.will(main(number))
        for _ in range(SAVES):
            run(path.parent, nobodys(root), "sh", "-c", f"({renaming}) & ({removing}) 2>/dev/null; wait")
        case.will(main(4000))
        path.write_text(main(4000))
        case.settles()
