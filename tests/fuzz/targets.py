"""What must hold for any bytes at all. Each target takes some, and raises AssertionError where it does not hold.

They are driven by Hypothesis in the tests, and by atheris, guided by coverage, in `make fuzz`.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from formats import core
from formats.test_contract import json_read
from hotconf import Change, ReloadDeferred, ReloadFailed, ReloadSuccess, Schema
from hotconf.config.diff import diff
from hotconf.config.freeze import freeze
from hotconf.config.merge import merge
from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.config.redaction.source_text import SourceText
from hotconf.config.validation.validate import Invalid, validate
from hotconf.formats.base import Document
from hotconf.formats.places import Span
from hotconf.formats.registry import format_of, parse
from hotconf.formats.toml.format import TOML
from hotconf.formats.toml.positions import TomlPlaces
from hotconf.problems import Problem, one_line
from hotconf.report.cells import width
from hotconf.report.ndjson import to_json
from hotconf.report.notification import notification
from hotconf.report.problems.excerpt import excerpt, safe_line
from hotconf.report.problems.lines import concise
from hotconf.speckit import SPECKIT

FILE: Final = Path("/etc/app/config.toml")
OTHER: Final = Path("/etc/app/extra.toml")
LONGEST: Final = 4096
"""Inputs have no more bytes."""
SEPARATOR: Final = b"\n#---\n"
"""Stands between two documents."""
AT: Final = datetime(2030, 1, 1, tzinfo=UTC)


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    number: int = Field(default=0, ge=0)
    level: Literal["low", "high"] = "low"
    items: tuple[int, ...] = ()


class Model(BaseModel):
    """Something for every kind of value and fault."""

    model_config = ConfigDict(frozen=True)
    a: int | str | list[int] = 0
    b: Inner = Inner()
    c: dict[str, Inner] = {}
    d: list[Inner] = []
    e: float = 0.0
    f: Inner | list[str] | None = None
    pin: SecretStr = SecretStr("")
    token: str = ""
    when: datetime | None = None


SCHEMAS: Final = (Schema(Model), Schema(Model, kebab=True), SPECKIT)


def document(data: bytes) -> None:
    """`parse` says what Python's own parser says: the same table, or a problem that stands in the text."""
    found = parse(data, FILE)
    if isinstance(found, Problem):
        sound(found)
        stands(found, data.decode(errors="replace").removeprefix("\ufeff"))
        if found.kind == "syntax" and not _bounded(found):
            assert reference_of(data) is None, f"refused what is TOML: {found}"
        return
    expected = reference_of(data)
    if expected is None:
        assert _TOML_1_1.search(found.text), "accepted what is not TOML"
    else:
        assert same(found.table, expected), "read something else"


def places(data: bytes) -> None:
    """Every path of a document has a place, which holds the key, and one which holds the value, and no more."""
    found = parse(data, FILE)
    if isinstance(found, Problem):
        return
    where = TomlPlaces(found.text)
    lines = found.text.split("\n")
    for path, value in paths(found.table):
        key, whole = (cut(lines, span) for span in (where.key(path), where.value(path)))
        if isinstance(path[-1], str):
            assert read(f"{key} = 1") == {path[-1]: 1}, (path, key)
        if whole != key or not isinstance(value, dict | list):
            assert same(read(f"x = {whole}"), {"x": value}), (path, whole)
    with pytest.raises(KeyError):
        where.key(("a", LONGEST))


def merged(data: bytes) -> None:
    """Several documents merge as one would by hand, stay as they are, and every value has an origin in them."""
    documents = documents_in(data)
    before = [json.dumps(each.table, default=repr) for each in documents]
    result = merge(documents)
    by_hand: dict[str, Any] = {}
    for each in documents:
        lay(by_hand, each.table)
    assert same(result.table, by_hand)
    assert [json.dumps(each.table, default=repr) for each in documents] == before
    everything = {path for path, _ in paths(result.table)}
    assert set(result.origins) == everything
    texts = {each.path: each.text.split("\n") for each in documents}
    for path in everything:
        origin = result.origins[path]
        assert 1 <= origin.line <= len(texts[origin.file])
        assert result.origins.locate((*path, "nothing")) is not None


