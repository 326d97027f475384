"""`Composer`: the nodes of a YAML text, from the events of libyaml, each with its value and its place.

libyaml scans and parses; what its events mean, and what is no configuration, is decided here, because PyYAML's own
loader follows YAML 1.1 and keeps no places. Aliases lead to the same node, so there may be many, but what they stand
for together is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH
from hotconf.formats.places import Range
from hotconf.formats.yaml.scalars import FIRST, kind_of, resolved

MAX_ALIASED: Final = 100_000
"""As many values may all aliases of a text stand for."""

_TAGS: Final = "tag:yaml.org,2002:"
_SCALARS: Final = ("str", "int", "float", "bool", "null")
_PROPERTIES: Final = re.compile(possessive(r"&[A-Za-z0-9_-]*+|!\S*+|\s++|#[^\n]*+"))
_TAG: Final = re.compile(r"(?:&\S++\s++)?(!\S*+)")
_ONCE: Final = "set each key once: remove one of the two"
_MERGE: Final = "write one: <<: [*first, *second]"
_QUOTE: Final = 'quote the key: "…": …'
_KINDS: Final = {"null": "empty", "bool": "true or false", "int": "an integer", "float": "a number"}
_OPEN: Final[Any] = object()


class RefusedError(Exception):
    """A text that YAML allows, and that is no configuration."""

    def __init__(self, reason: str, span: Range, hint: str | None = None, first: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span
        self.hint = hint
        self.first = first
        """Of a duplicate key, where the key stands first."""


class TooDeepError(Exception):
    """More than `MAX_DEPTH` levels."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Node:
    """A value, and where it is written. Of a scalar; there may be very many."""

    __slots__ = ("begin", "end", "value")

    block: bool = False
    """Whether it is a mapping or sequence without brackets."""
    height: int = 0
    """Levels below it; an empty sequence is one."""
    size: int = 1
    """Nodes in it, aliases expanded."""
    pairs: Sequence[Pair] = ()
    merged: Sequence[Node] = ()
    """The mappings below `<<`, strongest first."""
    items: Sequence[Node] = ()

    def __init__(self, value: Any, begin: int, end: int) -> None:
        self.value = value
        self.begin = begin
        self.end = end


Pair: TypeAlias = tuple[str, Range, Node]
"""A key, where it stands, and its value."""


class _Collection(Node):
    """A mapping or a sequence."""

    __slots__ = ("block", "height", "items", "merged", "pairs", "size")

    def __init__(self, value: Any, begin: int, *, block: bool) -> None:
        super().__init__(value, begin, begin)
        self.block = block
        self.height = 0
        self.size = 1
        self.pairs: list[Pair] = []
        self.merged: list[Node] = []
        self.items: list[Node] = []


