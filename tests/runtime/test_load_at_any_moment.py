"""Files change at any moment of a load: it reads one state of them, and what it misses is found afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict

from hotconf.engine.candidate import Unstable
from hotconf.runtime.load import load
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.sources.base import Options
from hotconf.sources.files import reading
from hotconf.sources.files.compare import compare
from runtime.moments import Act, Moments, away, instants, link, move, put, remove, seen


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    hot_reload: HotReloadSettings = HotReloadSettings()


class Scene(NamedTuple):
    """What `watch_paths` says, and what happens, act by act."""

    patterns: tuple[str, ...]
    acts: tuple[Act, ...]


DIRECTORY, GLOB, DEEP, FILE = ("conf.d",), ("conf.d/*.toml",), ("conf*/**/*.toml",), ("conf.d/a.toml",)
SCENES: Final = {
    "a directory is replaced": Scene(DIRECTORY, (away("conf.d"), move("new.d", "conf.d"))),
    "a directory with the same names is replaced": Scene(DIRECTORY, (away("conf.d"), move("same.d", "conf.d"))),
    "the directory of a glob is replaced": Scene(GLOB, (away("conf.d"), move("new.d", "conf.d"))),
    "the directory of a file is replaced": Scene(FILE, (away("conf.d"), move("same.d", "conf.d"))),
    "a directory below a deep glob is replaced": Scene(DEEP, (away("conf.d"), move("new.d", "conf.d"))),
    "a directory is moved away and back": Scene(DIRECTORY, (away("conf.d"), move("away", "conf.d"))),
    "a directory goes": Scene(DIRECTORY, (away("conf.d"),)),
    "a directory comes": Scene(("late.d",), (move("new.d", "late.d"),)),
    "a directory becomes a file": Scene(DIRECTORY, (away("conf.d"), put("conf.d", "x = 1\n"))),
    "a file becomes a directory": Scene(("one.toml",), (remove("one.toml"), move("new.d", "one.toml"))),
    "a watched file becomes a directory": Scene(("cert.pem",), (remove("cert.pem"), move("new.d", "cert.pem"))),
    "a link leads to another directory": Scene(("now",), (link("now", "new.d"),)),
    "a link leads to another file": Scene(("one-link.toml",), (link("one-link.toml", "new.d/b.toml"),)),
    "a link to a file becomes one to a directory": Scene(("one-link.toml",), (link("one-link.toml", "new.d"),)),
    "a link in a directory becomes one to a directory": Scene(("links.d",), (link("links.d/l.toml", "../new.d"),)),
    "a fragment is renamed": Scene(DIRECTORY, (move("conf.d/a.toml", "conf.d/c.toml"),)),
    "a fragment goes and another comes": Scene(DIRECTORY, (remove("conf.d/a.toml"), put("conf.d/c.toml", "c = 3\n"))),
    "two fragments change": Scene(DIRECTORY, (put("conf.d/a.toml", "a = 9\n"), put("conf.d/b.toml", "b = 9\n"))),
    "the name of a glob becomes a file": Scene(("*.toml[x]",), (put("*.toml[x]", "x = 1\n"),)),
    "the main file names others": Scene(DIRECTORY, (put("config.toml", "[hot_reload]\nwatch_paths = ['new.d']\n"),)),
}


def build(root: Path, scene: Scene) -> Options[Any]:
    """All that the scenes act on, anew."""
    shutil.rmtree(root, ignore_errors=True)
    for name, files in {
        "conf.d": {"a": "a = 1\n", "b": "b = 1\n"},
        "same.d": {"a": "a = 2\n", "b": "b = 2\n"},
        "new.d": {"b": "b = 3\n"},
        "links.d": {"x": "x = 1\n"},
    }.items():
        (root / name).mkdir(parents=True)
        for stem, text in files.items():
            (root / name / f"{stem}.toml").write_text(text)
    (root / "one.toml").write_text("one = 1\n")
    (root / "cert.pem").write_text("-")
    (root / "one-link.toml").symlink_to("one.toml")
    (root / "links.d/l.toml").symlink_to("../one.toml")
    (root / "now").symlink_to("conf.d")
    (root / "config.toml").write_text(f"[hot_reload]\nwatch_paths = {list(scene.patterns)!r}\n")
    return Options(root / "config.toml", Schema(Config))


@pytest.mark.parametrize("again", [False, True], ids=["first", "next"])
@pytest.mark.parametrize("name", SCENES)
def test_files_change_at_any_moment_of_a_load(tmp_path, monkeypatch, name, again):
    """A load that is stable read one of the states, and unless it read the last one a comparison shows a change."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    root, scene = Path(os.path.realpath(tmp_path)) / "etc", SCENES[name]
    options = build(root, scene)
    states = [seen(load(options).files, root)]
    for act in scene.acts:
        act(root)
        states.append(seen(load(options).files, root))
    moments = Moments(monkeypatch)

    def prepare() -> tuple[Any, ...]:
        build(root, scene)
        return (None, load(options).files) if again else ()

    known = prepare()
    moments.plan(())
    load(options, *known)
    torn, missed = [], []
    for when in instants(moments.count, len(scene.acts), list(SCENES).index(name)):
        known = prepare()
        moments.plan([(at, lambda act=act: act(root)) for at, act in zip(when, scene.acts, strict=True)])
        result = load(options, *known)
        moments.finish()
        found = seen(result.files, root)
        if not isinstance(result.candidate, Unstable) and found not in states:
            torn.append((when, found))
        if found != states[-1] and not compare(result.files, options).changed:
            missed.append((when, found))
    assert not torn
    assert not missed
