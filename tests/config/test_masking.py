"""No secret is shown: which keys and values are secret, and what is left of them in values and in text."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from time import process_time

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, PostgresDsn, RootModel, Secret, SecretBytes, SecretStr

from hotconf.changes import CUT, MASK, MISSING, Change, Cut, shown
from hotconf.config.redaction.masking import masked, scrubbed_changes
from hotconf.config.redaction.secret_values import secrets_around, secrets_in
from hotconf.config.redaction.source_text import secret_from
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import WORDS, is_secret_key, is_secret_path
from hotconf.secrets.scrubber import Scrubber


def scrub(text: str, secrets: Iterable[str], *, words: bool = False) -> str:
    """`text` without `secrets`."""
    return Scrubber(secrets)(text, words=words)


SECRET_KEYS = [
    *sorted(WORDS),
    *("api_key", "API-KEY", "apiKey", "APIKey", "APIkey", "OPENAI_API_KEY", "x-api-key", "openai.key"),
    *("auth_token", "accessToken", "PassWord", "Proxy-Authorization", "AWSCredentials", "client secret"),
    *("password2", "password_2", "token-01", "key__", "oauth2token", "ключ_token", "envkeys_key"),
    *("PGPASSWORD", "dbpassword", "authtoken", "clientsecret", "secretkey", "privatekey", "accesskey", "SECRETKEY"),
    *("passphrase", "pwd", "MYSQL_PWD", "mysqlpwd", "smtp_pass", "dbpass", "passwords", "secrets", "gpg.passphrase"),
]
OPEN_KEYS = [
    *("", "12", "_", "env_key", "env-key", "envKey", "ENV_KEY", "env_http_headers", "envHttpHeaders"),
    *(
        "max_tokens",
        "check_api_keys",
        "monkey",
        "keyboard",
        "key_file",
        "tokenizer",
        "secretary",
        "compass",
        "turkey",
        "monkeys",
    ),
    *("authorization_url", "ключ", "base_url", "model"),
]


class Colour(Enum):
    RED = "red"
    HIDDEN = SecretStr("swordfish")


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")

    pin: SecretStr = SecretStr("swordfish")
    plain: str = Field("shown", alias="as-written")


@dataclass
class Record:
    token: str
    name: str


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_whose_last_word_names_a_secret_is_secret(key: str) -> None:
    """The last word decides, however the words are set apart and whatever digits follow."""
    assert is_secret_key(key)
    assert is_secret_path(("outer", 0, key))


@pytest.mark.parametrize("key", OPEN_KEYS)
def test_other_keys_are_not_secret(key: str) -> None:
    """A word inside another, a plural, and names of variables do not make a secret."""
    assert not is_secret_key(key)
    assert not is_secret_path(("outer", 0, key))


def test_all_below_a_secret_table_is_secret() -> None:
    """Items of secret arrays and everything in secret tables, at any depth."""
    assert is_secret_path(("credentials", "user", "name"))
    assert is_secret_path(("token", 3))
    assert is_secret_path(("secret", "env_key"))


def test_names_of_variables_are_not_secret() -> None:
    """`env_http_headers` holds names, whatever its keys are."""
    assert not is_secret_path(("model_providers", "x", "env_http_headers", "Authorization"))
    assert is_secret_path(("model_providers", "x", "http_headers", "Authorization"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://user:pass@host/db", f"postgres://{MASK}@host/db"),
        ("https://token@host", f"https://{MASK}@host"),
        ("redis://:pass@host:6379/0", f"redis://{MASK}@host:6379/0"),
        ("mysql://u:p@ss@host", f"mysql://{MASK}@host"),
        ("pg://u:p/a?s#s@host/db", f"pg://{MASK}@host/db"),
        ("a http://u:p@h, b https://t@i.", f"a http://{MASK}@h, b https://{MASK}@i."),
        (f"http://{MASK}@host", f"http://{MASK}@host"),
    ],
)
def test_user_information_in_urls_is_masked(text: str, expected: str) -> None:
    """Name and password go, scheme and host stay."""
    assert mask_credentials(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "me@example.com", "https://host/@scope/pkg", "https://host:443/@x", "https://h/?mail=a@b", "http://h a@b"],
)
def test_an_at_sign_elsewhere_is_left_alone(text: str) -> None:
    """Mail addresses, paths and queries are no user information."""
    assert mask_credentials(text) == text


@pytest.mark.parametrize("piece", ["://", "://a:", "://a@", "a", "://a:b", "@", ":", "://:@ "])
def test_masking_urls_takes_linear_time(piece: str) -> None:
    """A megabyte of anything is looked through in well under the time that a quadratic search would take."""
    begin = process_time()
    mask_credentials("://" + piece * (1_000_000 // len(piece)))
    assert process_time() - begin < 20


@pytest.mark.parametrize(
    "value",
    [
        SecretStr("swordfish"),
        SecretBytes(b"swordfish"),
        Secret[dict[str, str]]({"a": "swordfish"}),
        RootModel[SecretStr](SecretStr("swordfish")),
        Inner(),
        Inner.model_validate({"api_key": "swordfish", "deep": {"http_headers": {"Authorization": "swordfish"}}}),
        Record("swordfish", "x"),
        [Record("swordfish", "x")],
        {"credentials": {"a": ["swordfish"]}},
        {"tokens": [{"token": ["swordfish"]}], "password": {"swordfish"}},
        ({"a": {"passwd": 1}}, SecretStr("swordfish")),
        AnyUrl("https://swordfish@host"),
        PostgresDsn("postgres://a:swordfish@host/db"),
        {"https://swordfish@host": 1},
        b"https://swordfish@host",
        [Path("x"), "https://swordfish@host"],
        Colour.HIDDEN,
    ],
)
def test_no_copy_for_showing_holds_a_secret(value: object) -> None:
    """Secret types, secret keys and URLs are masked wherever they stand."""
    copy = masked(("place",), value)
    assert "swordfish" not in repr(copy)
    assert "swordfish" not in json.dumps(copy)
    assert MASK in repr(copy)


@pytest.mark.parametrize("value", ["", "x", 1, True, [1], {"a": 1}, {1}])
def test_a_value_at_a_secret_path_is_masked_whole(value: object) -> None:
    """Whatever it is: its length and shape are not told either."""
    assert masked(("server", "api_key"), value) == MASK


@pytest.mark.parametrize("value", [None, MISSING])
def test_that_there_is_no_secret_is_no_secret(value: object) -> None:
    """A notification may say that a key was added or removed."""
    assert masked(("api_key",), value) is value
    assert masked((), {"api_key": value}) == {"api_key": value}


def test_a_copy_is_of_plain_types() -> None:
    """Models, dataclasses, tuples, sets and scalars that TOML does not know become what any writer can write."""
    value = {
        "model": Inner.model_validate({"as-written": "a", "more": 1}),
        "record": Record("t", "n"),
        "tuple": (1, (2.5, True)),
        "deque": deque([1]),
        "set": {"b", "a"},
        "mixed": frozenset({2, 10, "a", None, (1,)}),
        "enum": Colour.RED,
        "path": Path("a/b"),
        "bytes": b"a\xff",
        "date": date(2024, 5, 6),
        "wide": 1 << 20_000,
        7: "key",
    }
    copy = masked((), value)
    assert copy == {
        "model": {"pin": MASK, "as-written": "a", "more": 1},
        "record": {"token": MASK, "name": "n"},
        "tuple": [1, [2.5, True]],
        "deque": [1],
        "set": ["a", "b"],
        "mixed": [None, 2, 10, [1], "a"],
        "enum": "red",
        "path": "a/b",
        "bytes": "a\\xff",
        "date": date(2024, 5, 6),
        "wide": hex(1 << 20_000),
        "7": "key",
    }
    assert shown(copy)


def test_a_copy_does_not_share_containers() -> None:
    """Whoever changes what an event holds does not change the configuration."""
    value = {"a": [1, {"b": 2}]}
    copy = masked((), value)
    assert copy == value
    assert isinstance(copy, dict)
    assert copy is not value
    assert copy["a"] is not value["a"]
    assert copy["a"][1] is not value["a"][1]


class Stubborn:
    def __str__(self) -> str:
        raise RuntimeError("swordfish")


def test_a_type_that_cannot_be_shown_is_named() -> None:
    """A user's `__str__` that raises stops nothing."""
    assert masked((), [Stubborn()]) == ["<Stubborn>"]


