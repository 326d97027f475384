"""What must fit together in an `AppConfig`: errors keep the old configuration, warnings are only shown.

Each check takes a config that the model has accepted and yields what it finds, with the path where it stands. Checks
run on every load, so they look at nothing but the config, the environment and, once for each command, at PATH.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from hotconf.config.suggest import did_you_mean
from hotconf.keypath import dotted
from hotconf.problems import Problem
from hotconf.speckit.config import FREE_TABLES, MAX_EVIDENCE_MB, MIN_EVIDENCE_MB, AppConfig, is_built_in
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.keypath import KeyPath
    from hotconf.problems import Severity
    from hotconf.speckit.config import Agent

GATES: Final = ("plan", "tasks", "validate", "audit", "unlock")
"""The fields of `[quality_gates]` that hold agent names, in the order of the work."""

_LISTED_TABLES: Final = (
    "agents",
    "cost",
    "evidence",
    "hot_reload",
    "model_providers",
    "models",
    "quality_gates",
    "validation",
    *sorted(FREE_TABLES),
)
_MOST_HINTS = 20
_MOST_CANDIDATES = 1000
_MOST_FOUND = 256
# A cache, nothing more: where a command was found is where to look first.
_FOUND: dict[tuple[str, str | None], str] = {}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""How variables for keys are named by custom. What looks otherwise may be the key itself, so it is not shown."""


def check_providers(config: AppConfig) -> Iterator[Problem]:
    """Each provider that is asked for must exist."""
    known = config.model_providers
    unknown = (asked for asked in _asked_providers(config) if asked[1] not in known)
    for nth, (path, provider_id) in enumerate(unknown):
        text = f"Model provider '{printable(provider_id)}' not found in model_providers"
        yield Problem(text, path, hint=_near(provider_id, known, nth))


def check_agents(config: AppConfig) -> Iterator[Problem]:
    """Agent names must be unique."""
    first: dict[str, int] = {}
    for index, agent in enumerate(config.agents):
        if first.setdefault(agent.name, index) != index:
            earlier = first[agent.name]
            text = f"Agent name '{printable(agent.name)}' is not unique (agents[{earlier}] has it too)"
            mentions = (("first defined", ("agents", earlier, "name")),)
            yield Problem(text, ("agents", index, "name"), mentions=mentions)


def check_quality_gates(config: AppConfig) -> Iterator[Problem]:
    """Each agent that a gate names, by either of its names, must exist and be enabled."""
    enabled = _names(agent for agent in config.agents if agent.enabled)
    disabled = _disabled(config.agents)
    missing = (asked for asked in _asked_agents(config) if asked[1] not in enabled)
    for nth, (path, name) in enumerate(missing):
        text = f"Quality gate agent '{printable(name)}' not found or disabled"
        if name in disabled:
            mentions = (("disabled", ("agents", disabled[name], "enabled")),)
            yield Problem(text, path, hint="the agent is there, but has enabled = false", mentions=mentions)
        else:
            yield Problem(text, path, hint=_near(name, enabled, nth))


def check_evidence(config: AppConfig) -> Iterator[Problem]:
    """Evidence must be allowed a reasonable amount of space."""
    size, path = config.evidence.max_size_mb, ("evidence", "max_size_mb")
    if size > MAX_EVIDENCE_MB:
        yield Problem(f"Evidence max_size_mb={size} exceeds limit ({MAX_EVIDENCE_MB} MB)", path)
    elif size < MIN_EVIDENCE_MB:
        yield Problem(f"Evidence max_size_mb={size} too low (minimum: {MIN_EVIDENCE_MB} MB)", path)


def check_tables(config: AppConfig) -> Iterator[Problem]:
    """Warn about tables that nobody knows; refuse them where the schema is strict. Unlisted plain values are kept."""
    severity: Severity = "error" if config.validation.strict_schema else "warning"
    tables = (key for key, value in (config.model_extra or {}).items() if _is_table(value))
    unknown = (key for key in tables if key.replace("-", "_") not in FREE_TABLES)
    for nth, key in enumerate(unknown):
        yield Problem(f"Unknown key: {dotted((key,))}", (key,), "schema", severity, _near(key, _LISTED_TABLES, nth))


