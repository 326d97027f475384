"""The note that names the schema: once, at the head, and nothing else changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.formats.base import Document, Format, parse
from hotconf.formats.json.format import JSON
from hotconf.formats.registry import FORMATS
from hotconf.formats.toml.format import TOML
from hotconf.formats.yaml.format import YAML

NOTES = {"TOML": "#:schema ./x.json", "YAML": "# yaml-language-server: $schema=./x.json"}
BODIES = {
    "TOML": "a = 1\n\n[b]\nc = 'é'\n",
    "YAML": "a: 1\nb:\n  c: é\n",
    "JSON": '{\n  "a": 1,\n  "b": {"c": "é"}\n}\n',
}
HEADS = {
    "TOML": ["", "# hello\n\n", "#!/usr/bin/env app\n", "#!app\n# hello\n"],
    "YAML": ["", "# hello\n\n", "---\n", "# hello\n---\n", "%YAML 1.2\n---\n", "#!/usr/bin/env app\n---\n"],
    "JSON": ["", "\n", " \t"],
}
NOTED = {"TOML": "#:schema {}\n", "YAML": "# yaml-language-server: $schema={}\n", "JSON": ""}


def tables(form: Format, text: str) -> object:
    """What `text` says, without the note."""
    document = parse(form, Path("x"), text.encode())
    assert isinstance(document, Document), document
    return {key: value for key, value in document.table.items() if key != "$schema"}


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("other", [None, "./other.json", "https://example.com/a b.json"])
@pytest.mark.parametrize(("form", "head"), [(form, head) for form in FORMATS for head in HEADS[form.name]])
def test_the_note_is_all_that_changes(form: Format, head: str, other: str | None, end: str, bom: str) -> None:
    """Without it the text is the same byte for byte, whatever its head, line ends and mark, and says the same."""
    body = BODIES[form.name]
    if other is not None and form is JSON:
        body = body.replace('"b"', f'"$schema" : "{other}", "b"')
    note = "" if other is None else NOTED[form.name].format(other)
    text = bom + (head + note + body).replace("\n", end)
    stamped = form.stamp(text, "./x.json")
    assert stamped is not None
    assert form.schema_of(stamped) == "./x.json"
    assert form.stamp(stamped, "./x.json") == stamped
    assert tables(form, stamped) == tables(form, text)
    if other is not None:
        assert stamped == text.replace(other, "./x.json")
    elif form is JSON:
        assert re.sub(r'"\$schema": "./x.json",\s*', "", stamped, count=1) == text
    else:
        lines = stamped.split(end)
        place = next(n for n, line in enumerate(lines) if line.removeprefix("\ufeff") == NOTES[form.name])
        assert place == head.startswith("#!")
        assert stamped.replace(NOTES[form.name] + end, "", 1) == text


@pytest.mark.parametrize(
    ("form", "text", "after"),
    [
        (TOML, "a = 1", "#:schema ./x.json\na = 1"),
        (TOML, "#!app", "#!app\n#:schema ./x.json\n"),
        (YAML, "a: 1", "# yaml-language-server: $schema=./x.json\na: 1"),
        (JSON, "{}", '{"$schema": "./x.json"}'),
        (JSON, '{"a": 1}', '{"$schema": "./x.json", "a": 1}'),
        (JSON, '{"b": {"$schema": "y"}}', '{"$schema": "./x.json", "b": {"$schema": "y"}}'),
        (JSON, '{"$schema": {"a": [1]}}', '{"$schema": "./x.json"}'),
        (JSON, "[]", None),
        (JSON, '{"a": 1,}', None),
    ],
)
def test_short_texts(form: Format, text: str, after: str | None) -> None:
    """Without a last line end, empty, or with no place for a note."""
    assert form.stamp(text, "./x.json") == after


@pytest.mark.parametrize(
    "text",
    [
        "#:schema ./x.json\na = 1\n",
        "# hello\n\n  #:schema \t./x.json  \na = 1\n",
        "\ufeff#:schema ./x.json\r\na = 1\r\n",
    ],
)
def test_a_line_that_is_there_stays(text: str) -> None:
    """Wherever among the comments at the head it stands."""
    assert TOML.stamp(text, "./x.json") == text


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("#:schema http://host/a b.json \na = 1\n", "http://host/a b.json"),
        ("a = 1\n#:schema ./x.json\n", None),
        ("# :schema ./x.json\n", None),
        ("#:schema\n", None),
        ("#:tombi toml-version = '1.1'\n#:schema y\n", "y"),
        ("", None),
    ],
)
def test_what_a_file_names(text: str, schema: str | None) -> None:
    """Only a comment before the first key or table counts."""
    assert TOML.schema_of(text) == schema


@pytest.mark.parametrize("form", [TOML, YAML], ids=["TOML", "YAML"])
@given(
    st.text("#:schema ./x.json$-=!%\n\r\t\ufeffa1") | st.sampled_from([*NOTES.values(), "---", "#!", "\n", "\r\n"])
)
def test_once_is_enough(form: Format, text: str) -> None:
    """Of any text: to stamp again changes nothing, and nothing is lost."""
    once = form.stamp(text, "./x.json")
    assert once is not None
    assert form.stamp(once, "./x.json") == once
    assert form.schema_of(once) == "./x.json"
    if form.schema_of(text) is None:
        assert re.sub(re.escape(NOTES[form.name]) + "\r?\n", "", once, count=1).startswith(text)


@given(
    st.dictionaries(
        st.sampled_from(["a", "$schema", '"', "\\"]), st.none() | st.text(max_size=3) | st.lists(st.none())
    )
)
def test_any_object(table: dict[str, object]) -> None:
    """JSON keeps every other key, and their order."""
    for indent in (None, 2):
        stamped = JSON.stamp(json.dumps(table, indent=indent), "./x.json")
        assert stamped is not None
        kept = json.loads(stamped)
        assert kept.pop("$schema") == "./x.json"
        assert list(kept.items()) == [(key, value) for key, value in table.items() if key != "$schema"]
