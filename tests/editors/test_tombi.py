"""The JSON Schema in the hands of a real editor's tool: tombi says what `check` says, and completes keys."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from editors.tombi import DEADLINE_S, LanguageServer, language_server, lint
from hotconf.formats.toml.format import TOML
from hotconf.inspection.inspect import inspect
from hotconf.report.jsonschema import json_schema
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT
from waiting import wait_until

pytestmark = pytest.mark.real_tool

WORK = Path(__file__).parents[2] / ".test-work"
CORPUS = Path(__file__).parent / "corpus"
BEYOND = {
    "provider_not_there": "a value must be a key of another table",
    "provider_of_model_not_there": "a value must be a key of another table",
    "agent_not_there": "a value must be a name in another table",
    "agent_disabled": "a value must be a name in another table, of an agent that is enabled",
    "agent_named_twice": "one key of all items must differ",
    "strict_unknown_key": "a value in one table decides whether other tables may have unknown keys",
    "limit_infinite": "infinity is a number to JSON Schema, and above every minimum",
}
"""What `check` refuses and JSON Schema cannot say, with the reason."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with the schema, not where the system keeps temporary files."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix="tombi-") as directory:
        (Path(directory) / "config.schema.json").write_text(json_schema(SPECKIT))
        yield Path(directory)


def stamped_copies(folder: str, home: Path) -> list[Path]:
    """The files of a folder of the corpus, with the line that names the schema."""
    copies = []
    for file in sorted((CORPUS / folder).glob("*.toml")):
        copy = home / file.name
        copy.write_bytes(TOML.stamp(file.read_bytes().decode(), "./config.schema.json").encode())
        copies.append(copy)
    return copies


def verdicts(folder: str, home: Path) -> dict[str, tuple[str, str]]:
    """For each file what `check` and tombi think of it: accepted or refused."""
    files = stamped_copies(folder, home)
    assert len(files) >= 7
    said = lint(files, home)
    return {
        file.stem: (
            _verdict(problem.severity == "error" for problem in inspect(Options(file, SPECKIT)).problems),
            _verdict(diagnostic["level"] == "error" for diagnostic in said[file.name]),
        )
        for file in files
    }


def _verdict(errors: Iterator[bool]) -> str:
    return "refused" if any(errors) else "accepted"


def test_tombi_accepts_what_check_accepts(home):
    """Every way to write a valid configuration, in both spellings; and what is only warned of."""
    assert set(verdicts("good", home).values()) == {("accepted", "accepted")}


def test_tombi_refuses_what_check_refuses(home):
    """Types, enumerations, limits, what is missing, what is given twice, syntax."""
    assert set(verdicts("bad", home).values()) == {("refused", "refused")}


def test_what_a_schema_cannot_say_is_known(home):
    """Each of the expected differences is one, and has a reason."""
    found = verdicts("beyond", home)
    assert set(found.values()) == {("refused", "accepted")}
    assert found.keys() == BEYOND.keys()


def test_tombi_warns_of_unknown_keys_as_check_does(home):
    """At the same lines, below tables whose model has no such key."""
    file = home / "unknown.toml"
    text = (CORPUS / "good/unknown_keys.toml").read_text()
    file.write_text(TOML.stamp(text, "./config.schema.json"))
    (said,) = lint([file], home).values()
    lines = [diagnostic["range"]["start"]["line"] for diagnostic in said if diagnostic["level"] == "warning"]
    warned = {problem.line for problem in inspect(Options(file, SPECKIT)).problems if problem.severity == "warning"}
    assert lines
    assert set(lines) <= warned


def test_a_key_is_completed(home):
    """In a file that `hotconf init` wrote, where a key is begun: with the keys of its table, and their meaning."""
    path = home / "sub/config.toml"
    subprocess.run(
        [sys.executable, "-m", "hotconf", "init", "--schema", "speckit", str(path)],
        env={**os.environ, "HOME": str(home), "CODE_HOME": str(home)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    text = path.read_text().partition("[hot_reload]\n")[0] + "[hot_reload]\ndeb"
    path.write_text(text)
    with language_server(home) as server:
        document = {"uri": path.as_uri(), "languageId": "toml", "version": 1, "text": text}
        server.notify("textDocument/didOpen", textDocument=document)
        found = wait_until(lambda: completions(server, path, text), DEADLINE_S)
    assert "temperature" not in found
    assert "The window" in str(found["debounce_ms"])


def completions(server: LanguageServer, path: Path, text: str) -> dict[str, object]:
    """What is offered at the end of `text`, by label; nothing while the server has not yet read it."""
    lines = text.split("\n")
    end = {"line": len(lines) - 1, "character": len(lines[-1])}
    found = server.request("textDocument/completion", textDocument={"uri": path.as_uri()}, position=end)
    return {item["label"]: item for item in (found if isinstance(found, list) else (found or {}).get("items", []))}
