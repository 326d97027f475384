"""What one watcher reports in its state directory, and when."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hotconf import HotReloadWatcher
from hotconf.logs import records
from hotconf.runtime.reporting import reporter
from hotconf.status import requests
from hotconf.status.reading import Standing, statuses
from hotconf.status.record import Status
from waiting import removed, wait_until
from watcher.watched import App, port, save

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


class Place:
    """A configuration, its state directory, and its watchers."""

    def __init__(self, directory: Path) -> None:
        self.path, self.states = directory / "config.toml", directory / "states"
        self.path.write_text(port(8000))
        self.watchers: list[HotReloadWatcher[Any]] = []

    def watch(self, **options: Any) -> HotReloadWatcher[Any]:
        """One more watcher, started, whose status is there."""
        watcher = HotReloadWatcher(
            self.path, App, **{"state_dir": self.states, "debounce_ms": 60_000, "reconcile_s": 3600, **options}
        )
        self.watchers.append(watcher)
        before = len(self.found)
        watcher.start()
        wait_until(lambda: len(self.found) > before)
        return watcher

    @property
    def found(self) -> list[Status]:
        """All statuses."""
        return statuses(self.states, self.path)

    @property
    def one(self) -> Status:
        """The only one."""
        (status,) = self.found
        return status


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where what is due is looked at often."""
    monkeypatch.setattr(reporter.Reporter, "reconcile_ns", 20_000_000)
    place = Place(tmp_path)
    yield place
    for watcher in place.watchers:
        watcher.close()


def test_each_ending_is_reported(place: Place) -> None:
    """With what is in force, what was read and what is wrong; on closing it is removed."""
    watcher = place.watch()
    assert (place.one.ending, place.one.generation, place.one.health) == ("loaded", 1, "ok")
    for text, ending, generation in (
        (port(9000), "success", 2),
        (port(9000) + "# x\n", "unchanged", 2),
        ("[server\n", "failed", 2),
        (port(9001), "success", 3),
    ):
        save(place.path, text)
        event = watcher.reload()
        wait_until(lambda event=event: place.one.ended == event.at)
        status = place.one
        assert (status.ending, status.generation) == (ending, generation)
        assert (status.digest == status.read) == (ending != "failed")
        assert status.digest == watcher._reloader.publisher.files_digest[:12]
        assert status.stats["endings"] == dict(watcher.stats.endings)
    watcher.close()
    assert place.found == []
    assert list((place.states / "status").iterdir()) == []


def test_what_waits_is_reported(place: Place) -> None:
    """With what is busy; no process that waits is current, one that has refused is not behind."""
    watcher = place.watch()
    with watcher.busy("a migration"):
        save(place.path, port(9000))
        watcher.reload()
        wait_until(lambda: place.one.pending is not None)
        assert place.one.pending.reasons == ("a migration",)
        assert [len(each) for each in Standing.of(place.found, place.path)] == [0, 0, 1]
    wait_until(lambda: place.one.generation == 2)
    assert [len(each) for each in Standing.of(place.found, place.path)] == [1, 0, 0]
    save(place.path, "[server\n")
    assert [len(each) for each in Standing.of(place.found, place.path)] == [0, 0, 1]
    watcher.reload()
    wait_until(lambda: place.one.failed)
    assert [len(each) for each in Standing.of(place.found, place.path)] == [0, 1, 0]


def test_what_is_counted_is_reported(place: Place) -> None:
    """Although no round ends by it: a callback that raises comes after its ending."""
    watcher = place.watch()
    watcher.on_event(lambda event: 1 / 0)
    watcher.reload()
    wait_until(lambda: place.one.stats["callback_failures"] == 1)


def test_nothing_is_written_while_nothing_happens(place: Place) -> None:
    """However often it is looked at: another watcher's round passes meanwhile."""
    place.watch()
    (path,) = (place.states / "status").glob("*.json")
    before = path.stat()
    clock = place.path.with_name("clock.toml")
    clock.write_text("tick = 1\n")
    with HotReloadWatcher(clock, dict, debounce_ms=300) as watcher:
        clock.write_text("tick = 2\n")
        wait_until(lambda: watcher.generation == 2)
    assert path.stat() == before


def test_what_was_removed_is_written_again(place: Place) -> None:
    """Somebody cleaned up: a process must not seem gone."""
    watcher = place.watch()
    wait_until(lambda: removed(place.states))
    wait_until(lambda: len(place.found) == 1)
    save(place.path, port(9000))
    requests.ask(place.states, place.path)
    wait_until(lambda: watcher.generation == 2)


def test_what_could_not_be_written_is_tried_again(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once; states that cannot be kept have said it already."""
    watcher = place.watch()
    status = place.states / "status"

    def blocked() -> bool:
        """A status may be written meanwhile."""
        if not status.is_file() and removed(status):
            with suppress(IsADirectoryError):
                status.write_text("")
        return status.is_file()

    wait_until(blocked)
    watcher.reload()
    wait_until(lambda: "The status of " in caplog.text)
    watcher.reload()
    status.unlink()
    wait_until(lambda: place.found and place.one.stats["endings"]["unchanged"] == 2)
    wait_until(records.flush)
    assert caplog.text.count("The status of ") == 1
    assert watcher.health().status == "ok"


def test_an_old_request_is_not_carried_out(place: Place) -> None:
    """A start loads the files anyway: who asked before it is answered."""
    at = requests.ask(place.states, place.path)
    watcher = place.watch()
    wait_until(lambda: place.one.request == at)
    assert sum(watcher.stats.endings.values()) == 0
    later = requests.ask(place.states, place.path)
    wait_until(lambda: place.one.request == later)
    assert watcher.stats.endings["unchanged"] == 1


def test_a_status_holds_no_value(place: Place) -> None:
    """Neither of the file, nor of what is wrong with it, nor of an override."""
    save(place.path, f'tags = ["774411774411-tag"]\n{port(774411774411)}')
    watcher = place.watch()
    save(place.path, 'tags = "774411774411-tag"\n[server]\nport = "774411774411-port"\n')
    watcher.reload()
    wait_until(lambda: place.one.failed)
    with watcher.override({"server.host": "774411774411-host"}):
        wait_until(lambda: place.one.generation == 2)
        (path,) = (place.states / "status").glob("*.json")
        text = path.read_text()
    assert "774411774411" not in text
    assert json.loads(text)["generation"] == 2


def test_two_watchers_of_one_process_are_two(place: Place) -> None:
    """Of the same file or of others."""
    place.watch()
    place.watch()
    other = HotReloadWatcher(None, App, layers=[{}])
    assert len(place.found) == 2
    assert {status.pid for status in place.found} == {os.getpid()}
    other.close()
