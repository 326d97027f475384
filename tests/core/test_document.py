"""Bytes become a document, or one problem that says what is wrong and where; whatever the bytes are."""

from __future__ import annotations

import ast
import importlib.util
from itertools import chain
from pathlib import Path
from time import perf_counter

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from hotconf.core.document import MAX_DEPTH, Document, parse
from hotconf.core.lexis import too_deep
from hotconf.problems import Problem

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


BRACKET = "missing closing bracket"
BRACE = "unclosed inline table"
CUT_OFF = "unterminated string"
NEWLINE = "expected newline or end of document after a statement"
EXTENDED = "an array or inline table cannot be extended"
SYNTAX = [
    # What was never closed, where it was opened.
    ('x = 1\nplan = ["a", "b"\n[next]\n', BRACKET, "2:8-2:9", '3:1 "]" expected before this'),
    ('plan = ["a",', BRACKET, "1:8-1:9", None),
    ("plan = [\n  1, # = not\n", BRACKET, "1:8-1:9", None),
    ("plan = [", BRACKET, "1:8-1:9", None),
    ("\r\n\tplan = [\r\n 1,\r\n", BRACKET, "2:9-2:10", None),
    ("a = [[1, 2], [3, 4]\n", BRACKET, "1:5-1:6", None),
    ("a = [1 # ]\n", BRACKET, "1:5-1:6", None),
    ('a = ["]", "[",', BRACKET, "1:5-1:6", None),
    ('plan = ["a",\n[next]\nfoo = 1\n', BRACKET, "1:8-1:9", '2:2 "]" expected before this'),
    ('plan = ["a",\n[[next.x]] # c\nfoo = 1\n', BRACKET, "1:8-1:9", '2:3 "]" expected before this'),
    ('plan = [\n"a",\nfoo = [1]\n', BRACKET, "1:8-1:9", '3:1 "]" expected before this'),
    ('plan = [\n"a",\n\n"foo".b = [1]\n', BRACKET, "1:8-1:9", '4:6 "]" expected before this'),
    ("plan = [1\n\nfoo = 2\n[next]\nx = [1]\n", BRACKET, "1:8-1:9", '3:1 "]" expected before this'),
    ("[server\nport = 1", BRACKET, "1:1-1:2", None),
    ("[[server]\nport = 1", BRACKET, "1:1-1:3", None),
    (" [server.\nport = 1", BRACKET, "1:2-1:3", None),
    ("[a.b # ]\n", BRACKET, "1:1-1:2", None),
    ('["a]"\n', BRACKET, "1:1-1:2", None),
    ("[[", BRACKET, "1:1-1:3", None),
    ("a = { b =", BRACE, "1:5-1:6", None),
    ("a = [{ b =", BRACE, "1:6-1:7", None),
    ("a = {b", BRACE, "1:5-1:6", None),
    ("a = {\n b = 1,\n\n[next]\nc = {}\n", BRACE, "1:5-1:6", '4:1 "}" expected before this'),
    ("a = {b = 1\nc = 2\nd = {e = 1}\n", BRACE, "1:5-1:6", '2:1 "}" expected before this'),
    ('a = "x\nb = 1', CUT_OFF, "1:5-1:7", None),
    ("a = 'x\nb = 'y'", CUT_OFF, "1:5-1:7", None),
    ("a = 'x", CUT_OFF, "1:5-1:7", None),
    ("a = 'x\r\nb = 1\r\nc = 2", CUT_OFF, "1:5-1:7", None),
    ('a = """x\n', CUT_OFF, "1:5-1:8", None),
    ("b = [\n'''x\n''\n", CUT_OFF, "2:1-2:4", None),
    ('a = """\\"""\n', CUT_OFF, "1:5-1:8", None),
    ('"a b = 1\nc = 2', CUT_OFF, "1:1-1:9", None),
    # What stands where it cannot.
    ("a = ]", "unexpected character ']'", "1:5-1:6", None),
    ("a = [1]\n]", "unexpected character ']'", "2:1-2:2", None),
    ("a = [1, 2}\n", "unexpected character '}'", "1:10-1:11", "1:5 opened here"),
    ("a = {b = }\n", "unexpected character '}'", "1:10-1:11", None),
    ("a = [\n {x = 1},\n {x = 2\n]\n", "unexpected character ']'", "4:1-4:2", "3:2 opened here"),
    ("[]", "unexpected character ']'", "1:2-1:3", None),
    ("[a b]", "unexpected character 'b'", "1:4-1:5", None),
    ("a = [1,,]", "unexpected character ','", "1:8-1:9", None),
    ("a = [1, foo]", "unexpected character 'f'", "1:9-1:12", None),
    ("a = True", "unexpected character 'T'", "1:5-1:9", None),
    ("a = \u202e", "unexpected character '\\u202e'", "1:5-1:6", None),
    ('a = ["x" "y"]', "missing comma", "1:10-1:11", None),
    ("a = [\n1\n[2]\n]\n", "missing comma", "3:1-3:2", None),
    ("a = {\n b = 1\n c = 2\n}\n", "missing comma", "3:2-3:3", None),
    ('plan = ["a, "b"]\n', "unexpected character 'b'", "1:14-1:15", None),
    ("a =", "unexpected end of file", "1:4", None),
    ("a =\nb = 1", "unexpected end of line", "1:4", None),
    ("a =\r\nb = 1", "unexpected end of line", "1:4", None),
    ("a = 1 b = 2", NEWLINE, "1:7-1:8", None),
    ('a = """\nx\ny = """z"""\n', NEWLINE, "3:8-3:9", "1:1 the statement before this begins here"),
    ("a 1", "expected '=' after a key in a key/value pair", "1:3-1:4", None),
    ('a = "\\q"', "unescaped '\\' in a string", "1:6-1:8", None),
    ('a = "\\\nx"', "unescaped '\\' in a string", "1:6-1:7", None),
    ('a = "\\', "unescaped '\\' in a string", "1:6-1:7", None),
    ('a = """x \\  y"""', "unescaped '\\' in a string", "1:10-1:12", None),
    ('a = "x\\u12"', "invalid hex value", "1:7-1:11", None),
    ('a = "x\\ud8001"', "escaped character is not a Unicode scalar value", "1:7-1:13", None),
    ("# \x01", "found invalid character '\\x01'", "1:3-1:4", None),
    ('a = "\x01"', "illegal character '\\x01'", "1:6-1:7", None),
    # What is given twice, where it stands the second time.
    ("a = 1\n  a = [\n 2]", "duplicate key", "2:3-2:4", "1:1 first defined"),
    ("a = 1\n[a.b]", "duplicate key", "2:1-2:6", "1:1 first defined"),
    ("a = 1\na = {}\r\nb = 2", "duplicate key", "2:1-2:2", "1:1 first defined"),
    ('[t]\n"a b" . c = 1\n"a\\u0020b".c = 2', "duplicate key", "3:1-3:13", "2:9 first defined"),
    ("[[t]]\na = 1\n[[t]]\na = 1\na = 2", "duplicate key", "5:1-5:2", "4:1 first defined"),
    ("a = {b = 1, b = 2}", "duplicate key", "1:13-1:14", "1:6 first defined"),
    ("a = {b = {x = 1}, c = [1, {y = 1}], c = {y = 2}}", "duplicate key", "1:37-1:38", "1:19 first defined"),
    ("a = [{b.c = 1, d = [[]], b = 2}]", "duplicate key", "1:26-1:27", "1:7 first defined"),
    ("a = {b = 1, b.c = 2}", "duplicate key", "1:13-1:16", "1:6 first defined"),
    ("a = {b = {}, b.c = 2}", EXTENDED, "1:14-1:17", "1:6 first defined"),
    ("[a]\n[b]\n\t[a]", "table already defined", "3:2-3:5", "1:2 first defined"),
    ("[a.b]\n[a]\n[ a ] # c", "table already defined", "3:1-3:6", "2:2 first defined"),
    ("[a.b]\n[a]\nb.c = 1", "table already defined", "3:1-3:4", "1:4 first defined"),
    ("[[a.b]]\n[a.b.c]\n[[a.b]]\n[a.b.c]\n[a.b.c]", "table already defined", "5:1-5:8", "4:6 first defined"),
    ("a = []\n[[a]]", EXTENDED, "2:1-2:6", "1:1 first defined"),
    ("[t]\na = {x = 1}\na.y = 1", EXTENDED, "3:1-3:4", "2:1 first defined"),
]


