"""How values are shown: `masked` copies them into plain types, with `MASK` in place of secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from hotconf.changes import CUT, MASK, MISSING, Change, Cut
from hotconf.config.redaction.secret_values import as_text, is_wide, secrets_in
from hotconf.config.walk import bare, entries, item_secrecies, kind_of, spelled, value_at
from hotconf.keypath import KeyPath
from hotconf.secrets.credentials import mask_credentials
from hotconf.secrets.keys import DISTINCTIVE, secrecy, secrecy_of

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

_DEEPEST: Final = 64
_MOST_VALUES: Final = 500_000
"""More than files hold, and few enough for the memory: what code shares a thousand times would grow without end."""


def masked(path: KeyPath, value: object, *, most: int = _MOST_VALUES) -> object:
    """A copy of `value`, which stands at `path`, that is fit to be shown: of plain types and without secrets.

    Tables become dicts, arrays and tuples lists, sets sorted lists; other values that TOML does not know become text.
    A table or an array deeper than 64 levels, or beyond about `most` values, is `CUT`; its key and what stands beside
    it are not. None and `MISSING` are never secrets.
    """
    return Masker(most)(path, value)


def shown(config: object, secret: Iterable[KeyPath] = (), *, most: int = _MOST_VALUES) -> object:
    """`masked`, for a whole configuration: a secret that a model put into another value is masked there, too.

    `secret`: where values stand that are secrets, whatever they are called.
    """
    from hotconf.secrets.scrubber import Scrubber

    copy = masked((), config, most=most)
    known = set(secrets_in(config))
    for path in secret:
        known |= secrets_in(value_at(config, path), ("secret",))
        _hide(copy, path)
    return _scrubbed(copy, Scrubber(known).longer)


def shown_answer(path: KeyPath, value: object, scrub: Scrubber) -> object:
    """`masked`, for what one layer says: what the model keeps as a secret is only known to `scrub`."""
    return _scrubbed(_without(masked(path, value), scrub.secrets), scrub)


def _hide(table: Any, path: KeyPath) -> None:
    """Put a mask in place of what stands at `path`; `table` is a masked copy."""
    for key in path[:-1]:
        table = table.get(key) if isinstance(table, dict) else None
    if isinstance(table, dict) and table.get(path[-1]) is not None:
        table[path[-1]] = MASK


def _without(value: object, secrets: Collection[str]) -> object:
    if isinstance(value, dict):
        return {key: _without(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secrets) for item in value]
    plain = value is None or isinstance(value, bool)
    return value if plain or as_text(value) not in secrets else MASK


class Masker:
    """`masked` for several values, which share the bound: code can make one thing stand in any number of places."""

    __slots__ = ("_left",)

    def __init__(self, most: int = _MOST_VALUES) -> None:
        self._left = most
        """How many values the copies may still hold."""

    def __call__(self, path: KeyPath, value: object) -> object:
        """`value`, which stands at `path`, fit to be shown."""
        return self._copy(value, secrecy_of(path), _DEEPEST)

    def _copy(self, value: Any, secret: bool | None, depth: int) -> object:
        self._left -= 1
        value = bare(value)
        if value is None or value is MISSING:
            return value
        form = kind_of(type(value)).form
        if secret or form == "secret":
            return MASK
        if isinstance(value, Enum):
            return self._copy(value.value, secret, depth)
        if form == "leaf":
            return _plain(value)
        if form == "wrapper":
            return CUT  # a root model in itself
        inner = entries(value) if form == "table" else value
        if not self._may_hold(inner, depth):
            return CUT
        if form == "table":
            return self._table(inner, secret, depth - 1)
        secrecies = item_secrecies(value, secret)
        items = [self._copy(item, each, depth - 1) for item, each in zip(value, secrecies, strict=False)]
        return sorted(items, key=_rank) if form == "set" else items

    def _may_hold(self, inner: Sized, depth: int) -> bool:
        # Of what is begun every key and every plain value is copied: nothing vanishes because a sibling is long.
        return (depth > 0 and self._left > 0) or not len(inner)

    def _table(self, table: Mapping[Any, object], secret: bool | None, depth: int) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key, value in table.items():
            name = spelled(key)
            plain[mask_credentials(name)] = self._copy(value, secrecy(name) if secret is None else secret, depth)
        return plain


def _plain(value: object) -> object:
    if isinstance(value, Cut | int | float | date | time | timedelta | Decimal) and not is_wide(value):
        return value
    return mask_credentials(as_text(value))


def _rank(item: object) -> tuple[str, Any]:
    # Only within one type, and never for what may refuse to be ordered.
    orders = type(item) in (str, int, float)
    return type(item).__name__, item if orders else repr(item)


def scrubbed_changes(changes: Sequence[Change], scrubber: Callable[[], Scrubber]) -> tuple[Change, ...]:
    """`changes`, masked already, without secrets that a model combined with other text.

    `scrubber` is called only if a value could contain a sufficiently long secret.
    """
    if not any(_may_quote(value) for change in changes for value in (change.old, change.new)):
        return tuple(changes)
    scrub = scrubber().longer
    return tuple(
        replace(change, old=_scrubbed(change.old, scrub), new=_scrubbed(change.new, scrub)) for change in changes
    )


def hidden_changes(changes: Sequence[Change], secret: Collection[KeyPath]) -> tuple[Change, ...]:
    """`changes` with masks in place of what stands at one of the `secret` paths, below it or around it."""

    def hides(path: KeyPath) -> bool:
        return any(each[: len(path)] == path[: len(each)] for each in secret)

    def mask(value: object) -> object:
        return value if value is None or value is MISSING else MASK

    return tuple(
        replace(change, old=mask(change.old), new=mask(change.new)) if hides(change.path) else change
        for change in changes
    )


def _may_quote(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_may_quote, value.values()))
    if isinstance(value, list):
        return any(map(_may_quote, value))
    return isinstance(value, str) and len(value) >= DISTINCTIVE and value != MASK


def _scrubbed(value: object, scrub: Scrubber) -> object:
    """`value`, which is masked, without the secrets that `scrub` knows."""
    if isinstance(value, dict):
        return {key: _scrubbed(item, scrub) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item, scrub) for item in value]
    return scrub(value, forms=False) if type(value) is str else value
