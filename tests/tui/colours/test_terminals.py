"""What terminals can show, and which theme that makes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hotconf.tui.colours.terminal import Depth, depth, is_light
from hotconf.tui.colours.themes import Choice, shown_as, suitable

COLOURS = {
    "xterm": 8,
    "xterm-256color": 256,
    "screen": 8,
    "screen-256color": 256,
    "linux": 8,
    "vt100": -1,
    "vt220": -1,
}
"""As terminfo has them."""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, Depth.EIGHT_BIT),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.TRUECOLOR),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, Depth.TRUECOLOR),
        ({"TERM": "xterm-256color", "COLORTERM": "yes"}, Depth.EIGHT_BIT),
        ({"TERM": "screen-256color"}, Depth.EIGHT_BIT),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor"}, Depth.TRUECOLOR),
        ({"TERM": "screen.xterm-256color", "COLORTERM": "truecolor", "STY": "1.pts"}, Depth.EIGHT_BIT),
        ({"TERM": "tmux-256color"}, Depth.EIGHT_BIT),
        ({"TERM": "xterm"}, Depth.ANSI),
        ({"TERM": "screen"}, Depth.ANSI),
        ({"TERM": "linux"}, Depth.ANSI),
        ({"TERM": "xterm-16color"}, Depth.ANSI),
        ({"TERM": "vt100"}, Depth.NONE),
        ({"TERM": "vt220"}, Depth.NONE),
        ({"TERM": "xterm-kitty"}, Depth.TRUECOLOR),
        ({"TERM": "alacritty"}, Depth.TRUECOLOR),
        ({"TERM": "xterm-direct"}, Depth.TRUECOLOR),
        ({"TERM": "unheard-of"}, Depth.ANSI),
        ({}, Depth.ANSI),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Depth.NONE),
    ],
)
def test_a_terminal_has_so_many_colours(monkeypatch, environ, expected):
    """By COLORTERM, its name and terminfo."""
    monkeypatch.setattr("hotconf.tui.colours.terminal.terminfo_colours", COLOURS.get)
    assert depth(environ) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("vt100", "0"), ("xterm-256color", "256"), ("unheard-of", "16"), ("", "16")]
)
def test_terminfo_is_asked(name, expected):
    """A terminal that it does not know is no error, nor is one without a name."""
    code = f"from hotconf.tui.colours.terminal import depth; print(depth({{'TERM': {name!r}}}).value)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected


@pytest.mark.parametrize(
    ("said", "light"),
    [
        *((said, False) for said in ("15;0", "7;8", "default;default", "", "0;", "1;99", "0;²")),
        *((said, True) for said in ("0;15", "0;default;15", "0;7")),
    ],
)
def test_the_background_is_light_if_the_terminal_says_so(said, light):
    """And dark if it says nothing that is understood."""
    assert is_light({"COLORFGBG": said}) is light
    assert is_light({}) is False


def test_few_colours_mean_the_terminals_own():
    """Whatever was asked for, dark or light as it was."""
    assert {suitable(depth, light=False) for depth in (Depth.ANSI, Depth.NONE)} == {"ansi-dark"}
    assert suitable(Depth.ANSI, light=True) == shown_as("textual-light", Depth.ANSI) == "ansi-light"
    assert shown_as("nord", Depth.ANSI) == "ansi-dark"
    assert shown_as("nord", Depth.EIGHT_BIT) == suitable(Depth.TRUECOLOR, light=False) == "nord"
    assert shown_as("ansi-light", Depth.TRUECOLOR) == "ansi-light"


def test_a_choice_is_kept_where_state_is_kept(tmp_path, monkeypatch):
    """In $XDG_STATE_HOME, else in ~/.local/state; one for few colours and one for many."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given, base in (("x", "x"), ("", "home/.local/state"), ("relative", "home/.local/state")):
        environ = {"XDG_STATE_HOME": str(tmp_path / given) if given == "x" else given}
        choice = Choice(Depth.TRUECOLOR, environ)
        assert choice.read() is None
        assert choice.write("dracula") is None
        assert choice.read() == Choice(Depth.EIGHT_BIT, environ).read() == "dracula"
        assert Choice(Depth.ANSI, environ).read() is None
        assert (tmp_path / base / "hotconf" / "theme").read_text() == "dracula\n"
        assert len(list((tmp_path / base / "hotconf").iterdir())) == 1  # nothing temporary is left
        (tmp_path / base / "hotconf" / "theme").unlink()


@pytest.mark.parametrize("found", [b"", b"no-such-theme\n", b"\xff\xfe\x00", b"nord" * 1000, None])
def test_a_broken_choice_is_none(tmp_path, found):
    """Empty, unknown, no text, a directory: never an error."""
    path = tmp_path / "hotconf" / "theme"
    path.parent.mkdir()
    path.mkdir() if found is None else path.write_bytes(found)
    choice = Choice(Depth.TRUECOLOR, {"XDG_STATE_HOME": str(tmp_path)})
    assert choice.read() is None


def test_a_fifo_in_its_place_does_not_hang(tmp_path):
    """Nothing is waited for."""
    (tmp_path / "hotconf").mkdir()
    os.mkfifo(tmp_path / "hotconf" / "theme")
    assert Choice(Depth.TRUECOLOR, {"XDG_STATE_HOME": str(tmp_path)}).read() is None


def test_a_choice_that_cannot_be_kept_says_why(tmp_path, monkeypatch):
    """And the earlier one stays; without a home there is no place at all."""
    (tmp_path / "hotconf").write_text("a file")
    trouble = Choice(Depth.TRUECOLOR, {"XDG_STATE_HOME": str(tmp_path)}).write("nord")
    assert trouble is not None
    assert trouble.startswith(f"{tmp_path}/hotconf")
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError()))
    homeless = Choice(Depth.TRUECOLOR, {})
    assert (homeless.read(), homeless.write("nord")) == (None, "there is no home directory")
