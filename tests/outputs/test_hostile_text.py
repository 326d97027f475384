"""Nothing in a file, and no name of one, reaches a terminal as it is, or forges a line of a log."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from outputs.hostile import BEFORE, FORGED, PLAIN, SCHEMA, VILLAINS, saves
from outputs.scene import OUTPUTS, Scene
from torture.extent import FULL, thinned

SLOW = {"watch", "watch as json", "app"}


def chosen(name: str, row: int) -> Sequence[tuple[str, str]]:
    """Which villain in which save goes through an output: all of them in full."""
    if name in SLOW and not FULL:
        return [("newlines", "valid"), ("sequences", "a check"), ("markup", "a check")]
    return thinned([(villain, save) for villain in VILLAINS for save in saves(VILLAINS[villain])], 30, row)


NAMES = {
    "escapes": "a\x1b[31mFORGED\x9bb.toml",
    "newlines": "a\nFORGED\r\x85FORGED\u2028.toml",
    "directions": "a\u202e\u2066b[bold]x.toml",
    "no text": os.fsdecode(b"a\xff\xfe.toml"),
    "a command": "a%s::error::{0}.toml",
}


def named(name: str, row: int) -> Sequence[str]:
    """Which names of files go through an output: all of them in full."""
    return ["newlines"] if name in SLOW and not FULL else thinned(list(NAMES), 2, row)


def harmless(name: str, text: str) -> bool:
    """Every line is printable, and none is one that the file has made; but the app wraps what is too long."""
    for line in text.split("\n"):
        assert line.isprintable(), repr(line)
        assert name == "app" or not line.startswith(FORGED), repr(line)
    return True


@pytest.mark.parametrize(
    ("name", "villain", "save"), [(name, *case) for row, name in enumerate(OUTPUTS) for case in chosen(name, row)]
)
def test_contents(tmp_path: Path, name: str, villain: str, save: str) -> None:
    """Keys, values and comments, valid and not, through every output."""
    schema, word = (PLAIN, "PLAIN") if save == "valid" else (SCHEMA, "SCHEMA")
    after = saves(VILLAINS[villain])[save].encode()
    scene = Scene(tmp_path / "config.toml", schema, f"outputs.hostile:{word}", BEFORE.encode(), after)
    scene.lay()
    assert harmless(name, OUTPUTS[name](scene))


@pytest.mark.parametrize(
    ("name", "file"), [(name, NAMES[which]) for row, name in enumerate(OUTPUTS) for which in named(name, row)]
)
def test_names_of_files(tmp_path: Path, name: str, file: str) -> None:
    """The main file, its directory and a fragment are called so; one is broken."""
    directory = tmp_path / file
    directory.mkdir()
    (directory / "conf.d").mkdir()
    (directory / "conf.d" / file).write_text("number = 'x'\n")
    before = b"[hot_reload]\nwatch_paths = []\n"
    after = b"number = 2\n[hot_reload]\nwatch_paths = ['conf.d', 'absent.toml']\n"
    scene = Scene(directory / file, SCHEMA, "outputs.hostile:SCHEMA", before, after)
    scene.lay()
    assert harmless(name, OUTPUTS[name](scene))
