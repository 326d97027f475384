"""`~` without a home directory: refused at construction, and nothing named `~` is ever created."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from hotconf import HotReloadSettings, HotReloadWatcher, UsageError
from hotconf.inspection.inspect import inspect
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.sources.files.paths import absolute


@pytest.fixture(autouse=True)
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No HOME, no entry for this user, and an empty working directory with one file."""

    def unknown(user: object) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text("a = 1\n")
    return tmp_path


WAYS: dict[str, Callable[[str], object]] = {
    "path": lambda text: HotReloadWatcher(text, dict),
    "state_dir": lambda text: HotReloadWatcher("config.toml", dict, state_dir=text),
    "watch_paths": lambda text: HotReloadWatcher("config.toml", dict, watch_paths=["more.toml", text]),
    "settings": lambda text: HotReloadWatcher("config.toml", dict, settings=HotReloadSettings(watch_paths=(text,))),
}


@pytest.mark.parametrize("text", ["~", "~/", "~/states", "~//states", "~/conf.d/*.toml"])
@pytest.mark.parametrize("way", WAYS)
def test_no_home_directory(homeless: Path, way: str, text: str) -> None:
    """Whatever argument it is."""
    with pytest.raises(UsageError, match="there is no home directory: give an absolute path, or set HOME"):
        WAYS[way](text)
    assert list(homeless.iterdir()) == [homeless / "config.toml"]


@pytest.mark.parametrize("way", WAYS)
def test_no_such_user(homeless: Path, way: str) -> None:
    """Also for the home of another user; the message says how to name a directory like that."""
    with pytest.raises(UsageError, match=r"there is no user ada: write \./~ada for a directory of that name"):
        WAYS[way]("~ada/states")


@pytest.mark.parametrize("way", WAYS)
def test_no_path_at_all(way: str) -> None:
    """A null character is in no name."""
    with pytest.raises(UsageError, match="is not a path: it contains a null character"):
        WAYS[way]("a\0b")


def test_names_that_begin_so(homeless: Path) -> None:
    """A file may be called that, and a directory when it is said to be one."""
    assert absolute("~backup.toml") == homeless / "~backup.toml"
    assert absolute("./~ada/config.toml") == homeless / "~ada" / "config.toml"


def test_in_a_file(homeless: Path) -> None:
    """`watch_paths` of a file: a problem of the file, with the reason."""
    main = homeless / "config.toml"
    main.write_text('[hot_reload]\nwatch_paths = ["~/conf.d"]\n')
    from hotconf.speckit import SPECKIT

    (problem,) = inspect(Options(main, SPECKIT)).problems
    assert problem.message == (
        'watch_paths: "~/conf.d": there is no home directory: give an absolute path, or set HOME'
    )
    assert not inspect(Options(main, Schema.of(dict))).problems
