"""The two threads of an instance: one watches, the other decides, fetches, votes and writes.

Rule 1: one thread steps the instance, so its inputs are ordered. It waits for etcd a few seconds at most.
Rule 2: what gets no answer is retried by rereading: the instance requests again what it lacks, and writes only after
that. What etcd refuses is retried after a while, without rereading.
Rule 3: a document counts only if its bytes have the digest that was published.
"""

from __future__ import annotations

import _queue  # gevent and eventlet replace the one of `queue`
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from hotconf.fleet.errors import FleetError, LeaseLostError, UnreachableError
from hotconf.fleet.etcd.access import Access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Get
from hotconf.fleet.instance.lease import Membership, Observer
from hotconf.fleet.instance.machine import State, step
from hotconf.fleet.instance.steps import (
    Answered,
    Cut,
    Discard,
    Due,
    Effect,
    Input,
    Prepare,
    Read,
    Registered,
    Serve,
    Switch,
    TakeBack,
    Unfetched,
    Unregistered,
    View,
    Vote,
    Withdrew,
)
from hotconf.fleet.instance.watching import ControlWatch, Outage
from hotconf.fleet.protocol import transactions
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Document
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.sources.source import Fetched, Link, Verdict
from hotconf.system import threads

TIMEOUT_S: Final = 4.0
"""The longest timeout of one request."""
TROUBLE_S: Final = 5.0
"""Longer failures are reported as trouble."""
CLOSE_S: Final = 1.0
_FIRST_S: Final = 4.0
"""How long the first read waits for an answer from etcd."""
_LONGEST_FIRST_S: Final = 20.0
"""How long it waits for the document while etcd answers."""
_FAILURES: Final = 3
"""After this many failures, the first read waits no longer."""
_WORRIED_S: Final = 1.0
"""The interval of checks during a failure."""


class Place(NamedTuple):
    """A fleet, and the instance to be in it."""

    name: str
    access: Access
    keys: Keys
    instance: str
    labels: Mapping[str, str]
    observes: bool = False
    """Read the instance's document without joining the fleet."""


def nothing_in(fleet: str) -> Problem:
    """The problem of a fleet without a document."""
    return Problem(f"nothing is published in {fleet}", kind="missing", hint=f"hotconf fleet publish {fleet} FILE")


