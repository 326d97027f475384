"""What of each line of a text may be shown."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, Field, Json, Secret, SecretBytes, SecretStr

from hotconf.config.redaction.secret_keys import ANY_KEY, secret_keys
from hotconf.config.redaction.secret_values import secrets_of
from hotconf.config.redaction.source_text import OMITTED, SourceText
from hotconf.config.shape import shape_of
from hotconf.formats.base import Document, Format
from hotconf.formats.registry import format_of
from hotconf.formats.toml.format import TOML
from hotconf.report.writing import toml
from hotconf.schema import Schema
from hotconf.secrets.scrubber import Scrubber


def shown(text: str, **options: bool) -> list[str]:
    """All lines of `text`, as they may be shown."""
    source = SourceText(text)
    return [source.shown(index, **options) for index in range(len(source.lines))]


def test_ordinary_lines_are_shown_as_they_are():
    """Nothing is hidden without a reason."""
    text = '# all\n[server]\nport = 8000 # free\n\nnames = [\n  "a",\n]\n'
    assert shown(text) == text.split("\n")


@pytest.mark.parametrize(
    "value",
    [
        '[\n  "hunter2",\n  "hunter2"\n]',
        '{ a = 1,\n b = "hunter2" }',
        '[[\n["hunter2"]\n], # ]\n"hunter2"\n]',
        '"""\nhunter2\n"""',
        "'''\nhunter2\nx = 1'''",
        '"""\n[x]\nhunter2 = 1\n\\"""hunter2"""',
    ],
)
def test_all_lines_of_a_secret_value_are_hidden(value):
    """However many it spans; what stands below it is shown again."""
    lines = shown(f"a = 1\napi_key = {value}\nb = 2\n", strings=True)
    assert lines[:2] == ["a = 1", "api_key = …"]
    assert set(lines[2:-2]) == {"…"}
    assert lines[-2:] == ["b = 2", ""]


def test_a_secret_inside_a_value_hides_the_rest_of_it():
    """It is not known without parsing where it ends."""
    text = 'services = [\n  {name = "a", token = [\n    "hunter2"\n  ]},\n]\nb = 2'
    assert shown(text) == ["services = [", "  {name = …", "…", "…", "…", "b = 2"]


def test_what_stands_below_a_secret_table_is_hidden():
    """Until the next header; arrays of tables are no different."""
    text = '[credentials.mail]\nname = "hunter2"\n[[ secret ]]\nx=1\n[mail]\nname = "shown"'
    assert shown(text) == [
        "[credentials.mail]",
        "name = …",
        "[[ secret ]]",
        "x= …",
        "[mail]",
        'name = "shown"',
    ]


def test_names_of_variables_are_shown():
    """They are no secrets, whatever the headers are called that they stand for."""
    text = '[p.env_http_headers]\nAuthorization = "VARIABLE"'
    assert shown(text) == text.split("\n")


def test_a_header_makes_nothing_public_of_which_it_is_not_certain_that_it_is_below_it():
    """A bracket that is not closed hides the next header from us, not what is below that from others."""
    text = '[p.env_http_headers]\nA = [\n[mail]\npassword = "hunter2"\nplain\n'
    assert shown(text) == ["[p.env_http_headers]", "A = [", "[mail]", "password = …", "…", ""]


def test_of_a_string_of_several_lines_only_the_first_is_shown():
    """Its lines are not configuration; they can be anything."""
    assert shown('text = """first\nsecond\nthird""" # x\nb = 1') == ['text = """first', "…", "…", "b = 1"]


def test_inner_lines_of_strings_can_be_asked_for():
    """For the sake of a difference; by the strict rule, for they can be anything."""
    lines = shown('text = """first\nsecond\nthe password is hunter2\n"""', strings=True)
    assert lines == ['text = """first', "second", "the password …", '"""']


def test_quotes_in_comments_and_brackets_in_strings_begin_nothing():
    """What does not begin does not hide what follows."""
    text = '# it\'s """ here\na = "[" # [\nb = 2 # \'\'\'\nc = 3'
    assert shown(text) == text.split("\n")


def test_known_secrets_are_masked_wherever_they_stand():
    """Also by their lines, if they have several; but no piece so short that it is found in ordinary text."""
    source = SourceText('pin = "hunter2"\nkey_data = 1\nabcdef\nx = 1', Scrubber(["hunter2", "abcdef\nx"]))
    assert [source.shown(n) for n in range(4)] == ['pin = "********"', "key_data = 1", "********", "x = 1"]


def test_passwords_in_urls_are_masked():
    """Without being told of them."""
    assert shown('url = "postgres://ada:hunter2@host/db"') == ['url = "postgres://********@host/db"']


