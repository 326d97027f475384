"""The built-in schema: the configuration of an application that works with models, agents and quality gates."""

from __future__ import annotations

from hotconf.schema import Schema
from hotconf.speckit import checks
from hotconf.speckit.changes import describe, detect_config_changes
from hotconf.speckit.config import (
    Agent,
    AppConfig,
    Cost,
    Evidence,
    Model,
    ModelProvider,
    QualityGates,
    Retry,
    Validation,
)
from hotconf.speckit.deferral import Activity, should_defer_reload

__all__ = [
    "Activity",
    "Agent",
    "AppConfig",
    "Cost",
    "Evidence",
    "Model",
    "ModelProvider",
    "QualityGates",
    "Retry",
    "SPECKIT",
    "Validation",
    "detect_config_changes",
    "should_defer_reload",
]


def _template() -> str:
    # Only `hotconf init` needs it, so no import pays for it.
    from importlib.resources import files

    return files(__name__).joinpath("template.toml").read_text(encoding="utf-8")


SPECKIT: Schema[AppConfig] = Schema(
    AppConfig,
    checks=checks.ALL,
    describe=describe,
    template=_template,
    kebab=True,
    strict_keys=lambda config: config.validation.strict_schema,
)
"""How `AppConfig` is checked, described and written: the default of the command line."""
