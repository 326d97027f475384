"""What differs from the last load, of many files: it is found, and hardly anything is done for what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotconf.runtime.load import load
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.sources.files import paths, reading
from hotconf.sources.files.cache import Cache
from hotconf.sources.files.compare import compare


@pytest.fixture(autouse=True)
def aged(monkeypatch):
    """No file is young, so that stamps are trusted."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)


@pytest.fixture
def root(tmp_path):
    """Fragments in a folder: two files, a link, a directory; and one that is missing."""
    root = tmp_path.resolve()
    (root / "config.toml").write_text("[hot_reload]\nwatch_paths = ['conf.d', 'missing.toml']\n")
    (root / "conf.d" / "directory.toml").mkdir(parents=True)
    (root / "target").write_text("[c]\n")
    (root / "conf.d" / "c.toml").symlink_to("../target")
    for name in "ab":
        (root / "conf.d" / f"{name}.toml").write_text(f"[{name}]\n")
    return root


@pytest.fixture
def known(root, make):
    """All of it loaded."""
    return make(root / "config.toml", "conf.d", "missing.toml")


def differing(known: Cache) -> tuple[Path, ...]:
    """What a comparison finds now."""
    asked = known.ask()
    if known.unchanged() or asked is None:
        return ()
    files, touched = asked
    return known.answer(files, compare(files, Options(files.members[0].path, Schema(dict)), touched)) or ()


@pytest.fixture
def make():
    """What is known after a load with these `watch_paths`."""

    def make(main: Path, *patterns: str) -> Cache:
        source: Options[Any] = Options(main, Schema(dict))
        source = source._replace(pins=source.pins._replace(watch_paths=patterns))
        known = Cache(source)
        known.begin(afresh=False)
        known.done(load(source).files)
        return known

    return make


def test_nothing_differs(known):
    """However often one looks."""
    assert [differing(known) for _ in range(3)] == [()] * 3


def test_a_folder_at_rest_is_listed_and_not_searched(root, make, monkeypatch):
    """There may be a thousand files in it: to make their paths anew takes five times as long as to look at them."""
    known = make(root / "config.toml", "conf.d")
    monkeypatch.delattr(paths, "expand")
    monkeypatch.delattr(reading, "stat_only")
    assert differing(known) == ()


def swap(root: Path) -> None:
    """To a file with the same content."""
    (root / "other").write_text("[c]\n")
    (root / "conf.d/c.toml").unlink()
    (root / "conf.d/c.toml").symlink_to("../other")


def turn_into_file(root: Path) -> None:
    """Under the name that the directory had."""
    (root / "conf.d/directory.toml").rmdir()
    (root / "conf.d/directory.toml").write_text("[d]\n")


CHANGES = {
    "main": (lambda root: (root / "config.toml").write_text("# other\n"), {"config.toml"}),
    "written": (lambda root: (root / "conf.d/b.toml").write_text("[b]\nb = 1\n"), {"conf.d/b.toml"}),
    "gone": (lambda root: (root / "conf.d/a.toml").unlink(), {"conf.d/a.toml"}),
    "came": (lambda root: (root / "conf.d/d.toml").write_text("[d]\n"), {"conf.d/d.toml"}),
    "renamed": (
        lambda root: (root / "conf.d/b.toml").rename(root / "conf.d/d.toml"),
        {"conf.d/b.toml", "conf.d/d.toml"},
    ),
    "behind a link": (lambda root: (root / "target").write_text("[c]\nc = 1\n"), {"conf.d/c.toml"}),
    "another link": (swap, {"conf.d/c.toml"}),
    "no directory any more": (turn_into_file, {"conf.d/directory.toml"}),
    "not missing any more": (lambda root: (root / "missing.toml").touch(), {"missing.toml"}),
    "all moved away": (
        lambda root: (root / "conf.d").rename(root / "old"),
        {"conf.d", "conf.d/a.toml", "conf.d/b.toml", "conf.d/c.toml"},
    ),
}


@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("patterns", [("conf.d", "missing.toml"), ("conf.d/*.toml", "missing.toml"), ("conf.d",)])
def test_whatever_becomes_of_a_file_is_found(root, make, patterns, change, found):
    """By looking alone: written, gone, come, behind links, with its folder; whatever names it."""
    known = make(root / "config.toml", *patterns)
    change(root)
    expected = {root / name for name in found}
    if "missing.toml" not in patterns:
        expected.discard(root / "missing.toml")
    if patterns[0] != "conf.d":
        expected.discard(root / "conf.d")
    assert set(differing(known)) == expected


def test_what_is_touched_already_is_left_out(known, root):
    """It is known, and a round is open for it."""
    for name in "ab":
        (root / f"conf.d/{name}.toml").write_text("x = 1\n")
    known.touch([root / "conf.d/a.toml"])
    assert differing(known) == (root / "conf.d/b.toml",)


def test_a_young_file_is_compared_by_its_content_until_it_is_old(root, make, monkeypatch):
    """Its stamp says too little; then it is trusted like the others."""
    monkeypatch.setattr(reading, "FRESH_NS", 1 << 62)
    known = make(root / "config.toml", "conf.d")
    reads: list[Path] = []
    real = reading.read
    monkeypatch.setattr(reading, "read", lambda path, *rest: reads.append(path) or real(path, *rest))
    assert differing(known) == ()
    assert len(reads) == 4
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    assert differing(known) == differing(known) == ()
    assert len(reads) == 8


def test_an_empty_folder_that_goes_is_found(root, make):
    """Also beside a glob: its pattern is that of a missing file from then on."""
    (root / "empty.d").mkdir()
    known = make(root / "config.toml", "empty.d", "conf.d/*.toml")
    (root / "empty.d").rmdir()
    assert differing(known) == (root / "empty.d",)
