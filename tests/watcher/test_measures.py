"""What a running watcher adds up for monitoring: outcomes, failures, durations, and a digest that may be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hotconf import Env, HotReloadWatcher, Profile


def digest(watcher: HotReloadWatcher[dict[str, object]]) -> str:
    """Of what the files say."""
    return watcher._reloader.publisher.files_digest


def test_the_load_at_start_and_each_reload_count(tmp_path: Path) -> None:
    """A start is good, a failure is not, and what repairs it is; a factory's time is part of applying."""
    path = tmp_path / "config.toml"
    path.write_text("port = 1\n")
    watcher = HotReloadWatcher(path, dict, reconcile_s=3600, debounce_ms=60_000)

    @watcher.resource("port")
    def server(port: int) -> Iterator[int]:
        if port == 3:
            raise OSError("in use")
        yield port

    with watcher:
        assert watcher.stats.successful is True
        assert watcher.stats.durations["apply"].buckets["+Inf"] == 0
        path.write_text("port = 3\n")
        watcher.reload()
        assert watcher.stats.successful is False
        assert watcher.stats.failures["apply"] == 1
        path.write_text("port = 4\n")
        watcher.reload()
        stats = watcher.stats
        assert stats.successful is True
        assert stats.durations["apply"].buckets["+Inf"] == stats.durations["read"].buckets["+Inf"] == 1
        assert stats.durations["apply"].sum_s > stats.phases["swap"].max / 1000


def test_the_digest_that_may_be_shown_is_of_files_and_profile_only(tmp_path: Path, monkeypatch) -> None:
    """Equal in another directory and whatever the environment says; another with other bytes or another profile."""
    text = "port = 1\n[profiles.a]\nport = 2\n[profiles.b]\nport = 3\n"

    def made(name: str, text: str = text, profile: str = "a", secret: str = "hunter2") -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(text)
        (tmp_path / name / "more.toml").write_text("n = 1\n")
        monkeypatch.setenv("X_TOKEN", secret)
        path, layers = tmp_path / name / "config.toml", [Profile(profile), Env("X_")]
        with HotReloadWatcher(path, dict, layers=layers, watch_paths=["more.toml"]) as watcher:
            before = digest(watcher)
            (tmp_path / name / "more.toml").write_text("n = 2\n")
            watcher.reload()
            assert digest(watcher) != before
            (tmp_path / name / "more.toml").write_text("n = 1\n")
            watcher.reload()
            assert digest(watcher) == before
            return before

    first = made("first")
    assert len(first) == 64
    assert made("second", secret="other") == first
    assert len({first, made("third", text + "\n"), made("fourth", profile="b")}) == 3


def test_there_is_no_digest_before_there_is_a_configuration(tmp_path: Path) -> None:
    """Nor after a start that found none."""
    watcher = HotReloadWatcher(tmp_path / "config.toml", dict)
    assert digest(watcher) == ""
    watcher.start(require=False)
    assert digest(watcher) == ""
    watcher.close()
