"""The agent: a document in a file, whole, or refused with the reason."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotconf.fleet.agent import Agent
from hotconf.problems import Problem
from hotconf.sources.files import mounts
from hotconf.sources.source import Fetched, Link, Source, Verdict
from waiting import wait_until


class Board(Source):
    """Where a test puts documents."""

    def __init__(self, found: Fetched | Problem) -> None:
        self.found = found
        self.link: Link | None = None
        self.verdicts: list[Verdict] = []

    @property
    def name(self) -> str:
        """Any."""
        return "shop"

    def read(self) -> Fetched | Problem:
        """What the test put there."""
        return self.found

    def watch(self, link: Link) -> Callable[[], object]:
        """Keep the link."""
        self.link = link
        return lambda: None

    def ended(self, verdict: Verdict) -> None:
        """Keep what it says."""
        self.verdicts.append(verdict)

    def put(self, found: Fetched | Problem) -> None:
        """Another document."""
        assert self.link is not None
        self.found = found
        self.link.changed()

    def last(self) -> tuple[str, str]:
        """Status and version of the latest verdict."""
        return (self.verdicts[-1].status, self.verdicts[-1].version) if self.verdicts else ("", "")


BAD = Fetched(b"bad", "2")


def judge(fetched: Fetched) -> tuple[Problem, ...]:
    """Refuses what says so, and quotes it."""
    return (Problem("not valid: swordfish", "pin", kind="semantic"),) if b"bad" in fetched.data else ()


@pytest.fixture
def board() -> Board:
    """With a first document."""
    return Board(Fetched(b"one", "1"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file."""
    return tmp_path / "conf" / "app.toml"


@pytest.fixture
def agent(board: Board, path: Path) -> Iterator[Agent]:
    """At work."""
    made = Agent(board, path, judge, lambda _: None)
    thread = threading.Thread(target=made.run)
    thread.start()
    wait_until(lambda: bool(board.verdicts))
    yield made
    made.stop()
    thread.join()


@pytest.mark.usefixtures("agent")
def test_writes_each_document(board: Board, path: Path) -> None:
    """What is published is in the file, private unless it was there with another mode."""
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    board.put(Fetched(b"two", "2"))
    wait_until(lambda: board.last() == ("applied", "2"))
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    board.put(Fetched(b"two", "3"))
    wait_until(lambda: board.last() == ("unchanged", "3"))


@pytest.mark.usefixtures("agent")
def test_refused_documents_change_nothing(board: Board, path: Path) -> None:
    """What is not valid, or cannot be fetched, leaves the file, and is refused with what is served.

    No value goes to the fleet.
    """
    board.put(Fetched(b"bad", "2"))
    wait_until(lambda: board.last() == ("refused", "2"))
    assert (board.verdicts[-1].serving, board.verdicts[-1].reason) == ("1", "pin: refused by a check")
    board.put(Problem("etcd cannot be read", kind="unreadable"))
    wait_until(lambda: board.last() == ("refused", ""))
    assert path.read_bytes() == b"one"


@pytest.mark.usefixtures("agent")
def test_offers_are_prepared_and_decided(board: Board, path: Path) -> None:
    """An offer is in a file of its own until it is decided; one that is withdrawn leaves nothing behind."""
    assert board.link is not None
    answers: list[Verdict] = []
    board.link.offer(Fetched(b"two", "2"), answers.append)
    wait_until(lambda: len(answers) == 1)
    assert answers[0].status == "ready"
    assert path.read_bytes() == b"one"
    board.link.withdraw("2")
    board.link.offer(Fetched(b"bad", "3"), answers.append)
    wait_until(lambda: len(answers) == 2)
    assert (answers[1].status, answers[1].reason) == ("refused", "pin: refused by a check")
    assert [each.name for each in path.parent.iterdir()] == ["app.toml"]
    board.link.offer(Fetched(b"four", "4"), answers.append)
    board.found = Fetched(b"four", "4")
    board.link.commit("4")
    wait_until(lambda: board.last() == ("applied", "4"))
    assert path.read_bytes() == b"four"
    assert [each.name for each in path.parent.iterdir()] == ["app.toml"]


