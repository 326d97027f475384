"""What can be large: each construct as the files that it makes, of about so many bytes, in two versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

Files: TypeAlias = dict[str, bytes]
"""By name; a value that begins with `-> ` is a link."""
Build: TypeAlias = Callable[[int, int], str | Files]

MAIN: Final = "config.toml"
YAML: Final = "config.yaml"


@dataclass(frozen=True, slots=True)
class Construct:
    """`build(n, version)`: files whose size is in proportion to `n`, of which `unit` bytes each."""

    build: Build
    unit: int = 1
    most: int = 900_000
    """Bytes, or with `unit` 0 pieces, beyond which it does not grow: a limit of hotconf's, or of the system's."""
    main: str = MAIN

    def files(self, size: int, version: int) -> Files:
        """The files, of about `size` bytes."""
        built = self.build(max(size // self.unit, 1), version)
        return {self.main: built.encode("utf-8", "surrogateescape")} if isinstance(built, str) else built


def _lines(*lines: str) -> Build:
    """`{i}` is the number of the round, `{v}` its value."""
    return lambda n, v: "".join(line.format(i=i, v=i + v) + "\n" for i in range(n) for line in lines)


def _array(key: str, item: str, head: str = "") -> Build:
    return lambda n, v: head + f"{key} = [" + ", ".join(item.format(i=i, v=i + v) for i in range(n)) + "]\n"


def _string(key: str, part: str, opened: str = '"', closed: str | None = None) -> Build:
    close = opened if closed is None else closed
    return lambda n, v: f"{key} = {opened}{v}" + part * n + f"{v}{close}\n"


def _last(build: Build, end: str) -> Build:
    """What is wrong is at the end."""
    return lambda n, v: f"{build(n, v)}{end}"


def _below(header: str, build: Build) -> Build:
    return lambda n, v: f"{header}\n{build(n, v)}"


def _fragments(n: int, version: int) -> Files:
    head = b'[hot_reload]\nwatch_paths = ["conf.d/*.toml"]\n'
    return {MAIN: head, **{f"conf.d/{i:06}.toml": f"[table]\nk{i} = {i + version}\n".encode() for i in range(n)}}


def _one_fragment(n: int, version: int) -> Files:
    files = _fragments(n, 0)
    return {**files, "conf.d/000000.toml": f"[table]\nk0 = {version}\n".encode()}


def _links(n: int, version: int) -> Files:
    files = _fragments(n, version)
    linked = {name.replace("conf.d", "linked"): b"-> ../" + name.encode() for name in files if name != MAIN}
    return {**files, MAIN: b'[hot_reload]\nwatch_paths = ["linked"]\n', **linked}


def _folders(n: int, version: int) -> Files:
    pattern = b'[hot_reload]\nwatch_paths = ["tree/**/a/**/b/**/*.toml"]\n'
    deep = {f"tree/{'a/b/' * (i % 12)}{i}/x.toml": f"table.k{i} = {i + version}\n".encode() for i in range(n)}
    return {MAIN: pattern, **deep}


def _nested_folders(n: int, version: int) -> Files:
    pattern = f'[hot_reload]\nwatch_paths = ["tree/{"**/" * n}*.toml"]\n'
    return {MAIN: pattern.encode(), f"tree/{'a/' * 20}x.toml": f"text = 't{version}'\n".encode()}


def _patterns(n: int, version: int) -> Files:
    listed = ", ".join(f'"part-{i}*.toml"' for i in range(n))
    return {MAIN: f"text = 't{version}'\n[hot_reload]\nwatch_paths = [{listed}]\n".encode()}


def _missing(n: int, version: int) -> Files:
    listed = ", ".join(f'"part-{i}.toml"' for i in range(n))
    return {MAIN: f"text = 't{version}'\n[hot_reload]\nwatch_paths = [{listed}]\n".encode()}


def _stars(n: int, version: int) -> Files:
    pattern = f'text = "t{version}"\n[hot_reload]\nwatch_paths = ["' + "*a" * 20 + 'b*.toml"]\n'
    return {MAIN: pattern.encode(), **{f"{'a' * 180}{i}.toml": b"" for i in range(n)}}


_FEW: Final = "[table]\nport = 1\n"
_TEXT_QUOTE: Final = '"""'

