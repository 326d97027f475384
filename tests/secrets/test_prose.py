"""Secrets in texts of users' code that nobody knows: found by what stands before them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from hotconf.changes import MASK
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.scrubber import Scrubber


def scrub(text: str, secrets: Iterable[str], *, words: bool = False) -> str:
    """`text` without `secrets`."""
    return Scrubber(secrets)(text, words=words)


TOLD = [
    *("password: hunter", "no login, password: hunter.", "bad (password: hunter)", "password: S3!hunter is wrong"),
    *("db:\n  user: bob\n  password: hunter\n  host: x", "- name: x\n  api_key: hunter", "password:\n  hunter"),
    *("password: |\n  hunter\n  hunter", "token:\n- hunter\n- hunter\nnext: 1", "{user: bob, password: hunter}"),
    *("password: 'hun hunter'", 'password: "hunter"', "secret: [hunter, {a: hunter}]", "token: b'hunter'"),
    *("API key: hunter", "Password was: hunter22", ":password => 'hunter'", "<password>hunter</password>"),
    *("the password hunter22 was refused", "the password is 'hunter'", "run --password hunter x"),
    *(
        "authorization: bearer hunter",
        "x-api-key: hunter two",
        "password: hunter\\nuser: x",
        "Invalid token: hunter22",
    ),
]
"""In texts of users' code only."""

ANYWHERE = [
    *('{"password":\n  "hunter"}', '{"credentials": {\n "a": {"b": "hunter"},\n "c": "hunter"\n}}'),
    *("{'password': b'hunter'}", "[('X-Api-Key', 'hunter'), ('a', 'b')]", '{"token": ["hunter", {"x": "hunter"}]}'),
    *("Authorization: Bearer hunter", "Authorization: Basic aHVudGVyhunter", "Bearer hunter2x"),
    *(
        "S=db;Uid=sa;Pwd={hunter b};D=x",
        "S=db;Password=my hunter;D=x",
        "S=db;Password=my hunter",
        "PWD={a}}hunter;b};",
    ),
    *("h=db password='my hunter' u=x", "h=db password=my\\ hunter u=x", "no postgres://bob:my hunter pw@db/x now"),
    *("a://bob:my hunter@db/x, b://eve:other hunter@db/y", "a://bob:my hunter/x@db:5432/x failed"),
]
"""In all texts."""

OPEN = [
    *("Unknown key: abc123", 'c.toml:3:1: Unknown key: abc123 (did you mean "abc"?)', "api_key: not valid"),
    *("password: String should have at least 8 characters", f"token: {MASK} → none", "key: changed (secret)"),
    *("token: expired", "primary key: id42", "the password must have 8 characters", "password is required"),
    *("max_tokens: 4096", "Unexpected token: abc1 at line 3", "Type mismatch: password expected string, got integer"),
    *("invalid key: 'x1'", "Missing required field: password", "tokenizer: gpt2", "the key 'abc' is unknown"),
    *(
        "http://host:8080 or mail bob@example.com",
        "https://host:443/a b@c",
        "('password', 5)",
        "['password', 'token']",
    ),
]


@pytest.mark.parametrize("text", TOLD + ANYWHERE)
def test_the_value_of_a_secret_key_is_masked(text: str) -> None:
    """As YAML, JSON, Python, drivers and people write it."""
    assert "hunter" not in scrub(text, (), words=True)


@pytest.mark.parametrize("text", ANYWHERE)
def test_these_forms_are_recognised_in_all_texts(text: str) -> None:
    """No message of hotconf's own has them."""
    assert "hunter" not in mask_credentials(text)


@pytest.mark.parametrize("text", OPEN)
def test_messages_stay_as_they_are(text: str) -> None:
    """Those about keys and values of which nothing is shown."""
    assert scrub(text, (), words=True) == text


def test_what_follows_is_not_torn_up() -> None:
    """Only the value is masked, and only its own lines."""
    text = "db:\n  password: hunter\n  host: x\nnext: 'y'"
    assert scrub(text, (), words=True) == text.replace("hunter", MASK)
    assert mask_credentials("S=db;Pwd=a b;D=x y") == f"S=db;Pwd={MASK};D=x y"
    assert mask_credentials('{"token":\n ["a", "b"], "x": 1}') == f'{{"token":\n {MASK}"], "x": 1}}'
