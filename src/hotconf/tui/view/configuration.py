"""The active configuration as a tree: every value, where it was written, and what the last reload changed of it.

What the file says is open, what is only default is folded, until the person decides otherwise. Secrets are masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotconf.changes import MASK, MISSING, Change, Cut, contrasted, holds_cut, shown
from hotconf.keypath import KeyPath, dotted
from hotconf.snapshot import DEFAULT
from hotconf.text import quoted
from hotconf.tui.view.rows import RESTART, WARNING, Key, Place, Row, Span, Tone, counted, highlighted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.report.effective import Origins
    from hotconf.snapshot import Origin, Snapshot

Mark: TypeAlias = Literal["", "changed", "inside"]
"""`changed`: it, or all of it, is new; `inside`: something below it is."""

MARK: Final = "●"
MORE: Final = "…"
"""Something below needs a restart."""
DEFAULTS: Final = "…defaults"
"""Ends the key of the line that stands for the defaults of a table."""

_CUT: Final = "… too deep, or too much, to be shown"
_FEWEST_FOLDED: Final = 3


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the configuration, or a table of them."""

    path: KeyPath
    label: str
    value: str | None
    """None: it is a table, or an array of tables."""
    origin: Origin | None
    """None: no layer sets it."""
    mark: Mark
    was: str
    """What it was before the last reload, if that changed it."""
    unset: str = ""
    """Where a value comes from that no layer sets: `default` or `computed`."""
    over: tuple[Origin, ...] = ()
    """Where weaker layers say something else, the strongest first."""
    children: tuple[Item, ...] = ()
    whole: object = None
    """The value itself, masked."""
    waits: str = ""
    """`9000` if the files say so, and that needs a restart; an ellipsis if there is such a value below."""
    warned: bool = False
    """There is a warning about it, or about something in it."""

    @property
    def place(self) -> Place | None:
        """Where in a file it stands."""
        if self.origin is None or self.origin.file is None:
            return None
        return Place(self.origin.file, self.origin.line, self.origin.column)

    @property
    def written(self) -> bool:
        """Does a layer say something about it?"""
        return self.origin is not None or any(child.written for child in self.children)

    @property
    def cut(self) -> bool:
        """Is not all of it here?"""
        return self.value is not None and holds_cut(self.whole)

    @property
    def open(self) -> bool:
        """Is it worth being seen without being asked for?"""
        return bool(self.mark or self.waits or self.warned) or self.written


def items(snapshot: Snapshot[Any], changes: Sequence[Change]) -> tuple[Item, ...]:
    """The tree of `snapshot`; `changes` are those of the reload that brought it."""
    # Here and not above: the first frame is drawn before there is anything to mask.
    from hotconf.config.redaction.masking import shown
    from hotconf.report.effective import Origins

    exact = {change.path: change for change in changes}
    within = frozenset(path[:length] for path in exact for length in range(len(path) + 1))
    whole = shown(snapshot.config, snapshot.secret_paths())
    waiting = {path: MORE for change in snapshot.pending_restart for path in _around(change.path)}
    waiting |= {change.path: contrasted(change.old, change.new)[1] for change in snapshot.pending_restart}
    warned = frozenset(path for each in snapshot.warnings for path in (*_around(each.path), each.path))
    return tuple(_Growing(Origins(snapshot), exact, within, waiting, warned).below((), whole, changed=False))


def _around(path: KeyPath) -> Iterator[KeyPath]:
    return (path[:length] for length in range(1, len(path)))


@dataclass(frozen=True, slots=True)
class _Growing:
    origins: Origins
    exact: Mapping[KeyPath, Change]
    within: frozenset[KeyPath]
    """Every path that is changed, or that something changed stands below."""
    waiting: Mapping[KeyPath, str]
    """What needs a restart, as it is then; `MORE` of what it stands in."""
    warned: frozenset[KeyPath]
    """What there is a warning about, and what that stands in."""

    def below(self, path: KeyPath, value: object, *, changed: bool) -> Iterator[Item]:
        """The items of the table or array `value`: of a table first what is written, then what is only default."""
        found = [self.item((*path, key), inner, changed=changed) for key, inner in _entries(value)]
        yield from found if isinstance(value, list) else sorted(found, key=lambda item: not item.open)

    def item(self, path: KeyPath, value: object, *, changed: bool) -> Item:
        exact = self.exact.get(path)
        branch = _is_branch(value)
        changed = changed or exact is not None or (path in self.within and not branch)
        mark: Mark = "changed" if changed else "inside" if path in self.within else ""
        children = tuple(self.below(path, value, changed=changed)) if branch else ()
        text = None if branch else _text(value, exact)
        origin = self.origins.written(path)
        over = () if branch or origin is None else self.origins.over(path)
        unset = self.origins.of(path).where if origin is None and not branch and not holds_cut(value) else ""
        waits = self.waiting.get(path, "")
        label, warned = _label(path[-1], value), path in self.warned
        return Item(path, label, text, origin, mark, _was(exact), unset, over, children, value, waits, warned)


def rows(tree: Sequence[Item], toggled: Mapping[Key, bool], query: str = "") -> tuple[Row, ...]:
    """The lines of `tree`; with a `query` only what it is found in, opened, and what that stands in."""
    return tuple(_Lines(toggled, query.strip().casefold()).of((), tree, depth=0))


