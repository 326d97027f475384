"""What people write by mistake: the line, and a hint that, followed, gives TOML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli

from hotconf.formats.registry import parse
from hotconf.problems import Problem

PATH = Path("/etc/app/config.toml")
SEVERAL = "\n".join

WORDS = [
    # Values of one word, and what to write instead; the hints are for these alone, wherever they stand.
    ("localhost", '"localhost"', 'put text in quotes: "…"'),
    ("gpt-5", '"gpt-5"', 'put text in quotes: "…"'),
    ("api.example.com", '"api.example.com"', 'put text in quotes: "…"'),
    ("https://example.com/x", '"https://example.com/x"', 'put text in quotes: "…"'),
    ("/usr/bin", '"/usr/bin"', 'put text in quotes: "…"'),
    ("./run.sh", '"./run.sh"', 'put text in quotes: "…"'),
    ("~/x", '"~/x"', 'put text in quotes: "…"'),
    ("user@host", '"user@host"', 'put text in quotes: "…"'),
    ("*.txt", '"*.txt"', 'put text in quotes: "…"'),
    ("^x", '"^x"', 'put text in quotes: "…"'),
    ("!x", '"!x"', 'put text in quotes: "…"'),
    ("::1", '"::1"', 'put text in quotes: "…"'),
    ("1.2.3", '"1.2.3"', 'put text in quotes: "…"'),
    ("1.2.3-rc1", '"1.2.3-rc1"', 'put text in quotes: "…"'),
    ("10.0.0.0/8", '"10.0.0.0/8"', 'put text in quotes: "…"'),
    ("ö", '"ö"', 'put text in quotes: "…"'),
    ("\\path\\x.dll", "'\\path\\x.dll'", "put text in quotes: '…'"),
    ("C:\\x", "'C:\\x'", "put text in quotes: '…'"),
    ("$HOME", '"/root"', 'put text in quotes: "…"; variables are not expanded'),
    ("%PATH%", '"x"', 'put text in quotes: "…"; variables are not expanded'),
    ("True", "true", "write true or false in lower case"),
    ("FALSE", "false", "write true or false in lower case"),
    ("yes", "true", "write true or false, or put text in quotes"),
    ("on", "true", "write true or false, or put text in quotes"),
    ("Off", "false", "write true or false, or put text in quotes"),
    ("truee", "true", "write true or false, or put text in quotes"),
    ("NaN", "nan", "write nan or inf, or put text in quotes"),
    ("-Inf", "-inf", "write nan or inf, or put text in quotes"),
    ("infinity", "inf", "write nan or inf, or put text in quotes"),
    ("0b12", "0b101", "a binary number has the digits 0 and 1: 0b101"),
    ("0B1", "0b1", "a binary number has the digits 0 and 1: 0b101"),
    ("0b", "0b0", "a binary number has the digits 0 and 1: 0b101"),
    ("0o789", "0o755", "an octal number has the digits 0 to 7: 0o755"),
    ("0xZZ", "0xff", "a hexadecimal number has the digits 0 to 9 and a to f: 0xff"),
    ("0XFF", "0xff", "a hexadecimal number has the digits 0 to 9 and a to f: 0xff"),
    ("007", "7", "a number has no leading zero: 8, not 08"),
    ("-08", "-8", "a number has no leading zero: 8, not 08"),
    ("1__0", "1_0", "an underscore goes between two digits: 1_000"),
    ("1_000_", "1_000", "an underscore goes between two digits: 1_000"),
    ("_1", "1", "an underscore goes between two digits: 1_000"),
    ("1e", "1e0", "write digits on both sides of the point, and after the e: 1.0e5"),
    ("1.e5", "1.0e5", "write digits on both sides of the point, and after the e: 1.0e5"),
    ("+-1", "-1", "a number has one sign: -1"),
    ("--1", "-1", "a number has one sign: -1"),
    (".5", "0.5", "write a digit before the point: 0.5, not .5"),
    ("-.5", "-0.5", "write a digit before the point: 0.5, not .5"),
    ("5.", "5.0", "write a digit after the point: 1.0, not 1."),
    ("10MB", "10", "write the number alone, or put text in quotes"),
    ("50%", '"50%"', "write the number alone, or put text in quotes"),
    ("$5", "5", "write the number alone, or put text in quotes"),
    ("5€", '"5€"', "write the number alone, or put text in quotes"),
    ("1h30m", "90", "write the number alone, or put text in quotes"),
    ("5x", '"5x"', "write the number alone, or put text in quotes"),
    ("3d4f", '"3d4f"', "write the number alone, or put text in quotes"),
    ("1:30", "01:30:00", "write a time as 09:30:00, other text in quotes"),
    ("12:30:00pm", "12:30:00", "write a time as 09:30:00, other text in quotes"),
    ("25:00:00", "09:30:00", "no such time: write one as 09:30:00"),
    ("2026-1-5", "2026-01-05", "month and day have two digits: 2026-01-05"),
    ("2026/01/05", "2026-01-05", "write a date as 2026-01-05, other text in quotes"),
    ("05.01.2026", "2026-01-05", "write a date as 2026-01-05, other text in quotes"),
    ("2026-02-30", "2026-01-05", "no such date: write one as 2026-01-05"),
    ("2026-01-05T1:00:00", "2026-01-05T09:30:00", "write date and time as 2026-01-05T09:30:00, other text in quotes"),
    ("“x”", '"x"', 'write straight quotes: "'),
    ("‘x’", '"x"', 'write straight quotes: "'),
    ("«x»", '"x"', 'write straight quotes: "'),
    ("`x`", '"x"', 'write straight quotes: "'),
    ("＂x＂", '"x"', 'write straight quotes: "'),
    ("e5", '"e5"', 'put text in quotes: "…"'),
    ('r"x"', '"x"', "remove the letter before the quotes"),
    ("(1, 2)", '["…", "…"]', 'write an array: ["…", "…"]'),
    ("None", "", "TOML has no null: remove the key"),
    ("null", "", "TOML has no null: remove the key"),
]
WHOLE = [
    # Whole documents, with the line of the problem: where the two first differ.
    ('host = "x\nport = 1', 'host = "x"\nport = 1', 'close it with " on this line; only """…""" may span lines'),
    ("host = 'x", "host = 'x'", "close it with ' on this line; only '''…''' may span lines"),
    ('name = "winery\norg = "foo"', 'name = "winery"\norg = "foo"', "close it with"),
    ('a = "value 1\nvalue 2"', 'a = """value 1\nvalue 2"""', "close it with"),
    ('a = """x\n', 'a = """x"""\n', 'close it with """'),
    ('a = ["x, "y"]', 'a = ["x", "y"]', "the quotes on this line do not pair up"),
    ("name = 'it's'", 'name = "it\'s"', 'text with a \' inside goes in "…"'),
    ("a = 'I don't know'", 'a = "I don\'t know"', 'text with a \' inside goes in "…"'),
    ('a = "say "hi""', 'a = "say \\"hi\\""', r"""write \" for a quote inside "…", or put the text in '…'"""),
    ('a = "a"b"', 'a = "a\\"b"', r"""write \" for a quote inside "…", or put the text in '…'"""),
    ('a = ""x""', 'a = "x"', "write one quote on each side"),
    ('a = "x”', 'a = "x"', 'write straight quotes: "'),
    ('a = "C:\\Users\\bob"', "a = 'C:\\Users\\bob'", 'in "…" a backslash begins an escape'),
    ("port 8000", "port = 8000", 'write name = "value"'),
    ("port", "port = 1", 'write name = "value"'),
    ("import x", 'import = "x"', 'write name = "value"'),
    ('include "x.toml"', 'include = "x.toml"', 'write name = "value"'),
    ("port: 8000", "port = 8000", 'write name = "value"'),
    ('"port": 8000', '"port" = 8000', 'write name = "value"'),
    ("a := 1", "a = 1", 'write name = "value"'),
    ("a => 1", "a = 1", 'write name = "value"'),
    ("a -> 1", "a = 1", 'write name = "value"'),
    ("a += 1", "a = 1", 'write name = "value"'),
    ("a ?= 1", "a = 1", 'write name = "value"'),
    ("server:\n  port: 1", "[server]\n  port = 1", "write the header of a table as [name]"),
    ("- a\n- b", 'a = ["a", "b"]', 'write an array: ["…", "…"]'),
    ("---\na = 1", "\na = 1", "remove this line: TOML has no front matter"),
    ("+++\na = 1\n+++", "\na = 1", "remove this line: TOML has no front matter"),
    ('{\n  "a": 1\n}', "\na = 1", "write each name = value on a line of its own, without braces around them"),
    ("port =\n8000", "port = 8000", "write a value on the same line, after the ="),
    ("port =", "port = 1", "write a value on the same line, after the ="),
    ("port = # the port", "port = 1 # the port", "write a value before the comment"),
    ("color = #fff", 'color = "#fff"', "write a value before the comment"),
    ("a == 1", "a = 1", "write a single ="),
    ("a = = 1", "a = 1", "write a single ="),
    ("a = 1;", "a = 1", "remove this: no line ends with , or ;"),
    ('a = "x",\nb = 1', 'a = "x"\nb = 1', "remove this: no line ends with , or ;"),
    ("[a];", "[a]", "remove this: no line ends with , or ;"),
    ("a = 1 // c", "a = 1 # c", "a comment begins with #"),
    ("// c", "# c", "a comment begins with #"),
    ("/* c */", "# c", "a comment begins with #"),
    ("; c", "# c", "a comment begins with #"),
    ("-- c", "# c", "a comment begins with #"),
    ("! c", "# c", "a comment begins with #"),
    ("a = 1 -- c", "a = 1 # c", "a comment begins with #"),
    ("a = 1 b = 2", "a = 1\nb = 2", "write each name = value on a line of its own"),
    ("a = 1, b = 2", "a = 1\nb = 2", "write each name = value on a line of its own"),
    ("a, b = 1, 2", "a = 1\nb = 2", "write each name = value on a line of its own"),
    ("[a] b = 1", "[a]\nb = 1", "write each name = value on a line of its own"),
    ("a = 1 + 1", "a = 2", "write the result: TOML has no operators"),
    ('a = "x" + "y"', 'a = "xy"', "write the result: TOML has no operators"),
    ('a = "x" "y"', 'a = ["x", "y"]', 'write an array: ["…", "…"]'),
    ('a = "x" if y', 'a = "x"', "nothing may follow on this line but a comment"),
    ("a = 1,000", "a = 1000", "write numbers without a comma: 1.5, 1000"),
    ('a = 1;b = "x"', 'a = 1\nb = "x"', "write each name = value on a line of its own"),
    ("a = 10:00 AM", "a = 10:00:00", "write a time as 09:30:00, other text in quotes"),
    ("a = 2026-01-05 10:00 UTC", "a = 2026-01-05 10:00:00Z", "write the offset at once: 2026-01-05T09:30:00Z"),
    ("a = 2026-01-05 10:00:00 +01:00", "a = 2026-01-05 10:00:00+01:00", "write the offset at once"),
    ("a = 30 seconds", "a = 30", "write the number alone, or put text in quotes"),
    ("a:\n  - b\n  - c", 'a = ["b", "c"]', 'write an array: ["…", "…"]'),
    ("<!-- c -->", "# c", "a comment begins with #"),
    ("REM c", "# c", "a comment begins with #"),
    ("a = {b = 1, c}", "a = {b = 1, c = 1}", 'write name = "value"'),
    ("a = 1 000", "a = 1_000", "write numbers without spaces: 1000, 1_000"),
    ("a = 10 s", "a = 10", "write the number alone, or put text in quotes"),
    ("a = hello world", 'a = "hello world"', 'put text in quotes: "…"'),
    ("a = |\n  x\n", 'a = """\n  x\n"""', 'put text of several lines in """…"""'),
    ("a = <<EOF\nx\nEOF", 'a = """\nx\n"""', 'put text of several lines in """…"""'),
    ('a = ["x" "y"]', 'a = ["x", "y"]', "put a comma between the items of an array"),
    ("a = [\n1\n2\n]", "a = [\n1,\n2\n]", "put a comma between the items of an array"),
    ("a = [1; 2]", "a = [1, 2]", "put a comma between the items of an array"),
    ("a = {b = 1 c = 2}", "a = {b = 1, c = 2}", "put a comma between the pairs of an inline table"),
    ("a = [1,,2]", "a = [1,2]", "remove this comma"),
    ("a = [,1]", "a = [1]", "remove this comma"),
    ("a = {b = 1,, c = 2}", "a = {b = 1, c = 2}", "remove this comma"),
    ("a = {1, 2}", "a = [1, 2]", "write an array in brackets: [1, 2]"),
    ("a = {b: 1}", "a = {b = 1}", 'write name = "value"'),
    ("a = [1, 2", "a = [1, 2]", 'close it with "]"'),
    ("a = {b = 1", "a = {b = 1}", 'close it with "}"'),
    ("a = [1, 2}", "a = [1, 2]", 'close it with "]"'),
    ("a = {b = 1]", "a = {b = 1}", 'close it with "}"'),
    ("a = [1]]", "a = [1]", "remove this bracket"),
    ("a = {b = 1}}", "a = {b = 1}", "remove this bracket"),
    ("a = 1\n}", "a = 1\n", "remove this bracket"),
    ("[server\nport = 1", "[server]\nport = 1", 'close it with "]"'),
    ("[[server]\nport = 1", "[[server]]\nport = 1", 'close it with "]]"'),
    ("[server]]", "[server]", "remove this bracket"),
    ("server]", "[server]", "write the header of a table as [name]"),
    ("<server>\n", "[server]\n", "write the header of a table as [name]"),
    ("server {\n port = 1\n}", "[server]\n port = 1\n", "write the header of a table as [name]"),
    ("[]", "[name]", "write a name in the brackets: [name]"),
    ("[a.]", "[a.b]", "write a name on each side of a dot"),
    ("[a..b]", "[a.b]", "write a name on each side of a dot"),
    ("a. = 1", "a.b = 1", "write a name on each side of a dot"),
    (".a = 1", "b.a = 1", "write a name on each side of a dot"),
    ("[a b]", '["a b"]', 'put a name with spaces or other characters in quotes: ["…"]'),
    ("[a/b]", '["a/b"]', 'put a name with spaces or other characters in quotes: ["…"]'),
    ("[größe]", '["größe"]', 'put a name with spaces or other characters in quotes: ["…"]'),
    ("a b = 1", '"a b" = 1', 'quote the key: "…" = …'),
    ("a@b = 1", '"a@b" = 1', 'quote the key: "…" = …'),
    ("$a = 1", '"$a" = 1', 'quote the key: "…" = …'),
    ("größe = 1", '"größe" = 1', 'quote the key: "…" = …'),
    ('a" = 1', '"a" = 1', "write quotes on both sides of a key, or none"),
    ("a[0] = 1", "a = [1]", 'write an array: ["…", "…"]'),
    (" = 1", "a = 1", "write a name before the ="),
    ("export A = 1", "A = 1", "remove the word before the name"),
    ("let a = 1", "a = 1", "remove the word before the name"),
    ("<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> x", "a = 1", "resolve the merge conflict"),
    ("a = 1\na = 2", "a = 1\n", "set each key once: remove one of the two"),
    ("[a]\nb = 1\n[a]\nc = 2", "[a]\nb = 1\n\nc = 2", "write all its keys under one header"),
    ("[[a]]\n[a]", "[[a]]\n[[a]]", "write either one [table], or [[table]] for each"),
    ("a = {b = 1}\na.c = 2", "a = {b = 1, c = 2}\n", "write all of it in one place"),
]
PLACES = [
    *("a = {}", "\n# c\na = {} # c", "[t]\nx = 1\na = {}\n\ny = 2\n", 'x = """\n\n"""\r\na = {}\r\n', "a.b = {}"),
    *("a = [{}]", "a = [1, {}, 2]", "a = [\n  1,\n  {},\n]", "a = {{ b = {} }}", "a = {{ b = {}, c = 1 }}"),
]


