"""What every format promises: the same for the same document, however it is written."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import core
from hotconf.formats.base import MAX_DEPTH, Document, Format
from hotconf.formats.json.format import JSON
from hotconf.formats.places import Span
from hotconf.formats.registry import FORMATS, SUFFIXES, format_of, is_configuration, parse
from hotconf.formats.toml.format import TOML
from hotconf.formats.yaml.format import YAML
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from torture.extent import examples


class Language(NamedTuple):
    """One format, and how a test writes and reads it."""

    form: Format
    write: Callable[[dict[str, Any]], str]
    read: Callable[[str], Any]
    """The independent parser."""
    alphabet: str
    whole: str
    """A document with everything in it."""


def toml_value(value: Any) -> str:
    """`value` on one line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f") if not isinstance(value, float) else repr(value)


def toml_text(table: dict[str, Any]) -> str:
    """`table` as TOML, a pair a line."""
    return "".join(f"{json.dumps(key)} = {toml_value(value)}\n" for key, value in table.items())


def json_read(text: str) -> Any:
    """By the standard library; an object without what RFC 8259 leaves open."""
    found = json.loads(text, object_pairs_hook=unique, parse_constant=float)
    if not isinstance(found, dict):
        raise ValueError
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As a table, if no key is given twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def json_text(table: dict[str, Any]) -> str:
    """`table` as JSON, over many lines."""
    return json.dumps(table, indent=2, ensure_ascii=False)


def yaml_text(table: dict[str, Any]) -> str:
    """`table` as YAML, a key a line, the values between brackets."""
    return "".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())


TABLE: dict[str, Any] = {
    "name": "é",
    "server": {"port": 8080, "hosts": ["a", "b"], "limits": [{"n": 1}, {"n": 2.5}]},
    "on": True,
    "a.b": {'"q"': -1},
    "empty": {},
    "none": [],
}
LANGUAGES = {
    "TOML": Language(
        TOML,
        toml_text,
        tomli.loads,
        "\"'\\{}[],.=#ab1e- \n\t\x00é“\ufeff",
        """# all\nname = "é"\n[server]\nport = 8080\nhosts = ["a",\n "b"]\nlimits = [{n = 1}, {n = 2.5}]\n"""
        """[on]\n"a.b".'"q"' = -1 # c\n[[t]]\nx = '''\n'' \\'''\n[[t]]\n""",
    ),
    "YAML": Language(
        YAML,
        yaml_text,
        core.read,
        "\"'\\{}[],:#ab1-?|>&*!~ \n\t\x00é“\ufeff",
        """# all\nname: "é"\nserver: &s\n  port: 8080 # c\n  hosts: [a,\n    'b']\n"""
        """  limits:\n  - n: 1\n  - {n: 2.5}\n"""
        """"on": {<<: *s, port: 0o17}\ntext: |\n  a\n   b\n\nfolded: >-\n  a\n  b\n"""
        """plain: a b\n  c\n? k\n: ~\ne: !!str\n""",
    ),
    "JSON": Language(JSON, json_text, json_read, "\"'\\{}[],.:/ab1e-tfnu \n\t\x00é“\ufeff", json_text(TABLE)),
}
each_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)


def file_of(form: Format) -> Path:
    """Where a file of that format could be."""
    return Path("/etc/app/config").with_suffix(form.suffixes[0])


def parsed(language: Language, text: str | bytes) -> Document:
    """The document that `text` is."""
    result = parse(text.encode() if isinstance(text, str) else text, file_of(language.form))
    assert isinstance(result, Document), result
    return result


def refused(language: Language, text: str | bytes) -> Problem:
    """The problem that `text` is."""
    result = parse(text.encode() if isinstance(text, str) else text, file_of(language.form))
    assert isinstance(result, Problem), result
    assert result.file == file_of(language.form)
    return result


