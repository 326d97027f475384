"""Publishers that do one thing after the other, and write down what they were answered."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from itertools import count
from typing import Final

from fleet.torture.history import Act, History
from fleet.torture.subjects import NAME
from hotconf.errors import UsageError
from hotconf.fleet import Fleet, FleetError, Published, ReplyLostError

KEPT: Final = 30
"""How many entries of the history stay: enough to look up an act whose answer was lost."""
OFTEN: Final = {
    "publish": 8,
    "together": 8,
    "quorum": 3,
    "canary": 3,
    "promote": 2,
    "rollback": 3,
    "version": 2,
    "override": 1,
    "pause": 1,
    "prune": 1,
}
"""What a publisher does, and how often."""
NEW: Final = ("publish", "together", "quorum", "canary", "override")
"""What needs a document."""


class Documents:
    """What is published, and what came of it."""

    def __init__(self, history: History, names: Callable[[], list[str]]) -> None:
        self.history = history
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []
        self._names = names
        self._numbers = count(1)
        self._acts = count(1)

    def document(self, dice: random.Random | None) -> tuple[int, bytes]:
        """Another one. Some refuse it, for some it is slow; without dice nobody does."""
        number = next(self._numbers)
        names = self._names()

        def some(share: float) -> list[str]:
            return [dice.choice(names)] if dice is not None and names and dice.random() < share else []

        invalid, broken, slow = some(0.12), some(0.12), some(0.3)
        data = f"number = {number}\ninvalid_for = {invalid}\nbroken_for = {broken}\nslow_for = {slow}\n".encode()
        self.history.documents[number] = sha256(data).hexdigest()
        self.history.refusing[number] = frozenset(invalid + broken)
        return number, data

    def act(self, number: int | None) -> Act:
        """Something that begins now."""
        act = Act(f"act-{next(self._acts)}", number, time.monotonic())
        self.history.acts.append(act)
        return act


class Publisher(threading.Thread):
    """Publishes, offers, rolls back, promotes, pauses, deletes what is old."""

    def __init__(self, documents: Documents, who: str, endpoints: list[str], seed: str) -> None:
        super().__init__(daemon=True)
        self._documents = documents
        self._who = who
        self._dice = random.Random(seed)
        self._endpoints = endpoints
        self.stopped = threading.Event()

    def run(self) -> None:
        """Until it is stopped."""
        try:
            with Fleet(NAME, self._endpoints, by=self._who) as fleet:
                while not self.stopped.wait(self._dice.uniform(0.05, 1.0)):
                    self.act(fleet)
        except Exception as error:  # noqa: BLE001 - it is a fault of the subject
            self._documents.faults.append(f"a publisher ended: {error!r}")

    def act(self, fleet: Fleet) -> None:
        """One thing."""
        kind = self._dice.choices(list(OFTEN), list(OFTEN.values()))[0]
        if kind == "pause":
            self._hold(fleet)
            return
        if kind == "prune":
            with suppress(FleetError):
                self._documents.outcomes["entries pruned"] += len(fleet.prune(KEPT).epochs)
            return
        number, data = self._documents.document(self._dice) if kind in NEW else (None, b"")
        act = self._documents.act(number)
        call = {
            "publish": lambda: fleet.publish(data, note=act.note),
            "together": lambda: fleet.publish_all_or_nothing(data, note=act.note, wait_s=self._dice.uniform(2, 8)),
            "quorum": lambda: fleet.publish_with_quorum(
                data, self._dice.choice(["1", "50%", "90%"]), note=act.note, wait_s=self._dice.uniform(2, 8)
            ),
            "canary": lambda: fleet.publish(data, note=act.note, canary=self._dice.choice(["1", "50%", "zone=eu"])),
            "override": lambda: fleet.publish(data, note=act.note, override=True),
            "promote": lambda: fleet.promote(note=act.note),
            "rollback": lambda: fleet.rollback(note=act.note),
            "version": lambda: fleet.rollback(self._dice.choice(fleet.history(10)).version, note=act.note),
        }[kind]
        perform(act, call)
        self._documents.outcomes[f"{kind}: {act.outcome}"] += 1

    def _hold(self, fleet: Fleet) -> None:
        with suppress(FleetError):
            fleet.pause()
        self.stopped.wait(self._dice.uniform(0.2, 2))
        with suppress(FleetError):
            fleet.resume()


def perform(act: Act, call: Callable[[], Published]) -> None:
    """Do it, and write down what was answered."""
    try:
        published = call()
        act.outcome, act.epoch = "done", published.epoch
    except ReplyLostError as error:
        act.said = str(error)
    except (FleetError, UsageError, IndexError) as error:  # nothing was published yet: there is no version to choose
        act.outcome, act.said = "nothing", f"{type(error).__name__}: {error}"
    act.ended = time.monotonic()
