"""What a load finds gone from the published state, on real files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hotconf import Schema
from hotconf.engine.candidate import Invalid, Valid
from hotconf.runtime.load import load
from hotconf.settings import PinnedSettings
from hotconf.snapshot import SourceFile
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import missing
from hotconf.sources.files.missing import Baseline, Found, judge, problems
from watcher.watched import App

LISTS = "[hot_reload]\nwatch_paths = ['conf.d']\n"


@pytest.fixture
def source(tmp_path: Path) -> Options[App]:
    """A main file, and two fragments in a directory."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.toml").write_text("tags = ['a']\n")
    (tmp_path / "conf.d/limit.toml").write_text("[server]\nport = 9000\n")
    (tmp_path / "config.toml").write_text(LISTS)
    return Options(tmp_path / "config.toml", Schema(App))


def again(
    source: Options[App], baseline: Baseline, known: FileSet | None = None, **instead: str
) -> Valid[App] | Invalid:
    """What a load brings back while that state is published; `instead`: replacements for files of the directory."""
    for name, text in instead.items():
        (source.path.parent / f"{name}.toml").write_text(text)
    touched = frozenset({source.path}) if known is not None else frozenset()
    candidate = load(source, None, known, touched, {}, None, baseline).candidate
    assert isinstance(candidate, Valid | Invalid)
    return candidate


def stands(source: Options[App]) -> tuple[Baseline, FileSet]:
    """The current state, and what is known of its files."""
    result = load(source)
    assert isinstance(result.candidate, Valid)
    return result.candidate.baseline, result.files


def told(candidate: Valid[App] | Invalid) -> list[str]:
    """The problems, with their kinds."""
    found = candidate.problems if isinstance(candidate, Invalid) else candidate.warnings
    return [f"{problem.kind} {problem.severity}: {problem}" for problem in found]


@pytest.mark.parametrize("known", [True, False], ids=["what is known is used again", "afresh"])
def test_gone(source, known):
    """The candidate names what is gone, and reports it; the published state stays as it is."""
    baseline, files = stands(source)
    limit = source.path.parent / "conf.d/limit.toml"
    limit.unlink()
    candidate = again(source, baseline, files if known else None)
    assert isinstance(candidate, Valid)
    assert candidate.gone == (limit,)
    assert told(candidate) == ["missing warning: limit.toml: The file is gone, and with it server.port"]
    (source.path.parent / "conf.d/a.toml").unlink()
    candidate = again(source, baseline, files if known else None)
    assert isinstance(candidate, Invalid)
    assert [path.name for path in candidate.gone] == ["a.toml", "limit.toml"]
    assert told(candidate) == [
        'missing error: config.toml:2:16: watch_paths: nothing is left of "conf.d", which had a.toml, limit.toml'
    ]
    assert again(source, Baseline()).gone == ()


