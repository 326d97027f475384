"""Planted secrets: whatever is told about a configuration that holds them, they are not in it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, ConfigDict, SecretStr

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.config.redaction.secret_values import secrets_in
from hotconf.problems import Problem
from hotconf.report.ndjson import to_json
from hotconf.report.notification import notification
from hotconf.report.problems.diagnostic import diagnostic, plain
from hotconf.report.problems.excerpt import Excerpts
from hotconf.report.problems.github import github
from hotconf.report.problems.lines import concise
from hotconf.report.problems.sarif import sarif
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
        told = [notification(event), to_json(event), repr(event), *map(concise, problems), *map(github, problems)]
        told.append(sarif(problems, tmp_path))
        excerpts = Excerpts(lambda path: after, secrets=secrets_in(watcher.config), secret_keys=secret_keys(SCHEMA))
        told += [plain(diagnostic(problem, excerpts.of(problem))) for problem in problems]
    assert "hunter" not in "\n".join(told)


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github"])
@pytest.mark.parametrize("planted", ["hunter2", "hunter\\u0032", "hunter2\n", 'hunter2" x', "\x00hunter2"])
def test_no_format_of_check_shows_one(tmp_path, monkeypatch, form, planted):
    """Whether the file is valid or not, and with nothing known of it but the file itself."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.toml"
    for text in (toml(planted), toml(planted) + "odd = 1\n", toml(planted) + "[x\n", "\ufeff" + toml(planted)):
        for coding in ("utf-8", "utf-16"):
            file.write_bytes(text.encode(coding))
            schema = f"{__name__}:SCHEMA"
            result = CliRunner().invoke(hotconf, ["check", "config.toml", "--schema", schema, "--format", form])
            assert result.exit_code in (0, 1), result.stderr
            assert "hunter" not in result.output.replace("\\x00", "")
