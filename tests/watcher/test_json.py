"""A configuration in JSON is watched, judged, kept and restored like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hotconf import ReloadFailed, ReloadSuccess
from waiting import wait_until


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    port: int = 1
    password: SecretStr = SecretStr("")
    hot_reload: dict[str, Any] = Field(default_factory=dict)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration that is valid."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"server": {"port": 8000}}, indent=2))
    return path


def test_a_save_is_published_with_its_origin(path, watch):
    """As from a TOML file."""
    watcher, seen = watch(path)
    path.write_text('{\n  "server": {"port": 9000}\n}\n')
    wait_until(lambda: watcher.config.server.port == 9000)
    wait_until(lambda: any(isinstance(event, ReloadSuccess) for event in seen.events))
    origin = watcher.snapshot.origins["server", "port"]
    assert (origin.file, origin.line, origin.column) == (path, 2, 22)


def test_a_broken_save_is_told_with_its_line_and_what_to_write(path, watch):
    """The last good configuration stays."""
    watcher, seen = watch(path)
    path.write_text('{\n  "server": {"port": 9000,}\n}\n')
    wait_until(lambda: any(isinstance(event, ReloadFailed) for event in seen.events))
    failed = next(event for event in seen.events if isinstance(event, ReloadFailed))
    (problem,) = failed.problems
    assert problem.message == "Invalid JSON: trailing comma at line 2"
    assert (problem.line, problem.column, problem.hint) == (2, 26, "remove this comma")
    assert watcher.config.server.port == 8000


def test_a_half_written_file_is_waited_for(path, watch):
    """Its first half is no JSON, and is never published."""
    watcher, _ = watch(path)
    text = json.dumps({"server": {"port": 9000}}, indent=2)
    with path.open("w") as file:
        file.write(text[:20])
        file.flush()
        file.write(text[20:])
    wait_until(lambda: watcher.config.server.port == 9000)


def test_a_directory_may_mix_formats(tmp_path, watch):
    """Fragments merge in the order of their names, whatever they are written in; a new one counts at once."""
    main = tmp_path / "config.json"
    main.write_text('{"hot_reload": {"watch_paths": ["conf.d"]}}')
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.toml").write_text("[server]\nport = 1010\n")
    (tmp_path / "conf.d" / "20.json").write_text('{"server": {"port": 2020}}')
    (tmp_path / "conf.d" / "notes.txt").write_text("no configuration")
    watcher, _ = watch(main)
    assert watcher.config.server.port == 2020
    (tmp_path / "conf.d" / "30.json").write_text('{"server": {"port": 3030}}')
    wait_until(lambda: watcher.config.server.port == 3030)
    (tmp_path / "conf.d" / "40.toml").write_text("[server]\nport = 4040\n")
    wait_until(lambda: watcher.config.server.port == 4040)
    assert watcher.snapshot.origins["server", "port"].file == tmp_path / "conf.d" / "40.toml"


def test_the_last_good_state_is_used_when_the_file_is_broken(path, watch, tmp_path):
    """Kept as JSON, and read again."""
    watcher, _ = watch(path, state_dir=tmp_path / "states")
    assert watcher.config.server.port == 8000
    watcher.close()
    path.write_text('{"server": ')
    watcher, _ = watch(path, state_dir=tmp_path / "states", require=False)
    assert watcher.config.server.port == 8000


def test_the_schema_that_editors_read_is_no_unknown_key(tmp_path, watch):
    """Also for a model that forbids others; null is what the model says of it."""
    path = tmp_path / "config.json"
    path.write_text('{"$schema": "./config.schema.json", "port": 2}')
    watcher, _ = watch(path, Strict)
    assert watcher.config.port == 2
    assert watcher.snapshot.warnings == ()
    path.write_text('{"$schema": "./config.schema.json", "port": null, "prot": 1}')
    event = watcher.reload()
    assert isinstance(event, ReloadFailed)
    assert [problem.message for problem in event.problems] == [
        "Type mismatch: port expected integer, got null",
        "Unknown key: prot",
    ]


def test_a_model_with_that_field_gets_it(tmp_path, watch):
    """It is the program's then."""

    class Named(BaseModel):
        named: str = Field(alias="$schema")

    path = tmp_path / "config.json"
    path.write_text('{"$schema": "x"}')
    watcher, _ = watch(path, Named)
    assert watcher.config.named == "x"


def test_secrets_of_json_are_in_no_log(tmp_path, watch, caplog):
    """Neither the old one nor the new one."""
    path = tmp_path / "config.json"
    path.write_text('{"password": "hunter2-old-one"}')
    watcher, _ = watch(path, Strict)
    path.write_text('{\n"password": "hunter2-new-one",\n"port": "hunter2-new-one"\n}')
    event = watcher.reload()
    assert isinstance(event, ReloadFailed)
    assert "hunter2" not in caplog.text
    assert "hunter2" not in str(event)
