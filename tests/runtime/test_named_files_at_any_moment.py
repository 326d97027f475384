"""Files that values name change at any moment of a load: it has one state of all files, certificate and key."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict

from hotconf import Snapshot, WatchedFile
from hotconf.engine.candidate import Unstable, Valid
from hotconf.runtime.load import load
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings
from hotconf.sources.base import Options
from hotconf.sources.files import reading
from hotconf.sources.files.compare import compare
from runtime.moments import Act, Moments, away, instants, link, move, put, remove, seen


class Tls(BaseModel):
    model_config = ConfigDict(frozen=True)

    cert: WatchedFile
    key: WatchedFile


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    tls: Tls
    hot_reload: HotReloadSettings = HotReloadSettings()


class Scene(NamedTuple):
    """Where certificate and key are, and what happens, act by act."""

    directory: str
    acts: tuple[Act, ...]


def main(directory: str, more: str = "") -> str:
    """The main file."""
    return f"{more}[tls]\ncert = '{directory}/tls.crt'\nkey = '{directory}/tls.key'\n"


SCENES: Final = {
    "Kubernetes swaps a secret": Scene("mounted", (link("mounted/..data", "..2"),)),
    "Kubernetes swaps a secret and removes the old one": Scene(
        "mounted", (link("mounted/..data", "..2"), move("mounted/..1", "gone"))
    ),
    "certbot swaps links one by one": Scene(
        "live", (link("live/tls.crt", "../new/tls.crt"), link("live/tls.key", "../new/tls.key"))
    ),
    "both are renamed into place": Scene("old", (put("old/tls.crt", "CERT 2"), put("old/tls.key", "KEY 2"))),
    "their directory is replaced": Scene("old", (away("old"), move("new", "old"))),
    "a link to their directory is replaced": Scene("now", (link("now", "new"),)),
    "one goes": Scene("old", (remove("old/tls.key"),)),
    "one comes": Scene("half", (put("half/tls.key", "KEY 3"),)),
    "one becomes a directory": Scene("old", (remove("old/tls.crt"), move("new", "old/tls.crt"))),
    "the main file names others": Scene("old", (put("config.toml", main("new")),)),
    "others are named and the old ones removed": Scene("old", (put("config.toml", main("new")), away("old"))),
    "a fragment names others": Scene("old", (put("conf.d/tls.toml", main("../new")),)),
}


def build(root: Path, scene: Scene) -> Options[Any]:
    """All that the scenes act on, anew."""
    shutil.rmtree(root, ignore_errors=True)
    for name, number in {"old": 1, "new": 2, "mounted/..1": 1, "mounted/..2": 2}.items():
        (root / name).mkdir(parents=True)
        (root / name / "tls.crt").write_text(f"CERT {number}")
        (root / name / "tls.key").write_text(f"KEY {number}")
    for name in ("live", "half", "conf.d"):
        (root / name).mkdir()
    (root / "half/tls.crt").write_text("CERT 3")
    (root / "mounted/..data").symlink_to("..1")
    (root / "now").symlink_to("old")
    for name in ("tls.crt", "tls.key"):
        (root / "mounted" / name).symlink_to(f"..data/{name}")
        (root / "live" / name).symlink_to(f"../old/{name}")
    (root / "config.toml").write_text(main(scene.directory, "[hot_reload]\nwatch_paths = ['conf.d']\n"))
    return Options(root / "config.toml", Schema(Config))


@pytest.mark.parametrize("before", ["nothing", "a load", "what is published"])
@pytest.mark.parametrize("name", SCENES)
def test_named_files_change_at_any_moment_of_a_load(tmp_path, monkeypatch, name, before):
    """A load that is stable has one of the states, in its values, too; what it misses a comparison shows."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)
    root, scene = Path(os.path.realpath(tmp_path)) / "etc", SCENES[name]
    options = build(root, scene)
    states = [seen(load(options).files, root)]
    for act in scene.acts:
        act(root)
        states.append(seen(load(options).files, root))
    moments = Moments(monkeypatch)

    def prepare() -> dict[str, Any]:
        build(root, scene)
        if before == "nothing":
            return {}
        result = load(options)
        good = result.candidate
        if before == "a load" or not isinstance(good, Valid):
            return {"cached": result.files}
        snapshot = Snapshot(good.config, 1, good.digest, good.loaded_at, good.files, good.origins)
        return {"cached": result.files, "published": snapshot, "baseline": good.baseline}

    known = prepare()
    moments.plan(())
    load(options, **known)
    torn, missed, mixed = [], [], []
    for when in instants(moments.count, len(scene.acts), list(SCENES).index(name)):
        known = prepare()
        moments.plan([(at, lambda act=act: act(root)) for at, act in zip(when, scene.acts, strict=True)])
        result = load(options, **known)
        moments.finish()
        found, candidate = seen(result.files, root), result.candidate
        if not isinstance(candidate, Unstable) and found not in states:
            torn.append((when, found))
        if found != states[-1] and not compare(result.files, options).changed:
            missed.append((when, found))
        if isinstance(candidate, Valid):
            tls = candidate.config.tls
            mixed += [(when, file) for file in (tls.cert, tls.key) if file.data != result.files.reads[file.path].data]
    assert not torn
    assert not missed
    assert not mixed
