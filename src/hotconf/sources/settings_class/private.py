"""What of pydantic-settings we use that it does not document: all of it is here, and named in `NAMES`."""

from __future__ import annotations

from typing import Any, Final

import pydantic_settings
from pydantic_settings import (
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    sources,
)

from hotconf.errors import UsageError

NAMES: Final[tuple[tuple[Any, str], ...]] = (
    (PydanticBaseSettingsSource, "_set_current_state"),
    (PydanticBaseSettingsSource, "_set_settings_sources_data"),
    (EnvSettingsSource, "_load_env_vars"),
    (SecretsSettingsSource, "find_case_path"),
    (sources, "DefaultSettingsSource"),
)
"""Without one of them nothing of this package can work."""


def missing() -> list[str]:
    """Those that the installed version does not have."""
    return [f"{owner.__name__}.{name}" for owner, name in NAMES if not hasattr(owner, name)]


def tell(source: Any, state: dict[str, Any], states: dict[str, dict[str, Any]]) -> None:
    """What stronger sources have said: together, and each by its name."""
    if isinstance(source, PydanticBaseSettingsSource):
        source._set_current_state(state)
        source._set_settings_sources_data(states)


def reads_environment(source: EnvSettingsSource) -> bool:
    """Whether its variables are those of the process, and not those of a vault."""
    return type(source)._load_env_vars is EnvSettingsSource._load_env_vars


def read_again(source: DotEnvSettingsSource) -> None:
    """Read the files that it names by now."""
    source.env_vars = source._load_env_vars()


def only(source: SecretsSettingsSource, keys: set[Any]) -> None:
    """Let it find no other files than these."""
    find = source.find_case_path

    def among(folder: Any, name: str, case_sensitive: bool) -> Any:
        path = find(folder, name, case_sensitive)
        return path if path in keys else None

    vars(source)["find_case_path"] = among


def defaults_of(settings: Any) -> dict[str, Any]:
    """The defaults that `nested_model_default_partial_update` fills in."""
    found: dict[str, Any] = sources.DefaultSettingsSource(settings).defaults
    return found


if found := missing():
    raise UsageError(
        f"pydantic-settings {pydantic_settings.__version__} has no {', '.join(found)}: "
        "install a version that works, pip install 'hotconf[settings]'"
    )
