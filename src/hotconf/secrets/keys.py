"""Which keys name secrets.

Rule 1: a key is secret if its last word is one of `WORDS`, or ends with one of `ENDINGS` (`clientsecret`), and so is
everything below it.
Rule 2: `env_key` and `env_http_headers` hold names of environment variables: nothing at or below them is secret.

Rule 3: a field is secret if any of its names, or aliases, is: of a model such a key is a `SecretKey`.

Rule 4: the directories that a shell keeps in an environment, `PWD` and `OLDPWD`, are no secrets.

A word that only begins with a secret one (`tokenizer`), or is a plural of it (`max_tokens`), makes no secret. A rule
that hides too much, as `primary_key` does, costs a value in a message; one that hides too little costs a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

from hotconf.keypath import KeyPath

WORDS: Final = frozenset(
    {
        *("key", "apikey", "token", "secret", "password", "passwd", "credential", "credentials", "authorization"),
        *("pass", "passphrase", "passcode", "pwd", "secrets", "passwords", "bearer", "jwt", "cookie"),
    }
)
"""The last words of keys that name secrets."""

ENDINGS: Final = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "credentials"),
    *("apikey", "accesskey", "authkey", "encryptionkey", "masterkey", "privatekey", "secretkey", "signingkey"),
    *("authorization", "dbpass", "userpass"),
)
"""Endings of compound words: `PGPASSWORD`, `authtoken`. No English word has them, except `betoken`."""

_DIRECTORIES: Final = frozenset({"PWD", "OLDPWD"})
"""What else a shell sets (`HOME`, `SHLVL`, `_`, …) has no name of a secret."""
_IN_ENVIRONMENTS: Final = ("PATH", "HOME", "SHLVL")
"""A table with one of these keys is an environment."""

DISTINCTIVE: Final = 8
"""A text of this many letters hardly occurs by chance."""
_NAMES_OF_VARIABLES: Final = frozenset({"envkey", "envhttpheaders"})
_LETTERS: Final = re.compile(r"[A-Za-z]++")
_LONGEST: Final = 64
"""The longest word to check, and the longest key to remember."""
_MOST_KEYS: Final = 1024


class SecretKey(str):
    """The key of a field that is secret by another of its names."""

    __slots__ = ()


def is_secret_key(key: str) -> bool:
    """Does `key` name a secret? `api_key`, `apiKey`, `PGPASSWORD` do; `env_key`, `max_tokens` do not."""
    return secrecy(key) is True


def is_directory(name: str, table: Mapping[Any, object]) -> bool:
    """Is `table` an environment, and `name` a variable in which its shell keeps a directory?"""
    if name not in _DIRECTORIES or not any(each in table for each in _IN_ENVIRONMENTS):
        return False
    value = table.get(name)
    return isinstance(value, str) and value.startswith("/")


def is_secret_path(path: KeyPath) -> bool:
    """Is there a secret at `path`: is one of its keys secret, and not below one that holds names of variables?"""
    return secrecy_of(path) is True


def secrecy_of(path: KeyPath) -> bool | None:
    """Whether the keys of `path` make its value a secret; None if none of them decides."""
    for key in path:
        found = secrecy(key) if isinstance(key, str) else None
        if found is not None:
            return found
    return None


def secrecy(key: str) -> bool | None:
    """Whether `key` makes its value a secret; None if it does not decide."""
    if type(key) is SecretKey:
        return True
    return _remembered(key) if len(key) <= _LONGEST else _judged(key)


def _judged(key: str) -> bool | None:
    runs = _LETTERS.findall(key)  # digits separate words, so neither they nor a last word of digits hide one
    if not runs:
        return None
    if "".join(runs).lower() in _NAMES_OF_VARIABLES:
        return False
    last = runs[-1][-_LONGEST:]
    whole, word = last.lower(), _last_word(last).lower()
    return True if whole in WORDS or word in WORDS or whole.endswith(ENDINGS) else None


_remembered = lru_cache(maxsize=_MOST_KEYS)(_judged)


def _last_word(letters: str) -> str:
    """The last word of `camelCase` or `CamelCASE`."""
    head = letters.rstrip(ascii_lowercase)
    if len(head) < len(letters):
        return letters[max(len(head) - 1, 0) :]
    return letters[len(letters.rstrip(ascii_uppercase)) :]
