"""What is not TOML is told where it has to be mended, whatever was broken and however."""

from __future__ import annotations

import ast
import importlib.util
import random
from pathlib import Path
from time import process_time

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.writer import Writer
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from torture.extent import examples, thinned

PATH = Path("/etc/app/config.toml")
ONE_MIB = 1 << 20


def refused(text: str) -> Problem:
    """The problem that `text` is, which stands in it, or nowhere."""
    result = parse(text.encode(), PATH)
    assert isinstance(result, Problem), result
    check(result, text)
    return result


def check(problem: Problem, text: str) -> None:
    """It is of this file, has one line of words, and a place that can be shown, with an end that is not before it."""
    assert (problem.file, problem.kind, problem.severity) == (PATH, "syntax", "error")
    assert len(str(problem).splitlines()) == 1
    assert problem.line is not None
    assert problem.column is not None
    assert problem.message.startswith("Invalid TOML: ")
    assert problem.message.endswith(f" at line {problem.line}")
    lines = text.replace("\r\n", "\n").split("\n")
    begin, end = (problem.line, problem.column), (problem.end_line, problem.end_column)
    places = [begin, *((place.line, place.column) for place in problem.related)]
    if problem.end_line is not None and problem.end_column is not None:
        places.append((problem.end_line, problem.end_column))
        assert begin < end
    for line, column in places:
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    assert all(place.file == PATH for place in problem.related)
    if any(words in problem.message for words in ("duplicate key", "already defined", EXTENDED)):
        assert [place.message for place in problem.related] == ["first defined"]


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
    ("a = [\n[1,\nfoo = 2\n", BRACKET, "2:1-2:2", '3:1 "]" expected before this'),
    ("a = [1 1,\nfoo = [2]\n]\n", BRACKET, "1:5-1:6", '1:8 "]" expected before this'),
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
    ('a = "\\q"', "invalid escape", "1:6-1:8", None),
    ('a = "\\\nx"', "invalid escape", "1:6-1:7", None),
    ('a = "\\', "invalid escape", "1:6-1:7", None),
    ('a = """x \\  y"""', "invalid escape", "1:10-1:12", None),
    ('a = "x\\u12"', "invalid escape", "1:7-1:11", None),
    ('a = "x\\ud8001"', "no such character", "1:7-1:13", None),
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
    ('[""]\n["""x', "table already defined", "2:1-2:4", "1:2 first defined"),
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


@pytest.mark.parametrize("below", ["[t{}]\nx = 1\n", "[[t]]\nx.y = [{}]\n", "t{} = {{ a.b = [1] }}\n"])
def test_what_is_not_closed_at_the_head_of_a_long_file(below: str) -> None:
    """Everything below is deep inside it for whoever counts brackets; it is still the bracket that is told."""
    rest = "".join(below.format(number) for number in range(500))
    for opener, reason in ("[1,", BRACKET), ("[", BRACKET), ("{ a = 1", BRACE):
        problem = refused(f"# c\nx = {opener}\n{rest}")
        assert (problem.line, problem.column, problem.message) == (2, 5, f"Invalid TOML: {reason} at line 2")
    assert refused(f"[x\n{rest}").message == f"Invalid TOML: {BRACKET} at line 1"
    assert refused(f"[a]\n[a]\n{rest}x = {'[' * 70}").message == "Invalid TOML: table already defined at line 2"
    assert "more than 64 levels" in refused(f"{rest}\nz = {'[' * 70}").message


def test_quotes_that_do_not_pair_up_get_a_hint() -> None:
    """What looks like a missing comma or a second statement is often a quote too few or too many."""
    for text in ('a = ["x, "y"]', 'a = ["x", y"]', 'a = "x" y"'):
        assert (refused(text).hint or "").startswith("the quotes on this line do not pair up"), text
    for text in ('a = ["x" "y"]', 'a = "x" "y"', "a = 'x' 1 # '", 'a = "\x01"'):
        assert "pair up" not in (refused(text).hint or "")


COMMENT = "a comment begins with #"
PAIR = 'write name = "value"'
ALONE = "write the number alone, or put text in quotes"
TEXT = 'put text in quotes: "…"'
ESCAPES = r"""in "…" a backslash begins an escape: write the text in '…', or \\ for each backslash"""
CONFLICT = "resolve the merge conflict"
KINDS_OF_TABLE = "write either one [table], or [[table]] for each"