def test_a_broken_line_may_be_the_value_of_the_one_before():
    """People write it so, and TOML does not have it so."""
    text = 'password =\n"hunter2"\nport = 1'
    assert shown(text, broken=True) == ["password = …", "…", "port = 1"]


KEYS = st.sampled_from(["api_key", '"x-token"', "a.secret", "'password'", "secret.x", "credentials"])
VALUES = st.recursive(
    st.sampled_from(['"hunter2"', "'hunter2'", '"""hunter2"""', "'''\nhunter2\n'''", '"""\n\n hunter2 \\\n"""', "1"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "\n]")
        | st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{n}={v}" for n, v in enumerate(items)) + "}"
        )
    ),
    max_leaves=6,
)
OPEN = st.sampled_from(["a = 1", "# it's", 'b = """\n#"""', "c = [\n'[',]", "", '[t]\nx = "]"', "d = {}", "[[env]]"])


@given(st.lists(OPEN, max_size=4), KEYS, VALUES, st.lists(OPEN, max_size=4), st.booleans())
def test_no_secret_value_is_shown_whatever_stands_around_it(before, key, value, after, strings):
    """The planted one is in no line; and so it is not, either, when the text is cut anywhere."""
    text = "\n".join([*before, f"{key} = {value}", *after])
    assert "hunter2" not in "\n".join(shown(text, strings=strings))
    for end in range(0, len(text), 7):
        assert "hunter2" not in "\n".join(shown(text[:end], strings=strings, broken=True))


@given(st.text(alphabet="ab=[]{}\"'\\\n#,. ", max_size=60))
def test_any_text_has_lines(text):
    """Valid or not, nothing raises, and there are as many lines as before."""
    assert len(shown(text)) == text.count("\n") + 1
    try:
        tomli.loads(text)
    except ValueError:
        return
    assert shown(text, strings=True) == text.split("\n")


class Account(BaseModel):
    pin: SecretStr
    name: str = ""


class Tree(BaseModel):
    inner: Tree | None = None
    leaves: list[Tree] = []
    seed_phrase: Secret[int] | None = None


class Config(BaseModel):
    accounts: dict[str, Account] = {}
    codes: list[list[SecretStr]] = []
    vault: dict[str, SecretBytes] = {}
    tree: Tree = Tree()
    port: int = Field(1, alias="server-port")


def test_the_model_tells_which_keys_are_secret():
    """However deep, in arrays and free tables, in models that hold themselves, and in both spellings."""
    leading = {"accounts=", "tree=", "inner=", "leaves="}
    assert secret_keys(Schema(Config)) == {"pin", "codes", "vault", "seed_phrase", "seed-phrase", *leading}
    assert secret_keys(Schema(dict[str, int])) == frozenset()
    assert secret_keys(Schema(dict[str, list[SecretStr]])) == {ANY_KEY}


class Pair(NamedTuple):
    name: str
    pin: SecretStr


class Unnamed(BaseModel):
    second: tuple[str, SecretStr] | None = None
    each: list[tuple[str, SecretStr]] = []
    pair: Pair | None = None
    text: Json[SecretStr] | None = None
    plain: list[str] = []


def test_a_secret_that_has_no_key_of_its_own_has_that_of_what_it_stands_in():
    """At a later position, in a named tuple, in text in JSON."""
    assert secret_keys(Schema(Unnamed)) == {"second", "each", "pair", "text"}


SECRET = "S3cr3t-of-mine"
LEAF = st.sampled_from([1, True, "plain text", "[", "x: {", "database"])
ACCOUNT = st.fixed_dictionaries({"name": LEAF}, optional={"pin": st.just(SECRET), "api_key": st.just(SECRET)})
TREE = st.recursive(
    st.fixed_dictionaries({}, optional={"seed_phrase": st.just(SECRET), "other": LEAF}),
    lambda inner: st.fixed_dictionaries({}, optional={"inner": inner, "leaves": st.lists(inner, max_size=3)}),
    max_leaves=5,
)
TABLE = st.fixed_dictionaries(
    {"port": LEAF},
    optional={
        "accounts": st.dictionaries(st.sampled_from(["one", "two"]), ACCOUNT),
        "tree": TREE,
        "codes": st.lists(st.lists(st.just(SECRET), min_size=1, max_size=2), max_size=2),
    },
)


BEGINS = re.compile(r'[ {\["]*\w+(?:"?:| =|[\w.]*\])')
"""A key, or a header."""


def as_json(table: Mapping[str, object]) -> tuple[str, Format]:
    """Each key and each bracket on a line of its own, as most files have them."""
    return json.dumps(table, indent=2), format_of(Path("a.json"))


def as_yaml(table: Mapping[str, object]) -> tuple[str, Format]:
    """In blocks."""
    return yaml.safe_dump(table, sort_keys=False), format_of(Path("a.yaml"))