def refused(text: str) -> Problem:
    """The problem that `text` is."""
    result = parse(text.encode(), PATH)
    assert isinstance(result, Problem), text
    return result


def differs(written: str, mended: str) -> int:
    """The first line, from 1, that differs."""
    pairs = zip((*written.split("\n"), None), (*mended.split("\n"), None), strict=False)
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


@pytest.mark.parametrize("place", PLACES)
def test_words_that_are_no_values(place):
    """Wherever they stand: the hint, the line, and what the hint says is TOML there."""
    for word, instead, hint in WORDS:
        text = place.format(word)
        problem = refused(text)
        assert problem.hint == hint or (problem.hint or "").startswith("the quotes"), text
        assert problem.line == text[: text.index(word)].count("\n") + 1, text
        if instead:
            tomli.loads(place.format(instead))


@pytest.mark.parametrize("before", ["", "[t]\n", '# "\nx = [\n1,\n2]\n\n', "x = '''\n\"\n'''\n"])
def test_whole_documents(before):
    """Below whatever is good: the hint, the line, and what the hint says is TOML."""
    for written, mended, hint in WHOLE:
        problem = refused(before + written)
        assert (problem.hint or "").startswith(hint), written
        at = differs(before + written, before + mended) if before or "conflict" not in hint else 1
        lines = {problem.line, *(place.line for place in problem.related), (problem.line or 1) - 1}
        assert at in lines, (written, problem)
        tomli.loads(before + mended)


def test_the_examples_in_hints_are_toml():
    """What is quoted as an example can be written."""
    hints = {hint for *_, hint in WORDS + WHOLE}
    examples = [
        match
        for hint in hints
        for match in re.findall(r": (?!\"$)([\[\"'\d-].*?)(?:, not|, other|, 1_?000|;|$)", hint)
    ]
    assert len(examples) >= 20
    for example in examples:
        statement = example in ("[name]", '"…" = …')
        tomli.loads(example.replace("= …", "= 1") if statement else f"a = {example}")


def test_no_hint_quotes_what_is_written():
    """It may be a secret."""
    for word, _, _ in WORDS:
        hint = refused(f"password = hunter2{word}").hint or ""
        assert "hunter2" not in hint
