"""Loads of a configuration that names files, one after the other: what they know of each other changes no result."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from hotconf import Snapshot, WatchedFile
from hotconf.engine.candidate import Candidate, Invalid, Valid
from hotconf.runtime.load import drifted, load
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.sources.base import FileSet, Options
from hotconf.sources.files import reading
from hotconf.sources.files.compare import compare
from hotconf.sources.files.missing import NO_BASELINE
from torture.extent import examples

MAINS: Final = (
    "a = 'x'\n",
    "a = 'y'\nb = ['x', 'sub/z']\n",
    "a = 'y'\nb = ['x', 'sub/z']\n# the same\n",
    "b = ['sub/z']\n",
    "a = 'config.toml'\n",
    "a = 'conf.d/f.toml'\nhot_reload.watch_paths = ['conf.d']\n",
    "hot_reload.watch_paths = ['conf.d', 'x']\n",
    "a = 'x'\nn = 'no number'\n",
    "a = ['x']\n",
    "a = 'x\n",
    "",
)
NAMED: Final = ("x", "y", "sub/z")
CONTENTS: Final = ("1", "2", "22")


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    a: WatchedFile | None = None
    b: list[WatchedFile] | None = None
    n: int = 0
    hot_reload: HotReloadSettings = HotReloadSettings()


SCHEMA: Final = Schema(Config)

acts = st.one_of(
    st.tuples(st.just("config.toml"), st.sampled_from(MAINS)),
    st.tuples(st.sampled_from(NAMED), st.sampled_from((*CONTENTS, None))),
    st.tuples(st.just("conf.d/f.toml"), st.sampled_from(("b = ['../x']\n", "a = '../y'\n", "n = 1\n"))),
)


def put(root: Path, name: str, text: str | None) -> None:
    """One act: a file is replaced, or removed."""
    if text is None:
        (root / name).unlink(missing_ok=True)
        return
    (root / "new").write_text(text)
    (root / "new").rename(root / name)


def said(candidate: Candidate[Any]) -> object:
    """All that matters of a candidate, whatever it was compared with."""
    if isinstance(candidate, Valid):
        return candidate.digest, candidate.config, candidate.files, candidate.baseline.named
    assert isinstance(candidate, Invalid)
    return candidate.errors  # a broken main file keeps the watch_paths in force, and so warnings about them


def contents(files: FileSet) -> dict[Path, bytes]:
    """What was read."""
    return {path: read.data for path, read in files.reads.items()}


@settings(max_examples=examples(2000, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(acts, min_size=1, max_size=2), max_size=7))
def test_a_load_that_knows_earlier_ones_finds_what_a_first_one_finds(monkeypatch, rounds):
    """The same digest, values and problems; what is watched is what was read; and nothing is missed afterwards."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    root = Path(tempfile.mkdtemp()).resolve()
    try:
        for directory in ("sub", "conf.d"):
            (root / directory).mkdir()
        put(root, "config.toml", MAINS[0])
        put(root, "x", "1")
        options = Options(root / "config.toml", SCHEMA)
        cached, published, baseline = load(options).files, None, NO_BASELINE
        for done in rounds:
            for act in done:
                put(root, *act)
            touched = frozenset(compare(cached, options).changed)
            result, fresh = load(options, published, cached, touched, {}, None, baseline), load(options)
            cached, candidate = result.files, result.candidate
            assert said(candidate) == said(fresh.candidate)
            if isinstance(candidate, Valid):
                assert contents(cached) == contents(fresh.files)
            else:  # those that were named before are still watched
                assert contents(cached).keys() >= contents(fresh.files).keys()
            assert [member.path for member in cached.members] == [*cached.reads]
            assert not compare(cached, options).changed
            if isinstance(candidate, Valid):
                if published is not None and candidate.digest == published.digest:
                    assert candidate.unchanged is not None
                published = Snapshot(
                    candidate.config, 1, candidate.digest, candidate.loaded_at, candidate.files, candidate.origins
                )
                baseline = candidate.baseline
                assert not drifted(options, published, cached)
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("touched", [False, True])
def test_a_file_that_is_the_same_is_not_read_again(tmp_path, monkeypatch, touched):
    """Unless it was touched."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    put(tmp_path, "config.toml", "a = 'x'\n")
    put(tmp_path, "x", "1")
    options = Options(tmp_path / "config.toml", SCHEMA)
    first = load(options)
    read: list[Path] = []
    real = reading.read
    monkeypatch.setattr(reading, "read", lambda path, *rest: read.append(path) or real(path, *rest))
    put(tmp_path, "config.toml", "a = 'x'\nn = 1\n")
    load(options, None, first.files, frozenset([tmp_path / "x"] if touched else []))
    assert read == ([tmp_path / "x"] if touched else [])
