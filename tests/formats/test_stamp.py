"""The line that names the schema: once, at the head, and nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.formats.toml.format import TOML


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a = 1\n", "#:schema ./x.json\na = 1\n"),
        ("# hello\n\na = 1\n", "#:schema ./x.json\n# hello\n\na = 1\n"),
        ("a = 1\r\nb = 2\r\n", "#:schema ./x.json\r\na = 1\r\nb = 2\r\n"),
        ("\ufeffa = 1\n", "\ufeff#:schema ./x.json\na = 1\n"),
        ("a = 1", "#:schema ./x.json\na = 1"),
    ],
)
def test_it_is_put_first_in_the_manner_of_the_file(text, after):
    """Behind a byte order mark, with the file's own line ends."""
    assert TOML.stamp(text, "./x.json") == after


@pytest.mark.parametrize(
    "text",
    [
        "#:schema ./x.json\na = 1\n",
        "# hello\n\n  #:schema \t./x.json  \na = 1\n",
        "\ufeff#:schema ./x.json\r\na = 1\r\n",
    ],
)
def test_a_line_that_is_there_stays(text):
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
def test_what_a_file_names(text, schema):
    """Only a comment before the first key or table counts."""
    assert TOML.schema_of(text) == schema


@given(st.text("#:schema ./x.json\n\r\t\ufeffa=1"))
def test_once_is_enough(text):
    """To stamp again changes nothing, and what was there follows the line."""
    once = TOML.stamp(text, "./x.json")
    assert TOML.stamp(once, "./x.json") == once
    assert TOML.schema_of(once) is not None
    assert once.endswith(text.removeprefix("\ufeff"))
