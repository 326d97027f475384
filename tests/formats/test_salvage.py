"""All mistakes of a text are reported at once, each at its line, and none that only follows from another."""

from __future__ import annotations

import random
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.test_contract import LANGUAGES, Language, each_language, file_of, refused
from hotconf.formats.registry import parse, salvage
from hotconf.formats.salvage import MOST, Salvage
from hotconf.problems import Problem
from torture.extent import examples

GOOD = {
    "TOML": [
        *("KEY = 1", 'KEY = "x # y"', "KEY = '''\na\nb = [1\n'''", "KEY = [\n  1, # c\n  [2],\n]", "KEY.x = {a = 1}"),
        *("KEY = 2026-01-05", 'KEY = """\n[no]\n\\"""\n"""', "KEY = {\n  a = [1,\n  2],\n  b = 1,\n}", "# KEY ="),
    ],
    "YAML": [
        *(
            "KEY: 1",
            'KEY: "x # y"',
            "KEY: |\n  a: b: c\n  [1\n",
            "KEY:\n  - 1 # c\n  - x: 2\n    y: 3",
            "KEY: {a: [1, 2]}",
        ),
        *(
            "KEY: 'it''s'",
            "KEY:\n- a\n- b",
            "KEY: [\n  1,\n  2\n  ]",
            "KEY: two\n  lines",
            "# KEY",
            "KEY: >-\n  a\n\n  b",
        ),
    ],
    "JSON": [
        *(
            '"KEY": 1',
            '"KEY": "x { \\" y"',
            '"KEY": [\n  1,\n  [2]\n]',
            '"KEY": {"a": [1, 2], "b": {}}',
            '"KEY": -1.5e3',
        ),
        *('"KEY":\n  null', '"KEY": {\n  "a": true\n}', '"KEY": []'),
    ],
}
"""Entries that are right."""
BAD = {
    "TOML": [
        *(
            "KEY = ",
            "KEY = yes",
            "KEY 1",
            "KEY = = 1",
            'KEY = "x',
            "KEY = [1, 2",
            "KEY = [1 2]",
            "KEY = {a = 1 b = 2}",
        ),
        *("KEY = 08", "KEY: 1", "KEY = “x”", 'KEY = "\\q"', "KEY = {a = 1, b = ", "a b = 1", "KEY = 1,", "KEY = x y"),
        *("KEY = [1}", "// no", "KEY = 'it's'", "KEY = { a = 1", 'KEY = ["a, 2]', "KEY = 1 2", "KEY = [,]", "= 1"),
    ],
    "YAML": [
        *(
            "KEY: a: b",
            "KEY = 1",
            'KEY: "x',
            "KEY: [1, 2",
            "KEY: {a: 1",
            'KEY: "\\q"',
            "KEY: *no",
            "KEY: [1}",
            "KEY:1",
        ),
        *(
            "KEY: !no 1",
            "KEY: %x",
            "KEY: @x",
            "KEY: 'x' y",
            'KEY: "x" y',
            "KEY: - 1",
            "[KEY]",
            "KEY: [a b: c, d e: f",
        ),
    ],
    "JSON": [
        *(
            '"KEY": yes',
            '"KEY": .5',
            '"KEY": [1, 2,]',
            '"KEY": [1 2]',
            "'KEY': 1",
            "\"KEY\": 'x'",
            "KEY: 1",
            '"KEY" = 1',
        ),
        *('"KEY": True', '"KEY": 08', '"KEY": "\\q"', '"KEY": 1, // no', '"KEY": {"a": 1,}', '"KEY": [1}', '"KEY" 1'),
        *('"KEY": None', '"KEY": “x”', '# no\n"KEY": 1', '"KEY": "x', '"KEY": 1;', '"KEY": [1,,2]', '"KEY": NaN'),
    ],
}
"""Entries with a mistake each."""


def salvaged(language: Language, text: str) -> Salvage:
    """What is known of a broken text."""
    path = file_of(language.form)
    return salvage(refused(language, text), text.encode(), path)


def written(language: Language, entries: list[str], dice: random.Random) -> list[str]:
    """The entries, each with a name of its own, below tables of all kinds."""
    keys = [entry.replace("KEY", f"key{number}") for number, entry in enumerate(entries)]
    if language.form.name == "TOML":
        heads = ("", "", "[t{n}]\n", "[t.u{n}]\n", "[[list]]\n", "# c\n")
        return [dice.choice(heads).format(n=n) + each for n, each in enumerate(keys)]
    if language.form.name == "YAML":
        return keys
    return [each if each.endswith((";", "// no", '"x')) else f"{each}," for each in keys]


