"""`PathIndex`: who follows which value, by key path, so that a change is told only to those whom it may concern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from hotconf.changes import MASK
from hotconf.config.walk import bare, fields_of, per_class

if TYPE_CHECKING:
    from hotconf.keypath import KeyPath

F = TypeVar("F")


class _Node(Generic[F]):
    """One key path, and those below it."""

    __slots__ = ("below", "here")

    def __init__(self) -> None:
        self.below: dict[str | int, _Node[F]] = {}
        self.here: dict[int, F] = {}

    def everyone(self) -> Iterator[F]:
        """Who follows this path or one below it."""
        todo = [self]
        while todo:
            node = todo.pop()
            yield from list(node.here.values())
            todo += node.below.values()


class PathIndex(Generic[F]):
    """PathIndex by key path, each with a number that is its own. Not locked; runs no users' code."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[F] = _Node()

    def add(self, path: KeyPath, number: int, follower: F) -> None:
        """Take `follower` in."""
        node = self._root
        for key in path:
            node = node.below.setdefault(key, _Node())
        node.here[number] = follower

    def remove(self, path: KeyPath, number: int) -> None:
        """Forget it; one that is not there is no error."""
        way = [self._root]
        for key in path:
            below = way[-1].below.get(key)
            if below is None:
                return
            way.append(below)
        way[-1].here.pop(number, None)
        for key, around in zip(reversed(path), way[-2::-1], strict=True):
            node = around.below[key]
            if node.here or node.below:
                break
            del around.below[key]

    def everyone(self) -> Iterator[F]:
        """All of them."""
        return self._root.everyone()

    def affected(self, changed: Iterable[KeyPath], config: object) -> Iterator[F]:
        """Whose value may have changed, if all changes are at the paths `changed` of `config`. One may come twice.

        Those who follow a table around a change, the value itself, or something inside it. A follower may name a
        field by its key in the file or by its name in the model; where it is not known which key that is, all count.
        """
        for path in changed:
            nodes, value = [self._root], config
            for key in path:
                for node in nodes:
                    yield from list(node.here.values())
                nodes = [node for node in nodes if node.below]
                if not nodes:
                    break  # nobody follows what is further in
                names, value = _step(value, key)
                if not names:
                    break
                nodes = [below for node in nodes for name in names if (below := node.below.get(name)) is not None]
            for node in nodes:
                yield from node.everyone()


def _step(value: Any, key: str | int) -> tuple[tuple[str | int, ...], object]:
    """The names by which a follower may know what stands under `key` of `value`, and that; no names if unknown."""
    value = bare(value)
    if isinstance(key, str) and MASK in key:  # the key of a change is fit to be shown, and not as it is
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
