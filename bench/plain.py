"""The models that the footprint is measured with: hotconf's own, and two such as a user writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from hotconf import Schema


def speckit() -> Schema[Any]:
    """`hotconf.speckit`: its import counts to the program, as that of any model does."""
    from hotconf.speckit import SPECKIT

    return SPECKIT


def user() -> type[BaseModel]:
    """A frozen model for the same file, as the README recommends."""
    return _model(frozen=True)


def loose() -> type[BaseModel]:
    """The same model, not frozen: a warning is logged about it."""
    return _model(frozen=False)


MODELS: dict[str, Callable[[], Any]] = {"speckit": speckit, "user": user, "loose": loose}


def _model(*, frozen: bool) -> type[BaseModel]:
    settings = ConfigDict(extra="allow")
    settings["frozen"] = frozen

    class Table(BaseModel):
        model_config = settings

    class Provider(Table):
        name: str
        base_url: str
        env_key: str
        http_headers: dict[str, str]

    class Model(Table):
        provider: str
        model: str
        temperature: float = 0.7
        retry: dict[str, int]

    class Agent(Table):
        name: str
        command: str
        args: list[str]
        enabled: bool = True

    class Config(Table):
        model: str
        model_providers: dict[str, Provider]
        models: dict[str, Model]
        agents: list[Agent]

    for each in (Provider, Model, Agent, Config):
        each.model_rebuild(_types_namespace=locals())
    return Config