def text_of(language: Language, entries: list[str]) -> tuple[str, list[int]]:
    """The text of all, and the line of each entry's key."""
    head = ["{"] if language.form.name == "JSON" else []
    tail = (
        ['"last": 1', "}"]
        if language.form.name == "JSON"
        else ["last = 1" if language.form.name == "TOML" else "last: 1"]
    )
    lines, begins = list(head), []
    for entry in entries:
        own = entry.split("\n")
        lead = own[0].startswith(("[t", "[[list", "# c")) and len(own) > 1
        begins.append(len(lines) + 1 + lead)
        lines += own
    return "\n".join([*lines, *tail]) + "\n", begins


@each_language
@settings(max_examples=examples(150, 60), deadline=None)
@given(st.integers(0, 10**9))
def test_each_of_several_mistakes_is_reported_at_its_line_and_nothing_else(language: Language, seed: int) -> None:
    """Whatever stands around them, and between them."""
    dice = random.Random(seed)
    entries, planted = [GOOD[language.form.name][0]], []
    for _ in range(dice.randint(1, 6)):
        entries.extend(dice.choices(GOOD[language.form.name], k=dice.randint(1, 3)))
        entries.append(GOOD[language.form.name][0])
        planted.append(len(entries))
        entries.append(dice.choice(BAD[language.form.name]))
    entries.append(GOOD[language.form.name][0])
    text, begins = text_of(language, written(language, entries, dice))
    found = salvaged(language, text)
    assert [problem.line for problem in found.problems] == [begins[at] for at in planted], text
    assert all(problem.kind == "syntax" and problem.file == file_of(language.form) for problem in found.problems)


@each_language
def test_no_mistake_ends_the_search_for_the_others(language: Language) -> None:
    """Each kind of mistake between two good entries, and each beside each other."""
    good, kinds = GOOD[language.form.name][0], BAD[language.form.name]
    for one in kinds:
        for other in kinds:
            entries = [good, one, good, other, good]
            text, begins = text_of(language, written(language, entries, random.Random(0)))
            assert [problem.line for problem in salvaged(language, text).problems] == [begins[1], begins[3]], text


@each_language
@settings(max_examples=examples(400, 150), deadline=None)
@given(st.data())
def test_what_is_left_is_what_the_text_says_of_it(language: Language, data: st.DataObject) -> None:
    """After any mutation the first mistake is that of the parser, the others follow in order, and what is left is
    a document with the same lines, which has nothing that the text does not say.
    """
    whole = language.whole
    at = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.sampled_from(["", *language.alphabet]))
    text = whole[:at] + more + whole[at + data.draw(st.integers(0, 2)) :]
    first = parse(text.encode(), file_of(language.form))
    if not isinstance(first, Problem) or first.kind != "syntax":
        return
    found = salvage(first, text.encode(), file_of(language.form))
    assert found.problems[0] == first
    lines = [(problem.line or 0, problem.column or 0) for problem in found.problems]
    assert lines == sorted(set(lines))
    if found.document is not None:
        assert found.document.text.count("\n") == text.removeprefix("\ufeff").count("\n")
        assert found.document.table == {**found.document.table}
        for key in found.document.table:
            assert found.document.places.key((key,))


@each_language
def test_time_and_number_are_bounded(language: Language) -> None:
    """Of a text of mistakes the first ones are reported, and a long one is parsed a few times at most."""
    name = language.form.name
    entries = [GOOD[name][0], BAD[name][1 if name == "TOML" else 0]] * (MOST + 5)
    text, begins = text_of(language, written(language, entries, random.Random(0)))
    assert [problem.line for problem in salvaged(language, text).problems] == begins[1 : 2 * MOST : 2]
    long = [GOOD[name][0]] * 20_000
    for place in range(0, 20_000, 900):
        long[place + 1] = BAD[name][1 if name == "TOML" else 0]
    text, _ = text_of(
        language, [entry.replace("KEY", f"key{n}") + "," * (name == "JSON") for n, entry in enumerate(long)]
    )
    began = process_time()
    first = refused(language, text)
    once = process_time() - began
    salvage(first, text.encode(), file_of(language.form))
    assert process_time() - began < 20 * once + 1


def test_a_merge_conflict_is_one_mistake() -> None:
    """What both sides say is given twice because of it."""
    for language in LANGUAGES.values():
        name = language.form.name
        inside = {"TOML": "a = 1", "YAML": "a: 1", "JSON": '"a": 1,'}[name]
        entry = f"<<<<<<< HEAD\n{inside}\n=======\n{inside}\n>>>>>>> other"
        good = GOOD[name][0].replace("KEY", "b") + "," * (name == "JSON")
        bad = BAD[name][1].replace("KEY", "c") + "," * (name == "JSON")
        text, begins = text_of(language, [good, entry, good.replace("b", "d"), bad])
        assert [problem.line for problem in salvaged(language, text).problems] == [begins[1], begins[3]], text
