"""Listeners: each gets everything that one watcher publishes and emits, and none can be in another's way."""

from __future__ import annotations

import logging

import pytest

from hotconf.events import FileChanged, Notice, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.logs.log import RoundLog
from hotconf.logs.records import flush
from hotconf.problems import ConfigError
from hotconf.runtime.holds import Busy
from runtime.test_reloader import Watched, main, make
from waiting import wait_until

__all__ = ["main", "make"]  # fixtures


class Listening:
    """Keeps the notices."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def events(self) -> list[type]:
        """The kinds of the events."""
        return [type(notice.event) for notice in self.notices]


class Raising(Listening):
    """Raises at each notice, once it has it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def notify(self, notice: Notice) -> None:
        super().notify(notice)
        raise self.error


def rounds(watched: Watched) -> None:
    """One of each ending."""
    reload = watched.reloader.reload
    watched.save(2)
    wait_until(lambda: watched.n == 2)
    with Busy(watched.reloader, "gate"):
        watched.save(3)
        reload(wait=True, force=False)
    for text in ("n = 3 # the same", "n = [", "n = 3\nodd = 1"):
        watched.main.write_text(text)
        reload(wait=True, force=False)


def test_a_listener_gets_each_event_and_the_first_configuration(make):
    """The very events that subscribers get, with what readers see by then."""
    listening = Listening()
    watched = make(listeners=[listening])
    first, *more = listening.notices
    assert first.event is None
    assert (first.snapshot.generation, first.published is not None, first.first) == (1, True, False)
    rounds(watched)
    wait_until(lambda: watched.kinds().count(ReloadUnchanged) == 2)
    assert [notice.event for notice in listening.notices[1:]] == watched.events
    endings = [notice for notice in listening.notices[1:] if not isinstance(notice.event, FileChanged)]
    assert more == []
    assert [(type(each.event), each.snapshot.generation, each.published is not None) for each in endings] == [
        (ReloadSuccess, 2, True),
        (ReloadDeferred, 2, False),
        (ReloadSuccess, 3, True),
        (ReloadUnchanged, 3, True),
        (ReloadFailed, 3, False),
        (ReloadUnchanged, 3, True),
    ]
    assert endings[0].event.timings == endings[0].published.timings
    assert {notice.settings.debounce_ms for notice in listening.notices} == {20}


def test_a_listener_sees_what_the_log_sees(make, caplog):
    """Notices say it all: a log that gets them afterwards writes the same lines."""
    caplog.set_level(logging.DEBUG, "hotconf.reload")
    listening = Listening()
    watched = make(listeners=[listening])
    rounds(watched)
    wait_until(flush)
    written = [record.getMessage() for record in caplog.records if record.name == "hotconf.reload"]
    caplog.clear()
    again = RoundLog(watched.main)
    for notice in listening.notices:
        again.notify(notice)
    wait_until(flush)
    assert "ReloadDeferred event emitted" in caplog.messages
    of_the_start = ("HotReloadWatcher initialized", "Watching:", "Debounce window:")
    assert caplog.messages == [line for line in written if not line.startswith(of_the_start)]


@pytest.mark.parametrize("error", [RuntimeError("injected"), MemoryError()])
def test_a_listener_that_raises_stops_nobody(make, caplog, error):
    """It is counted and logged by its name; other listeners, subscribers and callers get everything."""
    raising, listening = Raising(error), Listening()
    watched = make(listeners=[raising, listening])
    rounds(watched)
    wait_until(lambda: watched.kinds().count(ReloadUnchanged) == 2)
    assert raising.notices == listening.notices
    assert listening.events.count(ReloadUnchanged) == 2
    assert watched.reloader.notifier.failures == len(raising.notices)
    wait_until(flush)
    assert caplog.text.count("Internal error in Raising") == len(raising.notices)


def test_a_failure_that_start_raises_is_marked(make):
    """So that nobody reports it twice."""
    listening = Listening()
    watched = make(listeners=[listening], start=False)
    watched.main.write_text("n = [")
    watched.reloader.start(require=False)
    assert [(type(each.event), each.raised, each.first) for each in listening.notices] == [
        (ReloadFailed, False, True)
    ]
    watched = make(listeners=[listening], start=False)
    with pytest.raises(ConfigError, match=r"config\.toml"):
        watched.reloader.start(require=True)
    assert listening.notices[-1].raised
