"""The page about operations: its example runs, and what it shows of files and metrics is there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from docs.examples import ROOT, blocks, prints_what_it_says, promised
from hotconf import HotReloadWatcher
from hotconf.integrations.prometheus import Collector

PAGE = "docs/operations.md"
EXAMPLES = ROOT / "examples"


def test_the_example_prints_what_it_says(tmp_path: Path) -> None:
    """Metrics in the registry of a program."""
    [block] = [each for each in blocks(PAGE, "python") if promised(each)]
    prints_what_it_says(block, tmp_path)


def test_what_is_shown_stands_in_the_examples() -> None:
    """Which run in tests of their own."""
    lines = {line.strip().partition("  # type:")[0] for path in EXAMPLES.rglob("*.*") for line in _lines(path)}
    shown = [each for each in blocks(PAGE, "python") if not promised(each)] + blocks(PAGE, "ini")
    assert len(shown) == 5
    for block in shown:
        assert [line for line in block.splitlines() if line.strip() and line.strip() not in lines] == []


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.suffix in (".py", ".service") else []


def test_the_tables_have_every_metric_and_every_alert() -> None:
    """And no other."""
    text = (ROOT / PAGE).read_text()
    metrics = {
        metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")
        for metric in Collector(HotReloadWatcher("config.toml", dict)).describe()
    }
    assert set(re.findall(r"^\| `(hotconf_\w+)", text, re.MULTILINE)) == metrics
    rules = yaml.safe_load((EXAMPLES / "operations" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert re.findall(r"^\| `(Config\w+)", text, re.MULTILINE) == [rule["alert"] for rule in rules]