@pytest.mark.parametrize(
    ("hint", "texts"),
    [
        ('write straight quotes: "', ['a = ["x”]', "“a” = 1", "[“a”]"]),
        (COMMENT, ["a = [\n1, // c\n2]", "a = [1 // c\n]"]),
        (PAIR, ['a : "x"', "a 1"]),
        (ALONE, ["a = 20 %", "a = 5ms", "a = 10 MB # c"]),
        ("write true or false in lower case", ["a = TRUE # c", "a = [True, False]", "a = {b = False}"]),
        (TEXT, ["a = no way", "a = //srv"]),
        (
            "no such date: write one as 2026-01-05",
            ["a = 2026-13-45", "a = [2026-02-30]", "a = 2026-13-45T00:00:00"],
        ),
        (CONFLICT, ["a = 1\n=======\na = 2", ">>>>>>> x\n", "a = [\n1\n<<<<<<< x\nb = 1\n]"]),
        (KINDS_OF_TABLE, ["[a]\n[[a]]", "[a.b]\n[[a]]", "[a]\n x = 1\n  [[a]]"]),
        ("set each key once: remove one of the two", ["a = 1\n[[a]]"]),
        (ESCAPES, [r'a = "C:\dir"', r'a = "\d+"', r'["C:\Users"]', r'"C:\x" = 1', r'a = "D:\tmp\"']),
        (ESCAPES.replace('"…"', '"""…"""').replace("'…'", "'''…'''"), ['a = """\n\\d"""', 'a = ["x", """\\U"""]']),
        (None, ["a = ]"]),
    ],
)
def test_slips_get_a_hint(hint: str | None, texts: list[str]) -> None:
    """More forms of those in `test_slips`."""
    assert {text: refused(text).hint for text in texts} == dict.fromkeys(texts, hint)


INVISIBLE = [
    *"\u00a0\u1680\u2003\u2009\u202f\u205f\u3000\u2028\u2029\u0085",
    *"\ufeff\u200b\u200c\u200d\u2060\u00ad\u180e\u061c\u200e\u200f\u202e\u2066\u2069\u034f\u115f\u3164\u2800\ufe0f",
    *"\0\x01\x0b\x0c\x1b\x7f",
]
PLACES = [
    *("{}a = 1", "a{} = 1", "a {}= 1", "a = {}1", "a = 1{}", "a = 1 {}\nb = 2", "a = 1\n{}\nb = 2", "a = 1\n{}b = 2"),
    *(
        "[{}a]",
        "[a{}]",
        "[a]{}",
        "[[a{}]]",
        "a.{}b = 1",
        "a{}.b = 1",
        "a = [1,{} 2]",
        "a = {{{}b = 1}}",
        "a = {{b = 1{}}}",
    ),
    *(
        "a = tr{}ue",
        "a = 1{}2",
        "a = 1.{}5",
        "a = 2026-{}01-01",
        'a = "x"{}',
        "'a'{} = 1",
        "po{}rt = 1",
        "a = true{} # c",
    ),
]


@pytest.mark.parametrize("place", PLACES)
def test_an_invisible_character_is_named_and_pointed_at(place: str) -> None:
    """Wherever it stands, and whichever it is; a byte order mark is one only amid the text."""
    for character in INVISIBLE:
        if character == "\ufeff" and place.startswith("{}"):
            continue
        text = place.format(character)
        problem = refused(text)
        assert f"U+{ord(character):04X} (" in (problem.hint or ""), text
        assert (problem.hint or "").startswith("remove the invisible")
        line, column = (
            text[: text.index(character)].count("\n") + 1,
            text.index(character) - text.rfind("\n", 0, text.index(character)),
        )
        assert (problem.line, problem.column) == (line, column), text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a ＝ 1", "="),
        ("a = –1", "-"),
        ("a = −1", "-"),
        ("a = ｔrue", "t"),
        ("［a]", "["),
        ("a = [1，2]", ","),
        ("a = １", "1"),
    ],
)
def test_a_character_that_looks_like_another_is_named(text: str, plain: str) -> None:
    """Full-width letters and signs, dashes and the minus sign, as word processors write them."""
    assert (refused(text).hint or "").startswith(f'write "{plain}": this is U+')


def test_line_ends_of_old_macs_are_named() -> None:
    """A carriage return alone ends no line."""
    assert refused("a = 1\rb = 2").hint == "remove the invisible U+000D (carriage return)"