def paths(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Everything in `value`, by its path."""
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def cut(text: str, span: Span) -> str:
    """What stands there."""
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


def alike(one: Any, other: Any) -> bool:
    """Equal, types and order included; NaN is itself."""
    return repr(one) == repr(other)


def test_the_registry_has_them_all() -> None:
    """A format belongs to its suffixes; other names are TOML, and no configuration unless they are named."""
    assert {form.name for form in FORMATS} == set(LANGUAGES)
    assert len(SUFFIXES) == len(set(SUFFIXES))
    for form in FORMATS:
        assert format_of(file_of(form)) is form
        assert is_configuration(file_of(form))
    assert format_of(Path("/etc/app/config")) is TOML
    assert not is_configuration(Path("/etc/app/model.yaml.bak"))


@each_language
def test_a_document_is_its_text_and_its_table(language: Language) -> None:
    """The same table, in whatever it is written; a byte order mark is no part of the text."""
    text = language.write(TABLE)
    document = parsed(language, b"\xef\xbb\xbf" + text.encode())
    assert alike(document.table, TABLE)
    assert document.text == text
    assert document.format is language.form
    assert "8080" not in repr(document)


@each_language
@pytest.mark.parametrize("data", [b"", b" \r\n\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_a_mistake_unless_it_is_allowed(language: Language, data: bytes) -> None:
    """What to write instead is a document of defaults."""
    problem = refused(language, data)
    assert problem.kind == "empty"
    assert problem.hint == f"for all defaults, write {language.form.defaults}"
    allowed = parse(data, file_of(language.form), allow_empty=True)
    assert isinstance(allowed, Document)
    assert allowed.table == {}


@each_language
def test_what_is_not_utf_8_is_refused_at_its_first_bad_byte(language: Language) -> None:
    """In characters; UTF-16 is recognised."""
    problem = refused(language, language.write({"é": 1}).encode() + b"\n\xc3\xa9\xff")
    last = language.write({"é": 1}).count("\n") + 2
    assert (problem.kind, problem.line, problem.column) == ("encoding", last, 2)
    assert "UTF-16" in (refused(language, language.write(TABLE).encode("utf-16")).hint or "")


@each_language
def test_everything_has_a_place(language: Language) -> None:
    """What stands at the place of a value is the value, and at that of a key the key."""
    check_places(language, TABLE)


def check_places(language: Language, table: dict[str, Any]) -> None:
    """Of everything in it. Independent of how the positions are found: what stands there is parsed."""
    text = language.write(table)
    places = parsed(language, text).places
    for path, value in paths(table):
        written = cut(text, places.value(path))
        found = tomli.loads(f"x = {written}")["x"] if language.form is TOML else core.value(written)
        assert alike(found, value), path
        key = cut(text, places.key(path))
        if isinstance(path[-1], str):
            assert json.loads(key) == path[-1]
        else:
            assert key == written
    for path in [("nowhere",), ("name", 0), ("server", "hosts", 9)]:
        with pytest.raises(KeyError):
            places.value(path)


names = st.text('ab."\\é \n#', max_size=4)
scalars = st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | names
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
tables = st.dictionaries(names, values, min_size=1, max_size=4)


@each_language
@settings(max_examples=examples(60, 40), deadline=None)
@given(tables)
def test_any_table_can_be_read_and_has_its_places(language: Language, table: dict[str, Any]) -> None:
    """Whatever is in it."""
    assert alike(parsed(language, language.write(table)).table, table)
    check_places(language, {**table, "name": 1})


# What is wrong, in each format: the same mistake, its line, and what to write instead.


class Mistake(NamedTuple):
    """The same in each format. None: there it is none."""

    texts: dict[str, str | None]
    line: int | None
    reason: str | None
    hint: str | None


def mistake(
    toml: str, json: str, yaml: str | None, line: int | None, reason: str | None, hint: str | None
) -> Mistake:
    """By the names of the formats."""
    return Mistake({"TOML": toml, "JSON": json, "YAML": yaml}, line, reason, hint)


DEEP = "[" * 64 + "1" + "]" * 64
MANY = "1" * 4301
MISTAKES = {
    "a key twice": mistake(
        "a = 1\nb = 2\na = 3", '{\n"a": 1,\n"a": 3}', "a: 1\nb: 2\na: 3", 3, "duplicate key", "set each key once"
    ),
    "no value": mistake("a = 1\nb =\nc = 1", '{"a": 1,\n"b":\n}', None, None, None, "write a value"),
    "an open string": mistake(
        'x = 1\na = "x\nb = 1', '{\n"a": "x\n}', 'x: 1\na: "x\nb: 1', 2, "unterminated string", 'close it with "'
    ),
    "an escape": mistake(
        'a = 1\nb = "\\q"',
        '{"a": 1,\n"b": "\\q"}',
        'a: 1\nb: "\\q"',
        2,
        "invalid escape",
        "a backslash begins an escape",
    ),
    "an array that is never closed": mistake(
        "a = 1\nb = [1,\n2", '{"a": 1,\n"b": [1,\n2', "a: 1\nb: [1,\n2", 2, "missing closing bracket", "]"
    ),
    "no comma": mistake(
        "a = 1\nb = [1 2]", '{"a": 1,\n"b": [1 2]}', None, 2, "missing comma", "put a comma between the items"
    ),
    "curly quotes": mistake("a = 1\nb = “x”", '{"a": 1,\n"b": “x”}', None, 2, "unexpected character", "quotes"),
    "the wrong bracket": mistake(
        "a = 1\nb = [1}", '{"a": 1,\n"b": [1}}', "a: 1\nb: [1}", 2, "unexpected character", 'close it with "]"'
    ),
    "a leading zero": mistake("a = 1\nb = 08", '{"a": 1,\n"b": 08}', None, 2, None, "no leading zero"),
    "a bare point": mistake("a = 1\nb = .5", '{"a": 1,\n"b": .5}', None, 2, "unexpected character", "0.5, not .5"),
    "a word": mistake(
        "a = 1\nb = yes", '{"a": 1,\n"b": yes}', None, 2, "unexpected character", "write true or false"
    ),
    "capitals": mistake("a = 1\nb = True", '{"a": 1,\n"b": True}', None, 2, "unexpected character", "in lower case"),
    "text without quotes": mistake(
        "a = 1\nb = debug", '{"a": 1,\n"b": debug}', None, 2, "unexpected character", "quotes"
    ),
    "a conflict": mistake(
        "a = 1\n<<<<<<< HEAD\n",
        '{"a": 1,\n<<<<<<< HEAD\n}',
        "a: 1\n<<<<<<< HEAD\n",
        2,
        None,
        "resolve the merge conflict",
    ),
    "another comment": mistake("a = 1\n// no\n", '{"a": 1,\n// no\n"b": 1}', "a: 1\n// no\n", 2, None, "comment"),
    "an invisible character": mistake(
        "a = 1\n\u200bb = 1", '{"a": 1,\n\u200b"b": 1}', "a: 1\n\u200bb 1", 2, "unexpected", "U+200B"
    ),
    "too many digits": mistake(
        f"a = 1\nb = {MANY}", f'{{"a": 1,\n"b": {MANY}}}', f"a: 1\nb: {MANY}", 2, "integer of over 4,300 digits", None
    ),
    "too deep": mistake(
        f"a = 1\nb = {DEEP}",
        f'{{"a": 1,\n"b": {DEEP}}}',
        f"a: 1\nb: {DEEP}",
        2,
        "more than 64 levels of nesting",
        None,
    ),
}


@each_language
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_to_write_instead(language: Language, name: str) -> None:
    """The same mistake in the same words."""
    texts, line, reason, hint = MISTAKES[name]
    text = texts[language.form.name]
    if text is None:
        assert language.form is YAML
        return
    problem = refused(language, text)
    assert problem.kind == "syntax"
    assert problem.message.startswith(f"Invalid {language.form.name}: ")
    assert problem.message.endswith(f" at line {problem.line}")
    assert line in (None, problem.line)
    assert (reason or "") in problem.message
    assert (hint or "") in (problem.hint or "")


@each_language
def test_depth_is_bounded_alike(language: Language) -> None:
    """64 levels are accepted, one more is not, nor are 200,000; whatever the recursion limit of the program is."""

    def nested(levels: int) -> dict[str, Any]:
        value: Any = 1
        for level in range(levels):
            value = [value] if level % 2 and level < levels - 1 else {"a": value}
        assert isinstance(value, dict)
        return value

    parsed(language, language.write(nested(MAX_DEPTH)))
    assert "more than 64 levels" in refused(language, language.write(nested(MAX_DEPTH + 1))).message
    hostile = ("a = " if language.form is TOML else '{"a": ') + "[" * 200_000
    assert "more than 64 levels" in refused(language, hostile).message


@each_language
def test_no_prefix_of_a_document_raises(language: Language) -> None:
    """A half-written file is a document or a problem within it, and its lines can be shown."""
    for end in range(len(language.whole) + 1):
        check_any(language, language.whole[:end])


@each_language
@settings(max_examples=examples(400, 150), deadline=None)
@given(st.data())
def test_no_mutation_of_a_document_raises(language: Language, data: st.DataObject) -> None:
    """A character more, less or other: what the independent parser accepts is accepted, and nothing else."""
    whole = language.whole
    at = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.sampled_from(["", *language.alphabet]))
    check_any(language, whole[:at] + more + whole[at + data.draw(st.integers(0, 1)) :])


def check_any(language: Language, text: str) -> None:
    """What holds for any text."""
    result = parse(text.encode(), file_of(language.form))
    try:
        expected = language.read(text.removeprefix("\ufeff"))
    except ValueError:
        expected = None
    if isinstance(result, Document):
        assert alike(result.table, expected)
        for path, _ in paths(result.table):
            assert result.places.key(path)
            assert result.places.value(path)
        assert isinstance(result.warnings, tuple)
    elif result.kind == "syntax":
        assert expected is None
        assert result.line is not None
        assert result.column is not None
        lines = text.removeprefix("\ufeff").split("\n")
        assert 1 <= result.line <= len(lines)
        assert 1 <= result.column <= len(lines[result.line - 1]) + 1
        assert len(str(result).splitlines()) == 1
    tables, in_strings = language.form.outline(text)
    begins = list(tables)
    assert begins[0] == 0
    assert begins == sorted(begins)
    assert max([*begins, *in_strings]) < len(text.split("\n"))
    for line in text.split("\n"):
        language.form.starts(line)


@each_language
def test_the_lines_of_a_document_know_their_tables(language: Language) -> None:
    """For each line that sets something: the keys above it."""
    text = language.write(TABLE) if language.form is JSON else language.whole
    lines = text.split("\n")
    by_line = {lines[line].strip(): tables for line, tables in language.form.outline(text).tables_by_line.items()}
    port = next(tables for line, tables in by_line.items() if "port" in line)
    assert port == (("server",),)
    assert next(tables for line, tables in by_line.items() if "name" in line) == ((),)


@each_language
def test_a_stamp_is_found_again_and_changes_no_value(language: Language) -> None:
    """Once is enough; the text is the same but for the stamp."""
    for table in (TABLE, {"a": 1}):
        text = language.write(table)
        assert language.form.schema_of(text) is None
        stamped = language.form.stamp(text, "./config.schema.json")
        assert stamped is not None
        assert language.form.schema_of(stamped) == "./config.schema.json"
        assert language.form.stamp(stamped, "./config.schema.json") == stamped
        rest = parsed(language, stamped).table
        rest.pop("$schema", None)
        assert alike(rest, table)


HOSTILE: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "[" * n,
    "braces": lambda n: '{"a":' * (n // 5),
    "quotes": lambda n: '"' * n,
    "escapes": lambda n: '{"a": "' + "\\u" * (n // 2),
    "spaces": lambda n: '{"a"' + " " * n + ";",
    "lines": lambda n: '{"a": 1,' + "\n" * n,
    "words": lambda n: "a " * (n // 2),
    "commas": lambda n: "," * n,
    "many keys": lambda n: '{"a": {' + ",".join(f'"k{i}": [{i}]' for i in range(n // 12)) + "}}",
    "many lines": lambda n: '{"a": {\n' + ",\n".join(f'"k{i}": {{"b": {i}}}' for i in range(n // 16)) + "}}",
    "one key": lambda n: '{"' + "a" * n + '": 1',
    "digits": lambda n: '{"a": ' + "1" * n,
    "duplicates": lambda n: '{"a": {' + '"a": 1, ' * (n // 8),
    "comments": lambda n: "# [\n" * (n // 4),
}


@each_language
@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_in_the_text(language: Language, name: str) -> None:
    """Whatever stands in it: eight times as much takes no more than about eight times as long."""

    def took(size: int) -> float:
        text = HOSTILE[name](size)
        begin = process_time()
        found = parse(text.encode(), file_of(language.form))
        for path, _ in list(paths(found.table))[-1:] if isinstance(found, Document) else ():
            found.places.value(path)
        language.form.outline(text)
        return process_time() - begin

    small, large = (min(took(size) for _ in range(2)) for size in (10_000, 80_000))
    assert large < max(24 * small, 0.5)


def test_all_formats_say_the_same() -> None:
    """Random tables, written in each format."""
    dice = random.Random(7)
    for _ in range(50):
        table = {
            f"k{n}": dice.choice([1, 2.5, "x", [1, [2]], {"a": {"b": []}}, True]) for n in range(dice.randrange(1, 6))
        }
        tables = [parsed(language, language.write(table)).table for language in LANGUAGES.values()]
        assert all(alike(tables[0], table) for table in tables)


def test_dates_are_toml_only() -> None:
    """JSON has no dates: there they are text, which models take."""
    document = parsed(LANGUAGES["TOML"], "a = 2026-01-05\nb = 09:30:00\nc = 2026-01-05T09:30:00")
    assert [type(value) for value in document.table.values()] == [date, time, datetime]
