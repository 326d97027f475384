"""Problems as SARIF 2.1.0, which code hosts and editors read (OASIS, sarif-v2.1.0). Plain ASCII, one line of JSON.

One rule for each kind of problem. Columns are counted in code points, as everywhere in hotconf, and it is said so.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import quote

from hotconf import __version__
from hotconf.problems import Kind
from hotconf.report.problems.lines import place_of, text_and_hint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hotconf.problems import Problem, Related
    from hotconf.report.ndjson import Json

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT: Final = "%SRCROOT%"  # by convention: where the sources are, wherever that is for the reader

_RULES: Final[dict[Kind, str]] = {
    "missing": "A file does not exist.",
    "empty": "A file holds nothing but white space.",
    "exposed": "A file is writable by everyone.",
    "copy": "A fragment looks like a copy of another one.",
    "too_large": "A file is larger than is read.",
    "unreadable": "A file cannot be read, or is not a regular file.",
    "encoding": "A file is not UTF-8.",
    "unstable": "A file was being written while it was read.",
    "syntax": "A file is not TOML, YAML or JSON.",
    "schema": "A value is not what the model expects, or a key is unknown or missing.",
    "semantic": "Values do not fit together.",
    "apply": "A resource could not be created from the configuration.",
    "internal": "A check or a validator raised an exception.",
}
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


def sarif(problems: Iterable[Problem], root: Path) -> str:
    """`problems`, whose files are absolute, as a SARIF file; those below `root` are named relative to it."""
    driver: Json = {
        "name": "hotconf",
        "version": __version__,
        "rules": [_rule(kind) for kind in _KINDS],
    }
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, root) for problem in problems],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, allow_nan=False)


def _rule(kind: Kind) -> Json:
    return {"id": kind, "shortDescription": {"text": _RULES[kind]}, "defaultConfiguration": {"level": "error"}}


def _result(problem: Problem, root: Path) -> Json:
    text = text_and_hint(problem)
    if problem.file is None and problem.where:
        text = f"{place_of(problem)}: {text}"
    result: dict[str, Json] = {
        "ruleId": problem.kind,
        "ruleIndex": _KINDS.index(problem.kind),
        "level": problem.severity,
        "message": {"text": text},
    }
    region = _region(problem.line, problem.column, problem.end_line, problem.end_column)
    location = _location(problem, root, region)
    if problem.path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.dotted}]
    if location:
        result["locations"] = [location]
    if problem.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": related.message if related.file else f"{related.message} at {place_of(related)}"},
                **_location(related, root, _region(related.line, related.column)),
            }
            for number, related in enumerate(problem.related, 1)
        ]
    return result


def _location(at: Problem | Related, root: Path, region: dict[str, Json]) -> dict[str, Json]:
    if at.file is None:
        return {}
    return {
        "physicalLocation": {"artifactLocation": _artifact(at.file, root), **({"region": region} if region else {})}
    }


def _artifact(file: Path, root: Path) -> Json:
    if file.is_relative_to(root):
        # Its colons are escaped, too: what stands before one would be read as a scheme.
        return {"uri": quote(os.fsencode(file.relative_to(root).as_posix())), "uriBaseId": _ROOT}
    return {"uri": file.as_uri()}


def _region(
    line: int | None, column: int | None, end_line: int | None = None, end_column: int | None = None
) -> dict[str, Json]:
    if line is None:
        return {}
    places = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {name: place for name, place in places.items() if place is not None}