def judged(data: bytes) -> None:
    """`validate` never raises; what it tells is sound; what it accepts freezes, and equals itself."""
    documents = documents_in(data)
    for schema in SCHEMAS:
        verdict = validate(schema, merge(documents))
        texts = {each.path: each.text for each in documents}
        for problem in verdict.problems if isinstance(verdict, Invalid) else verdict.warnings:
            sound(problem)
            if problem.file is not None:
                stands(problem, texts[problem.file])
            for related in problem.related:
                told_well(related.message)
                assert related.file in texts
        if isinstance(verdict, Invalid):
            assert any(problem.severity == "error" for problem in verdict.problems)
            continue
        config = freeze(verdict.config)
        again = validate(schema, merge(documents))
        assert not isinstance(again, Invalid)
        assert not diff(config, freeze(again.config))


def rendered(data: bytes) -> None:
    """Whatever is told of a text, valid or not, is printable, one line where it should be, and as wide as asked."""
    documents = documents_in(data)
    verdict = validate(SCHEMAS[0], merge(documents))
    problems = list(verdict.problems if isinstance(verdict, Invalid) else verdict.warnings)
    found = parse(data, FILE)
    text = data.decode(errors="replace")
    if isinstance(found, Problem):
        problems.append(found)
    keys = secret_keys(SCHEMAS[0])
    for problem in problems[:20]:
        told_well(problem.with_hint)
        told_well(concise(problem))
        for cells in (20, 80):
            for line in excerpt(problem, text, context=2, cells=cells, secret_keys=keys):
                told_well(line)
                assert width(line) <= max(cells, 8 + 3 + len(str(text.count("\n") + 1)))
    for line in text.split("\n")[:20]:
        told_well(safe_line(line))
    if isinstance(found, Problem):
        told_event(ReloadFailed(one_line((found,)), found.kind, (found,), at=AT))
    if not isinstance(verdict, Invalid):
        changes = diff(Model(), verdict.config)
        for change in changes:
            told_well(str(change))
        told_changes(changes)


def yaml(data: bytes) -> None:
    """The same of YAML, by PyYAML with the core schema; its places, its problems, and its lines, none of a secret."""
    _in_format(data, FILE.with_suffix(".yaml"), core.read, core.value)


def json_(data: bytes) -> None:
    """The same of JSON, by the standard library."""
    _in_format(data, FILE.with_suffix(".json"), json_read, json.loads)


def _in_format(
    data: bytes, file: Path, reads: Callable[[str], dict[str, Any]], value: Callable[[str], object]
) -> None:
    found = parse(data, file)
    text = data.decode(errors="replace").removeprefix("\ufeff")
    try:
        expected = reads(text)
    except (ValueError, RecursionError):
        expected = None
    form = format_of(file)
    for index in range(len(SourceText(text, form=form).lines)):
        form.starts(text.split("\n")[index])
        told_well(safe_line(text.split("\n")[index]))
    if isinstance(found, Problem):
        sound(found)
        stands(found, text)
        bounded = _bounded(found) or "aliases for more" in found.message or found.kind != "syntax"
        assert bounded or expected is None, f"refused what is valid: {found}"
        for line in excerpt(found, text, context=2):
            told_well(line)
        return
    # PyYAML takes no anchor twice, and the tag `!` for none; what is empty is a matter of ours.
    assert same(found.table, expected) or "! " in text or (expected is None and ("&" in text or not text.strip())), (
        "read something else"
    )
    lines, pair = found.text.split("\n"), "{}: {}" if file.suffix == ".yaml" else "{{{}: {}}}"
    for path, item in paths(found.table):
        key, whole = (cut(lines, span) for span in (found.places.key(path), found.places.value(path)))
        # What stands alone may be read as something else: with a colon, without its tag, as an alias.
        if not (_NOT_ALONE & {*text} if file.suffix == ".yaml" else {}):
            assert not isinstance(path[-1], str) or value(pair.format(key, 1)) == {path[-1]: 1}, path
            assert whole == key or "\n" in whole or same(value(pair.format('"x"', whole)), {"x": item}), path


