"""Rehearsals: what the app goes through, step by step, when it is asked to be busy for a while.

Nothing is run: the steps are there to be seen, and to show that a reload waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hotconf.speckit.checks import GATES
from hotconf.speckit.config import AppConfig
from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_S: Final = 5.0
LONGEST_S: Final = 20.0
"""Between these two a rehearsal takes, however much is configured: to be watched, and to save a file meanwhile."""

_AGENT_S: Final = 3.0
_AGREEMENT_S: Final = 1.0
_MOST_AGENTS: Final = 30
_LONGEST_NAME: Final = 32


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rehearsal."""

    label: str
    """What is done in it, on one printable line."""
    seconds: float


def gate_steps(config: object) -> tuple[Step, ...]:
    """The quality gates of `config` in the order of the work, each with its agents and their agreement.

    Where no gate has an agent, or `config` is of another schema, a gate of no name is rehearsed.
    """
    gates = _gates(config) if isinstance(config, AppConfig) else []
    agents = sum(len(names) for _, names in gates)
    if not agents:
        return Step("review", 10.0), Step("agreement", 2.0)
    steps: list[tuple[str, float]] = []
    for gate, names in gates:
        shown = names if agents <= _MOST_AGENTS else (_count(names),)
        steps.extend((f"{gate} · {_name(name)}", _AGENT_S) for name in shown)
        steps.append((f"{gate} · agreement", _AGREEMENT_S))
    return _paced(steps)


def agent_steps(config: object) -> tuple[Step, ...]:
    """A run of the first enabled agent of `config`; of an agent of no name where there is none."""
    enabled = (agent.name for agent in config.agents if agent.enabled) if isinstance(config, AppConfig) else iter(())
    name = next(enabled, None)
    before = "" if name is None else f"{_name(name)} · "
    steps = ("start", 1.0), ("work", 9.0), ("report", 2.0)
    return tuple(Step(f"{before}{what}", seconds) for what, seconds in steps)


def critical_steps() -> tuple[Step, ...]:
    """A file write and a git commit, the specification's examples of what must not be interrupted."""
    return Step("write files", 2.0), Step("stage changes", 1.0), Step("git commit", 2.0)


def _gates(config: AppConfig) -> list[tuple[str, tuple[str, ...]]]:
    gates = config.quality_gates
    return [(gate, names) for gate in GATES if gates.enabled and (names := getattr(gates, gate))]


def _count(names: tuple[str, ...]) -> str:
    return "1 agent" if len(names) == 1 else f"{len(names)} agents"


def _paced(steps: Sequence[tuple[str, float]]) -> tuple[Step, ...]:
    total = sum(seconds for _, seconds in steps)
    pace = min(max(total, SHORTEST_S), LONGEST_S) / total
    return tuple(Step(label, seconds * pace) for label, seconds in steps)


def _name(name: str) -> str:
    return shortened(printable(name), _LONGEST_NAME)
