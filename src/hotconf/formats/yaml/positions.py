"""`places`: where every key and value of a YAML text begins and ends.

What an alias stands for, and what `<<` merges, stands where it is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from hotconf.formats.places import Place, Places, Range
from hotconf.formats.yaml.compose import Composer, Node
from hotconf.keypath import KeyPath


def places(text: str) -> Places:
    """The places in a text that the parser accepted. A pair of the root is read when a question needs it."""
    return Places(text, _root(text))


def _root(text: str) -> Iterator[Place]:
    whole: Node | None = None
    for each in Composer(text).pairs():
        if isinstance(each, Node):
            yield from _inside(each, ())
            whole = each
        else:
            name, key, value = each
            yield from _places(value, (name,), key)
    if whole is not None:
        own = whole.begin, whole.end
        yield (), own, own


def _places(node: Node, path: KeyPath, key: Range | None) -> Iterator[Place]:
    """Of a value and all in it. A mapping or sequence without brackets stands at its `key`, if it has one."""
    own = node.begin, node.end
    yield path, key or own, (key or own) if node.block else own
    yield from _inside(node, path)


def _inside(node: Node, path: KeyPath) -> Iterator[Place]:
    for name, key, value in node.pairs:
        yield from _places(value, (*path, name), key)
    for merged in node.merged:
        yield from _inside(merged, path)
    for index, item in enumerate(node.items):
        yield from _places(item, (*path, index), None)
