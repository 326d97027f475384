"""`should_defer_reload` and `Activity`: two ways to say the same."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from itertools import product

import pytest

from hotconf.speckit import Activity, should_defer_reload


class Hold(AbstractContextManager[None], AbstractAsyncContextManager[None]):
    """What `busy` of a watcher gives, for `with` and `async with`."""

    def __init__(self, held: list[str], reason: str) -> None:
        self.held, self.reason = held, reason

    def __enter__(self) -> None:
        self.held.append(self.reason)

    def __exit__(self, *_: object) -> None:
        self.held.remove(self.reason)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()


class FakeWatcher:
    """Defers while anything is held, as a watcher does."""

    def __init__(self) -> None:
        self.held: list[str] = []

    def busy(self, reason: str) -> Hold:
        return Hold(self.held, reason)

    @property
    def defers(self) -> bool:
        return bool(self.held)


@pytest.mark.parametrize(("gate", "agent"), list(product((False, True), repeat=2)))
def test_the_truth_table(gate: bool, agent: bool) -> None:
    """A reload waits unless there is neither an active gate nor a running agent."""
    assert should_defer_reload(gate, agent) is (gate or agent)


@pytest.mark.parametrize(("gates", "agents"), list(product(range(3), repeat=2)))
def test_activity_agrees_with_should_defer_reload(gates: int, agents: int) -> None:
    """For every combination, overlapping ones included, holds defer exactly when the function says so."""
    watcher = FakeWatcher()
    activity = Activity(watcher)
    open_gates, open_agents = ExitStack(), ExitStack()
    for _ in range(gates):
        open_gates.enter_context(activity.quality_gate())
    for _ in range(agents):
        open_agents.enter_context(activity.agent())
    assert watcher.defers is should_defer_reload(gates > 0, agents > 0)
    open_gates.close()
    assert watcher.defers is should_defer_reload(False, agents > 0)
    open_agents.close()
    assert watcher.defers is should_defer_reload(False, False)


def test_the_reasons_say_what_is_busy() -> None:
    """Each kind of activity holds under its own name."""
    watcher = FakeWatcher()
    activity = Activity(watcher)
    with activity.quality_gate(), activity.agent(), activity.critical():
        assert watcher.held == ["quality gate", "agent", "critical operation"]
    assert not watcher.defers


def test_a_hold_ends_with_an_error_too() -> None:
    """A gate that fails does not hold reloads for ever."""
    watcher = FakeWatcher()
    with pytest.raises(RuntimeError), Activity(watcher).quality_gate():
        raise RuntimeError
    assert not watcher.defers


def test_activity_in_coroutines() -> None:
    """`async with` works like `with`."""
    watcher = FakeWatcher()

    async def work() -> None:
        async with Activity(watcher).critical():
            assert watcher.held == ["critical operation"]

    asyncio.run(work())
    assert not watcher.defers
