"""The checks of `AppConfig`: what they find, where, and in which words."""

from pathlib import Path
from typing import Any

import pytest

from hotconf.problems import Problem
from hotconf.speckit import SPECKIT, AppConfig
from hotconf.speckit.checks import GATES
from hotconf.speckit.config import FREE_TABLES

PROVIDER = {"base_url": "http://localhost"}


def found(**document: Any) -> list[Problem]:
    """What all checks find in a document, commands and keys left aside unless it says otherwise."""
    document.setdefault("validation", {"check_api_keys": False, "check_commands": False})
    return told(AppConfig.model_validate(document))


def told(config: AppConfig) -> list[Problem]:
    """What all checks find in `config`."""
    return [problem for check in SPECKIT.checks for problem in check(config)]


def agent(name: str, **fields: Any) -> dict[str, Any]:
    """An `[[agents]]` table."""
    return {"name": name, "command": name, **fields}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment with no keys, and a PATH with one program, `present`."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "present"
    program.touch(mode=0o755)
    (tmp_path / "data").touch(mode=0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    return monkeypatch


def test_the_defaults_are_fine() -> None:
    """An empty document gives neither an error nor a warning."""
    assert told(AppConfig()) == []


def test_unknown_provider() -> None:
    """The selected provider must exist; the specification's words, at the key that names it."""
    assert found(model_provider="unknown") == [
        Problem("Model provider 'unknown' not found in model_providers", ("model_provider",))
    ]


def test_unknown_provider_of_a_model() -> None:
    """So must each model's, with a hint when one is near; own and built-in ones are known."""
    models = {
        "a": {"model": "m", "provider": "opnai"},
        "b": {"model": "m", "provider": "mine"},
        "c": {"model": "m", "provider": "ollama"},
        "d": {"model": "m"},
    }
    assert found(models=models, model_providers={"mine": PROVIDER}) == [
        Problem(
            "Model provider 'opnai' not found in model_providers",
            ("models", "a", "provider"),
            hint='did you mean "openai"?',
        )
    ]


@pytest.mark.parametrize("gate", GATES)
def test_unknown_agent_of_a_gate(gate: str) -> None:
    """Each gate's agents must exist; the specification's words, at the item, with a hint when one is near."""
    agents = [agent("gpt_pro2"), agent("claude")]
    assert found(agents=agents, quality_gates={gate: ["claude", "gpt_pro"]}) == [
        Problem(
            "Quality gate agent 'gpt_pro' not found or disabled",
            ("quality_gates", gate, 1),
            hint='did you mean "gpt_pro2"?',
        )
    ]


def test_disabled_agent_of_a_gate() -> None:
    """An agent that is there but disabled does not count; the hint says why, and it is known where it is disabled."""
    assert found(agents=[agent("gpt_pro", enabled=False)], quality_gates={"audit": ["gpt_pro"]}) == [
        Problem(
            "Quality gate agent 'gpt_pro' not found or disabled",
            ("quality_gates", "audit", 0),
            hint="the agent is there, but has enabled = false",
            mentions=(("disabled", ("agents", 0, "enabled")),),
        )
    ]


def test_gates_name_agents_by_either_name() -> None:
    """Both names are good, and one enabled agent of several with a canonical name is enough."""
    agents = [agent("gpt", canonical_name="coder", enabled=False), agent("claude", canonical_name="coder")]
    assert found(agents=agents, quality_gates={"plan": ["coder"], "audit": ["claude"]}) == []


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (5000, "Evidence max_size_mb=5000 exceeds limit (1000 MB)"),
        (1001, "Evidence max_size_mb=1001 exceeds limit (1000 MB)"),
        (0, "Evidence max_size_mb=0 too low (minimum: 1 MB)"),
        (-5, "Evidence max_size_mb=-5 too low (minimum: 1 MB)"),
    ],
)
def test_evidence_size(size: int, text: str) -> None:
    """Above 1000 MB and below 1 MB is an error, in the specification's words."""
    assert found(evidence={"max_size_mb": size}) == [Problem(text, ("evidence", "max_size_mb"))]