def test_copies_are_bounded() -> None:
    """Depth, cycles and a value shared so often that it would fill the memory end in an ellipsis."""
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert "…" in json.dumps(masked((), deep), ensure_ascii=False)
    cycle: dict[str, object] = {}
    cycle["again"] = cycle
    assert "…" in json.dumps(masked((), cycle), ensure_ascii=False)
    laughs: list[object] = ["ha"]
    for _ in range(40):
        laughs = [laughs, laughs]
    assert len(json.dumps(masked((), laughs, most=10_000))) < 1_000_000


def test_what_a_file_can_hold_is_copied_whole() -> None:
    """Thousands of tables, and arrays of thousands of values, without a made-up key or item."""
    tables = {f"p{n}": {"model": "x", "args": ["a", "b"]} for n in range(4_000)}
    assert masked((), {"profiles": tables, "after": 1}) == {"profiles": tables, "after": 1}
    assert masked((), [*range(12_000)]) == [*range(12_000)]


def test_nothing_is_lost_beside_what_is_cut() -> None:
    """Only what holds more is cut, and named as such: all keys and all plain values are there."""
    value = {
        "args": [*range(20)],
        "name": "n",
        "inner": {"a": 1},
        "more": [],
        "last": {"api_key": "swordfish"},
        "n": Colour.RED,
    }
    cut = {"args": [*range(20)], "name": "n", "inner": CUT, "more": [], "last": CUT, "n": "red"}
    assert masked((), value, most=10) == cut
    assert masked((), [[1], [2], [3]], most=5) == [[1], [2], CUT]
    assert isinstance(CUT, Cut)
    assert not isinstance("…", Cut)


