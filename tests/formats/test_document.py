"""Bytes become a document, or one problem that says what is wrong and where; whatever the bytes are."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from hotconf.formats.base import MAX_DEPTH, Document
from hotconf.formats.registry import parse
from hotconf.formats.toml.lexer import too_deep
from hotconf.problems import Problem
from torture.extent import examples

PATH = Path("/etc/app/config.toml")
ONE_MIB = 1 << 20


def refused(text: str | bytes) -> Problem:
    """The problem that `text` is."""
    result = parse(text.encode() if isinstance(text, str) else text, PATH)
    assert isinstance(result, Problem), result
    assert result.file == PATH
    return result


def accepted(text: str | bytes, *, allow_empty: bool = False) -> Document:
    """The document that `text` is."""
    result = parse(text.encode() if isinstance(text, str) else text, PATH, allow_empty=allow_empty)
    assert isinstance(result, Document), result
    return result


def test_a_good_file_is_its_text_and_its_table() -> None:
    """Text and table are what stands in the file."""
    document = accepted('name = "é"\r\n[server]\r\nport = 1\r\n')
    assert document.path == PATH
    assert document.text == 'name = "é"\r\n[server]\r\nport = 1\r\n'
    assert document.table == {"name": "é", "server": {"port": 1}}
    assert document.spelled == {}


def test_toml_1_1() -> None:
    """Inline tables may run over lines and end with a comma, and there are two more escapes."""
    assert accepted('a = {\n b = "\\e\\x41", # c\n}').table == {"a": {"b": "\x1bA"}}


def test_repr_tells_no_content() -> None:
    """A document in a log does not give its secrets away."""
    assert "hunter2" not in repr(accepted('password = "hunter2"'))


def test_byte_order_mark_is_stripped() -> None:
    """A leading byte order mark is no part of the text, so columns do not count it."""
    assert accepted(b"\xef\xbb\xbfa = 1").text == "a = 1"
    assert refused(b"\xef\xbb\xbfa = ]").column == 5


@pytest.mark.parametrize("data", [b"", b" \t\r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_empty(data: bytes) -> None:
    """Nothing but white space is a failure, unless it is allowed."""
    assert refused(data).kind == "empty"
    assert accepted(data, allow_empty=True).table == {}


def test_a_comment_is_not_empty() -> None:
    """A file of comments is a valid file of defaults."""
    assert accepted("# nothing here\n").table == {}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xff", (1, 1)),
        (b'a = 1\nb = "\xc3\xa9\xff"\n', (2, 7)),
        (b"\xef\xbb\xbf\xc3\xa9\xff", (1, 2)),
        (b"a = 1\r\n\xe9", (2, 1)),
        (b'a = "\xed\xa0\x80"', (1, 6)),
    ],
)
def test_encoding(data: bytes, place: tuple[int, int]) -> None:
    """What is not UTF-8 is refused at its first bad byte, in characters."""
    problem = refused(data)
    assert problem.kind == "encoding"
    assert (problem.line, problem.column) == place
    assert problem.message == f"File is not UTF-8: invalid byte at line {place[0]}"


def test_utf_16_is_recognised() -> None:
    """The commonest wrong encoding is named."""
    hint = refused("a = 1".encode("utf-16")).hint
    assert hint is not None
    assert "UTF-16" in hint


def nested(levels: int) -> list[str]:
    """Documents of just so many levels, in every way of writing them."""
    dots = ".".join("a" * levels)
    half = levels // 2
    return [
        f"{dots} = 1",
        f"{dots} = 1.5",
        f"[{dots}]",
        f"[{'.'.join('a' * (levels - 1))}]\nb = 1\nc = 2.5",
        f"[[{'.'.join('a' * (levels - 1))}]]",
        f"[[{'.'.join('a' * (levels - 2))}]]\nb = 1",
        f"a = {'[' * (levels - 1)}1.5{']' * (levels - 1)}",
        f"a = {'{a = ' * (levels - 1)}1{'}' * (levels - 1)}",
        f"a = [{'{a = [' * (half - 1)}{']}' * (half - 1)}]"
        if levels % 2 == 0
        else f"a = {'[{a = ' * half}1{'}]' * half}",
        f"[x]\n{'.'.join('a' * half)} = {{ y.z = {'[' * (levels - half - 3)}1{']' * (levels - half - 3)}, b = 1 }}",
    ]


@pytest.mark.parametrize("text", nested(MAX_DEPTH))
def test_as_deep_as_may_be(text: str) -> None:
    """64 levels are accepted, however they are written."""
    accepted(text)


@pytest.mark.parametrize("text", nested(MAX_DEPTH + 1))
def test_too_deep(text: str) -> None:
    """One more is not."""
    problem = refused("# é\n\n" + text)
    assert problem.kind == "syntax"
    assert problem.message == f"Invalid TOML: more than 64 levels of nesting at line {problem.line}"
    assert problem.line in (3, 4)
    assert (problem.end_line, problem.end_column) == (problem.line, (problem.column or 0) + 1)


def test_strings_comments_and_numbers_have_no_depth() -> None:
    """Dots and brackets count only where they structure the document."""
    noise = "[{." * 100
    lines = [
        f"# {noise}",
        f'a = "{noise}\\"{noise}"',
        f"b = '{noise}'",
        f'c = """\n{noise}""{noise}\\"""{noise}"""""',
        f"d = '''{noise}\n''{noise}'''''",
        f'"{noise}" = 1',
        f"[x.'{noise}']",
        "e = [" + "1.5, " * 100 + "]",
        "f = [\n" + "[1.5],\n" * 100 + "]",
        "g = {" + ", ".join(f"k{n}.x = 1.5" for n in range(100)) + "}",
        *(f"[t{n}.x]\nh = 2.5" for n in range(100)),
    ]
    accepted("\n".join(lines))


