"""The configuration as lines: what files say is open, defaults are folded, until the reader decides otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hotconf.keypath import KeyPath, dotted
from hotconf.tui.view.configuration import Item, spelled
from hotconf.tui.view.rows import RESTART, WARNING, Key, Row, Span, Tone, counted, highlighted

if TYPE_CHECKING:
    from collections.abc import Iterator

Only: TypeAlias = Literal["", "set", "changed"]
"""What is shown: everything, what a layer sets, or what the last reload changed."""

MARK: Final = "●"
DEFAULTS: Final = -1
"""Ends the key of the line that stands for the defaults of a table; no key or place of an array is equal to it."""
_FEWEST_FOLDED: Final = 3


def rows(tree: Sequence[Item], toggled: Mapping[Key, bool], query: str = "", only: Only = "") -> tuple[Row, ...]:
    """The lines of `tree`; with a `query` what it is found in, opened, and what that stands in."""
    return tuple(_Lines(toggled, query.strip().casefold(), only).of((), tree, depth=0))


def is_marked(row: Row) -> bool:
    """Is what `row` shows new, or does it hold what is?"""
    return any(span.text.startswith(MARK) for span in row.right[:1])


def defaults(items: Sequence[Item]) -> Sequence[Item]:
    """Those of `items` that are one line: defaults, if there are enough, and others to be seen instead."""
    found = tuple(item for item in items if not item.open)
    return found if _FEWEST_FOLDED <= len(found) < len(items) else ()


@dataclass(frozen=True, slots=True)
class _Lines:
    toggled: Mapping[Key, bool]
    query: str
    only: Only

    def of(self, path: KeyPath, items: Sequence[Item], depth: int) -> Iterator[Row]:
        """The lines of `items`, which stand in `path`; defaults next to what is written are one line."""
        folded = () if self.query or self.only else defaults(items)
        for item in items:
            if item.open or not folded:
                yield from self.one(item, depth)
        if folded:
            key = (*path, DEFAULTS)
            opened = self.toggled.get(key, False)
            yield Row(key, (Span(counted(len(folded), "default"), "muted"),), depth=depth, expanded=opened)
            if opened:
                for item in folded:
                    yield from self.one(item, depth + 1)

    def one(self, item: Item, depth: int) -> Iterator[Row]:
        """The line of `item`, and those of what is open below it."""
        if not self._wanted(item) or (self.query and not _holds(item, self.query)):
            return
        opened = None
        if item.value is None:
            by_query = bool(self.query) and any(_holds(child, self.query) for child in item.children)
            opened = by_query or self.toggled.get(item.path, item.open)
        yield Row(
            key=item.path,
            spans=_spans(item, self.query, opened=opened),
            right=_right(item),
            depth=depth,
            expanded=opened,
            place=item.place,
            copy=dotted(item.path) if item.value is None or item.cut else f"{dotted(item.path)} = {item.value}",
        )
        if opened:
            yield from self.of(item.path, item.children, depth + 1)

    def _wanted(self, item: Item) -> bool:
        match self.only:
            case "set":
                return item.written
            case "changed":
                return bool(item.mark)
        return True


def _spans(item: Item, query: str, *, opened: bool | None) -> tuple[Span, ...]:
    label_tone: Tone = "accent" if item.mark == "changed" else "key"
    spans = [*highlighted(item.label, label_tone, query)]
    if item.value is not None:
        tone: Tone = "muted" if item.origin is None and not item.mark else "value"
        spans += [Span(" = ", "muted"), *highlighted(item.value, tone, query)]
    if query and _is_found(item, query) and not any(span.tone == "match" for span in spans):
        spans[0] = Span(item.label, "match")  # in its path, or in what the line has no room for
    if item.value is not None:
        if item.was:
            spans.append(Span(f"  {item.was}", "accent"))
        if item.waits:
            spans.append(Span(f"  {item.waits} after a restart", "warn"))
    elif not opened:
        spans.append(Span(f"  {counted(len(item.children), 'value')}", "muted"))
    return tuple(spans)


def _right(item: Item) -> tuple[Span, ...]:
    """The marks, which are never cut away as the end of a long value may be, and the origin."""
    marks = (
        *([Span(f"{MARK} ", "accent")] if item.mark else []),
        *([Span(f"{RESTART} ", "warn")] if item.waits else []),
        *([Span(f"{WARNING} ", "warn")] if item.warned else []),
    )
    over = f", over {', '.join(item.over)}" if item.over else ""
    # Of what is not all here it is not known whether a file sets it.
    return (*marks, Span(f"{item.where}{over}", "muted")) if item.where else marks


def _holds(item: Item, query: str) -> bool:
    # The path names the tables above it, so that all of a table is found by its name.
    return query in _text(item) or any(_holds(child, query) for child in item.children)


def _is_found(item: Item, query: str) -> bool:
    """Is it found itself, not only by the name of a table that it stands in?"""
    at = _text(item).rfind(query)
    return at >= 0 and at + len(query) > len(dotted(item.path[:-1]).casefold())


def _text(item: Item) -> str:
    text = f"{dotted(item.path)} = {item.value or ''}"
    if item.value is not None and "…" in item.value:
        text += spelled(item.whole)  # what the line shows a part of is found in all of it
    return text.casefold()
