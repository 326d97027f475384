"""`AppConfig`: every table and field of the application's configuration, its default and its limits.

The models are strict: `"3"` is not an integer and `1` is not a boolean; an integer is a valid float. What a field may
be is said here; what must fit together across fields is said in `checks`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from hotconf.config.redaction.masking import masked
from hotconf.settings import HotReloadSettings

Strings: TypeAlias = Annotated[tuple[str, ...], Field(strict=False)]
"""An array of strings. TOML's arrays come as lists, which a strict tuple would refuse; its items stay strict."""
Positive: TypeAlias = Annotated[int, Field(gt=0)]
NotNegative: TypeAlias = Annotated[int, Field(ge=0)]
Amount: TypeAlias = Annotated[float, Field(ge=0)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]

MIN_EVIDENCE_MB: Final = 1
MAX_EVIDENCE_MB: Final = 1000

FREE_TABLES: Final = frozenset(
    {
        "ace",
        "browser",
        "confirm_guard",
        "github",
        "history",
        "mcp_servers",
        "notice",
        "profiles",
        "project_hooks",
        "projects",
        "sandbox_workspace_write",
        "shell_environment_policy",
        "speckit",
        "subagents",
        "tui",
    }
)
"""Top-level tables that are kept, compared and shown, but not checked: other parts of the application use them."""

BUILT_IN_PROVIDERS: Final[Mapping[str, Mapping[str, str]]] = {
    "openai": {
        "name": "OpenAI",
        "base_url": "https://api.openai.com/v1",
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
    },
    "anthropic": {
        "name": "Anthropic",
        "base_url": "https://api.anthropic.com/v1",
        "env_key": "ANTHROPIC_API_KEY",
    },
    "google": {
        "name": "Google",
        "base_url": "https://generativelanguage.googleapis.com/v1beta/openai",
        "env_key": "GEMINI_API_KEY",
    },
    "ollama": {"name": "Ollama", "base_url": "http://localhost:11434/v1"},
}
"""Providers that are there without being written. One that the file defines replaces its namesake wholly."""


class _Table(BaseModel):
    """What all tables have in common; unknown keys are found by hotconf, which can say where they stand."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """As plain values, secrets masked."""
        return ((key, masked((key or "",), value)) for key, value in super().__repr_args__())


class ModelProvider(_Table):
    """`[model_providers.ID]`: a service with models."""

    name: str = ""
    """What people call it. Default: its ID."""
    base_url: str
    """Where the service answers, such as http://localhost:8000/v1."""
    env_key: str | None = None
    """The name of the environment variable that holds the API key; never the key itself."""
    wire_api: Literal["chat", "responses"] = "chat"
    """The protocol that the service speaks."""
    query_params: dict[str, str] = {}
    """Parameters added to the URL of every request."""
    http_headers: dict[str, str] = {}
    """Headers added to every request."""
    env_http_headers: dict[str, str] = {}
    """Headers whose values are taken from the environment variables named here."""
    request_max_retries: NotNegative = 4
    """How often a failed request is repeated."""
    stream_max_retries: NotNegative = 10
    """How often a broken stream is begun again."""
    stream_idle_timeout_ms: Positive = 300_000
    """A stream that is silent for this long is broken."""


class Retry(_Table):
    """`[models.NAME.retry]`: how often and how patiently a failed request is repeated."""

    max_retries: NotNegative = 3
    """How often a failed request is repeated."""
    base_delay_ms: NotNegative = 1000
    """The pause before the first repetition; it grows with each one."""
    max_delay_ms: NotNegative = 30_000
    """The longest pause."""


class Model(_Table):
    """`[models.NAME]`: a model, what it costs and how it is asked."""

    provider: str | None = None
    """A key of `model_providers`. Default: the top level's `model_provider`."""
    model: str
    """The name by which the provider knows it."""
    tier: Literal["low", "medium", "high"] | None = None
    """How capable it is, and how dear."""
    endpoint: str | None = None
    """Where it answers, if not at the provider's `base_url`."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """From 0, steady, to 2, wild."""
    max_tokens: Positive | None = None
    """The longest answer."""
    cost_per_input_million: Amount = 0.0
    """US dollars for a million tokens that are sent."""
    cost_per_output_million: Amount = 0.0
    """US dollars for a million tokens that are received."""
    retry: Retry = Retry()
    """How often and how patiently a failed request is repeated."""


class Agent(_Table):
    """`[[agents]]`: a program that works on a task."""

    name: str
    """Unique among the agents."""
    canonical_name: str = Field(default="", validate_default=True)
    """The name that quality gates may use as well, shared by agents that stand in for each other. Default: `name`."""
    command: str
    """The program: a name to be found on PATH, or a path. Arguments belong into `args`."""
    args: Strings = ()
    """Arguments of every run."""
    args_read_only: Strings = ()
    """Arguments added when the agent must not write."""
    args_write: Strings = ()
    """Arguments added when the agent may write."""
    read_only: bool = False
    """True: never lets it write."""
    enabled: bool = True
    """Whether it takes part."""
    description: str | None = None
    """What it is good at, for people."""
    instructions: str | None = None
    """Put before each task."""
    env: dict[str, str] = {}
    """Environment variables that its command gets besides the application's own."""

    @field_validator("canonical_name")
    @classmethod
    def _default_to_name(cls, canonical_name: str, info: ValidationInfo) -> str:
        return canonical_name or str(info.data.get("name", ""))