@pytest.mark.parametrize("text", ["a = $20", "a = 20 ", "a = “", "a = True", ";", "<<<<<<<", "a = 2026-1"])
def test_the_hint_for_a_slip_takes_no_longer_in_a_long_file(text: str) -> None:
    """It is looked for in one place, once, however long the line and whatever follows on it."""
    for filler in (" ", "\r", ";", "=", "“", "7", "[a]\n"):
        started = process_time()
        refused(f"{text}{filler * (ONE_MIB // 4 // len(filler))}]")
        assert process_time() - started < 30


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
        "password = “hunter2”",
        "password: hunter2",
        "password = $20hunter2",
        "password = 2026-13-45hunter2",
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


# Documents that were good until something happened to them


def damaged(text: str, dice: random.Random) -> str:
    """`text` after a slip of the hand: something structural deleted, inserted or doubled, a line gone or twice."""
    marks = [offset for offset, char in enumerate(text) if char in "[]{}\"'=.,\n\\#"]
    at = dice.choice(marks) if marks else 0
    lines = text.split("\n")
    line = dice.randrange(len(lines))
    match dice.randrange(7):
        case 0 | 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + dice.choice("[]{}\"'=.,\n\\x") + text[at:]
        case 3:
            return text[: at + 1] + text[at:]
        case 4:
            return "\n".join([*lines[: line + 1], *lines[line:]])
        case 5:
            return "\n".join([*lines[:line], *lines[line + 1 :]])
        case _:
            return text[:at]


@pytest.mark.timeout(900)
@settings(max_examples=examples(200, 40), deadline=None)
@given(st.integers(0, 2**64))
def test_a_slip_in_a_good_document(seed: int) -> None:
    """In whatever style it is written, it is one problem with a place in the text, or still TOML."""
    dice = random.Random(seed)
    for number in range(20):
        text = Writer(dice, 1 + number % 3).text
        for _ in range(dice.choice([1, 1, 1, 2, 5])):
            text = damaged(text, dice)
        result = parse(text.encode(), PATH, allow_empty=True)
        if isinstance(result, Problem):
            check(result, text)


@given(st.sampled_from([text for text, *_ in SYNTAX]), st.integers(0, 40))
def test_a_cut_file(text: str, length: int) -> None:
    """A half-written bad file is one problem, or a valid shorter file."""
    result = parse(text[:length].encode(), PATH, allow_empty=True)
    if isinstance(result, Problem):
        check(result, text[:length])


SCALARS = ["1", "true", "1.5", '"text"', "'text'", "1979-05-27", '"a # b"']
WORDS = [first + last for first in ("info", "nan_", "trues", "e", "port", "b-") for last in "abcdefghij"]
KINDS = ["scalar", "array", "long array", "inline table", "long table", "header", "headers"]


@st.composite
def plain(draw: st.DrawFn) -> tuple[list[str], int]:
    """A document as people write them, line by line, and the number of a line on which a value or header begins."""
    first = draw(st.integers(0, len(WORDS) - 1))
    keys = iter(WORDS[first:] + WORDS[:first])
    scalars = st.sampled_from(SCALARS)
    lines: list[str] = []
    marked: list[int] = []

    def items() -> list[str]:
        return draw(st.lists(scalars | st.just("[1, 2]"), min_size=1, max_size=3))

    for _ in range(draw(st.integers(1, 6))):
        marked.append(len(lines))
        kind = draw(
            st.sampled_from(["scalar", "array", "long array", "inline table", "header", "headers", "long table"])
        )
        key = next(keys)
        if kind == "scalar":
            lines.append(f'{key} = "text"')
        elif kind == "array":
            lines.append(f"{key} = [{', '.join(items())}]")
        elif kind == "long array":
            lines += [f"{key} = [", *(f"    {item}," for item in items()), "]"]
        elif kind == "inline table":
            lines.append(f"{key} = {{ {', '.join(f'{next(keys)} = {item}' for item in items())} }}")
        elif kind == "long table":
            lines += [f"{key} = {{", *(f"    {next(keys)} = {item}," for item in items()), "}"]
        else:
            lines.append(f"[{key}]" if kind == "header" else f"[[{key}.{next(keys)}]]")
    for line in draw(st.lists(st.sampled_from(["", "# a comment"]), max_size=2)):
        marked = [number + 1 for number in marked]
        lines.insert(0, line)
    return lines, draw(st.sampled_from(marked))


