"""A source offers a document: it is prepared without being published, and then committed or withdrawn."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from doubles.inside import reloader_of
from doubles.source import Board
from hotconf import DotEnv, HotReloadWatcher, ReloadDeferred, WatchedFile
from hotconf.engine.protocol import ON_OFFER
from hotconf.sources.source import Verdict
from hotconf.status.health import NOT_APPLIED
from waiting import wait_until
from watcher.watched import App, Gate, Seen, port, save


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty working directory."""
    monkeypatch.chdir(tmp_path)


class Connections:
    """What is made of the port, and closed."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed: list[int] = []
        self.refused = 0
        self.gate: Gate | None = None

    def __call__(self, number: int) -> Iterator[int]:
        if self.gate is not None:
            self.gate()
        if number == self.refused:
            raise OSError("hunter2 refused")
        self.made.append(number)
        yield number
        self.closed.append(number)


@pytest.fixture
def connections() -> Connections:
    """None yet."""
    return Connections()


@pytest.fixture
def offering(watch, connections, tmp_path):
    """A started watcher with a resource, a layer of a file, and its source."""
    (tmp_path / ".env").write_text("APP_SERVER__HOST=a\n")
    board = Board(port(8000))
    watcher = HotReloadWatcher(board, App, layers=[DotEnv(".env", prefix="APP_")], debounce_ms=50)
    watcher.resource("server.port")(connections)
    seen = Seen(watcher)
    with watcher:
        yield board, watcher, seen


def test_nothing_is_published_before_it_is_committed(offering, connections):
    """It is ready when its resources are; then the commit publishes it, with those."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    assert board.answer(1) == Verdict("ready", "v2", "v1", 1)
    assert watcher.config.server.port == 8000
    assert connections.made == [8000, 8001]
    assert connections.closed == []
    assert watcher.pending is None
    board.commit(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")
    assert watcher.config.server.port == 8001
    assert board.verdict(2) == Verdict("applied", "v2", "v2", 2)
    wait_until(lambda: connections.closed == [8000])
    assert connections.made == [8000, 8001]
    assert not watcher.has_drift()


def test_what_is_withdrawn_leaves_nothing(offering, connections):
    """What was prepared is closed, and nothing is emitted."""
    board, watcher, seen = offering
    snapshot = watcher.snapshot
    board.offer(port(8001), "v2")
    board.answer(1)
    board.link.withdraw("v2")
    wait_until(lambda: connections.closed == [8001])
    assert watcher.snapshot is snapshot
    watcher.reload()
    seen.exactly("ReloadUnchanged")
    assert len(board.answers) == 1
    assert [each.status for each in board.verdicts] == ["applied", "unchanged"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[server]\nport = "hunter2"\n', "shop/prod:2:8: server.port: type mismatch"),
        ("[server\n", "shop/prod:1:1: syntax error"),
        (port(8009), f"shop/prod:2:8: server.port: {NOT_APPLIED}"),
    ],
    ids=["schema", "syntax", "resource"],
)
def test_a_refusal_says_why_and_is_reported_to_no_one_else(offering, connections, text, reason, caplog):
    """Without a value. The next offer may be ready."""
    board, watcher, seen = offering
    connections.refused = 8009
    with caplog.at_level(logging.WARNING, "hotconf"):
        board.offer(text, "v2")
        assert board.answer(1) == Verdict("refused", "v2", "v1", 1, reason)
    assert "failed" not in caplog.text
    board.offer(port(8002), "v3")
    assert board.answer(2) == Verdict("ready", "v3", "v1", 1)
    board.commit(port(8002), "v3")
    seen.exactly("ReloadSuccess 2")
    assert watcher.health().status == "ok"


def test_busy_when_it_is_committed(offering, connections):
    """It is ready all the same; deferred then, and published at the release, with what was prepared."""
    board, watcher, seen = offering
    with watcher.busy("a request"):
        board.offer(port(8001), "v2")
        assert board.answer(1).status == "ready"
        board.commit(port(8001), "v2")
        assert board.verdict(2) == Verdict("deferred", "v2", "v1", 1, "a request")
        assert watcher.config.server.port == 8000
    assert watcher.config.server.port == 8001
    assert board.verdict(3) == Verdict("applied", "v2", "v2", 2)
    seen.exactly("ReloadDeferred a request", "ReloadSuccess 2")
    assert connections.made == [8000, 8001]


