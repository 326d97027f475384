"""Planted secrets: whatever is told about a configuration that holds them, they are not in it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from hotconf import HotReloadWatcher
from hotconf.problems import Problem
from hotconf.report.ndjson import to_json
from hotconf.report.notification import notification
from hotconf.report.problems import concise
from hotconf.schema import Schema


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    pin: SecretStr = SecretStr("")
    api_key: str = ""
    keys: dict[str, dict[str, str]] = {}
    url: str = ""
    token: list[str] = []


SCHEMA = Schema(Config, checks=[lambda config: [Problem("odd", "url", severity="warning")]])


def toml(planted: str) -> str:
    """A configuration with `planted` at every kind of secret place."""
    return f"""
pin = "{planted}"
api_key = "{planted}"
url = "https://ada:{planted}@example.org/"
token = ["{planted}", "{planted}"]
[keys.service]
password = "{planted}"
"""


@pytest.mark.parametrize(
    "after",
    [
        toml("hunter3"),
        "",
        "# nothing\n",
        toml("hunter3").replace('pin = "hunter3"', "pin = ['hunter3']"),
        toml("hunter3") + 'apikey = "hunter3"\n',
        toml("hunter3") + 'secret = "hunter3\n',
        toml("hunter3") + "secret = hunter3\n",
    ],
)
def test_no_secret_is_in_what_is_told(tmp_path, after):
    """Neither the old one nor the new one, in text, in JSON or in the lines of a check."""
    file = tmp_path / "config.toml"
    file.write_text(toml("hunter2"))
    with HotReloadWatcher(file, SCHEMA) as watcher:
        file.write_text(after)
        event = watcher.reload()
        problems = (*getattr(event, "problems", ()), *getattr(event, "warnings", ()))
        told = [notification(event), to_json(event), repr(event), *map(concise, problems)]
    assert "hunter" not in "\n".join(told)
