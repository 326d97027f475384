"""Rehearsals: what the app goes through when it is asked to be busy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.speckit import AppConfig
from hotconf.tui.operations.rehearsals import LONGEST_S, SHORTEST_S, Step, agent_steps, critical_steps, gate_steps


def config(**tables: object) -> AppConfig:
    """A configuration with these tables."""
    return AppConfig.model_validate(tables)


def agent(name: str, **fields: object) -> dict[str, object]:
    """An agent."""
    return {"name": name, "command": "true", **fields}


def labels(steps: tuple[Step, ...]) -> list[str]:
    """What is shown."""
    return [step.label for step in steps]


def test_a_gate_walks_what_is_configured():
    """Gates in the order of the work, each with its agents and then their agreement."""
    steps = gate_steps(config(quality_gates={"audit": ["claude"], "plan": ["gemini", "claude"], "tasks": []}))
    assert labels(steps) == [
        "plan · gemini",
        "plan · claude",
        "plan · agreement",
        "audit · claude",
        "audit · agreement",
    ]


@pytest.mark.parametrize(
    "other", [config(), config(quality_gates={"enabled": False, "plan": ["gemini"]}), {"port": 1}, None]
)
def test_without_gates_there_is_still_something_to_see(other):
    """No gates, gates that are off, another schema, or no configuration yet."""
    assert labels(gate_steps(other)) == ["review", "agreement"]


def test_very_many_agents_are_counted():
    """A step for each would be over before it is seen."""
    steps = gate_steps(config(quality_gates={"plan": ["a"] * 100, "tasks": ["b"]}))
    assert labels(steps) == ["plan · 100 agents", "plan · agreement", "tasks · 1 agent", "tasks · agreement"]


@given(st.lists(st.integers(0, 40), min_size=5, max_size=5))
def test_a_gate_takes_five_to_twenty_seconds(sizes):
    """However much is configured; and no step is too short to be seen."""
    gates = dict(zip(("plan", "tasks", "validate", "audit", "unlock"), (["x"] * n for n in sizes), strict=True))
    steps = gate_steps(config(quality_gates=gates))
    assert SHORTEST_S - 1e-6 <= sum(step.seconds for step in steps) <= LONGEST_S + 1e-6
    assert min(step.seconds for step in steps) >= 0.1


def test_an_agent_run_is_that_of_the_first_enabled_agent():
    """Of an agent of no name where there is none."""
    agents = [agent("gemini", enabled=False), agent("claude"), agent("gpt")]
    assert labels(agent_steps(config(agents=agents))) == ["claude · start", "claude · work", "claude · report"]
    assert labels(agent_steps(config())) == labels(agent_steps(object())) == ["start", "work", "report"]


def test_a_critical_operation_is_one_of_the_specification():
    """A file write and a git commit, in five seconds."""
    assert labels(critical_steps()) == ["write files", "stage changes", "git commit"]
    assert sum(step.seconds for step in critical_steps()) == 5.0


def test_names_are_printable_and_short():
    """They come from a file."""
    name = "\x1b[31m" + "x" * 100
    for steps in (gate_steps(config(quality_gates={"plan": [name]})), agent_steps(config(agents=[agent(name)]))):
        assert all(step.label.isprintable() and len(step.label) < 60 for step in steps)