class Composer:
    """The nodes of one text. Raises `RefusedError`, `TooDeepError`, `TooLongError`, and the errors of libyaml."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], Any] = CParser(text).get_event
        self._anchors: dict[str, Node] = {}
        self._aliased = 0
        self._last = 0
        """Behind the value that was read last."""
        self.flows: list[int] = []
        """Where the brackets that are open begin."""

    def root(self) -> Node | None:
        """All of it. None if it is empty."""
        event = self._start()
        if event is None:
            return None
        node = self._node(event, 0)
        self._next()
        event = self._next()
        if not isinstance(event, StreamEndEvent):
            begin, _ = span_of(event)
            raise RefusedError("more than one document", (begin, begin + 3), "keep one: a file is one document")
        return node

    def pairs(self) -> Iterator[Pair | Node]:
        """The pairs of the root, each as soon as it is read, then what is merged into it, and the root."""
        event = self._start()
        if isinstance(event, MappingStartEvent):
            root = _Collection({}, span_of(event)[0], block=not event.flow_style)
            yield from self._pairs(root, 0)
            yield from root.merged
            yield root

    def _start(self) -> Any:
        """The event that begins the root; None if there is no document."""
        self._next()
        return None if isinstance(self._next(), StreamEndEvent) else self._next()

    def _node(self, event: Any, level: int) -> Node:
        """What `event` begins, in so many levels."""
        anchor = event.anchor
        if isinstance(event, ScalarEvent) and anchor is None and level <= MAX_DEPTH:
            node = self._scalar(event)
            self._last = node.end
            return node
        if isinstance(event, AliasEvent):
            node = self._alias(event, level)
            self._last = span_of(event)[1]
            return node
        if level > MAX_DEPTH or (level == MAX_DEPTH and isinstance(event, SequenceStartEvent)):
            raise TooDeepError(span_of(event)[0])
        if anchor is not None:
            self._anchors[anchor] = _OPEN
        node = self._scalar(event) if isinstance(event, ScalarEvent) else self._collection(event, level)
        if anchor is not None:
            self._anchors[anchor] = node
        self._last = node.end
        return node

    def _alias(self, event: Any, level: int) -> Node:
        span = span_of(event)
        node = self._anchors.get(event.anchor)
        if node is None:
            hint = "write &name before a value above, or put text that begins with * in quotes"
            raise RefusedError("unknown alias", span, hint)
        if node is _OPEN:
            raise RefusedError("an alias inside its own value", span, "write the value out")
        if level + node.height > MAX_DEPTH:
            raise TooDeepError(span[0])
        self._aliased += node.size
        if self._aliased > MAX_ALIASED:
            raise RefusedError(f"aliases for more than {MAX_ALIASED:,} values", span, "write fewer of them")
        return node

    # Scalars

    def _scalar(self, event: Any) -> Node:
        begin, end = event.start_mark.index, event.end_mark.index
        text: str = event.value
        if event.tag is not None or event.anchor is not None:
            begin = self._behind_properties(begin, end)
        if event.style in ("|", ">"):
            end = begin + len(self._text[begin:end].rstrip())
        if event.tag is not None:
            return Node(self._tagged(event, text, (begin, end)), begin, end)
        if not event.implicit[0] or (text and text[0] not in FIRST):
            return Node(text, begin, end)
        return Node(resolved(text, (begin, end)), begin, end)

    def _behind_properties(self, begin: int, end: int) -> int:
        found = _PROPERTIES.match(self._text, begin)
        return begin if found is None else min(found.end(), end)

    def _tagged(self, event: Any, text: str, span: Range) -> Any:
        kind = self._tag(event, _SCALARS)
        if kind == "str":
            return text
        looks = kind_of(text)
        if looks != kind and (kind, looks) != ("float", "int"):
            raise RefusedError(
                f"this is not {'an' if kind == 'int' else 'a'} {kind}",
                span,
                f"remove !!{kind}, or write what it says",
            )
        value: Any = resolved(text, span)
        return float(value) if kind == "float" else value

    def _tag(self, event: Any, known: tuple[str, ...]) -> str:
        kind: str = event.tag.removeprefix(_TAGS)
        if event.tag == "!":
            return known[0]
        if kind in known and event.tag != kind:
            return kind
        begin, _ = span_of(event)
        found = _TAG.match(self._text, begin)
        names = ", ".join(f"!!{name}" for name in known)
        hint = f"remove it (known is {names}), or put text that begins with ! in quotes"
        raise RefusedError("unknown tag", (begin, begin + 1) if found is None else found.span(1), hint)

    # Collections

    def _collection(self, event: CollectionStartEvent, level: int) -> Node:
        begin, _ = span_of(event)
        is_mapping = isinstance(event, MappingStartEvent)
        if event.tag is not None:
            self._tag(event, ("map",) if is_mapping else ("seq",))
        node = _Collection({} if is_mapping else [], begin, block=not event.flow_style)
        if event.flow_style:
            self.flows.append(begin)
        if is_mapping:
            for _ in self._pairs(node, level):
                pass
        else:
            self._items(node, level)
        if event.flow_style:
            self.flows.pop()
        if event.tag is not None or event.anchor is not None:
            node.begin = self._behind_properties(begin, node.end)
        return node

    def _items(self, node: _Collection, level: int) -> None:
        values, height = node.value, 0
        while not isinstance(event := self._next(), SequenceEndEvent):
            item = self._node(event, level + 1)
            node.items.append(item)
            values.append(item.value)
            node.size += item.size
            height = max(height, item.height)
        node.height = height + 1
        node.end = self._last if node.block else span_of(event)[1]

    def _pairs(self, node: _Collection, level: int) -> Iterator[Pair]:
        """Fill a mapping, pair by pair."""
        first: dict[str | None, int] = {}
        own: dict[str, Any] = node.value
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._node(event, level + 1)
            name, span = key.value, (key.begin, self._last)
            if type(name) is not str or name == "<<" or isinstance(event, AliasEvent):
                span = span_of(event)[0] if isinstance(event, AliasEvent) else key.begin, self._last
                name = None if _merges(key, event) else _name(key, event, span)
            if first.setdefault(name, span[0]) != span[0]:
                raise RefusedError("duplicate key", span, _MERGE if name is None else _ONCE, first[name])
            value = self._node(self._next(), level + 1)
            node.size += value.size + 1
            node.height = max(node.height, value.height + 1)
            if name is None:
                node.merged = _mappings(value)
            else:
                own[name] = value.value
                node.pairs.append((name, span, value))
                yield name, span, value
        if node.merged:
            table: dict[str, Any] = {}
            for each in reversed(node.merged):
                table.update(each.value)
            node.value = table | own
        node.end = self._last if node.block else span_of(event)[1]


def _merges(key: Node, event: Any) -> bool:
    return key.value == "<<" and isinstance(event, ScalarEvent) and bool(event.implicit[0])


def _name(key: Node, event: Any, span: Range) -> str:
    if isinstance(key.value, str):
        return key.value
    if isinstance(key.value, dict | list):
        hint = "put text that begins with a bracket in quotes"
        raise RefusedError("a key must be text", (span[0], span[0] + 1), hint)
    if span[0] == span[1]:
        raise RefusedError("missing key", span, "write key: value")
    kind = _KINDS[kind_of(event.value)] if isinstance(event, ScalarEvent) else "not"
    raise RefusedError(f"a key must be text, and this is {kind}", span, _QUOTE)


def span_of(event: Any) -> Range:
    """Where what `event` is about stands, with its anchor and tag."""
    return event.start_mark.index, event.end_mark.index


def _mappings(value: Node) -> list[Node]:
    merged = list(value.items) if isinstance(value.value, list) else [value]
    if all(isinstance(each.value, dict) for each in merged):
        return merged
    hint = 'write <<: *name, or a list of such; if it is a key, quote it: "<<"'
    raise RefusedError("<< merges mappings only", (value.begin, value.end), hint)