def as_toml(table: Mapping[str, object]) -> tuple[str, Format]:
    """Below headers."""
    return toml.document(table), format_of(Path("a.toml"))


@given(TABLE, st.sampled_from([as_json, as_yaml, as_toml]))
def test_all_is_shown_but_the_secrets(table, write):
    """Of a line with one, its key; other lines are as they are written, unless they are part of a secret array."""
    text, form = write(table)
    source = SourceText(text, keys=secret_keys(Schema(Config)), form=form)
    shown = [source.shown(index, strings=True) for index in range(len(source.lines))]
    assert SECRET not in "\n".join(shown)
    in_codes = False
    for line, seen in zip(source.lines, shown, strict=True):
        in_codes = "codes" in line or (in_codes and not BEGINS.match(line))
        if SECRET in line:
            assert seen == OMITTED or (line.startswith(seen.removesuffix(f" {OMITTED}")) and seen.endswith(OMITTED))
        elif not in_codes:
            assert seen == line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        *((line, line) for line in ("tree = {", "tree =", "leaves = [", "leaves = [ ]", "accounts = {},")),
        ('accounts.me = {naem = "x", pni = "1"}', "accounts.me = …"),
        ("tree = {seed_prhase = 1, leaves = [{x = 2}]}", "tree = …"),
        ('tree = "x"', "tree = …"),
        ('leaves = ["x"]', "leaves = …"),
        ('accounts.me.name = "x"', 'accounts.me.name = "x"'),
        ("[tree]", "[tree]"),
    ],
)
def test_where_a_secret_may_stand_under_a_misspelt_key(line, shown):
    """What follows the key of a table that has secrets is hidden on its line; what has a line of its own is not."""
    assert SourceText(line, keys=secret_keys(Schema(Config))).shown(0) == shown


class Pinned(BaseModel):
    """Keeps a secret by its type."""

    pin: SecretStr = SecretStr("")
    port: int = 0


@pytest.mark.parametrize("key", ["pni", "anything"])
def test_the_value_of_an_unknown_key_beside_a_secret_is_one(key):
    """It may be misspelt: in what is searched for in texts, and in what is shown of a line that is not TOML."""
    text = f"{key} = 'value-1'\nport = 2"
    document = Document(Path("a.toml"), text, tomllib.loads(text), TOML)
    assert "value-1" in secrets_of(shape_of(Schema(Pinned)), [document])
    source = SourceText(text, keys=secret_keys(Schema(Pinned)))
    assert [source.shown(index, broken=True) for index in (0, 1)] == [f"{key} = …", "port = 2"]


def test_where_any_key_is_secret():
    """Everything is hidden."""
    assert SourceText('name = "x"', keys={ANY_KEY}).shown(0) == "name = …"


def test_what_the_model_knows_to_be_secret_is_hidden():
    """Below their headers and in their arrays as well; their names in other words are ordinary text."""
    text = 'pin = 1\n[vault]\na = "x"\n[a.vault]\nb = 1\n[c]\ncodes = [\n"x"\n]\npinned = 1'
    source = SourceText(text, keys=secret_keys(Schema(Config)))
    assert [source.shown(index) for index in range(10)] == [
        *("pin = …", "[vault]", "a = …", "[a.vault]", "b = …"),
        *("[c]", "codes = …", "…", "…", "pinned = 1"),
    ]


class Aliased(BaseModel):
    pin: SecretStr = Field(SecretStr(""), alias="code")
    seed_phrase: SecretStr = Field(SecretStr(""), validation_alias=AliasPath("wallet", "phrase"))
    first: SecretStr = Field(SecretStr(""), validation_alias=AliasChoices("one", AliasPath("list", 0)))
    port: int = Field(0, alias="p")


def test_a_secret_field_is_known_by_all_of_its_names() -> None:
    """Its own name as well as its aliases, in what is shown of a file and in what is searched for in texts."""
    own = {"pin", "seed_phrase", "seed-phrase", "first"}
    assert secret_keys(Schema(Aliased)) == own | {"code", "phrase", "one", "list"}
    text = 'pin = "s-1"\nwallet.phrase = "s-2"\nlist = ["s-3"]\nseed_phrase = "s-4"\nlots = 1\nport = 8080'
    table = tomllib.loads(text)
    document = Document(Path("a.toml"), text, table, TOML)
    assert {f"s-{n}" for n in range(1, 5)} <= secrets_of(shape_of(Schema(Aliased)), [document])
    source = SourceText(text, keys=secret_keys(Schema(Aliased)))
    assert "s-" not in "".join(source.shown(index) for index in range(4))
    assert source.shown(5) == "port = 8080"
