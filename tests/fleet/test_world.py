"""A fleet in which everything happens at any time: what must never be, never is. And each wrong rule is found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.torture import checker
from fleet.world import World, Wrong
from hotconf.fleet.errors import UnreachableError
from hotconf.fleet.etcd.requests import Pair, Put, Txn, all_equal
from hotconf.fleet.instance import machine
from hotconf.fleet.instance.machine import State, Step, step
from hotconf.fleet.instance.steps import Discard, Input, Switch, TakeBack, Unfetched
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Current, Offer, yes
from hotconf.fleet.publishing import checks, pruning, publisher, reading
from hotconf.fleet.publishing.pruning import Old, superfluous
from hotconf.fleet.publishing.publisher import Fleet
from torture.extent import examples

OF_FLEET = (
    *("publish", "publish_too", "plan", "override", "rollback", "go_back", "canary", "promote"),
    *("lose_answer", "lose_request", "look_for_old", "prune", "prune"),
    *("propose", "commit", "count", "commit_counted", "abort", "pause", "resume", "join", "keep", "restore"),
)
OF_PROCESS = (
    *("look", "see", "miss", "take_part", "work", "hold", "release", "force"),
    *("cut", "heal", "expire", "give_up", "die"),
)
USUAL = (
    *("see", "take_part", "work", "see", "take_part", "work"),
    *("round", "round", "round", "commit", "commit", "propose"),
)
"""What happens most of the time."""
ALL = (*OF_FLEET, *OF_PROCESS, *USUAL, *USUAL)
Thing = tuple[str, int, int]


def happen(world: World, what: str, who: int, refuses: int) -> None:
    """One thing."""
    if what == "join":
        if len(world.processes) < 5:
            world.join(frozenset({refuses} if refuses else ()))
    elif what in OF_FLEET or what == "round":
        getattr(world, what)()
    else:
        getattr(world, what)(world.processes[who % len(world.processes)])


def live(things: list[Thing], *, last: bool | None = None) -> None:
    """A whole history, and what comes of it."""
    world = World()
    for thing in things:
        happen(world, *thing)
    world.settle(last=len(things) % 2 == 0 if last is None else last)


@given(st.lists(st.tuples(st.sampled_from(ALL), st.integers(0, 4), st.integers(0, 6)), max_size=120))
def test_whatever_happens(things: list[Thing]) -> None:
    """The eight invariants hold."""
    live(things)


def test_a_good_day() -> None:
    """The world can do what it is for: a publish reaches all, and so does an offer that all accept."""
    world = World()
    for act in (world.publish, world.round, world.propose, world.round, world.round, world.commit, world.round):
        act()
    assert [process.watcher.serving for process in world.processes] == [("2@2", 2)] * 3
    assert [act.outcome for act in world.history.acts] == ["done", "done"]
    world.settle(last=False)


def histories(count: int) -> Iterator[list[Thing]]:
    """Random ones, always the same."""
    source = random.Random(1)
    for _ in range(count):
        length = source.randrange(120)
        yield [(source.choice(ALL), source.randrange(5), source.randrange(7)) for _ in range(length)]


def test_many_histories() -> None:
    """More than shrinking searches need."""
    for things in histories(examples(20_000, 100)):
        live(things)


def story(text: str) -> list[Thing]:
    """Things that happen, those of a process with its number."""
    words = (word.partition("-") for word in text.split())
    return [(what, int(who or 0), 0) for what, _, who in words]


STORIES = {
    "revisions come again": story(
        "publish round round keep publish publish publish publish plan round round restore round publish_too go_back"
    ),
    "bytes of another history": story(
        "publish round keep publish go_back publish look-0 restore publish publish see-0"
    ),
    "an offer that is gone": story("publish round propose round round override round commit"),
    "a yes that is taken back": story("publish round propose round round force-0 commit round"),
    "a yes that was counted": story("publish round propose round round count force-0 commit_counted"),
    "a document that does not come": story("publish round publish miss-0 see-0 work-0"),
    "another offer at the same revision": story(
        "publish round round keep propose round round restore propose see-0 see-1 see-2 commit"
    ),
    "rejoins a store in which it never left": story(
        "publish take_part-0 keep round cut-0 expire-0 restore take_part-0"
    ),
    "restored twice": story("round keep publish heal-1 restore round take_part-1 restore"),
    "learned of, and never received": story("keep publish miss-2 see-2 restore pause"),
    "loading when it was restored": story("publish round keep override hold-0 see-0 work-0 take_part-0 restore"),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("things", STORIES.values(), ids=STORIES)
def test_what_chance_finds_rarely(things: list[Thing], *, last: bool) -> None:
    """Each was wrong once, or a rule is there for it."""
    live(things, last=last)


# Wrong rules: the protocol without one thing that it needs


def committing_without_counting(keys: Keys, made: Offer, create: int, current: Current) -> Txn:
    """Votes are not compared."""
    txn = acts_commit(keys, made, create, current)
    return replace(txn, conditions=txn.conditions[:-1])


def committing_over_what_moved(keys: Keys, made: Offer, create: int, current: Current) -> Txn:
    """What is current is not compared, nor whether the offer is still there."""
    votes = all_equal(keys.votes, yes(made.document.version))
    return replace(acts_commit(keys, made, create, current), conditions=(votes,))


def committing_an_old_count(keys: object, made: object, create: int, current: object, counted: int) -> Txn:
    """Votes since the count are not compared."""
    txn = acts_commit_counted(keys, made, create, current, counted)  # type: ignore[arg-type]
    return replace(txn, conditions=txn.conditions[:-1])


def publishing_whatever_is_current(keys: Keys, current: Current, *rest: object, **more: object) -> Txn:
    """Nothing is compared."""
    return replace(acts_publish(keys, current, *rest, **more), conditions=())  # type: ignore[arg-type]


def publishing_in_an_epoch_that_was(keys: Keys, current: Current, *rest: object, **more: object) -> Txn:
    """Whether the epoch has an entry is not compared: after a restore revisions come again."""
    txn = acts_publish(keys, current, *rest, **more)  # type: ignore[arg-type]
    return replace(txn, conditions=tuple(each for each in txn.conditions if each.key != keys.entry(current.epoch)))


def publishing_without_an_entry(keys: Keys, current: Current, *rest: object, **more: object) -> Txn:
    """It is current, and not in the log."""
    txn = acts_publish(keys, current, *rest, **more)  # type: ignore[arg-type]
    entry = keys.entry(current.epoch)
    return replace(txn, then=tuple(op for op in txn.then if not (isinstance(op, Put) and op.key == entry)))


def voting_without_preparing(state: State, given: Input) -> Step:
    """What is prepared is closed once the yes is given."""
    after, effects = step(state, given)
    discarded = [
        Discard(effect.offer.document.version + f"@{effect.offer.epoch}") for effect in effects if says_yes(effect)
    ]
    return after, (*effects, *discarded)


def says_yes(effect: object) -> bool:
    """Whether it is a yes."""
    return getattr(effect, "refusal", "") is None


def giving_up_without_taking_back(state: State, given: Input) -> Step:
    """What has been forced away is not told."""
    after, effects = step(state, given)
    return after, tuple(effect for effect in effects if not isinstance(effect, TakeBack))


def keeping_what_was_decided(state: State, given: Input) -> Step:
    """What was prepared for an offer that is gone is not closed."""
    after, effects = step(state, given)
    return after, tuple(effect for effect in effects if not isinstance(effect, Discard))


def going_back(state: State, given: Input) -> Step:
    """Whatever is current is served, also if its epoch is lower."""
    if state.target is not None:
        state = replace(state, target=replace(state.target, epoch=0), serving="")
    return step(state, given)


def serving_what_is_offered(state: State, given: Input) -> Step:
    """It switches when it votes."""
    after, effects = step(state, given)
    early = [Switch(f"{each.offer.document.version}@{each.offer.epoch}") for each in effects if says_yes(each)]  # type: ignore[union-attr]
    return after, (*effects, *early)


def asking_once(state: State, given: Input) -> Step:
    """A document that did not come is not asked for again."""
    return (state, ()) if isinstance(given, Unfetched) and given.reason is None else step(state, given)


def counting_from_the_log(state: reading.State) -> int:
    """The next epoch is not above those of the processes."""
    return state.logged + 1


def believing_any_bytes(*_: object) -> bool:
    """The digest is not compared."""
    return True


def taking_any_entry_for_ones_own(fleet: Fleet, current: Current) -> Current | None:
    """Whatever has the epoch counts as done by this publisher."""
    entries = fleet._gateway.get(acts.Get(fleet._keys.entry(current.epoch)))
    return None if entries.one is None else current


def believing_that_it_was_done(call: Callable[[], object], find: Callable[[], object]) -> object:
    """A lost answer counts as a good one."""
    try:
        return call()
    except UnreachableError:
        return (None,)


def pruning_whatever_is_current(keys: object, known: object, doomed: object, first: object) -> Txn:
    """Nothing is compared."""
    return replace(acts_prune(keys, known, doomed, first), conditions=())  # type: ignore[arg-type]


def pruning_the_highest(state: object, kept: object, log: object, documents: list[Pair]) -> Old:
    """The next version has its number again."""
    return superfluous(
        state, kept, log, [*documents, documents[0]._replace(key=b"/hotconf/shop/doc/999")] if documents else []
    )  # type: ignore[arg-type]


def pruning_what_was_offered_since(state: object, kept: object, log: object, documents: list[Pair]) -> Old:
    """However new it is."""
    return superfluous(state, kept, log, [pair._replace(create=0) for pair in documents])  # type: ignore[arg-type]


def pruning_what_is_stable(state: reading.State, kept: list[Pair], log: object, documents: object) -> Old:
    """Canaries are forgotten."""
    current = None if state.current is None else without_canaries(state.current)
    return superfluous(replace(state, current=current), list(map(without_canaries, kept)), log, documents)  # type: ignore[arg-type]


def without_canaries(pair: Pair) -> Pair:
    """As if all served it."""
    return pair._replace(value=replace(Current.decode(pair.key, pair.value), canary=None).encode())


def pruning_documents_first(old: Old, keys: object, most: int) -> list[Txn]:
    """Then their entries."""
    wrong = list(old_transactions(old._replace(first=0), keys, most))  # type: ignore[arg-type]
    return wrong[::-1]


acts_commit, acts_publish, acts_prune = acts.commit, acts.publish, acts.prune
acts_commit_counted, old_transactions = acts.commit_counted, Old.transactions
MUTANTS: list[tuple[Callable[..., object], object, str, object]] = [
    (checker.epochs_rise, acts, "publish", publishing_whatever_is_current),
    (checker.epochs_rise, acts, "publish", publishing_in_an_epoch_that_was),
    (checker.only_what_was_current, acts, "publish", publishing_without_an_entry),
    (checker.only_what_was_current, machine.Document, "matches", believing_any_bytes),
    (checker.epochs_never_fall, machine, "step", going_back),
    (checker.all_or_nothing, acts, "commit", committing_without_counting),
    (checker.all_or_nothing, acts, "commit", committing_over_what_moved),
    (checker.all_or_nothing, acts, "commit_counted", committing_an_old_count),
    (checker.all_or_nothing, machine, "step", voting_without_preparing),
    (checker.all_or_nothing, machine, "step", giving_up_without_taking_back),
    (checker.nothing_of_what_was_aborted, machine, "step", serving_what_is_offered),
    (checker.all_agree_in_the_end, machine, "step", asking_once),
    (checker.all_agree_in_the_end, reading.State, "epoch", property(counting_from_the_log)),
    (checker.nothing_is_left, machine, "step", keeping_what_was_decided),
    (checker.publishers_were_told_the_truth, Fleet, "_find", taking_any_entry_for_ones_own),
    (checker.publishers_were_told_the_truth, publisher, "retried", believing_that_it_was_done),
]


def name_of(wrong: object) -> str:
    """What it is called."""
    return getattr(getattr(wrong, "fget", wrong), "__name__", "")


@pytest.mark.parametrize(("rule", "where", "name", "wrong"), MUTANTS, ids=[name_of(row[3]) for row in MUTANTS])
def test_a_wrong_rule_is_found(
    rule: Callable[..., object], where: object, name: str, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the invariant that it breaks."""
    monkeypatch.setattr(where, name, wrong)
    monkeypatch.setattr(checks, "new", lambda *_: None)  # all documents are new, whatever `matches` says
    with pytest.raises(Wrong, match=rule.__name__):
        for things, last in chain(product(STORIES.values(), (False, True)), product(histories(1_000), (None,))):
            try:
                live(things, last=last)
            except Wrong as found:
                if f"{rule.__name__}: " in str(found):
                    raise