def test_what_changes_meanwhile_is_deferred_until_it_is_committed(offering, tmp_path):
    """Then it is loaded again, over the new document."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    save(tmp_path / ".env", "APP_SERVER__HOST=b\n")
    ending = seen.ending(1)
    assert isinstance(ending, ReloadDeferred)
    assert ending.reasons == (ON_OFFER,)
    assert watcher.pending is not None
    assert watcher.pending.reasons == (ON_OFFER,)
    assert watcher.config.server.host == "a"
    board.commit(port(8001), "v2")
    wait_until(lambda: watcher.config.server.host == "b")
    assert watcher.config.server.port == 8001
    seen.exactly("FileChanged .env", f"ReloadDeferred {ON_OFFER}", "ReloadSuccess 2", "ReloadSuccess 3")


def test_what_changes_meanwhile_is_published_when_it_is_withdrawn(offering, tmp_path):
    """As at a release."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    save(tmp_path / ".env", "APP_SERVER__HOST=b\n")
    assert isinstance(seen.ending(1), ReloadDeferred)
    board.link.withdraw("v2")
    wait_until(lambda: watcher.config.server.host == "b")
    assert watcher.config.server.port == 8000
    assert board.verdicts[-1].version == "v1"


def test_reload_by_force_withdraws_it(offering, connections):
    """The source hears it, and a commit that comes then is loaded as any publish."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    watcher.reload(force=True)
    assert board.answer(2) == Verdict("withdrawn", "v2", "v1", 1, "reload(force=True)")
    wait_until(lambda: connections.closed == [8001])
    board.commit(port(8001), "v2")
    seen.exactly("ReloadUnchanged", "ReloadSuccess 2")
    assert connections.made == [8000, 8001, 8001]


def test_an_override_withdraws_it(offering):
    """What was prepared does not have it."""
    board, watcher, _ = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    with watcher.override({"server.host": "o"}):
        assert board.answer(2).status == "withdrawn"
        board.offer(port(8001), "v3")
        assert board.answer(3).status == "ready"
        board.commit(port(8001), "v3")
        wait_until(lambda: watcher.config.server.port == 8001)
        assert watcher.config.server.host == "o"


def test_a_new_resource_withdraws_it(offering):
    """It was made without."""
    board, watcher, _ = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    watcher.resource("server.host")(lambda host: host)
    assert board.answer(2) == Verdict("withdrawn", "v2", "v1", 1, "a new resource")


def test_withdrawn_while_it_is_prepared(offering, connections, gate):
    """What its factory returns then is closed; another publish goes on."""
    board, _, seen = offering
    connections.gate = gate
    board.offer(port(8001), "v2")
    assert gate.entered.wait(60)
    board.link.withdraw("v2")
    connections.gate = None
    gate.released.set()
    wait_until(lambda: connections.closed == [8001])
    board.publish(port(8002), "v3")
    seen.exactly("ReloadSuccess 2")
    assert board.answers == []


def test_a_commit_before_it_is_ready_is_a_publish(offering, connections, gate):
    """Nobody waited for this instance."""
    board, watcher, seen = offering
    connections.gate = gate
    board.offer(port(8001), "v2")
    assert gate.entered.wait(60)
    board.commit(port(8001), "v2")
    connections.gate = None
    gate.released.set()
    seen.exactly("ReloadSuccess 2")
    assert watcher.config.server.port == 8001
    wait_until(lambda: connections.made.count(8001) - connections.closed.count(8001) == 1)


def test_decisions_on_other_documents_do_not_touch_it(offering, connections):
    """A commit of one that is not on offer is a publish."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    board.link.withdraw("v1")
    board.link.commit("v9")
    assert board.verdict(2).status == "unchanged"
    board.commit(port(8001), "v2")
    seen.exactly("ReloadUnchanged", "ReloadSuccess 2", "ReloadUnchanged")
    assert watcher.config.server.port == 8001
    assert connections.made == [8000, 8001]


def test_closed_with_an_offer(offering, connections):
    """It is withdrawn, and what was prepared is closed."""
    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)
    watcher.close()
    assert board.answer(2) == Verdict("withdrawn", "v2", "v1", 1, "closed")
    assert sorted(connections.closed) == [8000, 8001]
    board.offer(port(8001), "v3")
    board.commit(port(8001), "v3")
    assert seen.lines == []
    assert len(board.answers) == 2