with warnings.catch_warnings():
    # The gate `validate` hides pydantic's method of that name, which is deprecated and which nothing here calls.
    warnings.filterwarnings("ignore", message='Field name "validate"')

    class QualityGates(_Table):
        """`[quality_gates]`: which agents judge at which gate, by `canonical_name` or `name`."""

        plan: Strings = ()
        """The agents that judge the plan."""
        tasks: Strings = ()
        """The agents that judge the list of tasks."""
        validate: Strings = ()  # type: ignore[assignment]
        """The agents that judge whether what was made is what was asked for."""
        audit: Strings = ()
        """The agents that judge the quality of the work."""
        unlock: Strings = ()
        """The agents that judge whether it may be merged."""
        enabled: bool = True
        """Whether gates are held at all."""
        consensus_threshold: Share = 0.67
        """The share of a gate's agents that must agree."""


class Evidence(_Table):
    """`[evidence]`: what the agents found, kept on disk."""

    enabled: bool = True
    """Whether it is kept."""
    base_dir: str = "evidence"
    """The directory for it."""
    max_size_mb: Annotated[int, Field(json_schema_extra={"minimum": MIN_EVIDENCE_MB, "maximum": MAX_EVIDENCE_MB})] = (
        25
    )
    """1 to 1000; the limits are a check's, which says so in its own words."""
    retention_days: Positive = 90
    """For how long it is kept."""


class Cost(_Table):
    """`[cost]`: how much may be spent."""

    enabled: bool = True
    """Whether the limits count."""
    daily_limit_usd: Amount | None = None
    """US dollars a day. Default: no limit."""
    monthly_limit_usd: Amount | None = None
    """US dollars a month. Default: no limit."""
    alert_threshold: Share = 0.8
    """The share of a limit at which to warn."""


class Validation(_Table):
    """`[validation]`: which rules apply to this configuration beyond those that it must keep."""

    check_api_keys: bool = True
    """Warn when the environment lacks the API key of a provider in use."""
    check_commands: bool = True
    """Warn when the command of an enabled agent cannot be found."""
    strict_schema: bool = False
    """Refuse unknown keys instead of warning about them."""


def _name_free_tables(schema: dict[str, Any]) -> None:
    """Let editors offer them; what is in them is left open."""
    text = "Kept as it is, for the part of the application that it belongs to."
    about = {"description": text, "additionalProperties": True}
    schema["properties"].update((name, about) for name in sorted(FREE_TABLES))


class AppConfig(_Table):
    """The application's configuration. Tables of other parts and unlisted values are kept as they are, as extras."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_name_free_tables, defer_build=False)

    model: str = "gpt-5"
    """The model to work with, by the name that its provider knows."""
    model_provider: str = "openai"
    """A key of `model_providers`."""
    model_reasoning_effort: Literal["minimal", "low", "medium", "high"] = "medium"
    """How much the model thinks before it answers."""
    model_reasoning_summary: Literal["auto", "concise", "detailed", "none"] = "auto"
    """How much is shown of what it thought."""
    model_verbosity: Literal["low", "medium", "high"] = "medium"
    """How much it says."""
    model_context_window: Positive | None = None
    """Tokens. Default: what is known of the model."""
    model_max_output_tokens: Positive | None = None
    """Tokens of one answer. Default: what is known of the model."""
    approval_policy: Literal["untrusted", "on-failure", "on-request", "never"] = "on-request"
    """When to ask before a command is run."""
    sandbox_mode: Literal["read-only", "workspace-write", "danger-full-access"] = "read-only"
    """What commands may touch."""
    profile: str | None = None
    """The one of `profiles` to start with."""
    model_providers: dict[str, ModelProvider] = Field(default={}, validate_default=True)
    """By ID: those of the file in its order, then the built-in ones that it does not define."""
    models: dict[str, Model] = {}
    """By a name of your choice: models, what they cost and how they are asked."""
    agents: Annotated[tuple[Agent, ...], Field(strict=False)] = ()
    """The programs that do the work."""
    quality_gates: QualityGates = QualityGates()
    """Which agents judge at which step."""
    evidence: Evidence = Evidence()
    """What the agents found, kept on disk."""
    cost: Cost = Cost()
    """How much may be spent."""
    hot_reload: HotReloadSettings = HotReloadSettings()
    """How this file is watched."""
    validation: Validation = Validation()
    """How strictly this file is checked."""

    @field_validator("model_providers")
    @classmethod
    def _name_and_complete(cls, given: dict[str, ModelProvider]) -> dict[str, ModelProvider]:
        named = {
            key: provider if provider.name else provider.model_copy(update={"name": key})
            for key, provider in given.items()
        }
        built_in = (key for key in BUILT_IN_PROVIDERS if key not in given)
        return named | {key: ModelProvider.model_validate(BUILT_IN_PROVIDERS[key]) for key in built_in}


def is_built_in(provider_id: str, provider: ModelProvider) -> bool:
    """Is `provider` the one that is there without being written?"""
    built_in = BUILT_IN_PROVIDERS.get(provider_id)
    return built_in is not None and provider == ModelProvider.model_validate(built_in)
