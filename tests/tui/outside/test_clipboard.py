"""The clipboard: who is asked to take a text, and what may be said of it."""

from __future__ import annotations

import os
import sys

import pytest

from hotconf.tui.outside.clipboard import DISPLAY, TMUX, copy, run
from hotconf.tui.view.facts import Update
from tui.stage import FakeSession, play, shows, until
from tui.updates import facts, snapshot

WAYLAND, X11, IN_TMUX = {"WAYLAND_DISPLAY": "wayland-0"}, {"DISPLAY": ":0"}, {"TMUX": "/tmp/tmux,1,0"}


@pytest.mark.parametrize(
    ("environ", "taken_by", "asked", "done"),
    [
        ({}, "", [], None),
        (WAYLAND, "wl-copy", ["wl-copy"], DISPLAY),
        (X11, "xclip", ["xclip"], DISPLAY),
        (X11, "xsel", ["xclip", "xsel"], DISPLAY),
        (WAYLAND | X11, "xclip", ["wl-copy", "xclip"], DISPLAY),
        (IN_TMUX, "tmux", ["tmux"], TMUX),
        (X11 | IN_TMUX, "tmux", ["xclip", "xsel", "tmux"], TMUX),
        (X11 | IN_TMUX, "", ["xclip", "xsel", "tmux"], None),
    ],
)
def test_the_first_that_takes_it_is_named(monkeypatch, environ, taken_by, asked, done):
    """The display's before tmux; those that are not there, or fail, are passed over; none: nothing is said."""
    monkeypatch.setattr("sys.platform", "linux")
    given = []

    def runs(command, data):
        given.append((command[0], data))
        return command[0] == taken_by

    assert copy("port = 1 ✓\udcff", environ, runs) == done
    assert given == [(name, "port = 1 ✓\\udcff".encode()) for name in asked]


def test_a_mac_at_which_nobody_sits_is_not_written_to(monkeypatch):
    """`pbcopy` over ssh would write to the other end."""
    monkeypatch.setattr("sys.platform", "darwin")
    asked = []
    copy("x", {"SSH_CONNECTION": "1"}, lambda command, data: bool(asked.append(command)))
    assert asked == []
    assert copy("x", {}, lambda command, data: command == ("pbcopy",)) == DISPLAY


def test_a_program_takes_it_fails_or_is_not_there(tmp_path):
    """By its status; what stays behind to own the selection is not waited for."""
    kept = tmp_path / "kept"
    keeps = f"import sys; open({str(kept)!r}, 'wb').write(sys.stdin.buffer.read())"
    assert run([sys.executable, "-c", keeps], b"text")
    assert kept.read_bytes() == b"text"
    assert not run([sys.executable, "-c", "raise SystemExit(1)"], b"text")
    assert not run([str(tmp_path / "nothing")], b"text")
    assert run(["sh", "-c", "cat > /dev/null; sleep 4 &"], b"text")


@pytest.mark.parametrize(
    ("term", "says"),
    [("linux", "Not copied: this terminal has no clipboard"), ("xterm", "Sent to the terminal's clip")],
)
def test_nothing_is_claimed_that_is_not_known(monkeypatch, term, says):
    """The terminal may take it or not; the console of Linux takes nothing."""
    monkeypatch.setitem(os.environ, "TERM", term)

    async def scenario(pilot):
        await pilot.press("y")
        await shows(pilot, says)
        await until(pilot, lambda: bool(pilot.app.clipboard) == (term == "xterm"))

    play(FakeSession(Update(facts(snapshot()))), scenario)


def test_what_a_program_took_is_copied(monkeypatch):
    """And not sent to the terminal as well."""
    monkeypatch.setattr("hotconf.tui.actions.copy", lambda text, environ: DISPLAY)

    async def scenario(pilot):
        await pilot.press("y")
        await shows(pilot, "Copied: model")
        assert pilot.app.clipboard == ""

    play(FakeSession(Update(facts(snapshot()))), scenario)
