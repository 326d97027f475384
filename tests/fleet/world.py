"""A fleet in memory: a store, a publisher, instances with a watcher each, and everything that can happen to them.

Each method is one thing that happens. What must never be is checked where it would be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fleet.store import Store
from hotconf.fleet.etcd.requests import Pair, Seen, Txn, under
from hotconf.fleet.instance import machine
from hotconf.fleet.instance.machine import State, label_of, parts_of
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
    Unregistered,
    View,
    Vote,
    Withdrew,
)
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import known
from hotconf.fleet.protocol.records import Canary, Current, Document, Offer, Pause, rank, yes
from hotconf.fleet.protocol.records import Instance as Record
from hotconf.fleet.publishing import pruning, reading
from hotconf.sources.source import Verdict

LATE_NS = 10**15
"""When whoever is cut off has given up."""


@dataclass
class Watcher:
    """What a watcher does with its source, one thing after the other."""

    document: str = ""
    """What `read` returns."""
    changed: bool = False
    offered: str = ""
    prepared: str = ""
    pending: str = ""
    serving: str = ""
    busy: bool = False


@dataclass
class Process:
    """One process of an instance."""

    name: str
    lease: int
    state: State
    refuses: frozenset[str]
    watcher: Watcher = field(default_factory=Watcher)
    alive: bool = True
    linked: bool = True
    leased: bool = False
    epochs: list[int] = field(default_factory=list)
    """Of what it served, in order."""


class Wrong(AssertionError):  # noqa: N818 - what the checker finds
    """What must never be."""


class World:
    """A fleet."""

    def __init__(self, names: int = 3) -> None:
        self.store = Store()
        self.keys = Keys.of("shop")
        self.processes: list[Process] = []
        self.offer: tuple[Offer, int] | None = None
        """That of the publisher, until it knows that it is decided."""
        self.aborted: set[str] = set()
        self.published: set[str] = set()
        """The labels of all that ever was current."""
        self.kept: tuple[int, dict[bytes, Pair]] | None = None
        self.planned: reading.State | None = None
        """What another publisher has read."""
        self.versions: dict[str, int] = {}
        """When each document was written."""
        self.counted: reading.State | None = None
        """The votes, as the publisher has counted them."""
        self.pruning: list[Txn] = []
        """What somebody who has looked for what is old does next."""
        self.acts = 0
        for _ in range(names):
            self.join(refuses=frozenset())

    # The publisher

    def read(self) -> reading.State:
        """All there is."""
        state = reading.State(self.keys, self.store.revision)
        found = self.store.commit(Txn((), (under(self.keys.root),))).found[0]
        state.apply(Seen(found.revision, found.pairs))
        return state

    def _current(self, state: reading.State, version: str | None = None) -> Current:
        self.acts += 1
        document = Document(version or state.version, "0" * 64)
        return Current(state.epoch, document, f"act-{self.acts}")

    def plan(self) -> None:
        """Another publisher reads what is there, and takes its time."""
        self.planned = self.read()

    def publish(self, *, override: bool = False, canary: bool = False) -> None:
        """A document, over what its publisher has read."""
        state, self.planned = self.planned or self.read(), None
        current = self._current(state)
        if canary and state.known.current is not None:
            salt, stable = current.publish_id, state.known.current.stable
            current = replace(current, canary=Canary("1", stable, salt=salt, until=rank(salt, "web-0")))
        if self.store.commit(acts.publish(self.keys, current, state.known.base, b"x", override=override)).succeeded:
            self._enter(current)

    def rollback(self) -> None:
        """To the oldest document that there was when its publisher looked."""
        state, self.planned = self.planned or self.read(), None
        if state.documents and state.known.current is not None:
            current = self._current(state, min(state.documents, key=int))
            if self.store.commit(acts.publish(self.keys, current, state.known.base)).succeeded:
                self._enter(current)

    def look_for_old(self) -> None:
        """Somebody looks for what is old, and takes their time."""
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
        state = self.read()
        known, log = state.known, under(self.keys.log)
        entries = [Current.decode(pair.key, pair.value) for pair in self.store.get(log).pairs]
        entries += [] if known.current is None else [known.current]
        needed = {document.version for each in entries for document in (each.document, each.stable)}
        needed |= set() if known.offer is None else {known.offer.document.version}
        if missing := needed - state.documents:
            raise Wrong(f"{missing} of {needed} is not there")
        for version in state.documents:
            create = self.store.pairs[self.keys.document(version)].create
            if self.versions.setdefault(version, create) != create:
                raise Wrong(f"version {version} was used twice")

    def _enter(self, current: Current) -> None:
        self.check_documents()
        for document in (current.document, current.stable):
            self.published.add(label_of(document.version, current.epoch))
        entries = [pair for key, pair in self.store.pairs.items() if key.startswith(self.keys.log)]
        epochs = [int(pair.key.rpartition(b"/")[2]) for pair in sorted(entries, key=lambda pair: pair.create)]
        if epochs != sorted(set(epochs)) or any(pair.create != pair.mod for pair in entries):
            raise Wrong(f"epochs do not rise, or were written twice: {epochs}")

    def propose(self) -> None:
        """A document to all, who vote on it."""
        state = self.read()
        if self.offer is None and state.votes:
            current = self._current(state)
            made = Offer(current.document, current.epoch, state.known.base, 30, publish_id=current.publish_id)
            outcome = self.store.commit(acts.offer(self.keys, made, b"x", 1))
            if outcome.succeeded:
                self.offer = made, outcome.revision
                self.check_documents()

    def commit(self) -> None:
        """What was offered, if all have said yes."""
        if self.offer is None:
            return
        made, created = self.offer
        current = Current(made.epoch, made.document, made.publish_id, all_or_nothing=True)
        if self.store.commit(acts.commit(self.keys, made, created, current)).succeeded:
            self.offer = None
            self._enter(current)
            label = label_of(made.document.version, made.epoch)
            for process in self.processes:
                counts = self._vote(process) is not None and process.alive and process.linked
                if counts and process.watcher.prepared != label:
                    raise Wrong(f"{process.name} holds nothing prepared at the commit")

    def count(self) -> None:
        """The publisher counts the votes."""
        self.counted = self.read()

    def commit_counted(self) -> None:
        """What was offered, if half of all had said yes when they were counted."""
        if self.offer is None or self.counted is None:
            return
        made, created = self.offer
        version, state, self.counted = made.document.version, self.counted, None
        willing = {who for who, vote in state.votes.items() if (vote.answer, vote.version) == ("yes", version)}
        if 2 * len(willing) < len(state.votes) or not willing:
            return
        current = Current(made.epoch, made.document, made.publish_id, quorum="50%")
        if not self.store.commit(acts.commit_counted(self.keys, made, created, current, state.revision)).succeeded:
            return
        self.offer = None
        self._enter(current)
        for process in self.processes:
            vote, who = self._vote(process), (process.name, "1")
            if vote is not None and (who not in state.votes or (who in willing and vote.value != yes(version))):
                raise Wrong(f"{process.name} joined, or changed its mind, after the count")
            holds = process.watcher.prepared == label_of(version, made.epoch)
            if who in willing and vote is not None and process.alive and process.linked and not holds:
                raise Wrong(f"{process.name} holds nothing prepared at the commit of a quorum")

    def abort(self) -> None:
        """What was offered; also what its lease does."""
        if self.offer is not None:
            made, created = self.offer
            self.offer = None
            if self.store.commit(acts.abort(self.keys, created)).succeeded:
                self.aborted.add(label_of(made.document.version, made.epoch))

    def pause(self) -> None:
        """All hold."""
        self.store.commit(acts.pause(self.keys, Pause()))

    def resume(self) -> None:
        """All go on."""
        self.store.commit(acts.resume(self.keys))

    # The store

    def keep(self) -> None:
        """A snapshot."""
        self.kept = self.store.revision, dict(self.store.pairs)

    def restore(self) -> None:
        """Back to it: all leases that it knows go on, all others are gone."""
        if self.kept is not None:
            self.store.revision, self.store.pairs = self.kept[0], dict(self.kept[1])
            self.store.pairs.pop(self.keys.offer, None)  # its publisher is dead to it
            self.offer = None
            self.versions = {version: at for version, at in self.versions.items() if at <= self.kept[0]}
            for process in self.processes:
                if process.alive and process.leased and self._vote(process) is None:
                    process.leased = False

    # The processes

    def join(self, refuses: frozenset[str]) -> None:
        """Another one."""
        number = len(self.processes)
        state = State(f"web-{number}", {})
        self.processes.append(Process(f"web-{number}", 100 + number, state, refuses))

    def round(self) -> None:
        """All that are there do what they have to do."""
        for process in self.processes:
            self.take_part(process)
            self.see(process)
            self.work(process)

    def _vote(self, process: Process) -> Pair | None:
        return self.store.pairs.get(self.keys.vote(process.name, "1"))

    def see(self, process: Process) -> None:
        """It reads what is there; what it has to say is said."""
        if not (process.alive and process.linked):
            return
        pairs = self.store.pairs
        pause = pairs.get(self.keys.pause)
        found = known(pairs.get(self.keys.current), pairs.get(self.keys.offer))
        self._step(process, Read(View(*found, None if pause is None else Pause())))

    def take_part(self, process: Process) -> None:
        """It registers, if it does not take part; or learns that it does not any more."""
        if not (process.alive and process.linked):
            return
        if process.state.registered and not process.leased:
            self._step(process, Unregistered())
        if not process.state.registered:
            record = Record(*process.state.said)
            self.store.commit(acts.register(self.keys, process.name, "1", record, process.lease))
            process.leased = True
            self._step(process, Registered())
        self.store.commit(acts.record(self.keys, process.name, "1", Record(*process.state.said), process.lease))

    def cut(self, process: Process) -> None:
        """It is cut off."""
        if process.alive and process.linked:
            process.linked = False
            self._step(process, Cut(0))

    def heal(self, process: Process) -> None:
        """It is connected again."""
        if process.alive:
            process.linked = True
            self.see(process)

    def expire(self, process: Process) -> None:
        """The lease of one that is dead or cut off runs out."""
        if process.leased and not (process.alive and process.linked):
            process.leased = False
            self.store.expire(process.lease)

    def give_up(self, process: Process) -> None:
        """It has been cut off for longer than an offer and its lease can last."""
        if process.alive and not process.linked and not process.leased and self.offer is None:
            self._step(process, Due(LATE_NS))

    def die(self, process: Process) -> None:
        """At once."""
        process.alive = False

    def work(self, process: Process) -> None:
        """Its watcher does the next thing."""
        watcher = process.watcher
        if not process.alive:
            return
        if watcher.offered:
            label, watcher.offered = watcher.offered, ""
            if parts_of(label)[0] in process.refuses:
                self._step(process, Answered(Verdict("refused", label, watcher.serving, reason="bad")))
            else:
                watcher.prepared = label
                self._step(process, Answered(Verdict("ready", label, watcher.serving)))
        elif watcher.changed and not watcher.prepared:
            watcher.changed = False
            self._load(process, watcher.document)

    def hold(self, process: Process) -> None:
        """It becomes busy."""
        process.watcher.busy = True

    def release(self, process: Process) -> None:
        """It is busy no longer."""
        watcher = process.watcher
        watcher.busy = False
        if process.alive and watcher.pending:
            label, watcher.pending = watcher.pending, ""
            self._load(process, label)

    def force(self, process: Process) -> None:
        """Its user reloads at any cost: what was prepared is given up."""
        watcher = process.watcher
        if process.alive and watcher.prepared:
            label, watcher.prepared = watcher.prepared, ""
            self._step(process, Answered(Verdict("withdrawn", label, watcher.serving, reason="forced")))

    def _load(self, process: Process, label: str) -> None:
        watcher = process.watcher
        watcher.pending = ""
        if parts_of(label)[0] in process.refuses:
            self._step(process, Loaded(Verdict("refused", label, watcher.serving, reason="bad")))
        elif watcher.busy:
            watcher.pending = label
            self._step(process, Loaded(Verdict("deferred", label, watcher.serving, reason="busy")))
        else:
            self._serve(process, label)
            self._step(process, Loaded(Verdict("applied", label, label)))

    def _serve(self, process: Process, label: str) -> None:
        process.watcher.serving = label
        epoch = parts_of(label)[1]
        if process.epochs and epoch < process.epochs[-1]:
            raise Wrong(f"{process.name} went back from {process.epochs[-1]} to {epoch}")
        process.epochs.append(epoch)
        if label not in self.published:
            raise Wrong(f"{process.name} serves {label}, which never was current")

    def _step(self, process: Process, given: Input) -> None:
        process.state, effects = machine.step(process.state, given)
        for effect in effects:
            self._do(process, effect)

    def _do(self, process: Process, effect: Effect) -> None:
        watcher = process.watcher
        match effect:
            case Serve(label, _):
                watcher.document, watcher.changed = label, True
            case Prepare(label, _):
                watcher.offered = label
            case Switch(label):
                watcher.document = label
                if watcher.prepared == label:
                    watcher.prepared = ""
                    self._load(process, label)
                else:
                    watcher.changed = True
            case Discard(label):
                watcher.offered = "" if watcher.offered == label else watcher.offered
                watcher.prepared = "" if watcher.prepared == label else watcher.prepared
            case Vote(made, offered, refusal):
                if process.linked and process.leased:
                    self.store.commit(acts.vote(self.keys, process.name, "1", made, offered, process.lease, refusal))
            case TakeBack(label, made, offered, reason):
                if process.linked and process.leased:
                    txn = acts.withdraw(self.keys, process.name, "1", made, offered, process.lease, reason)
                    self._step(process, Withdrew(label, self.store.commit(txn).succeeded))

    # In the end

    def settle(self) -> None:
        """Everything is healed, and goes on until nothing changes: what must be then."""
        self.abort()
        self.resume()
        for process in self.processes:
            process.watcher.busy = False
            if process.alive:
                self.expire(process)
                self.heal(process)
        for _ in range(6):
            for process in self.processes:
                self.take_part(process)
                self.see(process)
                self.work(process)
                self.release(process)
        current = self.read().known.current
        for process in self.processes:
            if process.alive:
                self._check_settled(process, current)

    def _check_settled(self, process: Process, current: Current | None) -> None:
        if process.watcher.prepared or process.state.prepared:
            raise Wrong(f"{process.name} keeps {process.watcher.prepared} prepared")
        said = process.state.said
        if current is None:
            return
        document = current.document_for(process.name, {})
        served = process.watcher.serving == label_of(document.version, current.epoch)
        if not (served and said.status == "ack") and said.status not in ("nack", "ahead"):
            raise Wrong(f"{process.name} serves {process.watcher.serving}, and says {said}")
        if said.status == "nack" and document.version not in process.refuses:
            raise Wrong(f"{process.name} refuses what it does not refuse")
        if said.status == "ahead" and self.kept is None:
            raise Wrong(f"{process.name} is ahead of a store that was not restored")
        if self.aborted & {label_of(*parts_of(process.watcher.serving))} - self.published:
            raise Wrong(f"{process.name} serves what was aborted")
