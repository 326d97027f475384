"""Suites of valid and invalid files that others collected: loaded as they say, or refused with a place.

`suites/LICENSES` says where they are from. Two files of JSONTestSuite were left out, which are large and only deep.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from formats import core
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem

SUITES = Path(__file__).parent / "suites"


def suite(name: str) -> list[dict[str, Any]]:
    """All of it."""
    return [json.loads(line) for line in (SUITES / name).read_text().splitlines()]


YAML = {each["id"]: each for each in suite("yaml-test-suite.jsonl")}
JSON = {each["name"]: each for each in suite("JSONTestSuite.jsonl")}

LENIENT = {"9C9N", "DK95/01", "MUS6/00", "QB6E", "S98Z", "SU5Z", "X4QW"}
"""Invalid, but libyaml accepts it: indentation in brackets and strings, a comment without a space before it."""
STRICT = {
    *("2SXE", "4MUZ/00", "4MUZ/02", "58MP", "5MUD", "7FWL", "96NN/00", "A2M4", "DK95/00", "DK95/03", "DK95/04"),
    *("K3WX", "Q5MG", "VJP3/01", "W5VH", "Y79Y/01"),
}
"""Valid, but libyaml refuses it: a colon without a space in brackets, tabs beside the indentation, odd anchors."""
TAGGED = {"2XXW", "565N", "7FWL", "CUP7", "M5C3", "UGM3", "Z67P"}
"""With tags that are not of the core schema."""
ODD = {"652Z", "L24T/01", "Y2GN"}
"""Read by libyaml as something else."""


def sound(problem: Problem, text: str) -> None:
    """It stands in the text."""
    assert problem.kind in ("syntax", "empty", "encoding")
    if problem.kind == "syntax":
        lines = text.removeprefix("\ufeff").split("\n")
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.hint


def tables() -> dict[str, dict[str, Any]]:
    """Those valid cases that are one mapping with text as keys, by their JSON."""
    found = {}
    for name, case in YAML.items():
        if "json" in case and not case.get("fail"):
            try:
                table = json.loads(case["json"])
            except ValueError:  # several documents, or none
                continue
            if isinstance(table, dict):
                found[name] = table
    return found


TABLES = tables()


def test_the_suites_are_there() -> None:
    """All of them."""
    assert (len(YAML), len(JSON), len(TABLES)) == (406, 316, 116)


@pytest.mark.parametrize("name", YAML)
def test_the_yaml_test_suite(name: str) -> None:
    """What it calls invalid is refused, with a place; a mapping is loaded, as its JSON; PyYAML says the same."""
    case = YAML[name]
    text = case["yaml"]
    found = parse(text.encode(), Path("/config.yaml"))
    try:
        expected = core.read(text.removeprefix("\ufeff"))
    except ValueError:
        expected = None
    if isinstance(found, Problem):
        sound(found, text)
        assert expected is None
        assert name not in TABLES or name in STRICT | TAGGED
        return
    if name != "3GZX":  # PyYAML takes no anchor twice
        assert repr(found.table) == repr(expected)
    assert case.get("fail", False) == (name in LENIENT)
    if name in TABLES:
        assert (found.table == TABLES[name]) == (name not in ODD)


@pytest.mark.parametrize("name", JSON)
def test_the_json_test_suite(name: str) -> None:
    """What it calls invalid is refused, with a place, as is what it leaves open; objects are loaded, as by `json`."""
    case = JSON[name]
    data = case["text"].encode() if "text" in case else bytes.fromhex(case["hex"])
    found = parse(data, Path("/config.json"))
    if isinstance(found, Document):
        assert name[0] == "y" or name == "i_structure_UTF-8_BOM_empty_object.json"
        assert found.table == json.loads(data)
        return
    sound(found, data.decode("utf-8", "replace"))
    if name[0] == "y":
        assert not isinstance(json.loads(data), dict) or "duplicate key" in found.message
