"""States of files side by side: what differs is found, and what they cannot tell is left open."""

from __future__ import annotations

import os

import pytest

from hotconf.sources.files import reading, states


@pytest.fixture
def made(tmp_path):
    """Three files as they were read, and their paths as the system takes them."""
    root = tmp_path.resolve()
    paths = [root / name for name in "abc"]
    for path in paths:
        path.write_text("n = 1\n")
    return [reading.read(path, 100) for path in paths], [os.fsencode(path) for path in paths]


def known(reads: list[reading.Read]) -> bytes:
    """Their states."""
    return b"".join(map(states.state, reads))


def test_nothing_differs(made):
    """As long as nothing happened."""
    reads, paths = made
    assert states.differing(states.look(paths), known(reads)) == []


def test_each_that_differs_is_named(made):
    """By where it stands: it was written, or removed."""
    reads, paths = made
    reads[0].path.write_text("n = 22\n")
    reads[2].path.unlink()
    assert states.differing(states.look(paths), known(reads)) == [0, 2]


def test_a_look_may_end_early(made):
    """But not before the first file."""
    reads, paths = made
    found = states.look(paths, until=0)
    assert len(found) == states.SIZE
    assert states.differing(found, known(reads)[: states.SIZE]) == []


def test_what_a_state_does_not_tell_always_differs(made):
    """A file that is still missing, a link, a directory, what was not read: each is looked at closely."""
    reads, _ = made
    missing = reading.read(reads[0].path.with_name("missing"), 100)
    link = reads[0].path.with_name("link")
    link.symlink_to("a")
    found = [missing, reading.read(link, 100), reading.look(link.parent), reading.read(reads[0].path, 1)]
    assert [states.state(read) for read in found] == [states.OTHER] * 4
    paths = [os.fsencode(read.path) for read in found]
    assert states.differing(states.look(paths), known(found)) == [0, 1, 2, 3]


def test_numbers_that_no_file_system_gives():
    """They are no state, and no error."""
    assert states.packed((1 << 64, 0, 0, 0, 0, 0)) == states.OTHER
