"""The page about the log, statistics and health: its examples run, its table names every logger and level."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.examples import ROOT, blocks, prints_what_it_says
from hotconf.status.health import LONGEST
from hotconf.subscribers.stats import Status

PAGE = "docs/logging.md"
EMITS = re.compile(
    r"\b(?:log\.)?(debug|info|warning|fault)\(\s*\"(\w+)\"|\bemit\(\s*\"(\w+)\",\s*((?:[A-Z]+|if|else| )+)"
)
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "fault": "ERROR"}


@pytest.mark.parametrize("number", range(2))
def test_the_examples_print_what_they_say(tmp_path: Path, number: int) -> None:
    """In an empty directory."""
    prints_what_it_says(blocks(PAGE, "python")[number], tmp_path)


def emitted() -> set[tuple[str, str]]:
    """Each logger with each level that the source uses."""
    found: set[tuple[str, str]] = set()
    for path in (ROOT / "src" / "hotconf").rglob("*.py"):
        for name, logger, other, levels in EMITS.findall(path.read_text(encoding="utf-8")):
            if name:
                found.add((f"hotconf.{logger}", LEVELS[name]))
            else:
                found |= {(f"hotconf.{other}", level) for level in re.findall("[A-Z]+", levels)}
    return found


def test_the_table_names_every_logger_and_level() -> None:
    """No record is written that the page does not speak of; faults of hotconf's own are its errors everywhere."""
    documented: set[tuple[str, str]] = set()
    logger = ""
    for name, level in re.findall(r"^\| (?:`(hotconf\.\w+)`)? ?\| (\w+) \|", (ROOT / PAGE).read_text(), re.MULTILINE):
        logger = name or logger
        documented.add((logger, level))
    assert emitted() - {("hotconf.state", "ERROR")} == documented
    assert len(documented) > 5


def test_the_page_names_every_status() -> None:
    """And the length of a reason."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \| ", text, re.MULTILINE)
    assert named == ["status", "ok", "pending", "degraded", "failed", "unwatched"]
    assert set(named[1:]) == set(Status.__args__)  # type: ignore[attr-defined] # of a Literal
    assert f"at most {LONGEST} characters" in text