def test_an_answer_that_raises_disturbs_nothing(offering, caplog):
    """It is logged."""
    board, _, seen = offering
    board.answers = None
    with caplog.at_level(logging.ERROR, "hotconf"):
        board.link.offer(Board(port(8001), "v2").found, lambda verdict: 1 / 0)
        wait_until(lambda: "shop/prod cannot note what became of a document" in caplog.text)
    board.commit(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")


def test_files_that_it_names_are_watched_once_it_is_committed(tmp_path, watch):
    """Those of what is published are watched until then."""

    class Model(BaseModel, frozen=True):
        key: WatchedFile

    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    board = Board('key = "a"\n')
    watcher, _ = watch(board, Model)
    board.offer('key = "b"\n', "v2")
    assert board.answer(1).status == "ready"
    assert watcher.watching == (tmp_path / "a",)
    board.commit('key = "b"\n', "v2")
    wait_until(lambda: watcher.watching == (tmp_path / "b",))
    save(tmp_path / "b", "2")
    wait_until(lambda: watcher.config.key.text == "2")


def test_a_file_that_changes_after_it_is_ready_counts_after_the_commit(tmp_path, watch):
    """What was prepared has it as it was; then it is loaded as it is."""

    class Model(BaseModel, frozen=True):
        key: WatchedFile

    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    board = Board('key = "a"\n')
    watcher, _ = watch(board, Model)
    board.offer('key = "b"\n', "v2")
    board.answer(1)
    save(tmp_path / "b", "2")
    board.commit('key = "b"\n', "v2")
    wait_until(lambda: watcher.config.key.text == "2")


def test_the_first_configuration_may_be_an_offer(watch):
    """Where nothing was published when it started."""
    board = Board()
    _, seen = watch(board, require=False)
    board.offer(port(8001), "v1")
    assert board.answer(1) == Verdict("ready", "v1", "", 0)
    board.commit(port(8001), "v1")
    seen.exactly("ReloadFailed missing", "ReloadSuccess 1")


def test_one_that_comes_before_the_start_waits_for_it(watch):
    """The load at start comes first."""

    class Early(Board):
        def watch(self, link):
            end = super().watch(link)
            self.offer(port(8001), "v2")
            return end

    board = Early(port(8000))
    watcher, _ = watch(board)
    assert board.answer(1) == Verdict("ready", "v2", "v1", 1)
    assert watcher.config.server.port == 8000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_no_part_in_it(offering, connections):
    """It is the parent's, which goes on."""
    from watcher.children import ended, fork

    board, watcher, seen = offering
    board.offer(port(8001), "v2")
    board.answer(1)

    def work() -> None:
        wait_until(lambda: len(board.links) == 2)
        assert reloader_of(watcher).cycle.rounds.state.offer is None
        board.publish(port(8003), "v3")
        wait_until(lambda: watcher.config.server.port == 8003)
        assert len(board.answers) == 1

    assert ended(fork(work)) == 0
    board.commit(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")


def test_a_storm_of_offers_keeps_nothing(offering, connections, tmp_path):
    """Offers, commits, withdrawals, publishes and saves from several threads: in the end nothing is left open."""
    board, watcher, _ = offering

    def work(first: int) -> None:
        for number in range(first, first + 20):
            text, version = port(number), f"v{number}"
            board.offer(text, version)
            if number % 3 == 0:
                board.commit(text, version)
            elif number % 3 == 1:
                board.link.withdraw(version)
            if number % 7 == 0:
                save(tmp_path / f".env{first}", f"APP_SERVER__HOST=h{number}\n")
                (tmp_path / f".env{first}").replace(tmp_path / ".env")

    threads = [threading.Thread(target=work, args=(first,)) for first in (9100, 9200, 9300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    board.publish(port(9999), "last")
    for version in {f"v{number}" for first in (9100, 9200, 9300) for number in range(first, first + 20)}:
        board.link.withdraw(version)
    wait_until(lambda: watcher.config.server.port == 9999)
    wait_until(lambda: sorted([*connections.closed, 9999]) == sorted(connections.made))