@pytest.mark.parametrize(("text", "reason", "span", "related"), SYNTAX)
def test_syntax(text: str, reason: str, span: str, related: str | None) -> None:
    """What is not TOML is told in plain words, where it is to be mended, and with what it conflicts."""
    problem = refused(text)
    assert (problem.kind, problem.severity) == ("syntax", "error")
    assert problem.message == f"Invalid TOML: {reason} at line {problem.line}"
    end = "" if problem.end_line is None else f"-{problem.end_line}:{problem.end_column}"
    assert f"{problem.line}:{problem.column}{end}" == span
    assert all(place.file == PATH for place in problem.related)
    told = [f"{place.line}:{place.column} {place.message}" for place in problem.related]
    assert told == ([] if related is None else [related])


def test_quotes_that_do_not_pair_up_get_a_hint() -> None:
    """What looks like a missing comma or a second statement is often a quote too few or too many."""
    for text in ('a = ["x, "y"]', 'a = "x"y"', "a = 'x'y'", 'a = ["x", y"]'):
        assert refused(text).hint == "the quotes on this line do not pair up"
    for text in ('a = ["x" "y"]', 'a = "x" "y"', "a = 'x' 1 # '", 'a = "\x01"'):
        assert "quotes" not in (refused(text).hint or "")