_NOT_ALONE: Final = frozenset("*!?")


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "document": document,
    "places": places,
    "merged": merged,
    "judged": judged,
    "rendered": rendered,
    "yaml": yaml,
    "json": json_,
}


# What is asked of each thing that is told


def told_well(line: str) -> None:
    """It can be shown in a terminal, on one line."""
    assert line.isprintable(), line


def told_event(event: ReloadFailed | ReloadSuccess | ReloadDeferred) -> None:
    """As text and as JSON."""
    for line in notification(event).split("\n"):
        told_well(line)
    line = to_json(event)
    assert line.isascii()
    told_well(line)
    assert json.loads(line)["at"] == "2030-01-01T00:00:00.000000Z"


def told_changes(changes: tuple[Change, ...]) -> None:
    """As they are told when they were published, and when they wait."""
    summary = tuple(str(change) for change in changes)
    told_event(ReloadSuccess(2, changes, summary, at=AT))
    told_event(ReloadDeferred(("agent",), changes, summary, at=AT))


def sound(problem: Problem) -> None:
    """It is one printable line, and so is what it may be shown with."""
    told_well(str(problem))
    told_well(problem.message)
    told_well(problem.hint or "")
    told_well(problem.dotted)
    assert len(problem.message) < 2000


def stands(problem: Problem, text: str) -> None:
    """Its place is one of the text, and its end is not before its beginning."""
    if problem.line is None or problem.column is None:
        assert problem.line is problem.column is problem.end_line is problem.end_column is None
        return
    lines = text.split("\n")
    begin, end = (problem.line, problem.column), (problem.end_line, problem.end_column)
    for line, column in [begin] if end == (None, None) else [begin, end]:
        assert line is not None
        assert column is not None
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    assert end == (None, None) or begin <= end  # type: ignore[operator]


# Oracles


_TOML_1_1: Final = re.compile(r"\{|\\e|\\x|\d\d:\d\d")
"""Without any of these, TOML 1.1 is 1.0."""


def _bounded(problem: Problem) -> bool:
    """Refused although it is TOML, on purpose."""
    return "levels of nesting" in problem.message or "digits" in problem.message


def reference_of(data: bytes) -> dict[str, Any] | None:
    """What Python's own parser, of TOML 1.0, makes of it."""
    try:
        return tomllib.loads(data.decode().removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def same(one: object, other: object) -> bool:
    """Equal in value and type; NaN is equal to NaN, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    return one == other


def paths(table: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every path of a parsed document, with its value."""
    left: list[tuple[tuple[str | int, ...], Any]] = [((), table)]
    while left:
        path, value = left.pop()
        if path:
            yield path, value
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left.extend(((*path, key), item) for key, item in items)


def cut(lines: list[str], span: Span) -> str:
    """The text of a span."""
    inner = lines[span.line - 1 : span.end_line]
    assert inner, span
    inner[-1] = inner[-1][: span.end_column - 1]
    inner[0] = inner[0][span.column - 1 :]
    return "\n".join(inner)


def read(text: str) -> dict[str, Any]:
    """What a text says that must be TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # it may be of TOML 1.1
        found = parse(text.encode(), FILE)
        assert isinstance(found, Document), text
        return found.table


def lay(table: dict[str, Any], over: dict[str, Any]) -> None:
    """Merge by hand."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            lay(table[key], value)
        else:
            table[key] = json_like(value)


def json_like(value: Any) -> Any:
    """A copy."""
    if isinstance(value, dict):
        return {key: json_like(item) for key, item in value.items()}
    return [json_like(item) for item in value] if isinstance(value, list) else value


def documents_in(data: bytes) -> list[Document]:
    """The valid ones among those that `data` holds, at most three; an empty one if there is none."""
    found = [
        parse(part, path)
        for part, path in zip(data.split(SEPARATOR, 2), (FILE, OTHER, OTHER.with_name("c.toml")), strict=False)
    ]
    good = [each for each in found if isinstance(each, Document)]
    return good or [Document(FILE, "", {}, TOML)]
