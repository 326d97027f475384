"""No regular expression of hotconf backtracks without bound: each is tried on texts made from its own parts.

The patterns are found by the calls of `re` in the sources and in the modules' names, so a new one is tried, too.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import re
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from time import process_time
from typing import Any, Final, NamedTuple

import pytest

import hotconf
from hotconf.cli import paint
from torture.extent import FULL, some

ROOT: Final = Path(hotconf.__file__).parent
TAKES_PATTERN: Final = ("compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
USE: Final = re.compile(rf"\b(\w+)\.({'|'.join(TAKES_PATTERN)})\b")
CALL: Final = re.compile(rf"\bre\.(?:{'|'.join(TAKES_PATTERN)})\b")
FROM_START: Final = frozenset({"match", "fullmatch"})
LENGTHS: Final = (8, 14, 18, 22, 300, 4000)
SOON_S: Final = 0.005
"""A pattern that takes no longer at the last length cannot be quadratic: that would take ten times as long."""
TEXTS: Final = 400 if FULL else 40
"""Made of each pattern at most."""
IN_TABLES: Final = [
    "cli.paint: pattern",
    *["formats.base: pattern"] * 2,
    "formats.json.mistakes: pattern",
    "formats.toml.slips: pattern",
    *[r"formats.toml.slips: f'\\A(?:{pattern})'"] * 2,
    "formats.yaml.mistakes: pattern",
    "report.template.lines: f' {{{2 * depth}}}  #(?=[^ ])'",
    "sources.files.glob: f\"{re.escape(str(main.with_suffix('')))}\\\\.({PROFILE}){re.escape(main.suffix)}\"",
]
"""Compiled from a table when the module is imported, or given by another module: the patterns are found there.

Those of `cli.paint` are compiled when they are needed, and found in its table."""


class Found(NamedTuple):
    """A pattern and the methods that it is used with, as far as known."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def _modules() -> Iterator[tuple[Any, str]]:
    """Each with its source text."""
    for info in pkgutil.walk_packages([str(ROOT)], "hotconf."):
        if not info.name.endswith("__main__"):
            module = importlib.import_module(info.name)
            yield module, Path(str(module.__file__)).read_text()


def _calls(text: str) -> Iterator[ast.Call]:
    """Those of `re`."""
    for node in ast.walk(ast.parse(text)) if CALL.search(text) else ():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in TAKES_PATTERN
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
        ):
            yield node


def _used() -> dict[int, set[str]]:
    """By identity of a pattern, the methods that it is used with, where it is defined and where it is imported."""
    found: dict[int, set[str]] = {}
    for module, text in _modules():
        for name, method in USE.findall(text):
            found.setdefault(id(vars(module).get(name)), set()).add(method)
    return found


def _held(value: Any, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    kind = type(value)  # what is lazy may claim to be something else, or raise if it is asked
    if kind is re.Pattern:
        yield value
    elif issubclass(kind, tuple | list | dict) and depth:
        for item in value.values() if issubclass(kind, dict) else value:
            yield from _held(item, depth - 1)


def _evaluated(node: ast.expr, module: Any) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), vars(module))


def _found() -> tuple[list[Found], list[str]]:
    """All patterns, and the calls of `re` whose pattern is only known when they run."""
    used, patterns, unknown = _used(), dict[tuple[Any, int], Found](), list[str]()
    for module, text in _modules():
        where = module.__name__.removeprefix("hotconf.")
        for name, value in list(vars(module).items()):
            for pattern in _held(value):
                methods = frozenset(used.get(id(pattern), ()))
                patterns.setdefault((pattern.pattern, pattern.flags), Found(f"{where}.{name}", pattern, methods))
        for call in _calls(text):
            try:
                given = _evaluated(call.args[0], module)
                flags = [each for each in call.args[1:] if "re." in ast.unparse(each)] + [
                    k.value for k in call.keywords if k.arg == "flags"
                ]
                pattern = (
                    given
                    if isinstance(given, re.Pattern)
                    else re.compile(given, *(_evaluated(each, module) for each in flags[:1]))
                )
            except NameError:
                unknown.append(f"{where}: {ast.unparse(call.args[0])}")
                continue
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            methods = frozenset() if method == "compile" else frozenset({method})
            patterns.setdefault((pattern.pattern, pattern.flags), Found(f"{where}:{call.lineno}", pattern, methods))
    for kind, parts in paint._PARTS.items():
        for _, part in parts:
            pattern = re.compile(part)
            patterns.setdefault((part, pattern.flags), Found(f"cli.paint.{kind}", pattern, frozenset({"match"})))
    return list(patterns.values()), unknown


FOUND, UNKNOWN = _found()


# Texts made from the parts of a pattern


def _characters(node: Any) -> list[str]:
    """Some characters that one node of the parsed pattern matches."""
    kind, value = node
    if kind is sre.LITERAL:
        return [chr(value)]
    if kind is sre.NOT_LITERAL:
        return [next(c for c in "a b" if ord(c) != value)]
    if kind is sre.ANY:
        return ["a", " "]
    if kind is sre.CATEGORY:
        return {sre.CATEGORY_SPACE: [" "], sre.CATEGORY_DIGIT: ["1"], sre.CATEGORY_WORD: ["a", "1"]}.get(
            value, ["-", " "]
        )
    if kind is sre.RANGE:
        return [chr(value[0]), chr(value[1])]
    if kind is sre.IN:
        if value[0][0] is sre.NEGATE:
            return [c for c in "a -@.1\\\"'" if re.match(_class(value), c)][:3] or ["\x07"]
        return [c for each in value for c in _characters(each)][:6]
    return []


