"""What is recognised as a credential by its form, and what is not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hotconf
from hotconf.changes import MASK
from hotconf.secrets.credentials import mask_credentials


def _texts(path: Path) -> list[str]:
    """The string literals of one module, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [node.value for node in constants if isinstance(node.value, str)]


def test_no_message_of_our_own_is_masked() -> None:
    """The words that hotconf itself writes get through the mask unchanged."""
    modules = sorted(Path(hotconf.__file__).parent.rglob("*.py"))
    texts = [text for path in modules if path.name != "credentials.py" for text in _texts(path)]
    assert len(texts) > 1000
    assert [text for text in texts if mask_credentials(text) != text] == []


@pytest.mark.parametrize(
    "text",
    [
        *("https://h/cb?state=a#access_token=hunter22", "h:6380,ssl=True,password=hunter22,abort=False"),
        *("https://h/?next=/x?token=hunter22", "name=x|password=hunter22", "user=u:password=hunter22"),
        *("https://h/x;a=b/password=hunter22", "https://h/?next=%2Fx%3Ftoken%3Dhunter22", "a=(token=hunter22)"),
        *('run="mysql --password=hunter22 -h db"', "a='x' token='hunter22'", "a={token=hunter22}"),
        *('{"password": ["hunter22", "hunter22"]}', '{"token" : {"a": "hunter22"}}', '{"a": "token=hunter22"}'),
    ],
)
def test_a_secret_pair_is_found_in_the_value_of_another(text: str) -> None:
    """Whatever separates it from what stands before."""
    assert "hunter22" not in mask_credentials(text)
    assert mask_credentials(f"see {text}").startswith(f"see {text[0]}")


@pytest.mark.parametrize("text", ["a=b,c=d|e=f", "https://h/?q=a#top=1", '{"a": ["b"], "c": {"d": "e"}}', "a=%3Db"])
def test_other_pairs_are_left_alone(text: str) -> None:
    """A value of a value is no secret by its place."""
    assert mask_credentials(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("X-Api-Key: hunter22", "x-api-key: hunter", "X-Auth-Token: hunter two", "Cookie: a=b; sid=hunter"),
        *("Authorization: hunter two", "Proxy-Authorization: hunter", "Set-Cookie: sid=hunter; Path=/"),
        *("['X-Id: a', 'X-Api-Key: hunter']",),
    ],
)
def test_the_value_of_a_secret_header_is_masked(text: str) -> None:
    """All after the colon."""
    assert "hunter" not in mask_credentials(text)


@pytest.mark.parametrize(
    "text",
    [
        *("api_key: not valid", "password: String should have at least 8 characters", "X-Request-Id: a1b2c3d4"),
        *(
            f"token: {MASK} → none",
            "key: changed (secret)",
            "Accept: text/html",
            "secret.toml:3:1: Unknown key: abc123",
        ),
    ],
)
def test_messages_about_secret_keys_are_left_alone(text: str) -> None:
    """They have the form `key: text`, too."""
    assert mask_credentials(text) == text