def check_api_keys(config: AppConfig) -> Iterator[Problem]:
    """Warn when the variable that holds the API key of a provider in use is not set.

    A provider that is only a default is not in use: a file that says nothing about providers gets no warning.
    """
    if not config.validation.check_api_keys:
        return
    judged: set[str] = set()
    for asked_at, provider_id in _asked_providers(config):
        if provider_id in judged:
            continue
        judged.add(provider_id)
        provider = config.model_providers.get(provider_id)
        if provider is None or provider.env_key is None or os.environ.get(provider.env_key):
            continue
        built_in = is_built_in(provider_id, provider)
        if built_in and asked_at == ("model_provider",) and "model_provider" not in config.model_fields_set:
            judged.discard(provider_id)  # nobody asked for it; a model further down may
            continue
        # A built-in provider stands nowhere in the file; the place that asks for it does.
        path = asked_at if built_in else ("model_providers", provider_id, "env_key")
        yield _unset_variable(provider_id, provider.env_key, path)


def check_commands(config: AppConfig) -> Iterator[Problem]:
    """Warn when the command of an enabled agent cannot be found."""
    if not config.validation.check_commands:
        return
    found: dict[tuple[str, str | None], bool] = {}
    for index, agent in enumerate(config.agents):
        if not agent.enabled or _depends_on_directory(agent.command):
            continue
        key = agent.command, agent.env.get("PATH")
        if key not in found:
            found[key] = _is_found(*key)
        if not found[key]:
            yield _lost_command(agent, ("agents", index, "command"))


ALL: Final = (
    check_providers,
    check_agents,
    check_quality_gates,
    check_evidence,
    check_tables,
    check_api_keys,
    check_commands,
)
"""Every check of `AppConfig`, errors first."""


def _asked_providers(config: AppConfig) -> Iterator[tuple[KeyPath, str]]:
    yield ("model_provider",), config.model_provider
    for name, model in config.models.items():
        if model.provider is not None:
            yield ("models", name, "provider"), model.provider


def _asked_agents(config: AppConfig) -> Iterator[tuple[KeyPath, str]]:
    for gate in GATES:
        for index, name in enumerate(getattr(config.quality_gates, gate)):
            yield ("quality_gates", gate, index), name


def _names(agents: Iterable[Agent]) -> dict[str, None]:
    """Both names of each agent, in order, to look up and to choose from."""
    return dict.fromkeys(name for agent in agents for name in (agent.canonical_name, agent.name))


def _disabled(agents: Iterable[Agent]) -> dict[str, int]:
    """Which agent has each name, of those that are not enabled."""
    found: dict[str, int] = {}
    for index, agent in enumerate(agents):
        if not agent.enabled:
            found.setdefault(agent.canonical_name, index)
            found.setdefault(agent.name, index)
    return found


def _near(word: str, candidates: Iterable[str], nth: int) -> str | None:
    """A hint for the `nth` finding of a check. Only the first ones get one: looking costs more than all the rest."""
    return did_you_mean(word, islice(candidates, _MOST_CANDIDATES)) if nth < _MOST_HINTS else None


def _is_table(value: object) -> bool:
    """Is `value` what `[key]` or `[[key]]` makes?"""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def _unset_variable(provider_id: str, variable: str, path: KeyPath) -> Problem:
    provider = f"model provider '{printable(provider_id)}'"
    if _VARIABLE.fullmatch(variable):
        return Problem(f"Environment variable {variable} of {provider} is not set", path, severity="warning")
    text = f"Environment variable of {provider} is not set"
    hint = "env_key is the name of a variable such as OPENAI_API_KEY, not the key itself"
    return Problem(text, path, severity="warning", hint=hint)


def _is_found(command: str, search: str | None) -> bool:
    """Whether `command` can be run. Most can, and each reload asks: so the usual case is brief."""
    asked = command, os.environ.get("PATH") if search is None else search
    before = _FOUND.get(asked)
    if before is not None and os.access(before, os.X_OK):
        return True
    from shutil import which  # here, because `hotconf check` starts quickly

    found = which(command, path=search)
    if found is None or not os.path.isabs(found):  # noqa: PTH117 - a relative one depends on the directory
        return found is not None
    if len(_FOUND) >= _MOST_FOUND:
        _FOUND.clear()
    _FOUND[asked] = found
    return True


def _depends_on_directory(command: str) -> bool:
    """`./agent` and `bin/agent` are found from where the agent will run, which is not known here."""
    return os.path.dirname(command) != "" and not os.path.isabs(command)  # noqa: PTH120, PTH117


def _lost_command(agent: Agent, path: KeyPath) -> Problem:
    name = f"agent '{printable(agent.name)}'"
    words = agent.command.split()
    if os.path.isabs(agent.command) or not words:  # noqa: PTH117
        return Problem(f"Command of {name} is not a program that can be run", path, severity="warning")
    # Only the first word is shown: what follows it are arguments, and they may be secret.
    hint = "arguments belong into args" if len(words) > 1 else None
    text = f"Command '{printable(words[0])}' of {name} not found on PATH"
    return Problem(text, path, severity="warning", hint=hint)
