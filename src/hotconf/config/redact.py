"""The one rule of secrets: which values are secret, and how to show them and texts about them safely.

Rule 1: a value is secret when its type says so (pydantic's `SecretStr`, `SecretBytes`, `Secret`).
Rule 2: a value is secret when its key, or one above it, names a secret: `secrecy` has the words.
Rule 3: credentials recognised by their form, such as those of a URL, are secret everywhere, also in keys.
Rule 4: in a line of source text that sets a secret, everything after the first `=` or `:` is secret; likewise after
the key of a table with secrets, which may be there under any key. On a line that is not TOML, a word suffices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from hotconf.changes import CUT, MASK, MISSING, Change, Cut
from hotconf.config.frozen import FrozenDict, FrozenList
from hotconf.config.walk import bare, entries, kind_of, reader_of, spelled
from hotconf.keypath import KeyPath
from hotconf.regex import possessive
from hotconf.secrets.credentials import credentials, mask_credentials
from hotconf.secrets.keys import DISTINCTIVE, is_secret_path, secrecy, secrecy_of

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

ANY_KEY: Final = "\0"
"""Among keys that are secret: all are."""
LEADS: Final = "="
"""At the end of one of them: it is not secret itself, but what follows it on its own line may be."""

# A dotted key as far as it can be told on any line, valid or not, and what follows it. Possessive, so linear.
_MORE_PARTS: Final = possessive(r"""["']?[ \t]*+\.[ \t]*+["']?[\w-]++""")
_KEY_ON_LINE: Final = re.compile(rf"""([\w-]++{_MORE_PARTS})["']?[ \t]*+([=:]?)""")
_WORD: Final = re.compile(r"[\w-]+")
_SETS: Final = re.compile(r"[=:]")
_OPENS: Final = re.compile(r"[ \t]*+[{\[]")
_ESCAPED: Final = re.compile(r"\\[uUx][0-9A-Fa-f]")  # may spell any word

_DEEPEST: Final = 64
_MOST_VALUES: Final = 500_000
"""More than files hold, and few enough for the memory: what code shares a thousand times would grow without end."""
_WIDEST_INT: Final = 1024
_NEVER_TEXT: Final = frozenset({bool, int, float, type(None)})
_TEXT: Final = frozenset({str})
_ARRAYS: Final[frozenset[type]] = frozenset({tuple, list, FrozenList})
_HOLDERS: Final = _ARRAYS | {dict, FrozenDict}
_SHORTEST_TOKEN: Final = 16
_JSON: Final = frozenset({"{", "[", "}", "]", b"{", b"[", b"}", b"]"})


def masked(path: KeyPath, value: object, *, most: int = _MOST_VALUES) -> object:
    """A copy of `value`, which stands at `path`, that is fit to be shown: of plain types and without secrets.

    Tables become dicts, arrays and tuples lists, sets sorted lists; other values that TOML does not know become text.
    A table or an array deeper than 64 levels, or beyond about `most` values, is `CUT`; its key and what stands beside
    it are not. None and `MISSING` are never secrets.
    """
    return masker(most)(path, value)


def shown(config: object, *, most: int = _MOST_VALUES) -> object:
    """`masked`, for a whole configuration: a secret that a model put into another value is masked there, too."""
    from hotconf.secrets.scrubber import Scrubber

    return _scrubbed(masked((), config, most=most), Scrubber(secrets_in(config)).longer)


def masker(most: int = _MOST_VALUES) -> Callable[[KeyPath, object], object]:
    """`masked` for several values, which share the bound: code can make one thing stand in any number of places."""
    copier = _Copier(most)

    def masked_next(path: KeyPath, value: object) -> object:
        secret = secrecy_of(path)
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
        names = getattr(value, "_fields", ()) if secret is None else ()  # of a named tuple
        told = map(secrecy, map(str, names)) if names else repeat(secret)
        items = [self.copy(item, each, depth - 1) for item, each in zip(value, told, strict=False)]
        return sorted(items, key=_rank) if form == "set" else items

    def _may_hold(self, inner: Sized, depth: int) -> bool:
        # Of what is begun every key and every plain value is copied: nothing vanishes because a sibling is long.
        return (depth > 0 and self.left > 0) or not len(inner)

    def _table(self, table: Mapping[Any, object], secret: bool | None, depth: int) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key, value in table.items():
            name = spelled(key)
            plain[mask_credentials(name)] = self.copy(value, secrecy(name) if secret is None else secret, depth)
        return plain


def _plain(value: object) -> object:
    if isinstance(value, Cut):
        return value
    value = _plain_number(value)
    if isinstance(value, int | float | date | time | timedelta | Decimal):
        return value
    return mask_credentials(_text(value))


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


def may_quote(change: Change) -> bool:
    """Whether its values could contain a sufficiently long secret."""
    todo = [change.old, change.new]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, str) and len(value) >= DISTINCTIVE and value != MASK:
            return True
    return False


