"""Snapshots: one published state, and what it was made of."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, SecretStr

from hotconf import HotReloadWatcher, Origin
from watcher.watched import CHANGED, port


def test_a_snapshot_says_what_it_was_made_of(path, watch):
    """Config, generation, time, and the very bytes of all files in their order."""
    extra = path.with_name("extra.toml")
    extra.write_text("tags = ['a']\n")
    before = datetime.now(UTC)
    watcher, _ = watch(path, watch_paths=["extra.toml"])
    snapshot = watcher.snapshot
    assert snapshot.config is watcher.config
    assert snapshot.generation == watcher.generation == 1
    assert before <= snapshot.loaded_at <= datetime.now(UTC)
    assert [(file.path, file.role, file.content) for file in snapshot.files] == [
        (path, "main", path.read_bytes()),
        (extra, "fragment", extra.read_bytes()),
    ]


def test_an_old_snapshot_stays_what_it_was(path, watch):
    """Whoever holds one keeps it whole."""
    watcher, seen = watch(path)
    snapshot = watcher.snapshot
    path.write_text(port(9000))
    seen.ending()
    assert (snapshot.generation, snapshot.config.server.port) == (1, 8000)
    assert watcher.snapshot.generation == 2
    assert watcher.snapshot.digest != snapshot.digest


def test_where_a_value_was_written(path, watch):
    """`origin` names file, line and column, of the fragment that won, or says that it is a default."""
    extra = path.with_name("extra.toml")
    extra.write_text("\n\n[server]\nhost = 'example.org'\n")
    watcher, seen = watch(path, watch_paths=["extra.toml"])
    snapshot = watcher.snapshot
    origin = snapshot.origin("server.port")
    assert (origin.layer, origin.file, origin.line, origin.column) == ("file", path, 2, 8)
    origin = snapshot.origin(("server", "host"))
    assert (origin.file, origin.line, origin.column) == (extra, 4, 8)
    assert origin.where == "extra.toml:4:8"
    assert snapshot.origin("tags") == Origin("default", "default")
    assert snapshot.origin("tgas") is None
    (answer,) = snapshot.explain("server.port")
    assert (answer.origin, answer.value) == (snapshot.origin("server.port"), 8000)
    path.write_text("# moved down\n" + port(8000))
    seen.exactly(CHANGED, "ReloadUnchanged")
    assert watcher.snapshot.origin("server.port").line == 3


def test_what_readers_hold_cannot_be_changed(path, watch):
    """The config is immutable all the way down."""
    path.write_text("tags = ['a']\n")
    watcher, _ = watch(path)
    with pytest.raises(TypeError):
        watcher.config.tags.append("b")
    with pytest.raises(ValueError, match="frozen"):
        watcher.config.server.port = 1


def test_two_files_far_apart(tmp_path, watch):
    """A fragment may stand anywhere; its directory is watched as well."""
    path, extra = tmp_path / "a" / "config.toml", tmp_path / "b" / "extra.toml"
    for file in (path, extra):
        file.parent.mkdir()
        file.write_text(port(8000))
    watcher, seen = watch(path, watch_paths=[extra], reconcile_s=3600.0)
    extra.rename(tmp_path / "b" / "away.toml")
    extra.write_text(port(9000))
    seen.exactly("FileChanged extra.toml", "ReloadSuccess 2")
    assert watcher.snapshot.origin("server.port").file == extra


class Login(BaseModel, frozen=True):
    password: SecretStr = SecretStr("")


class Guarded(BaseModel, frozen=True):
    n: int = 0
    login: Login = Login()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", 'n = 1\n[login]\npassword = "planted-secret"\n'),
        ("config.yaml", "n: 1\nlogin:\n  password: planted-secret\n"),
        ("config.json", '{"n": 1, "login": {"password": "planted-secret"}}\n'),
    ],
)
def test_a_snapshot_with_secrets_can_be_pickled_and_copied(tmp_path, name, text):
    """Before and after it was asked for places; the secret travels in the pickle, and nothing shows it."""
    path = tmp_path / name
    path.write_text(text)
    with HotReloadWatcher(path, Guarded) as watcher:
        snapshot = watcher.snapshot
        for made in (lambda: pickle.loads(pickle.dumps(snapshot)), lambda: copy.deepcopy(snapshot)):
            for _ in range(2):
                other = made()
                assert other == snapshot
                assert other.config.login.password.get_secret_value() == "planted-secret"
                assert other.origin("login.password") == snapshot.origin("login.password")
                assert other.explain("n") == snapshot.explain("n")
                assert "planted-secret" not in repr(other) + str(other.config)
