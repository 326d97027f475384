"""SARIF: what code hosts and editors read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from hotconf.problems import Kind, Problem, Related
from hotconf.report.problems.sarif import sarif

ROOT = Path("/srv/project")


def run(*problems: Problem):
    """The one run of the file."""
    whole = json.loads(sarif(problems, ROOT))
    assert whole["version"] == "2.1.0"
    (only,) = whole["runs"]
    return only


def test_a_result_says_what_and_where():
    """With its region, counted as it is said to be, the key, and the related places."""
    related = Related("also defined", ROOT / "more/b.toml", 3, 1)
    problem = Problem(
        "Unknown key: a.b",
        ("a", "b"),
        "schema",
        "warning",
        "did you mean c?",
        ROOT / "conf/a.toml",
        2,
        4,
        2,
        9,
        (related,),
    )
    whole = run(problem)
    (result,) = whole["results"]
    assert whole["columnKind"] == "unicodeCodePoints"
    assert result == {
        "ruleId": "schema",
        "ruleIndex": result["ruleIndex"],
        "level": "warning",
        "message": {"text": "Unknown key: a.b (did you mean c?)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "conf/a.toml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 9},
                },
                "logicalLocations": [{"fullyQualifiedName": "a.b"}],
            }
        ],
        "relatedLocations": [
            {
                "id": 1,
                "message": {"text": "also defined"},
                "physicalLocation": {
                    "artifactLocation": {"uri": "more/b.toml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 1},
                },
            }
        ],
    }
    assert whole["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "schema"


def test_there_is_a_rule_for_every_kind():
    """In words; none is invented."""
    rules = run()["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(get_args(Kind))
    assert all(rule["shortDescription"]["text"] for rule in rules)


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        (ROOT / "a b.toml", "a%20b.toml"),
        (ROOT / "http:x.toml", "http%3Ax.toml"),
        (ROOT / "a\nb%.toml", "a%0Ab%25.toml"),
        (ROOT / "日.toml", "%E6%97%A5.toml"),
        (ROOT / "\udcff.toml", "%FF.toml"),
        (Path("/elsewhere/a b.toml"), "file:///elsewhere/a%20b.toml"),
    ],
)
def test_files_are_named_by_uris(file, uri):
    """Relative to the root where that is possible; whatever stands in their names."""
    (result,) = run(Problem("x", file=file))["results"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri
    assert "region" not in location


def test_what_has_no_place_has_no_location():
    """Instead of an invented one."""
    (result,) = run(Problem("x"))["results"]
    assert "locations" not in result


def test_a_place_in_no_file_is_told_in_words():
    """There is no physical location, which would be an innocent file; the key is given as usual."""
    there = Related("also defined", None, None, None, where="weaker")
    (result,) = run(Problem("bad", ("port",), where="overrides", related=(there,)))["results"]
    assert result["message"]["text"] == "overrides: bad"
    assert result["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "port"}]}]
    assert result["relatedLocations"] == [{"id": 1, "message": {"text": "also defined at weaker"}}]
