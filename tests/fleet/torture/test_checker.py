"""The checker of the torture finds each invariant broken, in histories that differ from a good one by one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fleet.torture import checker
from fleet.torture.history import Act, Done, Era, Event, History, Process
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import NO_VOTE, Current, Document, Instance, Offer, no, yes

KEYS = Keys.of("shop")


class Story:
    """A good history: a publish, an offer that all accept, one that comes to nothing, and a publish that one refuses.

    Its instances are `web-1` and `web-2`; document 4 is refused by `web-2`.
    """

    def __init__(self) -> None:
        self.history = History(KEYS, {number: str(number) * 64 for number in range(1, 6)}, {4: frozenset({"web-2"})})
        self.processes = [Process("web-1", 11), Process("web-2", 12)]
        self.history.processes = self.processes
        self.clock = 0.0
        self.publish(1)
        for process in self.processes:
            self.write(KEYS.vote(process.instance, "x"), NO_VOTE)
            self.serve(process, 1, "1@1")
        self.offer(2, epoch=2)
        for process in self.processes:
            self.did(process, "made", 2)
            self.write(KEYS.vote(process.instance, "x"), yes("2"))
        self.write(KEYS.offer, None)
        self.publish(2, all_or_nothing=True)
        for process in self.processes:
            self.serve(process, 2, "2@2", made=True)
        self.offer(3, epoch=3)
        self.did(self.processes[0], "made", 3)
        self.write(KEYS.vote("web-2", "x"), no("3", "not here"))
        self.write(KEYS.offer, None)
        self.did(self.processes[0], "closed", 3)
        self.history.acts.append(Act("act-3", 3, self.clock, self.clock, "nothing", "AbortedError"))
        self.publish(4)
        self.serve(self.processes[0], 4, "4@3")
        self.record(self.processes[1], Instance("2", 2, "nack", 3, "not here", pid=12))

    @property
    def events(self) -> list[Event]:
        """Of the last era."""
        return self.history.eras[-1].events

    def write(self, key: bytes, value: bytes | None) -> None:
        """The next event."""
        self.events.append(Event(len(self.events) + 1, key, value))

    def publish(self, number: int, *, all_or_nothing: bool = False) -> None:
        """It is current, with the next epoch; the version is its number."""
        epoch = sum(event.key.startswith(KEYS.log) for event in self.events) + 1
        document = Document(str(number), str(number) * 64)
        note = f"act-{number}"
        current = Current(epoch, document, f"id-{number}", note=note, all_or_nothing=all_or_nothing)
        self.write(KEYS.current, current.encode())
        self.write(KEYS.entry(epoch), current.encode())
        self.clock += 1
        self.history.acts.append(Act(note, number, self.clock - 0.5, self.clock, "done", epoch=epoch))

    def offer(self, number: int, *, epoch: int) -> None:
        """It is voted on."""
        self.write(
            KEYS.offer,
            Offer(Document(str(number), str(number) * 64), epoch, 1, 5, publish_id=f"id-{number}").encode(),
        )

    def did(self, process: Process, what: str, number: int, label: str = "") -> None:
        """The next thing that a process does."""
        self.clock += 0.1
        process.done.append(Done(self.clock, what, number, label))  # type: ignore[arg-type]

    def serve(self, process: Process, number: int, label: str, *, made: bool = False) -> None:
        """It goes over to that, and says so."""
        was = process.serves
        if not made:
            self.did(process, "made", number)
        self.did(process, "serves", number, label)
        if was is not None:
            self.did(process, "closed", was.number)
        version, epoch = label.split("@")
        self.record(process, Instance(version, int(epoch), "ack", int(epoch), pid=process.pid))

    def record(self, process: Process, record: Instance) -> None:
        """What it says of itself."""
        self.write(KEYS.instance(process.instance, "x"), record.encode())

    def change(self, key: bytes, value: bytes | None, nth: int = 0) -> None:
        """What was written to a key."""
        at = [at for at, event in enumerate(self.events) if event.key == key][nth]
        self.events[at] = self.events[at]._replace(value=value)


def test_the_good_history_is_good() -> None:
    """Nothing is found."""
    assert checker.check(Story().history) == []


def test_after_a_restore_epochs_are_counted_from_the_snapshot() -> None:
    """What was lost with it may have been served; the epochs go on above it."""
    story = Story()
    lost = len(story.events) - 5
    story.history.eras.append(Era(lost))
    story.history.restored.append(story.clock)
    story.clock += 1
    document = Document("5", "5" * 64)
    current = Current(4, document, "id-5", note="act-5")
    story.events.extend(
        [Event(lost + 1, KEYS.current, current.encode()), Event(lost + 2, KEYS.entry(4), current.encode())]
    )
    story.history.acts.append(Act("act-5", 5, story.clock, story.clock, "done", epoch=4))
    for process in story.processes:
        story.serve(process, 5, "5@4")
    assert checker.check(story.history) == []


def an_epoch_twice(story: Story) -> None:
    """Two publishers take the same one."""
    story.events.append(Event(99, KEYS.entry(3), story.events[0].value))


def the_newest_epoch_is_gone(story: Story) -> None:
    """Nothing says what is current any more."""
    story.write(KEYS.entry(max(current.epoch for current in story.history.entries().values())), None)


def an_epoch_that_falls(story: Story) -> None:
    """An entry comes after one with a higher epoch."""
    current = Current(0, Document("1", "1" * 64), "id-9")
    story.events.append(Event(99, KEYS.entry(0), current.encode()))


def a_document_of_nobody(story: Story) -> None:
    """The bytes are others than those that were published."""
    story.processes[0].done[-2] = story.processes[0].done[-2]._replace(number=5)


def an_epoch_of_its_own(story: Story) -> None:
    """It serves what was current, as something that never was."""
    story.did(story.processes[0], "serves", 4, "4@9")


def an_instance_goes_back(story: Story) -> None:
    """To what was current before."""
    story.did(story.processes[0], "serves", 2, "2@2")


def a_commit_over_a_no(story: Story) -> None:
    """One had refused."""
    story.change(KEYS.vote("web-2", "x"), no("2", "not here"), 1)


def a_commit_over_a_joiner(story: Story) -> None:
    """One had not been asked."""
    at = next(at for at, event in enumerate(story.events) if event.value is None)
    story.events.insert(at, Event(at, KEYS.vote("web-3", "x"), NO_VOTE))


def a_yes_without_preparing(story: Story) -> None:
    """It makes the resource when it has to serve it."""
    done = story.processes[0].done
    at = next(at for at, each in enumerate(done) if each.what == "made" and each.number == 2)
    done[at] = done[at]._replace(at=done[at].at + 2)


def a_yes_that_is_thrown_away(story: Story) -> None:
    """What was prepared is closed before the commit arrives."""
    done = story.processes[0].done
    at = next(at for at, each in enumerate(done) if each.what == "made" and each.number == 2)
    del done[at + 1 :]
    done.append(Done(done[at].at + 0.01, "closed", 2))


def an_offer_is_served(story: Story) -> None:
    """Before anybody had decided."""
    done = story.processes[0].done
    at = next(at for at, each in enumerate(done) if each.what == "made" and each.number == 3)
    done.insert(at + 1, Done(done[at].at, "serves", 3))


def an_instance_stays_behind(story: Story) -> None:
    """It never learns of the last publish."""
    process = story.processes[0]
    process.done = process.done[:-3]
    story.record(process, Instance("2", 2, "ack", 2, pid=process.pid))


def a_refusal_without_a_cause(story: Story) -> None:
    """It has nothing against the document."""
    story.history.refusing.clear()


def an_instance_takes_no_part(story: Story) -> None:
    """It is not registered any more, and lives."""
    story.write(KEYS.instance("web-1", "x"), None)


def something_prepared_is_left(story: Story) -> None:
    """What came to nothing is not closed."""
    done = story.processes[0].done
    story.processes[0].done = [each for each in done if (each.what, each.number) != ("closed", 3)]


def an_acknowledged_publish_is_lost(story: Story) -> None:
    """Its publisher reported success, and it never became current."""
    story.history.acts.append(replace(story.history.acts[-1], note="act-6", epoch=4))


def nothing_was_done_and_yet_it_was(story: Story) -> None:
    """Its publisher reported that nothing was done, and it is current."""
    story.history.acts[-1].outcome = "nothing"


MUTANTS: list[tuple[Callable[..., object], Callable[[Story], None]]] = [
    (checker.epochs_rise, an_epoch_twice),
    (checker.epochs_rise, an_epoch_that_falls),
    (checker.epochs_rise, the_newest_epoch_is_gone),
    (checker.only_what_was_current, a_document_of_nobody),
    (checker.only_what_was_current, an_epoch_of_its_own),
    (checker.epochs_never_fall, an_instance_goes_back),
    (checker.all_or_nothing, a_commit_over_a_no),
    (checker.all_or_nothing, a_commit_over_a_joiner),
    (checker.all_or_nothing, a_yes_without_preparing),
    (checker.all_or_nothing, a_yes_that_is_thrown_away),
    (checker.nothing_of_what_was_aborted, an_offer_is_served),
    (checker.all_agree_in_the_end, an_instance_stays_behind),
    (checker.all_agree_in_the_end, a_refusal_without_a_cause),
    (checker.all_agree_in_the_end, an_instance_takes_no_part),
    (checker.nothing_is_left, something_prepared_is_left),
    (checker.publishers_were_told_the_truth, an_acknowledged_publish_is_lost),
    (checker.publishers_were_told_the_truth, nothing_was_done_and_yet_it_was),
]


@pytest.mark.parametrize(("rule", "mutate"), MUTANTS, ids=[mutate.__name__ for _, mutate in MUTANTS])
def test_each_broken_invariant_is_found(rule: Callable[..., object], mutate: Callable[[Story], None]) -> None:
    """By the rule that is there for it."""
    story = Story()
    mutate(story)
    assert any(found.startswith(f"{rule.__name__}: ") for found in checker.check(story.history))


def test_every_invariant_has_a_mutant() -> None:
    """None is there that never finds anything."""
    assert {rule for rule, _ in MUTANTS} == set(checker.INVARIANTS)