@settings(max_examples=examples(500, 50), deadline=None)
@given(plain(), st.booleans())
def test_what_is_not_closed_is_pointed_at(written: tuple[list[str], int], windows: bool) -> None:
    """Whatever follows it: where a bracket, brace or quote was taken away, its other half is the place."""
    lines, number = written
    closer = next(at for at in range(number, len(lines)) if lines[at][-1:] in ("]", "}", '"'))
    opened = lines[number]
    column = 1 if opened.startswith("[") else opened.index(" = ") + 4
    broken = [*lines[:closer], lines[closer][:-1], *lines[closer + 1 :]]
    problem = refused(("\r\n" if windows else "\n").join(broken))
    assert (problem.line, problem.column) == (number + 1, column)
    words = {"[": "missing closing bracket", "{": "unclosed inline table", '"': "unterminated string"}
    assert problem.message == f"Invalid TOML: {words[opened[column - 1]]} at line {number + 1}"


@settings(max_examples=examples(300, 50), deadline=None)
@given(plain(), st.data())
def test_what_is_given_twice_is_pointed_at(written: tuple[list[str], int], data: st.DataObject) -> None:
    """A line that is there twice is told where it stands the second time, with the first one related."""
    lines, number = written
    if lines[number].startswith("[["):
        return
    table = next((at for at in range(number, -1, -1) if lines[at].startswith("[")), None)
    ends = [at for at in range(number + 1, len(lines)) if lines[at].startswith("[")]
    last = len(lines) if lines[number].startswith("[") or not ends else ends[0]
    begins = [at for at in range(number + 1, last + 1) if at == len(lines) or lines[at][:1] not in (" ", "]", "}")]
    at = data.draw(st.sampled_from(begins))
    value = lines[number] if lines[number].startswith("[") else lines[number].split(" = ")[0] + " = 1"
    problem = refused("\n".join([*lines[:at], value, *lines[at:]]))
    assert table is None or table <= number
    assert (problem.line, problem.column) == (at + 1, 1)
    assert [(place.message, place.line) for place in problem.related] == [("first defined", number + 1)]


STATEMENTS = "key = 1\n" * (ONE_MIB // 16)
LARGE = {
    "an unclosed array": "a = [1,\n" + STATEMENTS,
    "an unclosed array of arrays": "a = [\n" + "[1, [2]],\n" * 90_000,
    "an array without a comma": "a = [\n" + "[1, [2]],\n" * 90_000 + "1 1\n" + "]",
    "an array without a comma, at its head": "a = [1 1,\n" + '["x", "y"],\n' * 80_000 + "]",
    "strings like statements": "a = [1 1,\n" + '"x",\n' * 150_000,
    "long strings like statements": "a = [1 1,\n" + '["""\n\n"""],\n' * 80_000,
    "an unclosed table": "a = {b = 1\n" + STATEMENTS,
    "an unclosed header": "[a\n" + STATEMENTS,
    "an unclosed string": 'a = """\n' + STATEMENTS,
    "an unclosed quote": "a = '\n" + STATEMENTS.replace("1", '"x"'),
    "an unclosed quote at the end": STATEMENTS.replace("key = 1", "# '") + "a = '",
    "a key twice": "".join(f"k{n} = 1\n" for n in range(90_000)) + "k0 = 1",
    "a key twice in a table": "a = {" + ", ".join(f"k{n}.x = [1]" for n in range(60_000)) + ", k0.x = 1}",
    "a table twice": "".join(f"[t{n}]\n" for n in range(90_000)) + "[t0]",
    "a table of an item twice": "[[a]]\n[a.b]\n" * 60_000 + "[a.b]",
    "a long line": "a = 1 " + "[1, 'x'] " * 110_000,
    "a wrong word": "a = " + "x" * (ONE_MIB - 4),
    "a wrong escape": 'a = "' + "\\n" * (ONE_MIB // 2 - 8) + '\\q"',
    "a wrong escape, at its head": 'a = "\\q' + "\\n" * (ONE_MIB // 2 - 8) + '"',
}


@pytest.mark.parametrize("name", thinned(list(LARGE), 3, 1))
def test_linear(name: str) -> None:
    """A mebibyte of it takes seconds; what is quadratic would take minutes."""
    assert len(LARGE[name]) <= ONE_MIB
    begin = process_time()
    refused(LARGE[name])
    assert process_time() - begin < 100