@pytest.mark.parametrize("size", [1, 1000])
def test_evidence_size_at_its_limits(size: int) -> None:
    """The limits themselves are allowed."""
    assert found(evidence={"max_size_mb": size}) == []


def test_agent_names_are_unique() -> None:
    """The second of two agents with one name is told, at its name; canonical names may be shared."""
    agents = [agent("a", canonical_name="x"), agent("b", canonical_name="x"), agent("a")]
    assert found(agents=agents) == [
        Problem(
            "Agent name 'a' is not unique (agents[0] has it too)",
            ("agents", 2, "name"),
            mentions=(("first defined", ("agents", 0, "name")),),
        )
    ]


def test_unknown_tables() -> None:
    """A table that nobody knows is a warning, with a hint when a listed name is near."""
    assert found(quality_gate={"plan": []}, zebra=[{"a": 1}]) == [
        Problem("Unknown key: quality_gate", ("quality_gate",), "schema", "warning", 'did you mean "quality_gates"?'),
        Problem("Unknown key: zebra", ("zebra",), "schema", "warning"),
    ]


def test_unknown_tables_under_a_strict_schema() -> None:
    """`strict_schema` makes them errors."""
    assert found(zebra={}, validation={"strict_schema": True}) == [
        Problem("Unknown key: zebra", ("zebra",), "schema")
    ]


def test_tables_of_others_and_plain_values_are_known() -> None:
    """Listed free tables, in either spelling, and unlisted values that are no tables need no warning."""
    tables = {name: {"any": {"thing": 1}} for name in FREE_TABLES}
    assert found(**tables, **{"mcp-servers": {}, "notify": ["a"], "empty": [], "version": 3, "when": 1.5}) == []


@pytest.mark.parametrize(
    ("document", "text", "path"),
    [
        (
            {"model_provider": "openai"},
            "Environment variable OPENAI_API_KEY of model provider 'openai' is not set",
            ("model_provider",),
        ),
        (
            {"models": {"m": {"model": "x", "provider": "google"}}},
            "Environment variable GEMINI_API_KEY of model provider 'google' is not set",
            ("models", "m", "provider"),
        ),
        (
            {"model_provider": "mine", "model_providers": {"mine": {**PROVIDER, "env_key": "MY_KEY"}}},
            "Environment variable MY_KEY of model provider 'mine' is not set",
            ("model_providers", "mine", "env_key"),
        ),
        (
            {"model_providers": {"openai": {**PROVIDER, "env_key": "MY_KEY"}}},
            "Environment variable MY_KEY of model provider 'openai' is not set",
            ("model_providers", "openai", "env_key"),
        ),
    ],
)
def test_api_key_is_not_set(
    environment: pytest.MonkeyPatch, document: dict[str, Any], text: str, path: tuple[str, ...]
) -> None:
    """A provider in use without its key is a warning, at its own line or, if built in, where it is asked for."""
    environment.delenv("MY_KEY", raising=False)
    assert found(**document, validation={}) == [Problem(text, path, severity="warning")]
    assert found(**document, validation={"check_api_keys": False}) == []


def test_api_key_is_set(environment: pytest.MonkeyPatch) -> None:
    """With the variable set there is no warning; an empty one counts as not set."""
    environment.setenv("OPENAI_API_KEY", "x")
    assert found(model_provider="openai", validation={}) == []
    environment.setenv("OPENAI_API_KEY", "")
    assert len(found(model_provider="openai", validation={})) == 1


@pytest.mark.usefixtures("environment")
def test_api_keys_of_providers_not_in_use() -> None:
    """Neither the default provider nor those that nothing asks for, nor one that needs no key, is warned about."""
    providers = {"mine": {**PROVIDER, "env_key": "MY_KEY"}}
    assert found(model_providers=providers, models={"m": {"model": "x", "provider": "ollama"}}, validation={}) == []