def scrubbed_change(change: Change, scrub: Scrubber) -> Change:
    """`change` without what `scrub` finds in its values: a model may combine a secret with other text."""
    old, new = _scrubbed(change.old, scrub), _scrubbed(change.new, scrub)
    return change if old is change.old and new is change.new else replace(change, old=old, new=new)


def _scrubbed(value: object, scrub: Scrubber) -> object:
    """`value`, which is masked, without the secrets that `scrub` knows; the same object if it contains none."""
    if type(value) is str and value != MASK:
        text = scrub(value, forms=False)
        return value if text == value else text
    if isinstance(value, dict):
        table = {key: _scrubbed(item, scrub) for key, item in value.items()}
        return table if any(table[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        items = [_scrubbed(item, scrub) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def secrets_in(table: object) -> frozenset[str]:
    """Every secret in `table`, a raw parsed table or a configuration, as text: what a `Scrubber` looks for.

    A user name without a password in a URL (`postgres@localhost`) is left out, unless it is as long as a token:
    masking it would garble ordinary text and protect nothing. Within the URL it is still masked.
    """
    return secrets_at((), table)


def secrets_at(path: KeyPath, value: object) -> frozenset[str]:
    """Those that stand in `value`, whose place is `path`."""
    return frozenset(text for text in _secret_texts(value, secrecy_of(path)) if text)


def _secret_texts(table: object, secret: bool | None) -> Iterator[str]:
    seen: set[tuple[int, bool | None]] = set()
    todo: list[tuple[Any, bool | None]] = [(table, secret)]
    while todo:
        value, secret = todo.pop()
        if type(value) is str and not _may_show(value) and value[:1] not in _JSON:  # as most are
            if secret:
                yield value
                yield value.strip()
            continue
        form = kind_of(type(value)).form
        if form == "wrapper":
            value = bare(value)
            form = kind_of(type(value)).form
        if form == "leaf":
            if isinstance(value, Enum):
                todo.append((value.value, secret))
            else:
                yield from _leaf_secrets(value, secret)
                todo += [(inner, secret) for inner in in_json(value)]
        elif form == "secret":
            todo.append((value.get_secret_value(), True))
        elif (id(value), secret) not in seen:
            seen.add((id(value), secret))
            todo += _table_texts(value, secret) if form == "table" else _item_texts(value, secret)


# Most values hold no secret, and this is done at every reload: they are passed by where they stand.


def _table_texts(table: Any, secret: bool | None) -> list[tuple[object, bool | None]]:
    found: list[tuple[object, bool | None]] = []
    for key, value in reader_of(type(table))(table).items():
        name = key if type(key) is str else spelled(key)
        told = secrecy(name) if secret is None else secret
        cls = type(value)
        if (cls is not str or value) and (told or _may_tell(value, cls)):
            found.append((value, told))
        if "@" in name or "=" in name:
            found.append((name, None))
        if name is not key and kind_of(type(key[1])).form == "secret":
            found.append((key[1], True))
    return found


def _may_tell(value: Any, cls: type) -> bool:
    """Whether anything under an ordinary key may be secret."""
    if cls is str:
        return _may_show(value)
    if cls in _HOLDERS and not value:
        return False
    if cls in _ARRAYS:
        return not _TEXT.issuperset(map(type, value)) or _may_show("\n".join(value))
    return cls not in _NEVER_TEXT


def _may_show(text: str) -> bool:
    """Whether a text may contain credentials by its form: a quick test, negative for most."""
    return "@" in text or "=" in text or " " in text or '"' in text or "%3" in text


def _item_texts(items: Iterable[Any], secret: bool | None) -> list[tuple[object, bool | None]]:
    names = getattr(items, "_fields", None)  # of a named tuple
    if names is not None and secret is None:
        return [(item, secrecy(str(name))) for name, item in zip(names, items, strict=False)]
    return [(item, secret) for item in items if secret or _may_tell(item, type(item))]


def _leaf_secrets(value: object, secret: bool | None) -> Iterator[str]:
    if value is None or value is MISSING or isinstance(value, bool):
        return
    if not secret and not isinstance(value, str | bytes) and not hasattr(type(value), "unicode_string"):
        return  # of other types only pydantic's URLs may contain credentials
    text = _text(_plain_number(value))
    if secret:
        yield text
        yield text.strip()  # as a model that strips white space would quote it
        if isinstance(value, date | time):
            yield from (value.isoformat(), repr(value))
    if isinstance(value, int | float | date | time):
        return
    for begin, end in credentials(text):
        shown = text[begin:end]
        user, colon, password = shown.partition(":")
        if colon or len(user) >= _SHORTEST_TOKEN or not text.startswith("@", end):
            yield shown
            yield password


def _plain_number(value: object) -> object:
    if isinstance(value, int) and value.bit_length() > _WIDEST_INT:
        return hex(value)  # Python refuses to spell wide integers in decimal
    return value


def in_json(value: object) -> list[object]:
    """The values in a JSON text; none in any other text."""
    if not isinstance(value, str | bytes) or value[:1] not in _JSON or value[-1:] not in _JSON:
        return []
    import json  # imported late, for few configurations hold any

    try:
        return [json.loads(value)]
    except (ValueError, RecursionError):
        return []


def secret_from(line: str, table: KeyPath = (), *, broken: bool = False, keys: Collection[str] = ()) -> int | None:
    """The offset from which `line`, one of source text below the header of `table`, is secret; None if it is not.

    All after the first `=` or `:` is, if a key on the line is secret. One in a comment or a string counts: what was
    commented out is still a secret. On a line that is not TOML, which is `broken`, any word counts.
    `keys`: more keys that are secret, as `secret_keys` tells them.
    """
    above = secrecy_of(table)
    within = above is True or _is_among(keys, table)
    for match in _KEY_ON_LINE.finditer(line):
        name, sets = match.groups()
        if sets or broken:
            words = tuple(_WORD.findall(name)) if "." in name else (name,)
            if (
                within
                or (above is None and is_secret_path(words))
                or (keys and _tells(keys, words, line, match.end()))
            ):
                return _value_from(line, match.end())
    if _ESCAPED.search(line):
        return _value_from(line, len(line))
    return None


def _is_among(keys: Collection[str], path: Iterable[str | int]) -> bool:
    return bool(keys) and (ANY_KEY in keys or any(key in keys for key in path))


def _tells(keys: Collection[str], words: Sequence[str], line: str, end: int) -> bool:
    """Whether the key of these words, or something below it on the same line, may be one of `keys`."""
    if _is_among(keys, words):
        return True
    is_whole = _OPENS.match(line, end) is not None
    return any(word + LEADS in keys for word in (words if is_whole else words[-1:]))


def _value_from(line: str, end: int) -> int:
    first = _SETS.search(line, 0, end)
    return end if first is None else first.end()
