"""The digest by which two processes compare what they read."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from hotconf import HotReloadSettings, HotReloadWatcher
from hotconf.sources.profile import Profile
from hotconf.status.contents import Contents, as_read


class App(BaseModel, frozen=True):
    port: int = 1
    hot_reload: HotReloadSettings = HotReloadSettings()


def both(path: Path, **options: object) -> tuple[str | None, str]:
    """That of what a watcher read, and of what is there."""
    with HotReloadWatcher(path, App, allow_empty=True, **options) as watcher:  # type: ignore[arg-type]
        files, given = watcher._reloader.files, watcher._reloader.options
        return as_read(files), Contents.of(files, given).digest(path)


def test_both_see_the_same(tmp_path: Path) -> None:
    """Of the main file alone, with fragments, globs, a profile, layers, files that are missing."""
    path, conf = tmp_path / "config.toml", tmp_path / "conf.d"
    conf.mkdir()
    (tmp_path / ".env").write_text("PORT=2\n")
    path.write_text("port = 2\n[hot_reload]\nwatch_paths = ['conf.d', 'more/*.toml', 'absent.toml']\n")
    seen = set()
    for profile in (None, "prod"):
        layers = [] if profile is None else [Profile(profile)]
        for name in ("config.prod.toml", "conf.d/a.toml", "conf.d/b.yaml", "conf.d/config.prod.toml"):
            (tmp_path / name).write_text("" if name.endswith("yaml") else "[hot_reload]\n")
            read, there = both(path, layers=layers)
            assert read == there
            seen.add(read)
    assert len(seen) > 4


def test_a_change_anywhere_is_another_digest(tmp_path: Path) -> None:
    """And a new file among those that a pattern names; but not where it does not count."""
    path, conf = tmp_path / "config.toml", tmp_path / "conf.d"
    conf.mkdir()
    path.write_text("[hot_reload]\nwatch_paths = ['conf.d']\n")
    (conf / "a.toml").write_text("port = 2\n")
    before, _ = both(path)
    contents = Contents(("conf.d",))
    assert contents.digest(path) == before
    (conf / "notes.txt").write_text("x")
    (tmp_path / "other.toml").write_text("x")
    assert contents.digest(path) == before
    (conf / "b.toml").write_text("port = 3\n")
    assert contents.digest(path) != before
    (conf / "b.toml").unlink()
    (conf / "a.toml").write_text("port = 4\n")
    assert contents.digest(path) != before
    (conf / "a.toml").unlink()
    assert contents.digest(path) != before


def test_two_files_are_not_one(tmp_path: Path) -> None:
    """What stands at the end of one and at the beginning of the next is told apart."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    found = set()
    for one, other in (("ab", "c"), ("a", "bc"), ("abc", "")):
        first.write_text(one)
        second.write_text(other)
        found.add(Contents(("b.toml",)).digest(first))
    first.unlink()
    found.add(Contents(("b.toml",)).digest(first))
    assert len(found) == 4
