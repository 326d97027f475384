"""What could not be created of a configuration is reported wherever other failures are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, SecretStr

from hotconf import HotReloadWatcher, ReloadFailed
from hotconf.report.ndjson import to_json
from hotconf.report.notification import notification
from hotconf.report.problems.github import github
from hotconf.report.problems.sarif import sarif
from hotconf.tui.view.stream import Entry, headline, plain, problem_rows


class Database(BaseModel, frozen=True):
    url: str = "up"
    password: SecretStr = SecretStr("")


class App(BaseModel, frozen=True):
    database: Database = Database()


@pytest.fixture
def failed(tmp_path) -> Iterator[ReloadFailed]:
    """A save that the factory refuses with the password in its text."""
    path = tmp_path / "config.toml"
    path.write_text('[database]\nurl = "up"\npassword = "tomatoes77"\n')
    with HotReloadWatcher(path, App, debounce_ms=20) as watcher:

        @watcher.resource("database")
        def pool(database: Database) -> str:
            if database.url == "down":
                raise ConnectionRefusedError(f"refused {database.password.get_secret_value()}")
            return database.url

        path.write_text('[database]\nurl = "down"\npassword = "tomatoes77"\n')
        event = watcher.reload()
        assert isinstance(event, ReloadFailed)
        yield event


def test_texts(failed):
    """The notification, GitHub's annotation and the entry of the app: the place and why, without the secret."""
    entry = Entry(1, failed)
    texts = [
        notification(failed),
        "\n".join(github(each) for each in failed.problems),
        "".join(span.text for span in headline(entry)),
        plain(entry),
    ]
    for text in texts:
        assert "pool could not be created: ConnectionRefusedError: refused ****" in text, text
        assert "tomatoes77" not in text
    rows = ["".join(span.text for span in row.spans) for row in problem_rows(entry, 200)]
    assert rows[0].startswith("error[apply]")
    assert "config.toml:1:2" in "".join(rows)


def test_json(failed, tmp_path):
    """`kind` is `apply`, in NDJSON and as a rule of SARIF, with line and column."""
    told = json.loads(to_json(failed))
    assert (told["kind"], told["problems"][0]["kind"], told["problems"][0]["line"]) == ("apply", "apply", 1)
    [result] = json.loads(sarif(failed.problems, tmp_path))["runs"][0]["results"]
    assert result["ruleId"] == "apply"
    assert "tomatoes77" not in json.dumps([told, result])
