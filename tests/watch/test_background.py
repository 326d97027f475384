"""Background: run here or elsewhere, in order, dropped with their watcher, reported when a mount does not answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotconf.sources.base import FileSet
from hotconf.sources.files.mounts import Mounts
from hotconf.sources.files.paths import Member
from hotconf.watch import background as module
from hotconf.watch.background import MANY, NEVER, SILENT_NS, Background
from waiting import wait_until


class Owner:
    """A watcher of so many files, perhaps on a mount."""

    def __init__(self, count: int = 1, mount: str | None = None) -> None:
        members = tuple(Member(Path(f"/{number}"), "fragment") for number in range(count))
        self.cache: Any = SimpleNamespace(files=FileSet(members, mounts=Mounts(mount)))


class Posted:
    """What is to be done on the driver's thread, which is this one."""

    def __init__(self) -> None:
        self.actions: deque[Callable[[], None]] = deque()

    def run_until(self, condition: Callable[[], object]) -> None:
        """Do it, until then."""

        def step() -> object:
            while self.actions:
                self.actions.popleft()()
            return condition()

        wait_until(step)


@pytest.fixture
def posted():
    """Nothing yet."""
    return Posted()


@pytest.fixture
def background(posted):
    """Of one driver."""
    found = Background(posted.actions.append)
    yield found
    found.stop(60)


@pytest.fixture
def gate():
    """Work that hangs until it is let go."""
    gate = threading.Event()
    yield gate
    gate.set()


HERE = threading.get_ident


def test_few_local_files_are_looked_at_here(background):
    """At once, and nothing is under way then."""
    owner, told = Owner(MANY), []
    background.run(owner, HERE, told.append)
    assert told == [HERE()]
    assert not background.busy(owner)
    assert not background.elsewhere(owner)


@pytest.mark.parametrize("owner", [Owner(MANY + 1), Owner(1, "/far")], ids=["many", "far"])
def test_others_elsewhere(background, posted, owner):
    """And what follows is done here."""
    told: list[object] = []
    background.run(owner, HERE, lambda found: told.extend((found, HERE())))
    assert background.elsewhere(owner)
    posted.run_until(lambda: told)
    assert told[0] != HERE()
    assert told[1] == HERE()
    assert not background.busy(owner)


def test_one_after_the_other(background, posted):
    """Even if the files are few by now: errands run in the order requested."""
    owner, told = Owner(MANY + 1), []
    for number in range(5):
        background.run(owner, lambda number=number: number, told.append)
        owner.cache = Owner().cache
    posted.run_until(lambda: len(told) == 5)
    assert told == list(range(5))


def test_what_fails_is_none_and_the_next_is_done(background, posted, caplog):
    """A fault of ours, which is logged; the others go on."""
    owner, told = Owner(1, "/far"), []
    background.run(owner, lambda: 1 // 0, told.append)
    background.run(owner, lambda: 2, told.append)
    posted.run_until(lambda: len(told) == 2)
    assert told == [None, 2]


def test_one_mount_holds_up_no_other(background, posted, gate):
    """Nor local files; files on the same mount wait."""
    told: list[str] = []
    background.run(Owner(1, "/far"), gate.wait, lambda _: told.append("far"))
    background.run(Owner(1, "/far"), lambda: None, lambda _: told.append("far, too"))
    background.run(Owner(1, "/other"), lambda: None, lambda _: told.append("other"))
    background.run(Owner(), lambda: None, lambda _: told.append("local"))
    posted.run_until(lambda: "other" in told)
    assert told == ["local", "other"]
    gate.set()
    posted.run_until(lambda: len(told) == 4)
    assert told[2:] == ["far", "far, too"]


def test_silence_is_reported_once(background, posted, gate, monkeypatch):
    """After the time limit, until there is an answer; a large set of files is never silent, only slow."""
    said: list[str] = []
    monkeypatch.setattr(module.log, "warning", lambda _, text, mount: said.append(mount))
    monkeypatch.setattr(module.log, "info", lambda _, text, mount: said.append(f"{mount} again"))
    far, many = Owner(1, "/far"), Owner(MANY + 1)
    background.run(far, gate.wait, lambda _: None)
    background.run(many, gate.wait, lambda _: None)
    due = background.next
    assert due < NEVER
    background.report(due - 1)
    assert background.trouble(far) is None
    background.report(due)
    background.report(due + SILENT_NS)
    assert background.trouble(far) == "/far does not answer"
    assert background.trouble(many) is None
    assert background.next == NEVER
    gate.set()
    posted.run_until(lambda: not background.busy(far))
    assert background.trouble(far) is None
    assert said == ["/far", "/far again"]


def test_nothing_follows_for_whoever_has_left(background, posted, gate):
    """What was under way is dropped; the last job is done."""
    owner, told = Owner(1, "/far"), []
    background.run(owner, gate.wait, told.append)
    background.run(owner, lambda: None, told.append)
    background.last(owner, lambda: told.append("left"))
    gate.set()
    posted.run_until(lambda: told)
    assert told == ["left"]


def test_without_a_thread_many_files_are_looked_at_here(background, posted, monkeypatch):
    """Better late than never; a mount that may hang is left alone."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    told: list[str] = []
    background.run(Owner(MANY + 1), lambda: None, lambda _: told.append("many"))
    background.run(Owner(1, "/far"), lambda: None, lambda _: told.append("far"))
    posted.run_until(lambda: told)
    background.last(Owner(MANY + 1), lambda: told.append("left"))  # that thread is no longer supervised
    assert told == ["many", "left"]
    monkeypatch.undo()
