"""How the changes of an `AppConfig` are described: models, quality gates, costs and agents together, the rest singly.

Every change has exactly one line. Lines name keys, names, counts and amounts; other values come from the
`Change`, where secrets are masked already.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from hotconf.changes import Change
from hotconf.secrets.credentials import mask_credentials
from hotconf.speckit.checks import GATES
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotconf.speckit.config import Agent, AppConfig

_TOPICS: Final[dict[str | int, str]] = {
    "model_providers": "models",
    "models": "models",
    "quality_gates": "quality_gates",
    "cost": "cost",
    "agents": "agents",
}
_LIMITS: Final = {"daily_limit_usd": "day", "monthly_limit_usd": "month"}


def detect_config_changes(old: AppConfig, new: AppConfig) -> tuple[int, bool, bool]:
    """`(models_changed, quality_gates_changed, cost_changed)`.

    The first counts the entries of `[model_providers]` and `[models]` that were added, removed or changed, by name: a
    name that stands in both tables counts once.
    """
    changed = {
        name
        for before, after in ((old.model_providers, new.model_providers), (old.models, new.models))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    return len(changed), old.quality_gates != new.quality_gates, old.cost != new.cost


def describe(old: AppConfig, new: AppConfig, changes: Sequence[Change]) -> list[str]:
    """The lines for `changes`, which are all differences between `old` and `new`."""
    topics: dict[str | None, list[Change]] = {}
    for change in changes:
        topics.setdefault(_topic(change), []).append(change)
    lines = []
    if "models" in topics:
        lines.append(_models(old, new, topics["models"]))
    if "quality_gates" in topics:
        lines.append(_quality_gates(old, new, topics["quality_gates"]))
    if "cost" in topics:
        lines.append(_cost(old, new, topics["cost"]))
    if "agents" in topics:
        lines += _agents(old.agents, new.agents, topics["agents"])
    return lines + [str(change) for change in topics.get(None, ())]


def _topic(change: Change) -> str | None:
    """The line or lines that `change` belongs to; None if it has one of its own."""
    return _TOPICS.get(change.path[0]) if len(change.path) > 1 else None


def _models(old: AppConfig, new: AppConfig, changes: list[Change]) -> str:
    changed = {change.path[1] for change in changes}
    known = dict.fromkeys((*new.model_providers, *new.models, *old.model_providers, *old.models))
    # The path of a change has its URLs masked, so that names have to be as well to be found there.
    return _counted("model config", [name for name in map(mask_credentials, known) if name in changed], "changed")


def _quality_gates(old: AppConfig, new: AppConfig, changes: list[Change]) -> str:
    parts = []
    for key in dict.fromkeys(change.path[1] for change in changes):
        if key in GATES:
            gate = str(key)
            parts.append(f"{gate}: {_members(getattr(old.quality_gates, gate), getattr(new.quality_gates, gate))}")
        else:
            parts.extend(_inside(change) for change in changes if change.path[1] == key)
    return f"Quality gates updated ({', '.join(parts)})"


def _members(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    if len(old) != len(new):
        return f"{len(old)}→{len(new)} agents"
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    if not gone:
        return "order changed"
    return f"{_joined(gone.elements(), ' + ')} → {_joined(come.elements(), ' + ')}"


def _cost(old: AppConfig, new: AppConfig, changes: list[Change]) -> str:
    parts = []
    for change in changes:
        key = str(change.path[1])
        if key in _LIMITS:
            before, after = _limit(getattr(old.cost, key), key), _limit(getattr(new.cost, key), key)
            parts.append(f"{before} → {after}")
        else:
            parts.append(_inside(change))
    subject = "limits" if any(change.path[1] in _LIMITS for change in changes) else "settings"
    return f"Cost {subject} changed ({', '.join(parts)})"


def _limit(amount: float | None, key: str) -> str:
    return "none" if amount is None else f"${_money(amount)}/{_LIMITS[key]}"


def _money(amount: float) -> str:
    """`10`, `12.50`, and in full what is finer than a cent or too big to be written out."""
    cents = f"{amount:.2f}"
    if len(cents) > 16 or float(cents) != amount:
        return str(amount)
    return cents.removesuffix(".00")


def _inside(change: Change) -> str:
    """`change` without the name of its table."""
    return str(Change(change.path[1:], change.old, change.new))


def _agents(old: tuple[Agent, ...], new: tuple[Agent, ...], changes: list[Change]) -> list[str]:
    """By name, because one agent more at the front moves all others to another index."""
    before, after = {agent.name: agent for agent in old}, {agent.name: agent for agent in new}
    if len(before) != len(old) or len(after) != len(new):
        return [str(change) for change in changes]
    stayed = [name for name in after if name in before]
    switched = [name for name in stayed if before[name].enabled != after[name].enabled]
    groups = {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "enabled": [name for name in switched if after[name].enabled],
        "disabled": [name for name in switched if not after[name].enabled],
    }
    lines = [_counted("agent", names, what) for what, names in groups.items() if names]
    if stayed != [name for name in before if name in after]:
        lines.append("Agents reordered")
    return lines + _edited(before, after, changes)


def _edited(before: dict[str, Agent], after: dict[str, Agent], changes: list[Change]) -> list[str]:
    """Fields other than `enabled`: with their values for an agent that kept its index, else by their names."""
    steady = {index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old == new}
    lines = [str(change) for change in changes if change.path[1] in steady and change.path[2:] != ("enabled",)]
    moved = [
        (name, _differing(before[name], agent))
        for index, (name, agent) in enumerate(after.items())
        if index not in steady and name in before
    ]
    edited = [f"{name}: {' + '.join(keys)}" for name, keys in moved if keys]
    return [*lines, _counted("agent", edited, "changed")] if edited else lines


def _differing(old: Agent, new: Agent) -> list[str]:
    keys = type(new).model_fields
    return [key for key in keys if key != "enabled" and getattr(old, key) != getattr(new, key)]


def _counted(noun: str, names: list[str], what: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'} {what} ({_joined(names)})"


def _joined(names: Iterable[str], separator: str = ", ") -> str:
    return separator.join(printable(mask_credentials(name)) for name in names)