def test_a_cut_copy_can_be_told_from_a_text() -> None:
    """A file may hold an ellipsis."""
    assert not Change((), masked((), ["…"]), MISSING).cut
    assert Change((), MISSING, masked((), {"a": [{"b": [[1]]}]}, most=3)).cut
    copy = masked((), masked((), [[1]], most=1))
    assert Change((), copy, copy).cut


SECRETS_TOML = """
api_key = "sk-1234567"
name = "not-this"
env_key = "OPENAI_API_KEY"
url = "postgres://someone:hunter2@host/db"
git = "ssh://deployer@host"
clone = "https://ghp_0123456789abcdef@host"
password = "abc"
pin_key = 12345
padded_token = "  spaced  "
[env_http_headers]
Authorization = "AUTH_VARIABLE"
[[users]]
token = ["first-token", {inner = "second-token"}]
"""


def test_the_secrets_of_a_table_are_found() -> None:
    """Texts and numbers under secret keys, passwords in URLs; not what is too plain to be looked for in text."""
    assert secrets_in(tomli.loads(SECRETS_TOML)) == {
        "sk-1234567",
        "someone:hunter2",
        "hunter2",
        "ghp_0123456789abcdef",
        "  spaced  ",
        "spaced",
        "first-token",
        "second-token",
        "abc",
        "12345",
    }


def test_the_secrets_of_a_configuration_are_found() -> None:
    """Where there are types, they tell secrets as well, and cycles end."""
    cycle: list[object] = [Inner(), Secret[list[bytes]]([b"in-a-list"]), {SecretStr("in-a-set")}]
    cycle.append(cycle)
    assert secrets_in(cycle) == {"swordfish", "in-a-list", "in-a-set"}


def test_text_is_scrubbed_of_secrets() -> None:
    """However they are quoted in it, the longest first, and URLs too."""
    secrets = ['a"b\\c', "line\nbreak", "word", "wordfish", "", "****"]
    text = r"""'a"b\\c' "a\"b\\c" line\nbreak wordfish word http://u:p@h ****"""
    assert scrub(text, secrets) == f"'{MASK}' \"{MASK}\" {MASK} {MASK} {MASK} http://{MASK}@h {MASK}"


def test_scrubbing_is_quick_with_many_secrets() -> None:
    """A large secret array costs little more than looking for each."""
    begin = process_time()
    assert scrub("nothing " * 50, (f"secret-{n}" for n in range(20_000))) == "nothing " * 50
    assert process_time() - begin < 20


@given(st.text(min_size=4).filter(lambda text: "*" not in text), st.text(), st.text())
def test_no_secret_survives_scrubbing(secret: str, before: str, after: str) -> None:
    """In whatever text it stands, plainly or as Python or TOML quote it."""
    for spelled in (secret, repr(secret)):
        text = scrub(before + spelled + after, secrets_in({"token": secret}))
        assert MASK in text
        assert secret not in text


@given(st.text())
def test_what_is_secret_does_not_depend_on_the_way_to_ask(key: str) -> None:
    """Keys, paths, copies and searches follow one rule."""
    secret = is_secret_key(key)
    assert is_secret_path((key,)) == secret
    assert (masked((), {key: "swordfish"}) != {mask_credentials(key): "swordfish"}) == secret
    assert (secrets_in({key: "swordfish"}) == {"swordfish"}) == secret


def cut(line: str, **options: object) -> str:
    """What is left of `line`."""
    end = secret_from(line, **options)
    return line if end is None else line[:end].rstrip()


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('api_key = "hunter2"', "api_key ="),
        ("  api-key='hunter2'", "  api-key="),
        ('"x-api-key" = "hunter2"', '"x-api-key" ='),
        ('client.secret.value = "hunter2"', "client.secret.value ="),
        ('client . "secret" . value = "hunter2"', 'client . "secret" . value ='),
        ('service = {host = "x", password = "hunter2"}', "service ="),
        ('# token = "hunter2"', "# token ="),
        ("# the password: hunter2", "# the password:"),
        ('dsn = "host=x password=hunter2"', "dsn ="),
        (r'"toke\u006e" = "hunter2"', r'"toke\u006e" ='),
        (r'x = {a = 1, "pass\u0077ord" = "hunter2"}', "x ="),
    ],
)
def test_a_line_that_sets_a_secret_ends_with_its_first_separator(line: str, left: str) -> None:
    """Wherever on it the secret key stands, whatever it is in, and however it is spelled."""
    assert cut(line) == cut(line, broken=True) == left


