"""The template: what `hotconf init` writes is valid, complete and true."""

import re
from typing import Any

import pytest
import tomli
from pydantic import BaseModel

from hotconf.problems import Problem
from hotconf.speckit import SPECKIT, Agent, AppConfig, Model, ModelProvider, Retry
from hotconf.speckit.config import FREE_TABLES

TEMPLATE = SPECKIT.template or ""
UNCOMMENTED = re.sub(r"(?m)^# ", "", TEMPLATE)
"""With every example in use: lines that begin with one # are settings."""


def problems(config: AppConfig) -> list[Problem]:
    """What all checks find."""
    return [problem for check in SPECKIT.checks for problem in check(config)]


def load(text: str) -> AppConfig:
    """The config that `text` makes."""
    return SPECKIT.adapter.validate_python(tomli.loads(text))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys, no commands: what a newcomer has."""
    monkeypatch.setenv("PATH", "")
    for provider in AppConfig().model_providers.values():
        if provider.env_key:
            monkeypatch.delenv(provider.env_key, raising=False)


def test_the_template_is_valid_and_quiet() -> None:
    """As it is written it means the defaults, without an error and without a warning."""
    assert load(TEMPLATE) == AppConfig()
    assert problems(load(TEMPLATE)) == []


def test_every_example_is_valid() -> None:
    """With each example uncommented there is no error, and nothing is left to uncomment."""
    assert [problem for problem in problems(load(UNCOMMENTED)) if problem.severity == "error"] == []
    assert not re.search(r"(?m)^#(?!#)", UNCOMMENTED)


def test_every_line_is_valid_alone() -> None:
    """One setting may be uncommented at a time, where its table is not commented out itself."""
    lines = TEMPLATE.splitlines()
    block_is_comment, tried = False, 0
    for number, line in enumerate(lines):
        if re.match(r"(# )?\[", line):
            block_is_comment = line.startswith("#")
        if not line.startswith("# ") or block_is_comment or re.search(r"= \[\"(gemini|claude)\"", line):
            continue
        text = "\n".join([*lines[:number], line.removeprefix("# "), *lines[number + 1 :]])
        assert [problem for problem in problems(load(text)) if problem.severity == "error"] == [], line
        tried += 1
    assert tried > 20


def differing(shown: object, real: object, path: str = "") -> list[str]:
    """Where a value that the template shows is not the default, unless the default is none at all."""
    if isinstance(shown, dict) and isinstance(real, BaseModel):
        return [
            found for key, value in shown.items() for found in differing(value, getattr(real, key), f"{path}.{key}")
        ]
    return [] if shown == real or real in (None, (), {}, "") else [path]


def test_shown_defaults_are_the_defaults() -> None:
    """Whoever uncomments a line that shows a default changes nothing."""
    shown = tomli.loads(UNCOMMENTED)
    entries: dict[str, tuple[Any, BaseModel]] = {
        "model_providers.local": (
            shown.pop("model_providers")["local"],
            ModelProvider(name="", base_url=""),
        ),
        "models.quick": (shown.pop("models")["quick"], Model(model="qwen3")),
    }
    for index, agent in enumerate(shown.pop("agents")):
        entries[f"agents[{index}]"] = agent, Agent(name=agent["name"], command=agent["command"])
    shown.pop("profiles")
    assert differing(shown, AppConfig()) == []
    assert [found for path, (table, real) in entries.items() for found in differing(table, real, path)] == []


def test_every_field_is_in_the_template() -> None:
    """The template shows each field of each table, and names the tables that are not checked."""
    shown = tomli.loads(UNCOMMENTED)
    assert set(AppConfig.model_fields) <= set(shown)
    for table in ("quality_gates", "evidence", "cost", "hot_reload", "validation"):
        assert set(shown[table]) == set(AppConfig.model_fields[table].default.__class__.model_fields), table
    assert set(shown["model_providers"]["local"]) == set(ModelProvider.model_fields)
    assert set(shown["models"]["quick"]) == set(Model.model_fields)
    assert set(shown["models"]["quick"]["retry"]) == set(Retry.model_fields)
    assert set(shown["agents"][-1]) == set(Agent.model_fields)
    assert all(name in TEMPLATE for name in FREE_TABLES)


def test_the_template_is_read_when_it_is_asked_for() -> None:
    """A schema may fetch its template late; additional checks do not lose it."""
    assert type(SPECKIT).of(SPECKIT, [lambda _: []]).template == TEMPLATE
    assert TEMPLATE.endswith("\n")
