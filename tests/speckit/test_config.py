"""`AppConfig`: its defaults, its limits, and what it does not accept."""

from typing import Any

import pytest
from pydantic import ValidationError

from hotconf.speckit import Agent, AppConfig, ModelProvider

AGENT = {"name": "gemini", "command": "gemini"}
PROVIDER = {"base_url": "http://localhost"}

DEFAULTS = {
    "model": "gpt-5",
    "model_provider": "openai",
    "model_reasoning_effort": "medium",
    "model_reasoning_summary": "auto",
    "model_verbosity": "medium",
    "model_context_window": None,
    "model_max_output_tokens": None,
    "approval_policy": "on-request",
    "sandbox_mode": "read-only",
    "profile": None,
    "models": {},
    "agents": (),
    "quality_gates": {
        "plan": (),
        "tasks": (),
        "validate": (),
        "audit": (),
        "unlock": (),
        "enabled": True,
        "consensus_threshold": 0.67,
    },
    "evidence": {"enabled": True, "base_dir": "evidence", "max_size_mb": 25, "retention_days": 90},
    "cost": {"enabled": True, "daily_limit_usd": None, "monthly_limit_usd": None, "alert_threshold": 0.8},
    "hot_reload": {"enabled": True, "debounce_ms": 2000, "mode": "settle", "watch_paths": ()},
    "validation": {"check_api_keys": True, "check_commands": True, "strict_schema": False},
}


def at(path: str, value: object) -> dict[str, Any]:
    """A document with `value` at the dotted `path`, and what is required around it."""
    first, *keys = path.split(".")
    if first == "agents":
        return {"agents": [{**AGENT, keys[0]: value}]}
    table: Any = value
    for key in reversed(keys):
        table = {key: table}
    if first == "model_providers":
        table = {"x": {**PROVIDER, **table["x"]}}
    if first == "models":
        table = {"x": {"model": "m", **table["x"]}}
    return {first: table}


def test_every_default_is_the_documented_one() -> None:
    """An empty document gives the documented defaults and nothing else."""
    assert AppConfig().model_dump(exclude={"model_providers"}) == DEFAULTS


def test_the_defaults_of_entries() -> None:
    """A provider, a model and an agent with only what is required have the documented defaults."""
    config = AppConfig.model_validate(
        {"model_providers": {"x": PROVIDER}, "models": {"m": {"model": "id"}}, "agents": [AGENT]}
    )
    assert config.model_providers["x"].model_dump() == {
        "name": "x",
        "base_url": "http://localhost",
        "env_key": None,
        "wire_api": "chat",
        "query_params": {},
        "http_headers": {},
        "env_http_headers": {},
        "request_max_retries": 4,
        "stream_max_retries": 10,
        "stream_idle_timeout_ms": 300_000,
    }
    assert config.models["m"].model_dump() == {
        "provider": None,
        "model": "id",
        "tier": None,
        "endpoint": None,
        "temperature": 0.7,
        "max_tokens": None,
        "cost_per_input_million": 0.0,
        "cost_per_output_million": 0.0,
        "retry": {"max_retries": 3, "base_delay_ms": 1000, "max_delay_ms": 30_000},
    }
    assert config.agents[0].model_dump() == {
        "name": "gemini",
        "canonical_name": "gemini",
        "command": "gemini",
        "args": (),
        "args_read_only": (),
        "args_write": (),
        "read_only": False,
        "enabled": True,
        "description": None,
        "instructions": None,
        "env": {},
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model_context_window", "3"),
        ("model_context_window", 0),
        ("model_context_window", True),
        ("model_max_output_tokens", -1),
        ("model", 5),
        ("approval_policy", "unknown"),
        ("sandbox_mode", "none"),
        ("model_reasoning_effort", "huge"),
        ("model_reasoning_summary", "short"),
        ("model_verbosity", "loud"),
        ("model_providers.x.wire_api", "soap"),
        ("model_providers.x.base_url", 1),
        ("model_providers.x.request_max_retries", -1),
        ("model_providers.x.stream_max_retries", 1.0),
        ("model_providers.x.stream_idle_timeout_ms", 0),
        ("model_providers.x.query_params", {"version": 1}),
        ("model_providers.x.http_headers", ["a"]),
        ("models.x.tier", "top"),
        ("models.x.temperature", 2.1),
        ("models.x.temperature", -0.1),
        ("models.x.temperature", float("nan")),
        ("models.x.temperature", True),
        ("models.x.max_tokens", 0),
        ("models.x.cost_per_input_million", -1),
        ("models.x.cost_per_output_million", float("inf")),
        ("models.x.retry.max_retries", "3"),
        ("models.x.retry.base_delay_ms", -1),
        ("agents.args", "--verbose"),
        ("agents.args", ["--verbose", 1]),
        ("agents.enabled", 1),
        ("agents.read_only", "true"),
        ("agents.env", {"DEBUG": 1}),
        ("agents.name", None),
        ("quality_gates.plan", "gemini"),
        ("quality_gates.validate", [True]),
        ("quality_gates.consensus_threshold", 1.1),
        ("evidence.max_size_mb", "25"),
        ("evidence.retention_days", 0),
        ("cost.daily_limit_usd", -0.01),
        ("cost.monthly_limit_usd", "100"),
        ("cost.alert_threshold", 1.5),
        ("hot_reload.debounce_ms", 2000.0),
        ("validation.strict_schema", 0),
    ],
)
def test_what_no_field_accepts(path: str, value: object) -> None:
    """A value of another type or outside the limits is refused, at its own path and for no other reason."""
    with pytest.raises(ValidationError) as refused:
        AppConfig.model_validate(at(path, value))
    assert {
        ".".join(str(key) for key in error["loc"] if key != 0).startswith(path) for error in refused.value.errors()
    } == {True}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("models.x.temperature", 2),
        ("models.x.temperature", 0),
        ("models.x.max_tokens", 1),
        ("cost.daily_limit_usd", 0),
        ("cost.alert_threshold", 1),
        ("quality_gates.consensus_threshold", 0),
        ("evidence.retention_days", 1),
        ("evidence.max_size_mb", 5000),
        ("hot_reload.debounce_ms", 50),
        ("model_providers.x.request_max_retries", 0),
        ("models.x.retry.max_delay_ms", 0),
    ],
)
def test_what_is_just_inside_the_limits(path: str, value: object) -> None:
    """Limits are inclusive, integers are valid floats, and limits with texts of their own are left to the checks."""
    AppConfig.model_validate(at(path, value))