@pytest.mark.parametrize(
    "line",
    [
        *("", "[credentials]", "port = 8000", "max_tokens = 3", 'env_key = "OPENAI_API_KEY"', "# note: this"),
        *('args = ["a=b"]', "check_api_keys = true", 'x = "C:\\users\\me"'),
    ],
)
def test_a_line_without_a_secret_is_left_alone(line: str) -> None:
    """Neither names of variables nor words that only look alike hide anything."""
    assert cut(line) == line


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('password "hunter=2"', "password"),
        ("password hunter2", "password"),
        ('a = 1 password "hunter2"', "a ="),
        ('["password" "hunter2"', '["password"'),
    ],
)
def test_on_a_line_that_is_not_toml_a_word_is_enough(line: str, left: str) -> None:
    """Nobody knows where its value begins."""
    assert cut(line) == line
    assert cut(line, broken=True) == left


def test_the_table_decides_for_the_lines_below_it() -> None:
    """All below a secret table is secret; nothing is where names of variables stand."""
    assert cut('name = "hunter2"', table=("credentials", "mail")) == "name ="
    assert cut('Authorization = "VARIABLE"', table=("x", "env_http_headers")) == 'Authorization = "VARIABLE"'


@pytest.mark.parametrize("line", ["a." * 200_000, "a" * 400_000, "a " * 200_000, "a=" * 200_000, '"' * 400_000])
def test_long_lines_take_no_long_time(line: str) -> None:
    """Whatever is in a file, its lines are judged in linear time."""
    begin = process_time()
    secret_from(line, broken=True)
    assert process_time() - begin < 20


def test_a_root_model_in_itself_is_cut() -> None:
    """Code can make one; no file can."""

    class Root(RootModel[object]):
        pass

    root = Root(None)
    root.root = root
    assert masked((), {"a": root, "b": 1}) == {"a": CUT, "b": 1}


def test_secrets_are_not_sought_for_changes_that_show_none() -> None:
    """Rotating all of them costs no search: masked values, and texts too short to hold one, need none."""

    def scrubber() -> Scrubber:
        raise AssertionError("sought")

    changes = [Change(("token",), MASK, MASK), Change(("name",), "a", "b"), Change(("n",), [1], {"x": MASK})]
    assert scrubbed_changes(changes, scrubber) == tuple(changes)


def test_a_change_that_quotes_a_secret_is_scrubbed() -> None:
    """A model may combine a secret with other text."""
    change = Change(("url",), ["at swordfish-1"], {"url": "at swordfish-2"})
    shown = scrubbed_changes([change], lambda: Scrubber(["swordfish-1", "swordfish-2"]))
    assert shown == (Change(("url",), [f"at {MASK}"], {"url": f"at {MASK}"}),)


def test_what_a_shell_sets_is_no_secret_in_an_environment():
    """Its directories have the name of a password; without an environment around it, a `PWD` is one."""
    environment = {"HOME": "/home/me", "SHLVL": "1", "_": "/usr/bin/env", "SHELL": "/bin/bash", "PWD": "/srv/of-mine"}

    def fail(environ, given, **names):
        return environ["NOWHERE_TO_BE_FOUND"], given, names

    found: set[str] = set()
    for environ in (environment | {"OLDPWD": "/srv/before", "PGPASSWORD": "swordfish-1"}, os.environ):
        try:
            fail(environ, {"PWD": "/swordfish-2"}, env={**environ, "PWD": "swordfish-3"})
        except KeyError as error:
            found |= secrets_around([error])
    assert {"swordfish-1", "/swordfish-2", "swordfish-3"} <= found
    assert found.isdisjoint({*environment.values(), "/srv/before", os.environ.get("PWD", "/")})


def test_what_a_library_looked_up_is_no_secret():
    """`key` is a name there; in users' code it may be one that opens something."""

    def opened(key):
        raise ValueError(key)

    found = []
    for fail in (lambda: os.environ["NOWHERE_TO_BE_FOUND"], lambda: opened("an-api-key-of-theirs")):
        try:
            fail()
        except (KeyError, ValueError) as error:
            found.append(secrets_around([error]))
    assert "NOWHERE_TO_BE_FOUND" not in found[0]
    assert "an-api-key-of-theirs" in found[1]
