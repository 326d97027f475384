"""The one rule of secrets: which values are secret, and how they and texts about them are made fit to be shown.

Rule 1: a value is secret when its type says so (pydantic's `SecretStr`, `SecretBytes`, `Secret`).
Rule 2: a value is secret when the last word of its key is one of `WORDS`, and so is all that stands below it, except
        at and below `env_key` and `env_http_headers`, which hold names of environment variables.
Rule 3: the user information of a URL is secret wherever it stands.
Rule 4: of a line of source text that sets a secret, all after the first `=` or `:` is secret; so it is after the key
        of a table with secrets, which may stand there under any key. On a line that is not TOML, a word is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from hotconf.changes import CUT, MASK, MISSING, Cut
from hotconf.core.frozen import FrozenDict, FrozenList
from hotconf.core.lexis import possessive
from hotconf.core.walk import bare, entries, kind_of, reader_of, spelled
from hotconf.keypath import KeyPath
from hotconf.text import printable, quoted

WORDS: Final = frozenset(
    {"key", "apikey", "token", "secret", "password", "passwd", "credential", "credentials", "authorization"}
)
"""The last words of keys that name secrets."""

SHORTEST_SECRET: Final = 4
"""Shorter ones are found in any sentence: they are not looked for in text."""

ANY_KEY: Final = "\0"
"""Among keys that are secret: all are."""
LEADS: Final = "="
"""At the end of one of them: it is not secret itself, but what follows it on its own line may be."""

_NAMES_OF_VARIABLES: Final = frozenset({"envkey", "envhttpheaders"})
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_LAST_CAMEL_WORD: Final = re.compile(r"[A-Z]?[a-z]+$|[A-Z]+$")
# The first way is the standard's: what stands before the last @ of the authority. The second is for passwords with
# an unescaped slash, question mark or hash, which some database libraries take; its bound keeps the search linear.
_USER_INFO: Final = re.compile(r"(?<=://)([^\s/?#]+|[^\s/?#:@]*+:(?!\d+[/?#])[^\s@]{1,128}+)@")

# A dotted key as far as it can be told on any line, valid or not, and what follows it. Possessive, so linear.
_MORE_PARTS: Final = possessive(r"""["']?[ \t]*+\.[ \t]*+["']?[\w-]++""")
_KEY_ON_LINE: Final = re.compile(rf"""([\w-]++{_MORE_PARTS})["']?[ \t]*+([=:]?)""")
_WORD: Final = re.compile(r"[\w-]+")
_SETS: Final = re.compile(r"[=:]")
_ESCAPED: Final = re.compile(r"\\[uUx][0-9A-Fa-f]")  # may spell any word

_MOST_KEYS: Final = 1024
_DEEPEST: Final = 64
_MOST_VALUES: Final = 500_000
"""More than files hold, and few enough for the memory: what code shares a thousand times would grow without end."""
_WIDEST_INT: Final = 1024
_NEVER_TEXT: Final = frozenset({bool, int, float, type(None)})
_TEXT: Final = frozenset({str})
_ARRAYS: Final[frozenset[type]] = frozenset({tuple, list, FrozenList})
_HOLDERS: Final = _ARRAYS | {dict, FrozenDict}
_SHORTEST_TOKEN: Final = 16


def is_secret_key(key: str) -> bool:
    """Does `key` name a secret? `api_key`, `apiKey`, `password_2` do; `env_key`, `max_tokens` do not."""
    return _secrecy(key) is True


def is_secret_path(path: KeyPath) -> bool:
    """Does a secret stand at `path`: is one of its keys secret, and not below one that holds names of variables?"""
    return _secrecy_of(path) is True


@lru_cache(maxsize=_MOST_KEYS)
def _secrecy(key: str) -> bool | None:
    """Whether `key` makes what it holds a secret; None if it does not tell."""
    runs = _LETTERS.findall(key)  # digits set words apart, so neither they nor a last word of digits hide one
    if not runs:
        return None
    if "".join(runs).lower() in _NAMES_OF_VARIABLES:
        return False
    return True if runs[-1].lower() in WORDS or _last_word(runs[-1]) in WORDS else None


def _last_word(letters: str) -> str:
    match = _LAST_CAMEL_WORD.search(letters)
    return match[0].lower() if match else letters


def _secrecy_of(path: KeyPath) -> bool | None:
    for key in path:
        told = _secrecy(key) if isinstance(key, str) else None
        if told is not None:
            return told
    return None


def mask_urls(text: str) -> str:
    """`text` with the user information of every URL masked: `postgres://********@host/db`."""
    return _USER_INFO.sub(MASK + "@", text) if "://" in text else text


def masked(path: KeyPath, value: object, *, most: int = _MOST_VALUES) -> object:
    """A copy of `value`, which stands at `path`, that is fit to be shown: of plain types and without secrets.

    Tables become dicts, arrays and tuples lists, sets sorted lists; other values that TOML does not know become text.
    A table or an array deeper than 64 levels, or beyond about `most` values, is `CUT`; its key and what stands beside
    it are not. None and `MISSING` are never secrets.
    """
    return masker(most)(path, value)


def masker(most: int = _MOST_VALUES) -> Callable[[KeyPath, object], object]:
    """`masked` for several values, which share the bound: code can make one thing stand in any number of places."""
    copier = _Copier(most)

    def masked_next(path: KeyPath, value: object) -> object:
        secret = _secrecy_of(path)
        if secret:
            return value if value is None or value is MISSING else MASK
        return copier.copy(value, secret, _DEEPEST)

    return masked_next


class _Copier:
    """Makes one plain copy. `left` is how many values it may still hold."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def copy(self, value: Any, secret: bool | None, depth: int) -> object:
        """`value` in plain types; `secret` is what the keys above it tell."""
        self.left -= 1
        value = bare(value)
        if value is None or value is MISSING:
            return value
        form = kind_of(type(value)).form
        if secret or form == "secret":
            return MASK
        if form == "leaf" and not isinstance(value, Enum):
            return _plain(value)
        if isinstance(value, Enum) and depth:
            return self.copy(value.value, secret, depth - 1)
        if form == "table":
            inner = entries(value)
            return self._table(inner, secret, depth - 1) if self._may_hold(inner, depth) else CUT
        if form in ("leaf", "wrapper") or not self._may_hold(value, depth):
            return CUT  # of these two only an enumeration too deep, and a root model in itself
        items = [self.copy(item, secret, depth - 1) for item in value]
        return sorted(items, key=_rank) if form == "set" else items

    def _may_hold(self, inner: Sized, depth: int) -> bool:
        # Of what is begun every key and every plain value is copied: nothing vanishes because a sibling is long.
        return (depth > 0 and self.left > 0) or not len(inner)

    def _table(self, table: Mapping[Any, object], secret: bool | None, depth: int) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key, value in table.items():
            name = spelled(key)
            plain[mask_urls(name)] = self.copy(value, _secrecy(name) if secret is None else secret, depth)
        return plain


def _plain(value: object) -> object:
    if isinstance(value, Cut):
        return value
    if isinstance(value, int) and value.bit_length() > _WIDEST_INT:
        return hex(value)  # Python refuses to spell wide integers in decimal
    if isinstance(value, int | float | date | time | timedelta | Decimal):
        return value
    return mask_urls(_text(value))


def _text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the type is the user's
        return f"<{type(value).__name__}>"


def _rank(item: object) -> tuple[str, Any]:
    # Only within one type, and never for what may refuse to be ordered.
    orders = type(item) in (str, int, float)
    return type(item).__name__, item if orders else repr(item)


def secrets_in(table: object) -> frozenset[str]:
    """Every secret text that stands in `table`, a raw parsed table or a configuration: what `scrub` has to look for.

    Two kinds are left out, for they would tear up ordinary text and protect nothing: secrets of less than 4
    characters, which are found in any sentence, and a user's name without a password in a URL (`postgres@localhost`)
    unless it is as long as tokens are. Within URLs both are masked all the same.
    """
    return secrets_at((), table)


def secrets_at(path: KeyPath, value: object) -> frozenset[str]:
    """Those that stand in `value`, whose place is `path`."""
    return frozenset(text for text in _secret_texts(value, _secrecy_of(path)) if len(text) >= SHORTEST_SECRET)


def _secret_texts(table: object, secret: bool | None) -> Iterator[str]:
    seen: set[tuple[int, bool | None]] = set()
    todo: list[tuple[Any, bool | None]] = [(table, secret)]
    while todo:
        value, secret = todo.pop()
        form = kind_of(type(value)).form
        if form == "wrapper":
            value = bare(value)
            form = kind_of(type(value)).form
        if form == "leaf":
            yield from _leaf_secrets(value, secret)
        elif form == "secret":
            todo.append((value.get_secret_value(), True))
        elif (id(value), secret) not in seen:
            seen.add((id(value), secret))
            todo += _table_texts(value, secret) if form == "table" else _item_texts(value, secret)


# Most values hold no secret, and this is done at every reload: they are passed by where they stand.


def _table_texts(table: Any, secret: bool | None) -> list[tuple[object, bool | None]]:
    found = []
    for key, value in reader_of(type(table))(table).items():
        cls = type(value)
        if cls in _NEVER_TEXT or (cls in _HOLDERS and not value):
            continue
        told = _secrecy(key if type(key) is str else spelled(key)) if secret is None else secret
        if told or (("@" in value) if cls is str else cls not in _ARRAYS or _may_tell(value)):  # type: ignore[operator]
            found.append((value, told))
    return found


def _may_tell(items: Any) -> bool:
    """Whether anything in an array is more than text without a URL that names a user."""
    return not _TEXT.issuperset(map(type, items)) or "@" in "".join(items)


def _item_texts(items: Iterable[Any], secret: bool | None) -> list[tuple[object, bool | None]]:
    return [
        (item, secret)
        for item in items
        if type(item) not in _NEVER_TEXT and (secret or type(item) is not str or "@" in item)
    ]


def _leaf_secrets(value: object, secret: bool | None) -> Iterator[str]:
    if not isinstance(value, str | bytes):
        return
    text = _text(value)
    if secret:
        yield text
        yield text.strip()  # as a model that strips white space would quote it
    for match in _USER_INFO.finditer(text):
        _, colon, password = match[1].partition(":")
        if colon or len(match[1]) >= _SHORTEST_TOKEN:
            yield match[1]
            yield password


def secret_from(line: str, table: KeyPath = (), *, broken: bool = False, keys: Collection[str] = ()) -> int | None:
    """The offset from which `line`, one of source text below the header of `table`, is secret; None if it is not.

    All after the first `=` or `:` is, if a key on the line is secret. One in a comment or a string counts: what was
    commented out is still a secret. On a line that is not TOML, which is `broken`, any word counts.
    `keys`: more keys that are secret, as `secret_keys` tells them.
    """
    for match in _KEY_ON_LINE.finditer(line):
        if match[2] or broken:
            words = _WORD.findall(match[1])
            path = (*table, *words)
            if is_secret_path(path) or (keys and (_is_among(keys, path) or _leads(keys, words, line, match.end()))):
                return _value_from(line, match.end())
    if _ESCAPED.search(line):
        return _value_from(line, len(line))
    return None


def _is_among(keys: Collection[str], path: KeyPath) -> bool:
    return ANY_KEY in keys or any(key in keys for key in path)


def _leads(keys: Collection[str], words: Sequence[str], line: str, end: int) -> bool:
    """Whether something below the key of these words may be a secret and stand on the same line."""
    is_whole = line[end:].lstrip().startswith(("{", "["))
    return any(word + LEADS in keys for word in (words if is_whole else words[-1:]))


def _value_from(line: str, end: int) -> int:
    first = _SETS.search(line, 0, end)
    return end if first is None else first.end()


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without `secrets`, longest first, however they are quoted in it, and with its URLs masked."""
    found = {form for secret in secrets for form in _spellings(secret) if form and form in text}
    if found:
        longest_first = sorted(found, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), MASK, text)
    return mask_urls(text)


def _spellings(secret: str) -> tuple[str, ...]:
    return (secret, printable(secret), quoted(secret)[1:-1], repr(secret)[1:-1])