CONSTRUCTS: Final[dict[str, Construct]] = {
    # Keys
    "long key": Construct(lambda n, v: f'{"a" * n}B = "x{v}"\n'),
    "long key, words": Construct(lambda n, v: f'{"aB_" * n}x = "x{v}"\n', 3),
    "long secret key": Construct(lambda n, v: f'[servers.x]\n{"a-" * n}password = "hunter{v}"\n', 2),
    "long quoted key": Construct(lambda n, v: f'"{"é " * n}" = {v}\n', 3),
    "long key with a URL": Construct(lambda n, v: f'[table]\n"https://u:p@{"h." * n}" = {v}\n', 2),
    "many keys": Construct(_below("[table]", _lines("k{i} = {v}")), 12),
    "many unknown keys": Construct(_lines("k{i} = {v}"), 12),
    "many keys with URLs": Construct(_below("[table]", _lines('"https://bot:pw{i}@host{i}/" = {v}')), 36),
    "many dotted keys": Construct(_lines("table.a.b.c{i} = {v}"), 20),
    "long dotted keys": Construct(_lines("table." + "a." * 50 + "k{i} = {v}"), 115),
    "kebab keys": Construct(_lines("[servers.s{i}]", "pass-word = '{v}'", "na-me = 'x'"), 60),
    "keys in both spellings": Construct(
        _below("[broad]", lambda n, v: f"field_number_1 = {v}\nfield-number-1 = 1\n" * n), 40
    ),
    "unknown keys in tables": Construct(_lines("[servers.s{i}]", "prot = {v}"), 30),
    "unknown keys of a broad table": Construct(_below("[broad]", _lines("field_numbr_{i} = {v}")), 24),
    "unknown keys of broad tables": Construct(_lines("[broads.b{i}]", "fild_number_7 = {v}"), 34),
    "refused keys": Construct(_below("[strict]", _lines("porrt{i} = {v}")), 16),
    # Values
    "long string": Construct(_string("text", "x")),
    "long string, unknown": Construct(_string("txt", "x")),
    "long secret": Construct(_string("secret", "x")),
    "long secret key-value": Construct(_below("[servers.x]", _string("password", "abc "))),
    "long string of escapes": Construct(_string("text", "\\u00e9"), 6),
    "long string of backslashes": Construct(_string("text", "\\\\"), 2),
    "long string of controls": Construct(_string("text", "\\u0007"), 6),
    "long string of quotes": Construct(_string("text", "' ", _TEXT_QUOTE), 2),
    "long string of URLs": Construct(_string("text", "http://bob:hunter2@h/ "), 22),
    "long string of halves of URLs": Construct(_string("text", "://a:"), 5),
    "long string of at signs": Construct(_string("text", "://a:b@"), 7),
    "long string of secret words": Construct(_string("text", "password = x "), 13),
    "long string of dashes": Construct(_string("text", "-"), 1),
    "long string of JSON": Construct(_string("text", '{"password": "x"}, ', "'"), 19),
    "lines in a string": Construct(_string("text", "password = 1\n", _TEXT_QUOTE), 13),
    "lines in a literal string": Construct(_string("text", "a = 'b'\n", "'''"), 8),
    "empty lines in a string": Construct(_string("text", "\n", _TEXT_QUOTE), 1),
    "one line of numbers": Construct(_array("ints", "{v}"), 8),
    "one line of strings": Construct(_array("texts", '"t{v}"'), 10),
    "one line of empty strings": Construct(_array("texts", '""'), 4),
    "a set of strings": Construct(_array("unique", '"t{v}"'), 10),
    "a tuple of numbers": Construct(_array("pair", "{v}"), 8),
    "many lines of an array": Construct(
        lambda n, v: "ints = [\n" + "".join(f"  {i + v}, # {i}\n" for i in range(n)) + "]\n", 18
    ),
    "arrays in an array": Construct(_array("array", "[{v}]"), 10),
    "empty arrays in an array": Construct(_array("array", "[]"), 4),
    "deep arrays": Construct(_array("array", "[" * 50 + "{v}" + "]" * 50), 108),
    "deep inline tables": Construct(_array("array", "{{a=" * 25 + "{v}" + "}}" * 25), 108),
    "wide integers": Construct(_array("array", "0x1{i:01000x}"), 1005),
    "long integers": Construct(_array("array", "1{i:04000}"), 4004),
    "floats": Construct(_array("array", "{v}.5e3"), 12),
    "dates": Construct(_array("array", "1979-05-27T07:32:00.{i:06}Z"), 31),
    "an inline table": Construct(
        lambda n, v: "table = {" + ", ".join(f"k{i} = {i + v}" for i in range(n)) + "}\n", 14
    ),
    "inline tables": Construct(_array("items", '{{ name = "n{i}", port = {v} }}'), 36),
    "inline tables of unknown keys": Construct(_array("items", "{{b={v}}}"), 10),
    # Tables
    "many tables": Construct(_lines("[servers.s{i}]", "port = {v}"), 30),
    "empty tables": Construct(_lines("[table.t{i}]"), 15),
    "arrays of tables": Construct(_lines("[[items]]", "port = {v}"), 24),
    "empty arrays of tables": Construct(_lines("[[items]]"), 10),
    "arrays of tables in arrays of tables": Construct(_lines("[[table.a]]", "[[table.a.b]]", "x = {v}"), 36),
    "a chain of nodes": Construct(_array("node.children", '{{ name = "x{v}", children = [{{}}, {{}}] }}'), 50),
    "alternatives in alternatives": Construct(
        _array("node.children", "{{ child = " * 8 + "{{ name = 'x{v}' }}" + "}}" * 8), 120
    ),
    # Alternatives
    "right alternatives": Construct(_array("steps", '{{ third = {v}, fourth = "x" }}'), 32),
    "wrong alternatives": Construct(_array("steps", "{{}}"), 4),
    "wrong alternatives by name": Construct(_below("[by_name]", _lines("k{i} = {{}}")), 12),
    "alternatives of wrong types": Construct(_array("steps", "{v}"), 8),
    "tagged alternatives": Construct(_array("tagged", '{{ kind = "b", third = {v}, fourth = "x" }}'), 44),
    "wrongly tagged alternatives": Construct(_array("tagged", '{{ kind = "z{v}" }}'), 22),
    "untagged alternatives": Construct(_array("tagged", "{{}}"), 4),
    "wrong choices": Construct(_array("choices", '"choice-nummber-{i}"'), 24),
    "wrong members": Construct(_array("wide", '"choice-nummber-{i}"'), 24),
    "texts to split": Construct(_string("split", "x "), 2),
    "JSON of wrong alternatives": Construct(_string("packed", "{},", "'[", "1]'"), 3),
    # Errors
    "wrong numbers": Construct(_array("ints", '"x{v}"'), 10),
    "wrong strings": Construct(_array("texts", "{v}"), 8),
    "wrong values in tables": Construct(_lines("[servers.s{i}]", 'port = "x{v}"'), 32),
    "wrong values beside secrets": Construct(_lines("[servers.s{i}]", 'port = "x{v}"', 'password = "hunter{v}"'), 60),
    "warnings of a check": Construct(_array("negative", "-{v}"), 8),
    "errors of a check": Construct(_array("odd", "{v}", "text = 'hunter'\n"), 8),
    "errors of a check beside secrets": Construct(
        lambda n, v: (
            f"odd = [{'1, ' * n}]\n" + "".join(f"[servers.s{i}]\npassword = 'hunter{i + v}'\n" for i in range(n // 8))
        ),
        10,
    ),
    "an unclosed array": Construct(_last(lambda n, v: "ints = [" + "1, " * n, "\n[table]\n"), 3),
    "an unclosed inline table": Construct(
        _last(lambda n, v: "table = {" + ", ".join(f"k{i} = 1" for i in range(n)), "\n"), 14
    ),
    "an unclosed string": Construct(lambda n, v: f'text = "{"x" * n}\n'),
    "an unclosed string of lines": Construct(lambda n, v: f'text = """{"x = 1" * n}', 6),
    "an unclosed string below": Construct(_last(_lines("[table.t{i}]", "s = 'it'"), 'text = "x'), 28),
    "a missing comma": Construct(_last(lambda n, v: "ints = [" + "1, " * n, "1 2]\n"), 3),
    "a missing comma between strings": Construct(_last(lambda n, v: "texts = [" + "'a', " * n, "'a' 'b']\n"), 5),
    "a missing value": Construct(_last(_lines("k{i} = {v}"), "k =\n"), 12),
    "a missing value amid": Construct(lambda n, v: "k =\n" + "".join(f"k{i} = {i}\n" for i in range(n)), 12),
    "a wrong escape": Construct(lambda n, v: f'text = "{"x" * n}\\q"\n'),
    "a slip at the end of a line": Construct(lambda n, v: f"text = 1 {'x' * n}\n"),
    "spaces before a slip": Construct(lambda n, v: f"text = 1{' ' * n}x\n"),
    "a value of many words": Construct(lambda n, v: f"text = {'word ' * n}\n", 5),
    "a header of many words": Construct(lambda n, v: f"[{'word ' * n}\n", 5),
    "a word without a value": Construct(lambda n, v: f"{'a' * n}\n"),
    "an odd character": Construct(lambda n, v: f"text = '{'x' * n}\x07'\n"),
    "not UTF-8": Construct(_last(_lines("k{i} = {v}"), "\udcff\n"), 12),
    "a key twice": Construct(_last(_below("[table]", _lines("k{i} = {v}")), "k0 = 1\n"), 12),
    "a key twice in an inline table": Construct(
        lambda n, v: "table = {" + ", ".join(f"k{i} = {i}" for i in range(n)) + ", k0 = 1}\n", 14
    ),
    "a dotted key twice": Construct(_last(_lines("table.a.b.c{i} = {v}"), "table.a.b.c0 = 1\n"), 20),
    "a table twice": Construct(_last(_lines("[table.t{i}]", "x = 1"), "[table.t0]\n"), 22),
    "an array of tables twice": Construct(_last(_lines("[[items]]", "port = 1"), "[items]\n"), 22),
    "too deep at the end": Construct(_last(_lines("k{i} = {v}"), "x = " + "[" * 99 + "]" * 99 + "\n"), 12),
    "too deep amid": Construct(lambda n, v: "x = " + "[" * n + "]" * n + "\n", 2),
    "a key of too many parts": Construct(lambda n, v: "a." * n + "a = 1\n", 2),
    "a conflict": Construct(_last(_lines("k{i} = {v}"), "<<<<<<< HEAD\n"), 12),
    # Secrets
    "many secrets": Construct(_lines("[servers.s{i}]", 'password = "hunter{v}"'), 42),
    "many secrets by type": Construct(_below("[kept]", _lines('k{i} = "hunter{v}"')), 22),
    "many secrets alike": Construct(
        _below("[kept]", lambda n, v: "".join(f'k{i} = "{"a" * (i % 400 + v + 4)}"\n' for i in range(n))), 216
    ),
    "many short secrets": Construct(_below("[kept]", _lines('k{i} = "{i:02}"')), 16),
    "many secrets with escapes": Construct(_below("[kept]", _lines('k{i} = "q\\"{v}\\\\\\n{v}"')), 26),
    "many secrets in URLs": Construct(_lines("[table.t{i}]", 'url = "https://bob:hunter{v}@h/"'), 52),
    "secrets that others hold": Construct(_below("[kept]", _lines('k{i} = "hunter{v}"', 'l{i} = "xhunter{v}x"')), 44),
    "a secret of many lines": Construct(_below("[kept]", _string("key", "line of it\n", _TEXT_QUOTE)), 11),
    "secrets and wrong numbers": Construct(
        lambda n, v: (
            f"ints = [{'1.5, ' * n}]\n[kept]\n" + "".join(f"k{i} = 'hunter{i + v}'\n" for i in range(n // 4))
        ),
        11,
    ),
    # Around
    "a long comment": Construct(lambda n, v: f"# {'x' * n}\ntext = '{v}'\n"),
    "a long comment of secrets": Construct(lambda n, v: f"# {'password = x ' * n}\ntext = '{v}'\n", 13),
    "many comments": Construct(_last(lambda n, v: "# a = 1\n" * n + f"text = 't{v}'\n", ""), 8),
    "many short comments": Construct(lambda n, v: "#\n" * n + f"text = 't{v}'\n", 2),
    "many empty lines": Construct(lambda n, v: "\n" * n + f"text = 't{v}'\ntxet = 1\n"),
    "many spaces": Construct(lambda n, v: f"text ={' ' * n}'t{v}'\ntxet = 1\n"),
    "many carriage returns": Construct(_lines("k{i} = {v}\r"), 13),
    # Files
    "fragments": Construct(_fragments, 250, 450_000),
    "fragments, one changes": Construct(_one_fragment, 250, 450_000),
    "linked fragments": Construct(_links, 500, 450_000),
    "folders and patterns": Construct(_folders, 1000, 450_000),
    "nested folders and stars": Construct(_nested_folders, 1750, 56_000),
    "patterns": Construct(_patterns, 20, 32_000),
    "missing files": Construct(_missing, 20, 32_000),
    "stars and long names": Construct(_stars, 500, 450_000),
    # YAML
    "YAML: many keys": Construct(_below("table:", _lines("  k{i}: {v}")), 14, main=YAML),
    "YAML: many tables": Construct(_below("servers:", _lines("  s{i}:", "    port: {v}")), 26, main=YAML),
    "YAML: many items": Construct(_below("ints:", _lines("- {v}")), 8, main=YAML),
    "YAML: wrong items": Construct(_below("ints:", _lines("- x{v}")), 9, main=YAML),
    "YAML: brackets": Construct(
        lambda n, v: "ints: [" + ", ".join(str(i + v) for i in range(n)) + "]\n", 8, main=YAML
    ),
    "YAML: block text": Construct(lambda n, v: f"text: |\n  {v}\n" + "  a: b\n" * n, 7, main=YAML),
    "YAML: a secret of many lines": Construct(
        lambda n, v: f"secret: |\n  {v}\n" + "  line of it\n" * n, 13, main=YAML
    ),
    "YAML: plain text": Construct(lambda n, v: f"text: {v}\n" + "  a b\n" * n, 6, main=YAML),
    "YAML: quoted text": Construct(lambda n, v: f'text: "{v}' + "a\\n\n " * n + '"\n', 5, main=YAML),
    "YAML: secrets": Construct(_below("kept:", _lines('  k{i}: "hunter{v}"')), 24, main=YAML),
    "YAML: aliases": Construct(
        lambda n, v: f"text: &t t{v}\ntable:\n" + "".join(f"  k{i}: *t\n" for i in range(min(n, 90_000))),
        13,
        main=YAML,
    ),
    "YAML: merges": Construct(
        lambda n, v: f"a: &a {{x: {v}}}\ntable:\n" + "".join(f"  k{i}: {{<<: *a}}\n" for i in range(min(n, 30_000))),
        20,
        main=YAML,
    ),
    "YAML: anchors": Construct(_below("table:", _lines("  k{i}: &a{i} {v}")), 22, main=YAML),
    "YAML: an unclosed bracket": Construct(lambda n, v: f"text: t{v}\nints: [\n" + "  1,\n" * n, 5, main=YAML),
    "YAML: an unclosed string": Construct(lambda n, v: f"text: 't{v}\n" + "a: 1\n" * n, 5, main=YAML),
    "YAML: no colons": Construct(_last(_lines("text {v}"), "a: 1\n"), 12, main=YAML),
    "YAML: TOML at the end": Construct(_last(_below("table:", _lines("  k{i}: {v}")), "a = 1\n"), 14, main=YAML),
    "YAML: comments": Construct(lambda n, v: "# [\n" * n + f"text: t{v}\n", 4, main=YAML),
    "YAML: empty lines": Construct(lambda n, v: "\n" * n + f"text: t{v}\ntxet: 1\n", main=YAML),
}