def whole(tree: Sequence[Item], path: Key) -> str:
    """`key = value` as it could stand in a file, however long the value is; nothing if `path` leads to none."""
    item = next((item for item in tree if item.path == path[: len(item.path)]), None)
    if item is None:
        return ""
    if item.path != path:
        return whole(item.children, path)
    return "" if item.value is None or item.cut else f"{dotted(item.path)} = {_spelled(item.whole)}"


def is_default(row: Row) -> bool:
    """Is what `row` shows a value that no layer sets?"""
    return origin_of(row) == DEFAULT.where and row.place is None


def origin_of(row: Row) -> str:
    """What `row` says about the origin of its value; empty if nothing."""
    return next((span.text for span in row.right[-1:] if not span.text.startswith((MARK, RESTART, WARNING))), "")


def is_marked(row: Row) -> bool:
    """Is what `row` shows new, or does it hold what is?"""
    return any(span.text.startswith(MARK) for span in row.right[:1])


@dataclass(frozen=True, slots=True)
class _Lines:
    toggled: Mapping[Key, bool]
    query: str

    def of(self, path: KeyPath, items: Sequence[Item], depth: int) -> Iterator[Row]:
        """The lines of `items`, which stand in `path`; defaults beside what is written are one line."""
        folded = () if self.query else _defaults(items)
        for item in items:
            if item not in folded:
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
        if self.query and not _holds(item, self.query):
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
            over=tuple(origin.line_only for origin in item.over),
            copy=dotted(item.path) if item.value is None or item.cut else f"{dotted(item.path)} = {item.value}",
        )
        if opened:
            yield from self.of(item.path, item.children, depth + 1)


def _defaults(items: Sequence[Item]) -> Sequence[Item]:
    """Those of `items` that are only defaults, if there are enough of them, and others to be seen instead."""
    found = tuple(item for item in items if not item.open)
    return found if _FEWEST_FOLDED <= len(found) < len(items) else ()


def _spans(item: Item, query: str, *, opened: bool | None) -> tuple[Span, ...]:
    label_tone: Tone = "accent" if item.mark == "changed" else "key"
    spans = [*highlighted(item.label, label_tone, query)]
    if item.value is not None:
        tone: Tone = "muted" if item.origin is None and not item.mark else "value"
        spans += [Span(" = ", "muted"), *highlighted(item.value, tone, query)]
        if item.was:
            spans.append(Span(f"  {item.was}", "accent"))
        if item.waits:
            spans.append(Span(f"  {item.waits} after a restart", "warn"))
    elif not opened:
        spans.append(Span(f"  {counted(len(item.children), 'value')}", "muted"))
    return tuple(spans)


def _right(item: Item) -> tuple[Span, ...]:
    """The mark, which is never cut away as the end of a long value may be, and the origin."""
    mark = (
        *([Span(f"{MARK} ", "accent")] if item.mark else []),
        *([Span(f"{RESTART} ", "warn")] if item.waits else []),
        *([Span(f"{WARNING} ", "warn")] if item.warned else []),
    )
    if item.origin is not None:
        over = f", over {', '.join(map(_short, item.over))}" if item.over else ""
        return (*mark, Span(f"{_short(item.origin)}{over}", "muted"))
    # Of what is not all here it is not known whether a file sets it.
    return (*mark, Span(item.unset, "muted")) if item.unset else mark


def _short(origin: Origin) -> str:
    """`config.toml:3` of the text of a configuration; else as people write it: `.env:2`, `secrets/db_password`."""
    return origin.where if origin.file is None or origin.column is None else f"{origin.file.name}:{origin.line}"


def _holds(item: Item, query: str) -> bool:
    # The path names the tables above it, so that all of a table is found by its name.
    text = f"{dotted(item.path)} = {item.value or ''}"
    if item.value is not None and "…" in item.value:
        text += _spelled(item.whole)  # what the line shows a part of is found in all of it
    return query in text.casefold() or any(_holds(child, query) for child in item.children)


def _text(value: object, change: Change | None) -> str:
    if isinstance(value, Cut):
        return _CUT
    return shown(value) if change is None else contrasted(change.old, value)[1]


def _was(change: Change | None) -> str:
    if change is None:
        return ""
    if change.old is MISSING or change.old is None:
        return "new"
    old, new = contrasted(change.old, change.new)
    return "changed" if old == new else f"was {old}"


def _spelled(value: object) -> str:
    """All of what `shown` shows the beginning of."""
    if isinstance(value, str) and value != MASK:
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{dotted((str(key),))} = {_spelled(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_spelled, value)) + "]"
    return shown(value)


def _is_branch(value: object) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value)


def _entries(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        return value.items()
    return list(enumerate(value)) if isinstance(value, list) else ()


def _label(key: str | int, value: object) -> str:
    """`daily_limit_usd`, or for an item of an array `[0] gemini`, by its name if it has one."""
    if isinstance(key, str):
        return dotted((key,))
    name = value.get("name") if isinstance(value, Mapping) else None
    return f"[{key}] {name}" if isinstance(name, str) else f"[{key}]"
