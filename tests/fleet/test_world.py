"""A fleet in which everything happens at any time: what must never be, never is. And a wrong rule is found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world import World, Wrong
from hotconf.fleet.etcd.requests import Pair, Txn, all_equal
from hotconf.fleet.instance import machine
from hotconf.fleet.instance.machine import State, Step, step
from hotconf.fleet.instance.steps import Discard, Input, Switch, TakeBack
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.records import Current, yes
from hotconf.fleet.publishing import pruning, reading
from hotconf.fleet.publishing.pruning import Old, superfluous
from torture.extent import examples

OF_FLEET = (
    "publish",
    "plan",
    "override",
    "canary",
    "look_for_old",
    "prune",
    "prune",
    "rollback",
    "propose",
    "commit",
    "count",
    "commit_counted",
    "abort",
    "pause",
    "resume",
    "join",
    "keep",
    "restore",
)
OF_PROCESS = ("see", "take_part", "work", "hold", "release", "force", "cut", "heal", "expire", "give_up", "die")
USUAL = (
    "see",
    "take_part",
    "work",
    "see",
    "take_part",
    "work",
    "round",
    "round",
    "round",
    "commit",
    "commit",
    "propose",
)
"""What happens most of the time."""


def happen(world: World, what: str, who: int, refuses: int) -> None:
    """One thing."""
    if what == "join":
        if len(world.processes) < 5:
            world.join(frozenset({str(refuses)} if refuses else ()))
    elif what in ("override", "canary"):
        world.publish(override=what == "override", canary=what == "canary")
    elif what in OF_FLEET or what == "round":
        getattr(world, what)()
    else:
        getattr(world, what)(world.processes[who % len(world.processes)])


THINGS = st.tuples(st.sampled_from((*OF_FLEET, *OF_PROCESS, *USUAL, *USUAL)), st.integers(0, 4), st.integers(0, 6))


@given(st.lists(THINGS, max_size=120))
def test_whatever_happens(things: list[tuple[str, int, int]]) -> None:
    """Epochs rise, what is served was current, a commit has all behind it, and in the end all agree."""
    world = World()
    for thing in things:
        happen(world, *thing)
    world.settle()


def test_a_good_day() -> None:
    """The world can do what it is for: a publish reaches all, and so does an offer that all accept."""
    world = World()
    for act in (world.publish, world.round, world.propose, world.round, world.round, world.commit, world.round):
        act()
    assert [process.watcher.serving for process in world.processes] == ["2@2"] * 3


# Wrong rules


def committing_without_counting(keys: object, made: object, create: int, current: object) -> Txn:
    """Votes are not compared."""
    txn = acts_commit(keys, made, create, current)  # type: ignore[arg-type]
    return replace(txn, conditions=txn.conditions[:3])


def committing_over_what_moved(keys: object, made: object, create: int, current: object) -> Txn:
    """What is current is not compared, nor whether the offer is still there."""
    votes = all_equal(keys.votes, yes(made.document.version))  # type: ignore[attr-defined]
    return replace(acts_commit(keys, made, create, current), conditions=(votes,))  # type: ignore[arg-type]


def committing_an_old_count(keys: object, made: object, create: int, current: object, counted: int) -> Txn:
    """Votes since the count are not compared."""
    txn = acts_commit_counted(keys, made, create, current, counted)  # type: ignore[arg-type]
    return replace(txn, conditions=txn.conditions[:-1])


def publishing_whatever_is_current(keys: object, current: object, *rest: object, **more: object) -> Txn:
    """Nothing is compared."""
    return replace(acts_publish(keys, current, *rest, **more), conditions=())  # type: ignore[arg-type]


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
acts_commit_counted = acts.commit_counted
old_transactions = Old.transactions
MUTANTS: list[tuple[object, str, Callable[..., object]]] = [
    (acts, "commit", committing_without_counting),
    (acts, "commit", committing_over_what_moved),
    (acts, "commit_counted", committing_an_old_count),
    (acts, "publish", publishing_whatever_is_current),
    (machine, "step", voting_without_preparing),
    (machine, "step", giving_up_without_taking_back),
    (machine, "step", keeping_what_was_decided),
    (machine, "step", going_back),
    (machine, "step", serving_what_is_offered),
]


def histories(count: int) -> Iterator[list[tuple[str, int, int]]]:
    """Random ones, always the same."""
    source = random.Random(1)
    for _ in range(count):
        length = source.randrange(120)
        usual = (*OF_FLEET, *OF_PROCESS, *USUAL, *USUAL)
        yield [(source.choice(usual), source.randrange(5), source.randrange(7)) for _ in range(length)]


@pytest.mark.parametrize(("where", "name", "wrong"), MUTANTS, ids=[row[2].__name__ for row in MUTANTS])
def test_a_wrong_rule_is_found(
    where: object, name: str, wrong: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker fails for each of these."""
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(Wrong):
        for things in histories(1_000):
            world = World()
            for thing in things:
                happen(world, *thing)
            world.settle()


PRUNED = "look_for_old", *("prune",) * 5
PRUNING: list[tuple[object, str, Callable[..., object], tuple[str, ...]]] = [
    (acts, "prune", pruning_whatever_is_current, (*("publish",) * 4, "look_for_old", "rollback", *("prune",) * 5)),
    (Old, "transactions", pruning_documents_first, (*("publish",) * 4, *PRUNED)),
    (pruning, "superfluous", pruning_what_is_stable, ("publish", *("canary",) * 3, *PRUNED)),
    (pruning, "superfluous", pruning_the_highest, (*("publish", "rollback") * 2, "rollback", *PRUNED, "publish")),
    (
        pruning,
        "superfluous",
        pruning_what_was_offered_since,
        ("publish", "round", "plan", *("propose", "abort") * 2, *PRUNED, "publish"),
    ),
]


@pytest.mark.parametrize(("where", "name", "wrong", "things"), PRUNING, ids=[row[2].__name__ for row in PRUNING])
def test_wrong_pruning_is_found(
    where: object, name: str, wrong: Callable[..., object], things: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is needed would be gone, or a number used twice."""
    for mutant in (False, True):
        if mutant:
            monkeypatch.setattr(where, name, wrong)
        world = World()
        with pytest.raises(Wrong) if mutant else nullcontext():
            for thing in things:
                happen(world, thing, 0, 0)
            world.settle()


def test_many_histories() -> None:
    """More than shrinking searches need."""
    for things in histories(examples(20_000, 200)):
        world = World()
        for thing in things:
            happen(world, *thing)
        world.settle()
