"""`Board`: a source in memory. What is published there is what the watcher reads."""

from __future__ import annotations

import os
from collections.abc import Callable

from hotconf.formats.registry import FormatName
from hotconf.problems import Problem
from hotconf.sources.source import Fetched, Link, Source, Verdict
from waiting import wait_until

CUT_OFF = Problem("Cannot be reached: connection refused", kind="unreadable")
NOTHING = Problem("Nothing is published", kind="missing")


class Board(Source):
    """A source in memory, and what its watcher said to it."""

    kind = "board"

    def __init__(self, text: str | None = None, version: str = "v1", form: FormatName = "toml") -> None:
        self.found: Fetched | Problem = NOTHING if text is None else Fetched(text.encode(), version, form)
        self.trouble_now: str | None = None
        self.verdicts: list[Verdict] = []
        self.answers: list[Verdict] = []
        """To offers."""
        self.links: list[tuple[int, Link]] = []
        """All that it was given, each with the process that it was given in."""
        self.ended_watches = self.reads = 0

    @property
    def name(self) -> str:
        """It."""
        return "shop/prod"

    def read(self) -> Fetched | Problem:
        """What is published now."""
        self.reads += 1
        return self.found

    def watch(self, link: Link) -> Callable[[], object]:
        """Remember it."""
        self.links.append((os.getpid(), link))
        return self._end

    def _end(self) -> None:
        self.ended_watches += 1

    @property
    def trouble(self) -> str | None:
        """What the test says."""
        return self.trouble_now

    def ended(self, verdict: Verdict) -> None:
        """Remember it."""
        self.verdicts.append(verdict)

    # What a test does

    @property
    def link(self) -> Link:
        """The latest one, which is of this process."""
        process, link = self.links[-1]
        assert process == os.getpid()
        return link

    def publish(self, text: str, version: str, form: FormatName = "toml") -> None:
        """Say this from now on."""
        self.found = Fetched(text.encode(), version, form)
        self.link.changed()

    def fail(self, problem: Problem) -> None:
        """Say nothing from now on."""
        self.found = problem
        self.link.changed()

    def verdict(self, number: int) -> Verdict:
        """Wait for that many verdicts; the last of them."""
        wait_until(lambda: len(self.verdicts) >= number)
        return self.verdicts[number - 1]

    def offer(self, text: str, version: str, form: FormatName = "toml") -> None:
        """Offer it; what is published stays."""
        self.link.offer(Fetched(text.encode(), version, form), self.answers.append)

    def commit(self, text: str, version: str) -> None:
        """What was offered is published."""
        self.found = Fetched(text.encode(), version)
        self.link.commit(version)

    def answer(self, number: int) -> Verdict:
        """Wait for that many answers to offers; the last of them."""
        wait_until(lambda: len(self.answers) >= number)
        return self.answers[number - 1]