def _class(items: Any) -> str:
    parts = []
    for kind, value in items:
        if kind is sre.NEGATE:
            parts.append("^")
        elif kind is sre.LITERAL:
            parts.append(re.escape(chr(value)))
        elif kind is sre.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        elif kind is sre.CATEGORY:
            parts.append(
                {sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_WORD: r"\w"}.get(value, r"\S")
            )
    return "[" + "".join(parts) + "]"


def _samples(tree: Any, dice: random.Random, depth: int = 12) -> str:
    """One text that the pattern, or a part of it, may match."""
    text = ""
    for node in tree:
        kind, value = node
        if kind is sre.BRANCH:
            text += _samples(dice.choice(value[1]), dice, depth - 1) if depth else ""
        elif kind is sre.SUBPATTERN:
            text += _samples(value[3], dice, depth - 1) if depth else ""
        elif kind is sre.ATOMIC_GROUP:
            text += _samples(value, dice, depth - 1) if depth else ""
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, inner = value
            rounds = min(max(least, dice.randint(0, 2)), 40 if least < 5000 else 0, int(most))
            text += "".join(_samples(inner, dice, depth - 1) for _ in range(rounds)) if depth else ""
        elif chars := _characters(node):
            text += dice.choice(chars)
    return text


def _repeated(tree: Any, before: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    """For each repeat in the pattern: a text that leads to it, and one that it repeats."""
    for node in tree:
        kind, value = node
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            for _ in range(3):
                yield before, _samples(value[2], dice) or "a"
            yield from _repeated(value[2], before, dice)
        elif kind is sre.BRANCH:
            for branch in value[1]:
                yield from _repeated(branch, before, dice)
        elif kind is sre.SUBPATTERN:
            yield from _repeated(value[3], before, dice)
        elif kind is sre.ATOMIC_GROUP:
            yield from _repeated(value, before, dice)
        before += _samples([node], dice)


def _texts(pattern: re.Pattern[Any], dice: random.Random) -> Iterator[Callable[[int], str]]:
    """Texts of any length: a prefix that leads to a repeat, the repeated text, and an end that may not match."""
    tree = _parser.parse(
        pattern.pattern, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    )
    pumps = list(dict.fromkeys(_repeated(tree, "", dice)))
    wholes = [_samples(tree, dice) for _ in range(4)]
    more = (
        [("", pump) for _, pump in pumps]
        + [("", whole) for whole in wholes if whole]
        + [("", "a"), ("", " "), ("", "1")]
    )
    more += [("", one + two) for (_, one), (_, two) in islice(product(pumps, pumps), 40)]
    ends = ("", "\x00", "!", "\n")
    made = [(head, pump, end) for head, pump in dict.fromkeys(pumps + more) for end in ends]
    dice.shuffle(made)
    for head, pump, end in made[:TEXTS]:
        yield lambda n, head=head, pump=pump, end=end: head + pump * max(n // len(pump), 1) + end  # type: ignore[misc]


def _use(found: Found, text: str) -> float:
    """How long the pattern takes with its method; with `search` if that is unknown."""
    subject: Any = text.encode() if isinstance(found.pattern.pattern, bytes) else text
    began = process_time()
    if found.methods and found.methods <= FROM_START:
        for method in found.methods:
            getattr(found.pattern, method)(subject)
    else:
        for _ in found.pattern.finditer(subject):
            pass
    return process_time() - began


def _is_linear(found: Found, make: Callable[[int], str], tries: int = 4) -> bool:
    took = 0.0
    for length in LENGTHS:
        took = _use(found, make(length))
        if took > (0.02 if length < 100 else 0.2):  # a few letters take microseconds, or are exponential
            return False
    if took < SOON_S:
        return True
    length = LENGTHS[-1]
    for _ in range(tries):  # noise goes away
        one, two = (min(_use(found, make(each)) for _ in range(3)) for each in (length, 2 * length))
        if two <= 2.6 * one or one < SOON_S:
            return True
        if two < 0.1:
            length *= 2
    return False


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_no_pattern_backtracks_without_bound(found):
    """A text twice as long takes at most 2.6 times as long, whichever of the pattern's own parts it is made of."""
    slow = next((make(60) for make in _texts(found.pattern, random.Random(7)) if not _is_linear(found, make)), None)
    assert slow is None, found.pattern.pattern


def test_all_patterns_are_found():
    """Those of modules, of functions and of tables; none is only known at run time."""
    assert len(FOUND) > 50
    assert UNKNOWN == IN_TABLES


@pytest.mark.parametrize(
    ("pattern", "method"),
    some([(r"(a|a)*b", "match"), (r"\s+$", "search"), (r"(a+)+$", "match"), (r"[\w-]+=", "finditer")], 2),
)
def test_the_search_finds_what_backtracks(pattern, method):
    """Patterns of which it is known."""
    found = Found("known", re.compile(pattern), frozenset({method}))
    assert not all(_is_linear(found, make, tries=1) for make in _texts(found.pattern, random.Random(7)))