def test_an_integer_becomes_a_float() -> None:
    """`temperature = 1` and `temperature = 1.0` make the same configuration, of the same type."""
    assert type(AppConfig.model_validate(at("models.x.temperature", 1)).models["x"].temperature) is float


@pytest.mark.parametrize("provider_id", ["openai", "anthropic", "google", "ollama"])
def test_built_in_providers_are_there(provider_id: str) -> None:
    """The four well-known providers need not be written."""
    assert AppConfig().model_providers[provider_id].base_url.startswith("http")


def test_a_provider_of_the_file_replaces_its_namesake_wholly() -> None:
    """Nothing of a built-in provider shines through the one that the file defines."""
    config = AppConfig.model_validate({"model_providers": {"zeta": PROVIDER, "openai": PROVIDER}})
    assert config.model_providers["openai"] == ModelProvider(name="openai", base_url="http://localhost")
    assert list(config.model_providers) == ["zeta", "openai", "anthropic", "google", "ollama"]


def test_a_provider_needs_its_base_url() -> None:
    """A built-in namesake does not lend its base_url."""
    with pytest.raises(ValidationError) as refused:
        AppConfig.model_validate({"model_providers": {"openai": {"env_key": "KEY"}}})
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [
        (("model_providers", "openai", "base_url"), "missing")
    ]


def test_built_in_providers_are_not_shared() -> None:
    """What happens to the providers of one config cannot reach those of another."""
    AppConfig().model_providers["openai"].http_headers["x"] = "y"
    assert AppConfig().model_providers["openai"].http_headers == {}


def test_a_written_name_is_kept() -> None:
    """Defaults that depend on other values stand back behind what is written."""
    config = AppConfig.model_validate(
        {"model_providers": {"x": {**PROVIDER, "name": "X"}}, "agents": [{**AGENT, "canonical_name": "g"}]}
    )
    assert (config.model_providers["x"].name, config.agents[0].canonical_name) == ("X", "g")


def test_a_wrong_agent_name_is_one_error() -> None:
    """The default that is taken from the name adds no second error to a wrong name."""
    with pytest.raises(ValidationError) as refused:
        AppConfig.model_validate({"agents": [{"name": 1, "command": "x"}]})
    assert [error["loc"] for error in refused.value.errors()] == [("agents", 0, "name")]


def test_other_tables_and_values_are_kept() -> None:
    """Tables of other parts and unlisted values are in the config as they are."""
    extras = {"tui": {"theme": "dark"}, "notify": ["a", 1], "version": 3}
    config = AppConfig.model_validate(extras)
    assert config.model_extra == extras
    assert config != AppConfig()


def test_the_config_cannot_be_changed() -> None:
    """Assigning to a field is an error, on every level."""
    config = AppConfig()
    for table, field in ((config, "model"), (config.cost, "enabled"), (config.quality_gates, "plan")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(table, field, None)


def test_no_repr_shows_a_secret() -> None:
    """Secret values of every table are masked, wherever a part of the config is printed; the rest is shown."""
    provider = {
        "base_url": "http://me:s3cret@localhost",
        "http_headers": {"Authorization": "s3cret"},
        "query_params": {"api-key": "s3cret"},
    }
    config = AppConfig.model_validate(
        {
            "model_providers": {"x": provider},
            "models": {"m": {"model": "id", "endpoint": "http://me:s3cret@localhost"}},
            "agents": [{**AGENT, "env": {"API_KEY": "s3cret", "DEBUG": "yes"}}],
            "mcp_servers": {"x": {"token": "s3cret"}},
            "api_key": "s3cret",
        }
    )
    for part in (config, config.model_providers["x"], config.models["m"], config.agents[0], config.agents):
        assert "s3cret" not in repr(part) + str(part)
    assert "gemini" in repr(config)
    assert "'DEBUG': 'yes'" in repr(config.agents[0])


def test_the_gate_called_validate_is_a_field() -> None:
    """`quality_gates.validate` reads as the gate, not as the method of pydantic's that it hides."""
    config = AppConfig.model_validate({"quality_gates": {"validate": ["gemini"]}})
    assert config.quality_gates.validate == ("gemini",)
    assert AppConfig().quality_gates.validate == ()


def test_agents_are_made_in_code_too() -> None:
    """Built from Python, the dependent defaults are the same."""
    assert Agent(name="a", command="b").canonical_name == "a"
    assert AppConfig(model_providers={"x": ModelProvider(base_url="u")}).model_providers["x"].name == "x"
