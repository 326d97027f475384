"""Values that no layer sets: defaults, and what validators and factories make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, model_validator

from hotconf.config.layers import LayerTable
from hotconf.config.merge import merge


class Server(BaseModel):
    host: str = "localhost"
    port: int = 8000
    url: str = ""

    @model_validator(mode="after")
    def _url(self) -> Server:
        if not self.url:
            self.url = f"http://{self.host}"
        return self


@dataclass
class Plain:
    size: int = 1


class App(BaseModel):
    server: Server = Field(default_factory=Server)
    other: Server = Server(port=9000)
    tags: list[str] = Field(default_factory=list)
    token: str = Field(default_factory=lambda: "made")
    path: Path = Path("x")
    plain: Plain = Plain()
    aliased: int = Field(1, validation_alias="ALI")
    nan: float = float("nan")
    table: dict[str, Any] = {}


WHERE = {
    "server": "default",
    "server.port": "default",
    "server.url": "computed",
    "other.port": "default",
    "other.url": "default",
    "tags": "default",
    "token": "computed",
    "path": "default",
    "plain.size": "default",
    "ALI": "default",
    "nan": "default",
    "table": "default",
}


@pytest.mark.parametrize("key", WHERE)
def test_a_value_that_nothing_sets(key: str) -> None:
    """A default, or computed."""
    path = tuple(key.split("."))
    (answer,) = merge([]).origins.of(App()).explain(path)
    assert answer.origin.where == WHERE[key]


def test_a_value_in_a_table_that_a_layer_sets() -> None:
    """Below it each value is judged by itself."""
    layer = LayerTable.of("mine", {"server": {"host": "a"}, "table": {"x": 1}})
    origins = merge([layer]).origins.of(App.model_validate(layer.table))
    found = {
        key: origins.explain(tuple(key.split(".")))[0].origin.where
        for key in ("server.host", "server.port", "server.url")
    }
    assert found == {"server.host": "mine", "server.port": "default", "server.url": "computed"}
