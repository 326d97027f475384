"""What docs/diagnostics.md shows is what is said, and what it recommends works."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from hotconf.cli.app import hotconf

PAGE = Path(__file__).parents[2] / "docs/diagnostics.md"


def block(language: str) -> str:
    """The page's first fenced block in `language`."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_example_is_what_check_says(tmp_path, monkeypatch):
    """To the letter."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(block("toml"))
    result = CliRunner().invoke(hotconf, ["check", "--schema", "speckit", "config.toml"])
    assert result.exit_code == 1
    assert result.stdout.rstrip() == block("text").rstrip()


def test_the_problem_matcher_reads_every_line(tmp_path, monkeypatch):
    """With its severity and its place, as the pattern's groups say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(block("toml"))
    matcher = json.loads(block("json"))["tasks"][0]["problemMatcher"]["pattern"]
    lines = (
        CliRunner()
        .invoke(hotconf, ["check", "--schema", "speckit", "config.toml", "--format", "concise"])
        .stdout.splitlines()
    )
    matches = [re.fullmatch(matcher["regexp"], line) for line in lines]
    groups = [[match[matcher[name]] for name in ("file", "line", "column", "severity")] for match in matches]
    assert groups[0] == ["config.toml", "1", "19", "error"]
    assert {severity for *_, severity in groups} == {"error", "warning"}