@pytest.mark.usefixtures("environment")
def test_api_key_is_told_once() -> None:
    """A provider that several models use is one warning; an unknown one is an error and nothing else."""
    models = {name: {"model": "x", "provider": "openai"} for name in "abc"}
    assert [problem.path for problem in found(models=models, validation={})] == [("models", "a", "provider")]
    assert [problem.severity for problem in found(model_provider="nobody", validation={})] == ["error"]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("key", ["sk-proj-4f9aXYZ", "AIzaSyD-9tSrke72PouQMnMX", "two words"])
def test_a_key_in_place_of_its_name_is_not_shown(key: str) -> None:
    """Whoever pastes the key itself into env_key is told so, and the key is not repeated."""
    [problem] = found(model_provider="x", model_providers={"x": {**PROVIDER, "env_key": key}}, validation={})
    assert key not in repr(problem)
    assert problem.hint is not None
    assert "not the key itself" in problem.hint


@pytest.mark.usefixtures("environment")
def test_commands_that_cannot_be_found() -> None:
    """An enabled agent's command that is not on PATH is a warning, at the command."""
    agents = [
        agent("a", command="present"),
        agent("b", command="absent"),
        agent("c", command="absent", enabled=False),
    ]
    assert found(agents=agents, validation={}) == [
        Problem("Command 'absent' of agent 'b' not found on PATH", ("agents", 1, "command"), severity="warning")
    ]
    assert found(agents=agents, validation={"check_commands": False}) == []


def test_commands_with_a_directory(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An absolute command must be a program; a relative one depends on where the agent will run and is not judged."""
    commands = [str(tmp_path / "present"), "./absent", "bin/absent", str(tmp_path / "absent"), str(tmp_path / "data")]
    problems = found(agents=[agent(f"n{n}", command=text) for n, text in enumerate(commands)], validation={})
    assert [(problem.path, problem.severity) for problem in problems] == [
        (("agents", 3, "command"), "warning"),
        (("agents", 4, "command"), "warning"),
    ]
    assert problems[0].message == "Command of agent 'n3' is not a program that can be run"


@pytest.mark.usefixtures("environment")
def test_a_command_with_arguments() -> None:
    """Arguments in the command are explained, and not repeated: they may be secret."""
    [problem] = found(agents=[agent("a", command="present --key s3cret")], validation={})
    assert problem.hint == "arguments belong into args"
    assert "s3cret" not in repr(problem)


def test_a_command_is_looked_up_where_the_agent_looks(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An agent with a PATH of its own is judged by that."""
    environment.setenv("PATH", "")
    agents = [agent("a", command="present", env={"PATH": str(tmp_path)}), agent("b", command="present")]
    assert [problem.path for problem in found(agents=agents, validation={})] == [("agents", 1, "command")]


def test_a_command_of_several_agents_is_looked_up_once(environment: pytest.MonkeyPatch) -> None:
    """Agents that share a command cost one look at PATH, and each is told."""
    asked: list[str] = []
    environment.setattr("shutil.which", lambda command, path=None: asked.append(command))
    assert len(found(agents=[agent(name, command="absent") for name in "abc"], validation={})) == 3
    assert asked == ["absent"]


def test_many_findings_are_not_dear() -> None:
    """A file full of unknown names is judged at once: only the first findings get a hint, and none is left out."""
    agents = [agent(f"agent_{n}", canonical_name=f"canonical_{n}") for n in range(2000)]
    problems = found(agents=agents, quality_gates={"plan": [f"agnet_{n}" for n in range(2000)]})
    assert len(problems) == 2000
    assert problems[0].hint == 'did you mean "agent_0"?'
    assert sum(problem.hint is not None for problem in problems) == 20


def test_messages_are_printable() -> None:
    """Names from the file cannot put control characters or bidirectional tricks on a terminal."""
    evil = "x\n\x1b[31m\u202e"
    problems = found(
        model_provider=evil,
        quality_gates={"plan": [evil]},
        agents=[agent(evil, enabled=False, command="\x1b"), agent(evil, command="\x1b")],
        validation={"check_commands": True},
        **{evil: {}},
    )
    assert len(problems) >= 4
    assert all(problem.message.isprintable() for problem in problems)