def test_a_directory_that_cannot_be_listed_is_not_gone(source, monkeypatch):
    """Its content is unknown: that is reported, and nothing else."""
    baseline, _ = stands(source)

    def refuse(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    candidate = again(source, baseline)
    assert told(candidate) == ["unreadable error: conf.d: Cannot list the directory: Permission denied"]
    assert candidate.gone == ()


def test_beside_other_errors(source):
    """Other problems are reported as well; the main file's come first."""
    baseline, files = stands(source)
    (source.path.parent / "conf.d/limit.toml").unlink()
    (source.path.parent / "conf.d/a.toml").write_text("tags = [")
    (source.path.parent / "conf.d/b.toml").write_text("tags = 1")
    kinds = [line.split(":")[0] for line in told(again(source, baseline))]
    assert kinds == ["syntax error", "missing warning"]
    source.path.write_text("[server")
    kinds = [line.split(":")[0] for line in told(again(source, baseline, files))]
    assert kinds == ["syntax error", "syntax error", "missing warning"]
    source.path.unlink()
    assert told(again(source, baseline, files))[0] == "missing error: config.toml: The file does not exist"


def test_what_is_only_watched_is_not_missed(source):
    """Its content is no configuration: its absence is reported as ever."""
    watched = source.path.with_name("ca.pem")
    watched.write_text("x")
    source.path.write_text("[hot_reload]\nwatch_paths = ['conf.d', 'ca.pem']\n")
    baseline, _ = stands(source)
    watched.unlink()
    candidate = again(source, baseline)
    assert candidate.gone == ()
    assert told(candidate) == ["missing warning: ca.pem: The file does not exist"]


def test_entries_of_the_program(source):
    """Pinned ones cover files, too; they are in no file."""
    pinned = source._replace(pins=PinnedSettings(watch_paths=("conf.d",)))
    source.path.write_text("tags = []\n")
    baseline, _ = stands(pinned)
    for path in (source.path.parent / "conf.d").iterdir():
        path.unlink()
    (line,) = told(again(pinned, baseline))
    assert line.startswith("missing error: config.toml: watch_paths: nothing is left of")


def test_entries(tmp_path):
    """Each is resolved, duplicates once."""
    found = list(
        missing.entries(tmp_path / "config.toml", ["a", "~nobody-of-that-name/x", "c/*.toml", "a", "/d/**/x", "/e"])
    )
    assert [(each.number, each.text, each.base, each.parts) for each in found] == [
        (3, "a", None, ()),
        (2, "c/*.toml", tmp_path / "c", ("*.toml",)),
        (4, "/d/**/x", Path("/d"), ("**", "x")),
        (5, "/e", None, ()),
    ]
    assert found[0].path == tmp_path / "a"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_disks(tmp_path):
    """Mount points are distinguished from other directories; absent ones are left out."""
    found = missing.disks_at([Path("/proc"), tmp_path, tmp_path / "nowhere"])
    assert found.keys() == {Path("/proc"), tmp_path}
    assert found[Path("/proc")].mount == Path("/proc")
    assert found[tmp_path].mount in tmp_path.resolve().parents
    assert found[Path("/proc")].device != found[tmp_path].device


# Growth


def calls(work: Callable[[], object]) -> int:
    """How many functions are called: the cost, however busy the machine."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def gone_of(number: int, patterns: tuple[str, ...]) -> Callable[[], object]:
    """All of so many files are gone, covered by these entries."""
    main = Path("/etc/app/config.toml")
    files = tuple(SourceFile(main.parent / f"d/f{each}.toml", "fragment", b"k = 1\n") for each in range(number))
    there: Mapping[Path, bytes] = {main.parent / f"d/g{each}.toml": b"k = 2\n" for each in range(number)}
    entries = tuple(missing.entries(main, patterns))
    return lambda: problems(judge(Baseline(files), Found(there, entries)), main, None, None)


@pytest.mark.parametrize("kind", ["directory", "glob", "deep", "listed"])
def test_growth(kind):
    """Twice as many files that are gone, or entries, cost twice as much."""

    def cost(number: int) -> int:
        listed = tuple(f"d/f{each}.toml" for each in range(number))
        patterns = {"directory": ("d",), "glob": ("d/*.toml",), "deep": ("**/*.toml", "d/f*"), "listed": listed}
        return calls(gone_of(number, patterns[kind]))

    cost(10)
    assert cost(400) <= 2.6 * cost(200)


def test_a_glob_of_many_directories_costs_no_more_than_its_parts():
    """Several `**` over a deep path: no way is walked twice."""
    from hotconf.sources.files.missing import Entry

    deep = Path("/etc").joinpath(*"abcdefghijklmnopqrstuvwxyz", "x.toml")

    def cost(times: int) -> int:
        parts = ("**", "*") * times + ("y.toml",)
        return calls(lambda: Entry(0, "", Path("/etc/x"), Path("/etc"), parts).matches(deep))

    cost(2)
    assert cost(10) <= 2.6 * cost(5)
