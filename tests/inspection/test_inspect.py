"""Looking at files as a watcher would, without watching them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from hotconf import HotReloadSettings, Schema
from hotconf.inspection.inspect import State, inspect
from hotconf.sources.base import DEFAULT_MAX_BYTES, Options
from hotconf.sources.files import reading


class Config(BaseModel):
    port: int = 80
    hot_reload: HotReloadSettings = HotReloadSettings()


SCHEMA = Schema(Config)
LISTING = "[hot_reload]\nwatch_paths = ['missing.toml']\n"


@pytest.fixture
def main(tmp_path):
    """A main file that names a fragment which is not there."""
    main = tmp_path / "config.toml"
    main.write_text(LISTING)
    return main


def test_all_problems_are_found(main):
    """Errors and warnings, in the order of the files."""
    found = inspect(Options(main, SCHEMA))
    assert isinstance(found, State)
    assert [problem.severity for problem in found.problems] == ["warning"]
    main.write_text("port = 'x'\n" + LISTING)
    found = inspect(Options(main, SCHEMA))
    assert not isinstance(found, State)
    assert [(problem.severity, problem.file) for problem in found.problems] == [
        ("error", main),
        ("warning", main.with_name("missing.toml")),
    ]


def test_a_file_that_is_being_written(main, monkeypatch):
    """The problem says what it is."""
    changed = reading.changed

    def save_first(reads):
        main.write_text("port = 1  # and more\n")
        return changed(reads)

    monkeypatch.setattr(reading, "changed", save_first)
    (problem,) = inspect(Options(main, SCHEMA)).problems
    assert (problem.kind, problem.file) == ("unstable", main)


def test_bytes_in_place_of_a_file(main):
    """They count, whatever is on the disk; too many are refused as a file would be."""
    found = inspect(Options(main, SCHEMA), instead={main: b"port = 1\n"})
    assert isinstance(found, State)
    assert found.snapshot.config.port == 1
    (problem,) = inspect(Options(main, SCHEMA), instead={main: b"#" * (DEFAULT_MAX_BYTES + 1)}).problems
    assert (problem.kind, problem.file) == ("too_large", main)


def test_a_state_is_compared_with_another_one(main):
    """With the changes, or why there are none."""
    now = inspect(Options(main, SCHEMA))
    assert isinstance(now, State)
    edited = inspect(Options(main, SCHEMA), against=now.snapshot, instead={main: b"port = 1\n" + LISTING.encode()})
    assert isinstance(edited, State)
    assert [str(change) for change in edited.changes] == ["port: 80 → 1"]
    same = inspect(Options(main, SCHEMA), against=now.snapshot)
    assert isinstance(same, State)
    assert (same.changes, same.unchanged) == ((), "the files are the same")
