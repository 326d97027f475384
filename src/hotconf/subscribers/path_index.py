"""`PathIndex`: finds those among thousands of followers whose value a change may concern, by key path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import BaseModel

from hotconf.changes import MASK
from hotconf.config.walk import bare, fields_of, per_class

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath

F = TypeVar("F")

_NOBODY: Final[dict[int, Any]] = {}


class PathIndex(Generic[F]):
    """Followers of key paths, each with a number that is its own. Not locked; runs no users' code."""

    __slots__ = ("_at", "_within")

    def __init__(self) -> None:
        self._at: dict[KeyPath, dict[int, F]] = {}
        self._within: dict[KeyPath, dict[int, F]] = {}
        """Those of the path itself, and of all paths below it."""

    def add(self, path: KeyPath, number: int, follower: F) -> None:
        """Take `follower` in."""
        for table, key in self._places(path):
            table.setdefault(key, {})[number] = follower

    def remove(self, path: KeyPath, number: int) -> None:
        """Forget it; one that is not there is no error."""
        for table, key in self._places(path):
            followers = table.get(key, {})
            followers.pop(number, None)
            if not followers:
                table.pop(key, None)

    def _places(self, path: KeyPath) -> Iterator[tuple[dict[KeyPath, dict[int, F]], KeyPath]]:
        yield self._at, path
        for end in range(len(path) + 1):
            yield self._within, path[:end]

    def all(self) -> list[F]:
        """All of them."""
        return list(self._within.get((), _NOBODY).values())

    def __len__(self) -> int:
        """How many key paths it knows, those around followed ones included."""
        return len(self._within)

    def affected(self, changed: Iterable[KeyPath], config: object) -> set[F]:
        """Those whose value may have changed, if all changes are at the paths `changed` of `config`.

        They follow a table around a change, the value itself, or something inside it. A follower may name a field by
        its key in the file or by its name in the model; where it is unknown which key that is, all count.
        """
        found: set[F] = set()
        for path in changed:
            prefixes: list[KeyPath] = [()]
            value = config
            for key in path:
                for prefix in prefixes:
                    found.update(self._at.get(prefix, _NOBODY).values())
                names, value = _step(value, key)
                if not names:
                    break
                prefixes = [
                    further for each in prefixes for name in names if (further := (*each, name)) in self._within
                ]
            for prefix in prefixes:
                found.update(self._within.get(prefix, _NOBODY).values())
        return found


def _step(value: Any, key: str | int) -> tuple[tuple[str | int, ...], object]:
    """The names by which a follower may know what stands under `key` of `value`, and that; no names if unknown."""
    value = bare(value)
    if isinstance(key, str) and MASK in key:  # changes show keys without secrets
        return (), None
    if isinstance(value, BaseModel):
        name = _names(type(value)).get(str(key))
        if name is None:
            return (key,), (value.__pydantic_extra__ or {}).get(str(key))
        return (key, name), value.__dict__.get(name)
    if isinstance(value, dict):
        return (key,), dict.get(value, key)
    if isinstance(value, list | tuple) and isinstance(key, int):
        return (key,), value[key] if 0 <= key < len(value) else None
    return (), None


@per_class
def _names(cls: type) -> dict[str, str]:
    """The names of the fields of `cls` by their keys."""
    return dict(fields_of(cls))