scalars = st.integers(0, 9) | st.floats(0, 9) | st.sampled_from(["[", "{.", '"', "'#", "]\n"])
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab."), below, max_size=3),
    max_leaves=25,
)


def written(value: object) -> str:
    """`value` as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return repr(value) if not isinstance(value, str) else '"' + value.translate({34: '\\"', 10: "\\n"}) + '"'


def levels(value: object) -> int:
    """How deep `value` is; an empty array is a level, an empty table is not."""
    if isinstance(value, dict):
        return max((1 + levels(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((levels(item) for item in value), default=0)
    return 0


@given(st.lists(trees, min_size=1, max_size=4), st.integers(1, MAX_DEPTH))
def test_depth_is_that_of_the_values(values: list[object], parts: int) -> None:
    """A document is refused when, and only when, header, key and value are more than 64 levels together."""
    header = f"[{'.'.join('h' * parts)}]\n"
    text = header + "\n".join(f"k{n} = {written(value)}" for n, value in enumerate(values))
    depth = parts + 1 + max(levels(value) for value in values)
    assert isinstance(parse(text.encode(), PATH), Document) == (depth <= MAX_DEPTH)
    assert (too_deep(text) is None) == (depth <= MAX_DEPTH)


@pytest.mark.parametrize("digits", ["1" * 4301, "-" + "1_" * 4300 + "1", "0x" + "f" * 4300, "0o" + "7" * 4800])
def test_integer_of_too_many_digits(digits: str) -> None:
    """An integer that Python would not print is refused, whatever its base; its line is told."""
    problem = refused(f'a = "{"1" * 5000}"\nb = [\n {digits}]')
    assert problem.message == "Invalid TOML: integer of over 4,300 digits at line 3"
    assert (problem.kind, problem.column, problem.end_column) == ("syntax", 2, 2 + len(digits))


def test_long_things_that_are_no_giant_integers() -> None:
    """Long strings, keys, floats and integers within the limit are as good as any."""
    hexadecimal = "0x" + "f" * 5000
    document = accepted(
        f'a = "{hexadecimal}"\n# {hexadecimal}\n"{hexadecimal}" = 1\nb = {"1" * 5000}.0\n'
        f"c = {'1' * 4300}\nd = 0x{'0' * 5000}1\ne = 0b{'1' * 5000}"
    )
    assert document.table["d"] == 1


def test_recursion_error_does_not_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that has used up its stack gets a problem."""

    def loads(text: str) -> None:
        raise RecursionError

    monkeypatch.setattr(tomli, "loads", loads)
    assert refused("a = 1").message == "Invalid TOML: nested too deeply"


HOSTILE = {
    "dots": "a." * 50_000 + "a = 1",
    "brackets": "a = " + "[" * 200_000,
    "braces": "a = " + "{a=" * 200_000,
    "both": "a = " + "[{a=" * 200_000,
    "quotes": '"' * ONE_MIB,
    "apostrophes": "'" * ONE_MIB,
    "escapes": 'a = "' + "\\" * (ONE_MIB - 8),
    "escaped ends": 'a = """' + '\\"""' * (ONE_MIB // 4 - 2),
    "a string a line": '"a\n' * (ONE_MIB // 3),
    "one word": "a" * ONE_MIB,
    "digits": "a = " + "1" * (ONE_MIB - 4),
    "hexadecimal": "a = 0x" + "1" * (ONE_MIB - 6),
    "nearly hexadecimal": ('a = "' + "0b" * 1785 + '"\n') * 293,
    "duplicate": "a = 1\n" * (ONE_MIB // 6),
    "brackets closed": "]" * ONE_MIB,
    "commas": "," * ONE_MIB,
    "not UTF-8": "\n" * (ONE_MIB - 1) + "\udcff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly(name: str) -> None:
    """A mebibyte of anything is dealt with in linear time; what is quadratic in it would take minutes."""
    data = HOSTILE[name].encode(errors="surrogateescape")
    assert len(data) <= ONE_MIB
    begin = process_time()
    refused(data)
    assert process_time() - begin < 100


def test_many_tables_are_quick() -> None:
    """A hundred thousand tables are accepted in linear time."""
    begin = process_time()
    assert len(accepted("".join(f"[t{n}]\n" for n in range(100_000))).table) == 100_000
    assert process_time() - begin < 20


@settings(max_examples=examples(300, 150))
@given(st.binary(max_size=60) | st.text("ab.\"'[]{}=,#\\\n\r \x001x", max_size=60).map(str.encode))
def test_never_raises(data: bytes) -> None:
    """Whatever the bytes are, there is a document that says what tomli says, or a problem with its place."""
    result = parse(data, PATH)
    if isinstance(result, Document):
        assert result.table == tomli.loads(result.text)
    else:
        assert result.kind in ("empty", "encoding", "syntax")
        assert result.kind == "empty" or (result.line and result.column)
        assert len(str(result).splitlines()) == 1