def test_every_invariant_is_broken_by_a_wrong_rule() -> None:
    """None is there that the protocol could not break."""
    assert {row[0] for row in MUTANTS} == set(checker.INVARIANTS)


PRUNED = "look_for_old prune prune prune prune prune"
PRUNING: list[tuple[object, str, object, str]] = [
    (acts, "prune", pruning_whatever_is_current, "publish publish publish publish look_for_old go_back prune prune"),
    (Old, "transactions", pruning_documents_first, f"publish publish publish publish {PRUNED}"),
    (pruning, "superfluous", pruning_what_is_stable, f"publish round canary canary canary {PRUNED}"),
    (pruning, "superfluous", pruning_the_highest, f"publish publish publish rollback go_back {PRUNED} publish"),
    (
        pruning,
        "superfluous",
        pruning_what_was_offered_since,
        f"publish round plan propose abort propose abort {PRUNED} publish",
    ),
]


@pytest.mark.parametrize(("where", "name", "wrong", "text"), PRUNING, ids=[name_of(row[2]) for row in PRUNING])
def test_wrong_pruning_is_found(
    where: object, name: str, wrong: object, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is needed would be gone, or a number used twice."""
    for mutant in (False, True):
        if mutant:
            monkeypatch.setattr(where, name, wrong)
        with pytest.raises(Wrong, match="documents: ") if mutant else nullcontext():
            live(story(text))
