"""The eight invariants of a fleet, over a recorded history. Each returns what breaks it, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fleet.torture.history import Act, Done, Event, History, Process, Walk, current_of, offers
from hotconf.fleet.instance.machine import label_of, parts_of
from hotconf.fleet.protocol.records import Current, Document

Found = Iterator[str]


def epochs_rise(history: History) -> Found:
    """(1) Epochs in the log strictly rise in each history of etcd, and each has one writer."""
    for events in history.full():
        highest = 0
        for event in events:
            if not event.key.startswith(history.keys.log):
                continue
            if event.value is None:
                if event.key == history.keys.entry(highest):
                    yield f"epoch {highest} was deleted, and is the newest"
                continue
            epoch = current_of(event.key, event.value).epoch
            if epoch <= highest or history.keys.entry(epoch) != event.key:
                yield f"epoch {epoch} was entered after {highest}, at revision {event.revision}"
            highest = max(highest, epoch)


def only_what_was_current(history: History) -> Found:
    """(2) Whatever is served, its epoch and its digest are in the log."""
    digests: dict[str, set[str]] = {}
    for current in history.entries().values():
        for document in (current.document, current.stable):
            digests.setdefault(label_of(document.version, current.epoch), set()).add(document.sha256)
    ever = set().union(*digests.values())
    for process, done in _served(history):
        allowed = digests.get(done.label, set()) if done.label else ever
        if history.documents.get(done.number) not in allowed:
            yield f"{_name(process)} serves document {done.number} as {done.label or 'anything'}, never current"


def epochs_never_fall(history: History) -> Found:
    """(3) No process goes back to a lower epoch."""
    for process in history.processes:
        highest = 0
        for done in process.done:
            epoch = parts_of(done.label)[1] if done.what == "serves" else 0
            if 0 < epoch < highest:
                yield f"{_name(process)} went from epoch {highest} to {epoch}"
            highest = max(highest, epoch)


def all_or_nothing(history: History) -> Found:
    """(4) At a commit each live vote is a yes, from one that holds what it has prepared, or is dead or cut off."""
    for era, events in zip(history.eras, history.full(), strict=True):
        walk, mine = Walk(history.keys), {id(event) for event in era.events}
        for event in events:
            if id(event) in mine and event.key.startswith(history.keys.log) and event.value is not None:
                current = current_of(event.key, event.value)
                if current.all_or_nothing:
                    yield from _committed(history, walk, current, event)
            walk.take(event)


def _committed(history: History, walk: Walk, current: Current, event: Event) -> Found:
    version = current.document.version
    if not walk.votes:
        yield f"epoch {current.epoch} was committed without a vote"
    for who, vote in walk.votes.items():
        if (vote.answer, vote.version) != ("yes", version):
            yield f"epoch {current.epoch} was committed at revision {event.revision} over {who}: {vote}"
            continue
        record = walk.records.get(who)
        process = None if record is None else history.process(record.pid)
        act = next((act for act in history.acts if act.note == current.note), None)
        number = _number(history, current.document)
        if process is not None and act is not None and number is not None:
            yield from _held(history, process, number, act, current)


def _held(history: History, process: Process, number: int, act: Act, current: Current) -> Found:
    """Whether it holds what it said yes to from before the commit until it serves it, or something newer."""
    made = next((done for done in process.done if done.what == "made" and done.number == number), None)
    if made is None or made.at > act.ended:
        yield f"{_name(process)} said yes to {number} (epoch {current.epoch}), which it had not prepared"
        return
    after = process.done[process.done.index(made) :]
    closed = next((done for done in after if done.what == "closed" and done.number == number), None)
    if closed is None or any(
        done.what == "serves" and done.number == number and done.at <= closed.at for done in after
    ):
        return
    newer = any(other.epoch > current.epoch and other.began < closed.at for other in history.acts)
    unsure = any(
        other.outcome == "unknown" and act.began < other.ended and other.began < closed.at for other in history.acts
    )
    restored = any(act.began < at < closed.at for at in history.restored)
    if not (newer or unsure or restored or process.ended or process.was_away(act.began, closed.at)):
        yield f"{_name(process)} closed {number} (epoch {current.epoch}) that it had said yes to, and never served it"


def nothing_of_what_was_aborted(history: History) -> Found:
    """(5) What was offered and came to nothing is never served."""
    entered = history.entries()
    came_true = {current.document.sha256 for current in entered.values()}
    for offer in offers(history):
        if offer.publish_id in entered or offer.document.sha256 in came_true:
            continue
        for process, done in _served(history):
            if history.documents.get(done.number) == offer.document.sha256:
                yield f"{_name(process)} served {done.number}, which was offered only"


def all_agree_in_the_end(history: History) -> Found:
    """(6) Healed, all serve what is current, or say why not. Nobody is busy then, and nothing is paused."""
    walk = Walk(history.keys)
    for event in list(history.full())[-1]:
        walk.take(event)
    current = walk.current
    for process in history.processes:
        if process.ended or current is None:
            continue
        record = next((record for record in walk.records.values() if record.pid == process.pid), None)
        if record is None:
            yield f"{_name(process)} is not registered in the end"
            continue
        document = current.document_for(process.instance, process.labels)
        serves = process.serves
        right = serves is not None and history.documents.get(serves.number) == document.sha256
        number = _number(history, document)
        refuses = number is not None and process.instance in history.refusing.get(number, ())
        ahead = record.status == "ahead" and record.epoch >= current.epoch and bool(history.restored)
        excused = (record.status == "nack" and refuses) or ahead
        if not (excused or (right and record.status == "ack" and record.seen == current.epoch)):
            what = "nothing" if serves is None else f"{serves.number} ({serves.label})"
            said = f"says {record.status} of {record.seen}; epoch {current.epoch} is current"
            yield f"{_name(process)} serves {what} and {said}"


def nothing_is_left(history: History) -> Found:
    """(7) In the end no process holds anything but what it serves; who has closed holds nothing."""
    for process in history.processes:
        if process.ended == "killed":
            continue
        serves = None if process.ended else process.serves
        left = process.open - (set() if serves is None else {serves.number})
        if left:
            yield f"{_name(process)} still holds {sorted(left)}{' after it has closed' if process.ended else ''}"


def publishers_were_told_the_truth(history: History) -> Found:
    """(8) What was acknowledged is in the log; what was said to have done nothing is not."""
    epochs = {current.note: current.epoch for current in history.entries().values()}
    for act in history.acts:
        if act.outcome == "done" and epochs.get(act.note) != act.epoch:
            yield f"{act.note} was acknowledged as epoch {act.epoch}, and is not in the log"
        if act.outcome == "nothing" and act.note in epochs:
            yield f"{act.note} is epoch {epochs[act.note]}; its publisher reported that nothing was done: {act.said}"


INVARIANTS: Final[tuple[Callable[[History], Found], ...]] = (
    epochs_rise,
    only_what_was_current,
    epochs_never_fall,
    all_or_nothing,
    nothing_of_what_was_aborted,
    all_agree_in_the_end,
    nothing_is_left,
    publishers_were_told_the_truth,
)


def check(history: History) -> list[str]:
    """All that must not be."""
    return [f"{rule.__name__}: {found}" for rule in INVARIANTS for found in dict.fromkeys(rule(history))]


def _served(history: History) -> Iterator[tuple[Process, Done]]:
    return ((process, done) for process in history.processes for done in process.done if done.what == "serves")


def _number(history: History, document: Document) -> int | None:
    return next((number for number, digest in history.documents.items() if digest == document.sha256), None)


def _name(process: Process) -> str:
    return f"{process.instance} (pid {process.pid})"
