"""A fleet in memory: a store, publishers, instances with a watcher each, and everything that can happen to them.

Each method is one thing that happens. All of it is recorded, as `make torture-fleet` records what real ones do, and
checked by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from fleet.desk import Desk, Line
from fleet.store import Store
from fleet.torture import history
from fleet.torture.checker import check
from fleet.torture.history import Act, Done, Era, Event, History, What
from fleet.torture.publishers import perform
from hotconf.fleet import Published
from hotconf.fleet.etcd.requests import Pair, Txn, under
from hotconf.fleet.instance import machine
from hotconf.fleet.instance.machine import Said, State, label_of
from hotconf.fleet.instance.steps import (
    Answered,
    Cut,
    Discard,
    Due,
    Effect,
    Input,
    Loaded,
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
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import known
from hotconf.fleet.protocol.records import Current, Document, Offer, Pause, yes
from hotconf.fleet.protocol.records import Instance as Record
from hotconf.fleet.publishing import pruning, reading
from hotconf.sources.source import Verdict

LATE_NS: Final = 10**15
"""When a process that is cut off has given up."""
PUBLISHER: Final = 1
"""The lease of offers."""
PERFECT: Final = 10**6
"""The number of the document that nobody refuses."""


_known: Final = lru_cache(64)(known)
_current_of: Final = lru_cache(1024)(Current.decode)


class Copy(NamedTuple):
    """A document, as a process has it."""

    label: str
    number: int


@dataclass
class Watcher:
    """What a watcher does with its source, one thing after the other."""

    document: Copy | None = None
    """What `read` returns."""
    changed: bool = False
    offered: Copy | None = None
    prepared: Copy | None = None
    pending: Copy | None = None
    serving: Copy | None = None
    busy: bool = False


@dataclass
class Process:
    """One process of an instance."""

    name: str
    lease: int
    state: State
    refuses: frozenset[int]
    did: history.Process
    watcher: Watcher = field(default_factory=Watcher)
    alive: bool = True
    linked: bool = True
    leased: bool = False
    left: float = 0
    """When it was cut off."""
    late: View | None = None
    """What it has read, and not looked at yet."""
    misses: bool = False
    """The next document that it asks for does not come."""
    told: Said | None = None


class Wrong(AssertionError):  # noqa: N818 - what the checker finds
    """What must never be."""


class Asked(NamedTuple):
    """An offer, as its publisher knows it."""

    offer: Offer
    created: int
    act: Act


class World:
    """A fleet."""

    def __init__(self, names: int = 3) -> None:
        self.keys = Keys.of("shop")
        self.history = History(self.keys)
        self.store = Store(lambda *event: self.history.eras[-1].events.append(Event(*event)))
        self.line = Line(self.store)
        self.desk = Desk(self.line, self.keys)
        self.other = Desk(Line(self.store), self.keys)
        self.processes: list[Process] = []
        self.asked: Asked | None = None
        self.kept: tuple[int, dict[bytes, Pair]] | None = None
        self.versions: dict[str, int] = {}
        """When each document was written."""
        self.counted: reading.State | None = None
        """The votes, as the publisher has counted them."""
        self.pruning: list[Txn] = []
        """The transactions of a prune that has decided what to delete."""
        self.clock = 0.0
        for _ in range(names):
            self.join(refuses=frozenset())

    def tick(self) -> float:
        """The time; it goes on."""
        self.clock += 1
        return self.clock

    # Publishers

    def read(self) -> reading.State:
        """All there is."""
        return reading.read(Line(self.store), self.keys)  # type: ignore[arg-type] # as much of a gateway as it uses

    def _document(self, number: int | None = None) -> tuple[int, bytes]:
        number = len(self.history.documents) + 1 if number is None else number
        data = f"number = {number}".encode()
        self.history.documents[number] = sha256(data).hexdigest()
        return number, data

    def _act(self, call: Callable[[str], Published], number: int | None = None) -> Act:
        """What a publisher does, and what it is answered."""
        act = Act(f"act-{len(self.history.acts) + 1}", number, self.tick())
        self.history.acts.append(act)
        perform(act, lambda: call(act.note))
        act.ended = self.tick()
        self.check_documents()
        return act

    def _publish(self, desk: Desk, number: int | None = None, **how: object) -> Act:
        number, data = self._document(number)
        return self._act(lambda note: desk.publish(data, note=note, **how), number)  # type: ignore[arg-type]

    def publish(self) -> None:
        """A document."""
        self._publish(self.desk)

    def publish_too(self) -> None:
        """A document, by another publisher."""
        self._publish(self.other)

    def override(self) -> None:
        """A document, whatever is offered."""
        self._publish(self.desk, override=True)

    def canary(self) -> None:
        """A document for some. What its publisher calls stable was not read before a restore: that takes seconds."""
        self.line.old = None
        self._publish(self.desk, canary="zone=eu")

    def promote(self) -> None:
        """The canary's, for all."""
        self._act(lambda note: self.desk.promote(note=note))

    def rollback(self) -> None:
        """To what was before."""
        self._act(lambda note: self.desk.rollback(note=note))

    def go_back(self) -> None:
        """To the oldest document."""
        self._act(lambda note: self.desk.rollback(self.desk.history(1000)[-1].version, note=note))

    def plan(self) -> None:
        """The publisher reads what is there, and takes its time."""
        self.line.old = self.store.copy()

    def lose_answer(self) -> None:
        """Of what it does next, which is done."""
        self.line.lost = [True]

    def lose_request(self) -> None:
        """What it does next is not done; something else happens before it asks."""
        self.line.lost = [False]
        self.line.meanwhile = self.publish_too

    def propose(self) -> None:
        """A document to all, who vote on it."""
        state = self.read()
        if self.asked is not None or not state.votes:
            return
        number, data = self._document()
        act = Act(f"act-{len(self.history.acts) + 1}", number, self.tick(), outcome="nothing")
        self.history.acts.append(act)
        document = Document(state.version, self.history.documents[number])
        made = Offer(document, state.epoch, state.known.base, 30, note=act.note, publish_id=act.note)
        outcome = self.store.commit(acts.offer(self.keys, made, data, PUBLISHER))
        act.ended = self.tick()
        if outcome.succeeded:
            self.asked, self.counted = Asked(made, outcome.revision, act), None
        self.check_documents()

    def commit(self) -> None:
        """What was offered, if all have said yes."""
        if self.asked is None:
            return
        made, created, act = self.asked
        current = Current(made.epoch, made.document, made.publish_id, note=act.note, all_or_nothing=True)
        if self.store.commit(acts.commit(self.keys, made, created, current)).succeeded:
            self.asked = None
            act.outcome, act.epoch = "done", current.epoch
        act.ended = self.tick()
        self.check_documents()

    def count(self) -> None:
        """The publisher counts the votes."""
        self.counted = self.read()

    def commit_counted(self) -> None:
        """What was offered, if half of all had said yes when they were counted."""
        if self.asked is None or self.counted is None:
            return
        made, created, act = self.asked
        version, state, self.counted = made.document.version, self.counted, None
        willing = {who for who, vote in state.votes.items() if (vote.answer, vote.version) == ("yes", version)}
        if 2 * len(willing) < len(state.votes) or not willing:
            return
        current = Current(made.epoch, made.document, made.publish_id, note=act.note, quorum="50%")
        act.ended = self.tick()
        if not self.store.commit(acts.commit_counted(self.keys, made, created, current, state.revision)).succeeded:
            return
        self.asked = None
        act.outcome, act.epoch = "done", current.epoch
        self.check_documents()
        for process in self.processes:
            vote, who = self._vote(process), (process.name, "1")
            if vote is not None and (who not in state.votes or (who in willing and vote.value != yes(version))):
                raise Wrong(f"all_or_nothing: {process.name} joined, or changed its mind, after the count")
            prepared = process.watcher.prepared
            holds = prepared is not None and prepared.label == label_of(version, made.epoch)
            if who in willing and vote is not None and process.alive and process.linked and not holds:
                raise Wrong(f"all_or_nothing: {process.name} holds nothing prepared at the commit of a quorum")

    def abort(self) -> None:
        """What was offered; also what its lease does."""
        if self.asked is not None:
            self.store.commit(acts.abort(self.keys, self.asked.created))
            self.asked.act.ended = self.tick()
            self.asked = None

    def pause(self) -> None:
        """All hold."""
        self.store.commit(acts.pause(self.keys, Pause()))

    def resume(self) -> None:
        """All go on."""
        self.store.commit(acts.resume(self.keys))

    def look_for_old(self) -> None:
        """A prune decides what to delete, and does so later."""
        pairs = [pair for _, pair in sorted(self.store.pairs.items())]
        log = [pair for pair in pairs if pair.key.startswith(self.keys.log)]
        documents = [pair for pair in pairs if pair.key.startswith(self.keys.documents)]
        old = pruning.superfluous(self.read(), log[-2:], log, documents)
        self.pruning = list(old.transactions(self.keys, 2))

    def prune(self) -> None:
        """A part of what is old."""
        if self.pruning and not self.store.commit(self.pruning.pop(0)).succeeded:
            self.pruning = []
        self.check_documents()

    def check_documents(self) -> None:
        """Whatever can be served or gone back to is there, and no number was used twice."""
        known, log = self.read().known, self.store.get(under(self.keys.log)).pairs
        entries = [_current_of(pair.key, pair.value) for pair in log]
        entries += [] if known.current is None else [known.current]
        needed = {document.version for each in entries for document in (each.document, each.stable)}
        needed |= set() if known.offer is None else {known.offer.document.version}
        found = self.store.get(under(self.keys.documents)).pairs
        created = {pair.key.removeprefix(self.keys.documents).decode(): pair.create for pair in found}
        if missing := needed - set(created):
            raise Wrong(f"documents: {missing} of {needed} is not there")
        for version, create in created.items():
            if self.versions.setdefault(version, create) != create:
                raise Wrong(f"documents: version {version} was used twice")

    # The store

    def keep(self) -> None:
        """A snapshot."""
        self.kept = self.store.revision, dict(self.store.pairs)

    def restore(self) -> None:
        """Back to it: all leases that it knows go on, all others are gone."""
        if self.kept is not None:
            self.history.restored.append(self.tick())
            self.store.revision, self.store.pairs = self.kept[0], dict(self.kept[1])
            self.history.eras.append(Era(self.store.revision))
            self.store.expire(PUBLISHER)  # it is dead to it
            self.asked, self.counted = None, None
            self.versions = {version: at for version, at in self.versions.items() if at <= self.kept[0]}
            for process in self.processes:
                process.told = None  # its connections are gone
                if process.alive and process.leased and self._vote(process) is None:
                    process.leased = False

    # The processes

    def join(self, refuses: frozenset[int]) -> None:
        """Another one."""
        number = len(self.processes)
        name, labels = f"web-{number}", {"zone": "us" if number % 2 else "eu"}
        did = history.Process(name, 100 + number, labels)
        self.history.processes.append(did)
        self.processes.append(Process(name, did.pid, State(name, labels), refuses, did))

    def round(self) -> None:
        """All that are there do what they have to do."""
        for process in self.processes:
            self.take_part(process)
            self.see(process)
            self.work(process)

    def _vote(self, process: Process) -> Pair | None:
        return self.store.pairs.get(self.keys.vote(process.name, "1"))

    def look(self, process: Process) -> None:
        """It reads what is there, and will see it later."""
        if process.alive and process.linked:
            pairs = self.store.pairs
            pause = None if self.keys.pause not in pairs else Pause()
            process.late = View(*_known(pairs.get(self.keys.current), pairs.get(self.keys.offer)), pause)

    def see(self, process: Process) -> None:
        """It sees what it has read, or what is there; what it has to say is said."""
        if process.alive and process.linked:
            if process.late is None:
                self.look(process)
            view, process.late = process.late, None
            assert view is not None
            self._step(process, Read(view))

    def miss(self, process: Process) -> None:
        """The next document that it asks for does not come."""
        process.misses = True

    def take_part(self, process: Process) -> None:
        """It registers, if it is not registered, or learns that its lease has expired."""
        if not (process.alive and process.linked):
            return
        if process.state.registered and not process.leased:
            self._step(process, Unregistered())
        said = process.state.said
        record = Record(*said, pid=process.did.pid, labels=dict(process.state.labels))
        mine = (self.keys, process.name, "1", record, process.lease)
        if not process.state.registered:
            process.leased = True
            if not self.store.commit(acts.register(*mine)).succeeded:
                self.store.commit(acts.register(*mine, again=True))
        elif process.told != said:
            self.store.commit(acts.record(*mine))
        process.told = said
        if not process.state.registered:
            self._step(process, Registered())

    def cut(self, process: Process) -> None:
        """It is cut off."""
        if process.alive and process.linked:
            process.linked, process.left, process.late = False, self.tick(), None
            self._step(process, Cut(0))

    def heal(self, process: Process) -> None:
        """It is connected again."""
        if process.alive:
            if not process.linked:
                process.did.away.append((process.left, self.tick()))
                process.told = None
            process.linked, process.misses = True, False
            self.see(process)

    def expire(self, process: Process) -> None:
        """The lease of one that is dead or cut off runs out."""
        if process.leased and not (process.alive and process.linked):
            process.leased = False
            self.store.expire(process.lease)

    def give_up(self, process: Process) -> None:
        """It has been cut off for longer than an offer and its lease can last."""
        if process.alive and not process.linked and not process.leased and self.asked is None:
            self._step(process, Due(LATE_NS))

    def die(self, process: Process) -> None:
        """At once."""
        process.alive, process.did.ended = False, "killed"

    def work(self, process: Process) -> None:
        """Its watcher does the next thing."""
        watcher = process.watcher
        if not process.alive:
            return
        if (copy := watcher.offered) is not None:
            watcher.offered = None
            if copy.number in process.refuses:
                self._step(process, Answered(self._verdict(process, "refused", copy)))
            else:
                watcher.prepared = copy
                self._tidy(process)
                self._step(process, Answered(self._verdict(process, "ready", copy)))
        elif watcher.changed and watcher.prepared is None:
            watcher.changed = False
            self._load(process, watcher.document)

    def hold(self, process: Process) -> None:
        """It becomes busy."""
        process.watcher.busy = True

    def release(self, process: Process) -> None:
        """It is busy no longer."""
        watcher = process.watcher
        watcher.busy = False
        if process.alive and watcher.pending is not None:
            self._load(process, watcher.pending)

    def force(self, process: Process) -> None:
        """Its user reloads at any cost: what was prepared is given up."""
        watcher = process.watcher
        if process.alive and (copy := watcher.prepared) is not None:
            watcher.prepared = None
            self._step(process, Answered(self._verdict(process, "withdrawn", copy)))
            self._tidy(process)

    def _verdict(self, process: Process, status: str, copy: Copy) -> Verdict:
        serving = process.watcher.serving
        reason = "" if status in ("ready", "applied") else "bad"
        return Verdict(status, copy.label, "" if serving is None else serving.label, reason=reason)  # type: ignore[arg-type]

    def _load(self, process: Process, copy: Copy | None) -> None:
        watcher = process.watcher
        watcher.pending = None
        if copy is None:
            return
        status = "applied"
        if copy.number in process.refuses:
            status = "refused"
        elif watcher.busy:
            watcher.pending, status = copy, "deferred"
        else:
            watcher.serving = copy
        self._tidy(process, serves=status == "applied")
        self._step(process, Loaded(self._verdict(process, status, copy)))

    def _tidy(self, process: Process, *, serves: bool = False) -> None:
        """Make and close resources in the order of a real process."""
        watcher = process.watcher
        needed = [copy.number for copy in (watcher.serving, watcher.prepared) if copy is not None]
        pending = set() if watcher.pending is None else {watcher.pending.number}
        for number in sorted(set(needed) - process.did.open):
            self._did(process, "made", number)
        if serves and watcher.serving is not None:
            self._did(process, "serves", watcher.serving.number, watcher.serving.label)
        for number in sorted(process.did.open - {*needed, *pending}):
            self._did(process, "closed", number)

    def _did(self, process: Process, what: What, number: int, label: str = "") -> None:
        process.did.done.append(Done(self.tick(), what, number, label))

    def _step(self, process: Process, given: Input) -> None:
        process.state, effects = machine.step(process.state, given)
        for effect in effects:
            self._do(process, effect)

    def _do(self, process: Process, effect: Effect) -> None:
        watcher = process.watcher
        match effect:
            case Serve(label, document):
                if (copy := self._fetch(process, label, document)) is not None:
                    watcher.document, watcher.changed = copy, True
            case Prepare(label, document):
                watcher.offered = self._fetch(process, label, document)
            case Switch(label):
                if (copy := watcher.prepared) is not None and copy.label == label:
                    watcher.document, watcher.prepared = copy, None
                    self._load(process, copy)
                else:
                    watcher.changed = True
            case Discard(label):
                if watcher.offered is not None and watcher.offered.label == label:
                    watcher.offered = None
                if watcher.prepared is not None and watcher.prepared.label == label:
                    watcher.prepared = None
                self._tidy(process)
            case Vote() | TakeBack():
                self._vote_on(process, effect)

    def _vote_on(self, process: Process, effect: Vote | TakeBack) -> None:
        who = (self.keys, process.name, "1", effect.offer, effect.offered, process.lease)
        if not (process.linked and process.leased):
            return
        if isinstance(effect, Vote):
            self.store.commit(acts.vote(*who, effect.refusal))
            return
        done = self.store.commit(acts.withdraw(*who, effect.reason)).succeeded
        if not done:  # it is decided, and it has lost what it had prepared
            process.did.away.append((self.clock, self.clock + 1))
        self._step(process, Withdrew(effect.label, done))

    def _fetch(self, process: Process, label: str, document: Document) -> Copy | None:
        found = self.store.pairs.get(self.keys.document(document.version))
        if process.misses or not process.linked:
            process.misses = False
            self._step(process, Unfetched(label, None))
        elif found is None or not document.matches(found.value):
            self._step(process, Unfetched(label, "it is another one"))
        else:
            return Copy(label, int(found.value.partition(b"= ")[2]))
        return None

    # In the end

    def settle(self, *, last: bool) -> None:
        """Everything is healed, and goes on until nothing changes; `last`: with a publish in the end, which nobody
        refuses. Raises `Wrong` for what must not be.
        """
        self.abort()
        self.resume()
        self.line.heal()
        for process in self.processes:
            process.watcher.busy = False
            if process.alive:
                self.expire(process)
                self.heal(process)
        self._go_on()
        if last:
            self._publish(self.desk, PERFECT)
            self._go_on()
        for number in self.history.documents:
            names = (process.name for process in self.processes if number in process.refuses)
            self.history.refusing[number] = frozenset(names)
        if found := check(self.history):
            raise Wrong("\n".join(found))
        if last and (
            late := [each.name for each in self.processes if each.alive and each.state.said.status != "ack"]
        ):
            raise Wrong(f"all_agree_in_the_end: {late} do not serve what was published last")

    def _go_on(self) -> None:
        for _ in range(6):
            self.round()
            for process in self.processes:
                self.release(process)