def test_bare_words_get_a_hint() -> None:
    """Whoever forgets the quotes, or writes True, is told."""
    assert "quotes" in (refused("model = gpt-5").hint or "")
    assert refused("model = ]").hint is None


@pytest.mark.parametrize(
    "text",
    [
        "[hunter2]\n[hunter2]",
        "a = {hunter2 = 1, hunter2 = 2}",
        "[a.hunter2]\n[a]\nhunter2.x = 1",
        "hunter2 = {}\nhunter2.x = 1",
        "password = hunter2",
        "password = 'hunter2",
        'password = "hunter2',
        'password = "hunter2\\q"',
        "password = 1 hunter2",
        "password hunter2",
    ],
)
def test_no_message_quotes_content(text: str) -> None:
    """tomli's messages may hold keys; what stands in a file with a slip in it may be a secret."""
    problem = refused(text)
    assert "hunter2" not in f"{problem.message} {problem.hint}"


def test_a_message_that_is_not_known_loses_what_it_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later tomli may quote more than this one."""

    def loads(text: str) -> None:
        raise tomli.TOMLDecodeError("Strange \"hunter2\" and 'hunter2' in ('hunter2',), '=' missing", text, 0)

    monkeypatch.setattr(tomli, "loads", loads)
    assert refused("a = 1").message == "Invalid TOML: strange … and … in …, '=' missing at line 1"


def test_the_messages_of_tomli_that_quote_are_known() -> None:
    """Each message that tomli builds from what it reads is one that is replaced, or holds one control character."""
    spec = importlib.util.find_spec("tomli")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).with_name("_parser.py").read_text())
    built = [
        node.args[0].values[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "TOMLDecodeError"
        and isinstance(node.args[0], ast.JoinedStr)
    ]
    begins = {part.value for part in built if isinstance(part, ast.Constant)}
    assert begins == {
        "Expected ",
        "Found invalid character ",
        "Cannot declare ",
        "Cannot mutate immutable namespace ",
        "Cannot redefine namespace ",
        "Duplicate inline table key ",
        "Illegal character ",
    }


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
    begin = perf_counter()
    refused(data)
    assert perf_counter() - begin < 30


def test_many_tables_are_quick() -> None:
    """A hundred thousand tables are accepted in linear time."""
    begin = perf_counter()
    assert len(accepted("".join(f"[t{n}]\n" for n in range(100_000))).table) == 100_000
    assert perf_counter() - begin < 10


@settings(max_examples=300)
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


@given(st.sampled_from([text for text, *_ in SYNTAX]), st.integers(0, 40))
def test_a_cut_file_never_raises(text: str, length: int) -> None:
    """A half-written bad file is one problem, or a valid shorter file."""
    assert isinstance(parse(text.encode()[:length], PATH), Document | Problem)


def test_the_place_is_within_the_text() -> None:
    """Each place that is told can be shown: its line exists, its column is at most one past the line's end."""
    for text in chain((text for text, *_ in SYNTAX), nested(65)):
        problem = refused(text)
        assert problem.line is not None
        assert problem.column is not None
        lines = text.split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