def test_what_cannot_be_written_is_refused_and_tried_again(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that cannot be written is refused with the reason; once it can, the document is written."""
    monkeypatch.setattr("hotconf.fleet.agent._FIRST_RETRY_S", 0.01)
    path = tmp_path / "conf"
    path.mkdir()
    said: list[str] = []
    agent = Agent(board, path, judge, said.append)
    thread = threading.Thread(target=agent.run)
    thread.start()
    wait_until(lambda: len(board.verdicts) > 1)
    assert board.verdicts[-1].status == "refused"
    assert "cannot be written" in board.verdicts[-1].reason
    assert len(said) == 1
    path.rmdir()
    wait_until(lambda: board.last() == ("applied", "1"))
    assert path.read_bytes() == b"one"
    agent.stop()
    thread.join()


def test_once_ends_when_it_is_written(board: Board, path: Path) -> None:
    """For what starts before a program: it ends once the file is there."""
    assert Agent(board, path, judge, lambda _: None).run(once=True)
    assert path.read_bytes() == b"one"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Problem("nothing is published in shop", kind="missing"), "nothing is published in shop"),
        (BAD, "refused version 2: not valid: swordfish"),
    ],
)
def test_once_says_why_it_was_not_written(found: Fetched | Problem, why: str, path: Path) -> None:
    """When the time is over, or it is stopped."""
    for timeout_s in (0.01, None):
        agent = Agent(Board(found), path, judge, lambda _: None)
        if timeout_s is None:
            agent.stop()
        assert not agent.run(once=True, timeout_s=timeout_s)
        assert why in agent.reason
    assert not path.exists()


def test_once_waits_for_what_can_be_written(path: Path) -> None:
    """What is refused meanwhile does not end it."""
    board = Board(BAD)
    agent = Agent(board, path, judge, lambda _: None)
    thread = threading.Thread(target=agent.run, kwargs={"once": True, "timeout_s": 60})
    thread.start()
    wait_until(lambda: board.last() == ("refused", "2"))
    board.put(Fetched(b"three", "3"))
    thread.join()
    assert path.read_bytes() == b"three"


@pytest.mark.usefixtures("agent")
def test_a_hard_link_keeps_the_old_document(board: Board, path: Path, tmp_path: Path) -> None:
    """The file is never written in place: another name of it keeps what it was."""
    (tmp_path / "other").hardlink_to(path)
    board.put(Fetched(b"two", "2"))
    wait_until(lambda: board.last() == ("applied", "2"))
    assert path.read_bytes() == b"two"
    assert (tmp_path / "other").read_bytes() == b"one"


def test_what_no_rename_replaces_is_refused(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, a device and a mount point are refused at once, as documents and as offers."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "mounted").write_bytes(b"old")
    point = mounts.Mount(os.path.realpath(tmp_path / "mounted"), "/x", "ext4", "/dev/x", read_only=False)
    monkeypatch.setattr("hotconf.fleet.agent.mounts.read", lambda: [point])
    for path, why in (
        (tmp_path / "pipe", "no regular file"),
        (Path("/dev/full"), "no regular file"),
        (tmp_path / "mounted", "mount point"),
    ):
        board.verdicts.clear()
        agent = Agent(board, path, judge, lambda _: None)
        answers: list[Verdict] = []
        agent.offer(Fetched(b"two", "2"), answers.append)
        thread = threading.Thread(target=agent.run)
        thread.start()
        wait_until(lambda answers=answers: bool(answers))
        agent.stop()
        thread.join()
        assert (answers[0].status, board.verdicts[0].status) == ("refused", "refused")
        assert why in answers[0].reason
        assert why in board.verdicts[0].reason
    assert (tmp_path / "mounted").read_bytes() == b"old"