class Follower:
    """One process of an instance, from `start` to `close`. A forked child needs one of its own."""

    def __init__(self, place: Place, link: Link, forked: Follower | None = None) -> None:
        """`forked`: that of the parent, if this is a forked child: it serves what its parent did."""
        self._name = place.name
        self._keys = place.keys
        self._link = link
        self._pid = os.getpid()
        self._gateway = Gateway(place.access, timeout_s=TIMEOUT_S, insists=False)
        self._inputs: _queue.SimpleQueue[Input | None] = _queue.SimpleQueue()
        self._watch = ControlWatch(self._gateway, place.keys, self._read, self._cut)
        kind = Observer if place.observes else Membership
        self._member = kind(self._gateway, place.keys, place.instance, place.labels)
        self._state: State = State(place.instance, place.labels)
        self._writing = Outage()
        self._fetching = Outage()
        self._unreadable = Outage()
        self._outages = (self._watch.outage, self._fetching, self._unreadable, self._writing)
        self._told: str | None = None
        self._reads = False
        """Whether `read` waits for the document: then it needs no telling."""
        self._fetched: Fetched | Problem | None = None
        if forked is not None:
            self._state = replace(self._state, serving=forked._state.serving)
            self._fetched = forked._fetched
        self._prepared: dict[str, Fetched] = {}
        self._first = threads.Event()
        self._closed = False
        self._restores = 0
        self._threads = (self._thread(self._watch.run, "watch"), self._thread(self._run, "fleet"))

    def _thread(self, target: Callable[[], object], name: str) -> threads.Thread:
        return threads.Thread(target, f"hotconf {name} {self._name}")

    # For the source, on any thread

    @property
    def is_ours(self) -> bool:
        """Whether it was made by this process, not by one that forked it."""
        return self._pid == os.getpid()

    @property
    def is_closed(self) -> bool:
        """Whether it has left the fleet."""
        return self._closed

    def start(self) -> None:
        """Start the threads. A thread that the system refuses is trouble, and retried whenever `trouble` is read."""
        for thread in self._threads:
            if not thread.alive and not self._closed:
                try:
                    thread.start()
                except RuntimeError as error:
                    self._writing.begin(f"no thread can be started: {error}")

    def read(self) -> Fetched | Problem:
        """The latest document. The first call waits for it while etcd answers, 20 s at most."""
        if self._fetched is None and not self._first.is_set():
            self._reads = True
            self._wait()
            self._first.set()
        if (found := self._fetched) is not None:
            return found
        why = self._trouble(0) or "no answer in time"
        return Problem(f"etcd cannot be read: {why}", kind="unreadable")

    def _wait(self) -> None:
        until = time.monotonic() + _LONGEST_FIRST_S
        answers = -1
        while answers != (answers := self._gateway.answers):
            if self._first.wait(min(_FIRST_S, max(0.0, until - time.monotonic()))):
                return

    @property
    def trouble(self) -> str | None:
        """What has been failing for some seconds."""
        if self.is_ours and not all(thread.alive for thread in self._threads):
            self.start()
        return self._trouble(TROUBLE_S)

    def _trouble(self, seconds: float) -> str | None:
        return next((why for each in self._outages if (why := each.after(seconds))), None)

    @property
    def _failing(self) -> bool:
        return any(each.open for each in self._outages)

    def post(self, given: Input) -> None:
        """Pass an input to the instance. Returns at once."""
        self._inputs.put(given)

    def close(self) -> None:
        """Leave the fleet, and stop. Idempotent."""
        if self._closed or not self.is_ours:
            return
        self._closed = True
        self._watch.close()
        self._inputs.put(None)
        until = time.monotonic() + CLOSE_S
        for thread in reversed(self._threads):
            if not thread.here:
                thread.join(max(0.0, until - time.monotonic()))

    # The thread that watches

    def _read(self, view: View) -> None:
        self.post(Read(view))

    def _cut(self) -> None:
        if self._watch.failures >= _FAILURES:
            self._first.set()
        self.post(Cut(time.monotonic_ns()))

    # The thread that decides

    def _run(self) -> None:
        while not self._closed:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - our own fault must not end the thread
                log.fault("fleet", "%s: internal error; the fleet is still followed", self._name)
                self._writing.begin("internal error")
                self._member.hold()
                self._watch.again()
        self._member.leave()
        self._threads[0].join(CLOSE_S)
        self._gateway.close()

    def _turn(self) -> None:
        """Wait for the next input or deadline, and handle it."""
        with suppress(_queue.Empty):
            given = self._inputs.get(timeout=max(0.0, self._wake_s() - time.monotonic()))
            while given is not None:
                self._step(given)
                given = self._inputs.get_nowait()
        if self._closed:
            return
        now_ns = time.monotonic_ns()
        if self._state.due_ns is not None and now_ns >= self._state.due_ns:
            self._step(Due(now_ns))
        self._take_part()
        self._tell()

    def _wake_s(self) -> float:
        """The next deadline."""
        wake_s = self._member.due_s
        if self._state.due_ns is not None:
            wake_s = min(wake_s, self._state.due_ns / 1e9)
        worried = self._failing or self._told is not None
        return min(wake_s, time.monotonic() + _WORRIED_S) if worried else wake_s

    def _step(self, given: Input) -> None:
        was_cut = self._state.cut_ns is not None
        self._state, effects = step(self._state, given)
        if isinstance(given, Read):
            self._member.release()
            if was_cut:
                self._member.say_again()  # the store may have been restored meanwhile
            self._look(given.view)
        for effect in effects:
            self._do(effect)

    def _look(self, view: View) -> None:
        """Say if nothing is published, or if a key is not understood."""
        if view.unreadable:
            self._unreadable.begin("; ".join(map(str, view.unreadable)))
        else:
            self._unreadable.end()
        if view.current is None and not isinstance(self._fetched, Fetched):
            why = Problem(str(view.unreadable[0]), kind="unreadable") if view.base else nothing_in(self._name)
            self._receive(why)

    def _take_part(self) -> None:
        """Renew the lease, and update the record."""
        was, began_s = self._member.registered, time.monotonic()
        try:
            answered = self._member.beat(self._state.said)
            if self._member.registered and not was:
                self._step(Registered())
            answered |= self._member.write(self._state.said)
        except LeaseLostError:
            self._step(Unregistered())
        except UnreachableError as error:
            self._broken(self._writing, error, began_s)
        except FleetError as error:
            self._member.hold()
            registered = self._member.registered
            what = "its record cannot be written" if registered else "it is not registered: no status, no vote"
            self._writing.begin(f"{what}: {error}", began_s)
        else:
            if answered and self._member.says(self._state.said):
                self._writing.end()
        if self._watch.left or self._gateway.restores != self._restores:
            self._restores = self._gateway.restores
            self._watch.again()

    def _tell(self) -> None:
        trouble = self._trouble(TROUBLE_S)
        if trouble is not None and self._told is None:
            what = "changes may not be noticed: " if self._watch.outage.open else ""
            log.warning("fleet", "%s: %s%s", self._name, what, trouble)
            self._told = trouble
        elif trouble is None and self._told is not None and not self._failing:
            log.info("fleet", "%s: connected again", self._name)
            self._told = None

    def _broken(self, what: Outage, error: UnreachableError, since_s: float | None = None) -> None:
        what.begin(str(error), since_s)
        self._member.hold()
        self._watch.again()

    # Effects

    def _do(self, effect: Effect) -> None:
        match effect:
            case Serve(label, document):
                self._serve(label, document)
            case Prepare(label, document):
                self._prepare(label, document)
            case Switch(label):
                if (fetched := self._prepared.pop(label, None)) is not None:
                    self._fetched = fetched
                self._link.commit(label)
            case Discard(label):
                self._prepared.pop(label, None)
                self._link.withdraw(label)
            case Vote() | TakeBack():
                self._vote(effect)

    def _serve(self, label: str, document: Document) -> None:
        fetched = self._fetch(label, document)
        if fetched is not None:
            self._receive(fetched)

    def _receive(self, found: Fetched | Problem) -> None:
        """Let `read` return it from now on."""
        awaited = self._reads and not self._first.is_set()
        self._fetched = found
        self._first.set()
        if not awaited:
            self._link.changed()

    def _prepare(self, label: str, document: Document) -> None:
        fetched = self._fetch(label, document)
        if fetched is not None:
            self._prepared[label] = fetched
            self._link.offer(fetched, self._answer)

    def _answer(self, verdict: Verdict) -> None:
        self.post(Answered(verdict))

    def _fetch(self, label: str, document: Document) -> Fetched | None:
        """The document. If it cannot be fetched, None, and an input for the instance."""
        reason, key, again = None, self._keys.document(document.version), True
        try:
            # The watched server has it, too; after a fail-over, the quorum is asked.
            found = self._gateway.get(Get(key, here=True)).one
            if found is None or not document.matches(found.value):
                found = self._gateway.get(Get(key)).one
        except UnreachableError as error:
            self._broken(self._fetching, error)
        except FleetError as error:
            reason = f"the document of version {document.version} cannot be read: {error}"
            self._fetching.begin(reason)
        else:
            self._fetching.end()
            if found is not None and document.matches(found.value):
                return Fetched(found.value, label, document.format)
            what = "is not in etcd" if found is None else "does not have the digest that was published"
            reason, again = f"the document of version {document.version} {what}", False
        if reason is not None and self._fetched is None:
            self._receive(Problem(reason, kind="unreadable"))
        self._step(Unfetched(label, reason, again))
        return None

    def _vote(self, effect: Vote | TakeBack) -> None:
        who = (self._keys, self._member.instance, self._member.boot)
        offer, offered, lease = effect.offer, effect.offered, self._member.lease
        try:
            if isinstance(effect, TakeBack):
                txn = transactions.withdraw(*who, offer, offered, lease, effect.reason)
                self._step(Withdrew(effect.label, self._gateway.commit(txn).succeeded))
                return
            outcome = self._gateway.commit(transactions.vote(*who, offer, offered, lease, effect.refusal))
            if not outcome.succeeded and outcome.found[2].one is None:
                self._member.lose()
                self._step(Unregistered())
        except LeaseLostError:
            self._member.lose()
            self._step(Unregistered())
        except UnreachableError as error:
            self._broken(self._writing, error)
        except FleetError as error:
            self._writing.begin(f"its vote is refused: {error}")
