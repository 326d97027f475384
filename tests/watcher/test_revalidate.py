"""What is watched counts: a check may have read it. And `reload(revalidate=True)`, for what is not watched."""

from __future__ import annotations

import os

import pytest

from hotconf import HotReloadWatcher, Problem, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from waiting import wait_until
from watcher.watched import FAR, App, Seen, save


@pytest.fixture
def tls(tmp_path):
    """A certificate beside the configuration, of which a check says whether it will do."""
    path = tmp_path / "tls.pem"
    path.write_text("good")
    return path


@pytest.fixture
def guarded(path, tls):
    """Starts watchers whose check reads the certificate, and closes them."""
    started: list[HotReloadWatcher[App]] = []

    def check(app: App) -> list[Problem]:
        return [] if tls.exists() and "good" in tls.read_text() else [Problem("tls.pem is not good")]

    def guarded(**more) -> tuple[HotReloadWatcher[App], Seen]:
        watcher = HotReloadWatcher(path, App, watch_paths=[tls], checks=[check], **{"debounce_ms": 50, **more})
        started.append(watcher)
        seen = Seen(watcher)
        watcher.start()
        return watcher, seen

    yield guarded
    for watcher in started:
        watcher.close()


def failed(event):
    """Whether the check refused it."""
    return isinstance(event, ReloadFailed) and "tls.pem is not good" in event.error


@pytest.mark.parametrize("observer", ["auto", "poll"])
@pytest.mark.parametrize("how", ["in place", "renamed", "same size and times", "removed"])
def test_a_watched_file_is_checked_anew(guarded, tls, observer, how):
    """A certificate that goes bad is a failure, though the configuration is the same; mended, it is Unchanged."""
    watcher, seen = guarded(observer=observer, reconcile_s=0.05)
    changes: list[object] = []
    watcher.on_change(lambda app: app, lambda old, new: changes.append(new))
    before = watcher.snapshot
    match how:
        case "in place":
            tls.write_text("it is bad")
        case "renamed":
            save(tls, "it is bad")
        case "same size and times":
            was = tls.stat()
            tls.write_text("evil")
            os.utime(tls, ns=(was.st_atime_ns, was.st_mtime_ns))
        case _:
            tls.unlink()
    wait_until(lambda: failed(watcher.last))
    assert watcher.snapshot is before
    save(tls, "good again")
    wait_until(lambda: isinstance(watcher.last, ReloadUnchanged))
    assert watcher.generation == 1
    assert watcher.config is before.config
    assert changes == []
    assert not any(isinstance(event, ReloadSuccess) for event in seen.events)


def test_a_bad_certificate_stays_bad(guarded, path, tls):
    """A save of the same configuration does not make it good, nor does reload()."""
    watcher, seen = guarded()
    save(tls, "bad")
    wait_until(lambda: failed(watcher.last))
    told = len(seen.events)
    save(path, path.read_text())
    wait_until(lambda: len(seen.events) >= told + 2)
    assert failed(watcher.last)
    assert failed(watcher.reload())


def test_what_no_event_reported(guarded, tls):
    """reload() finds a changed certificate by itself, also where hot reload is off."""
    watcher, _ = guarded(debounce_ms=FAR, reconcile_s=3600, observer="poll")
    tls.write_text("bad")
    assert failed(watcher.reload())


def test_revalidate(path, watch):
    """Only revalidate=True runs the checks of the same files; what it finds while busy is not lost."""
    verdicts: list[Problem] = []
    runs: list[App] = []

    def check(app: App) -> list[Problem]:
        runs.append(app)
        return list(verdicts)

    watcher, _ = watch(path, checks=[check])
    verdicts.append(Problem("the database says no"))
    assert isinstance(watcher.reload(), ReloadUnchanged)
    assert len(runs) == 1
    refused = watcher.reload(revalidate=True)
    assert isinstance(refused, ReloadFailed)
    assert "the database says no" in refused.error
    assert isinstance(watcher.reload(), ReloadFailed), "it was refused, and the files are the same"
    verdicts.clear()
    accepted = watcher.reload(revalidate=True)
    assert isinstance(accepted, ReloadUnchanged)
    assert accepted.reason == "no value differs"
    assert watcher.reload() == ReloadUnchanged("the files are the same", at=watcher.last.at)


def test_values_that_a_validator_reads_elsewhere(tmp_path):
    """Where the same files mean something else now, that is a change like any; while busy it is deferred."""
    from pydantic import field_validator

    source = tmp_path / "tags.txt"
    source.write_text("a")

    class Tagged(App):
        @field_validator("tags", mode="after")
        @classmethod
        def read(cls, tags: list[str]) -> list[str]:
            return [*tags, source.read_text()]

    (tmp_path / "app.toml").write_text("tags = []\n")
    with HotReloadWatcher(tmp_path / "app.toml", Tagged, debounce_ms=FAR) as watcher:
        digest = watcher.snapshot.digest
        source.write_text("b")
        with watcher.busy("agent"):
            assert isinstance(watcher.reload(revalidate=True), ReloadDeferred)
            assert watcher.config.tags == ["a"]
        assert (watcher.config.tags, watcher.generation) == (["b"], 2)
        assert watcher.snapshot.digest == digest
