"""The active configuration as items: every value, where it was written, and what the last reload changed of it.

They are in the order of the files, and what no layer sets comes last. Secrets are masked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotconf.changes import MASK, MISSING, Change, Cut, contrasted, holds_cut, shown
from hotconf.keypath import KeyPath, dotted
from hotconf.text import file_name, quoted, source_name
from hotconf.tui.view.rows import Key, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hotconf.report.effective import Origins
    from hotconf.snapshot import Origin, Snapshot

At: TypeAlias = tuple[int, ...]
"""The number of the file, the line and the column."""
Mark: TypeAlias = Literal["", "changed", "inside"]
"""`changed`: it, or all of it, is new; `inside`: something below it is."""

MORE: Final = "…"
"""Something below needs a restart."""
_CUT: Final = "… too deep, or too much, to be shown"


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
    where: str = ""
    """Its origin in few letters: `config.toml:3`, `$APP_PORT`, `default`, `computed`; empty if it has none."""
    over: tuple[str, ...] = ()
    """Likewise, where weaker layers say something else, the strongest first."""
    children: tuple[Item, ...] = ()
    whole: object = None
    """The value itself, masked."""
    waits: str = ""
    """`9000` if the files say so, and that needs a restart; an ellipsis if there is such a value below."""
    warned: bool = False
    """There is a warning about it, or about something in it."""
    at: At = ()
    """Where it stands, or the first of what is in it, among all that the files say; empty if no file says it."""

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
    files = _Files(snapshot)
    return tuple(_Growing(Origins(snapshot), files, exact, within, waiting, warned).below((), whole, changed=False))


def _around(path: KeyPath) -> Iterator[KeyPath]:
    return (path[:length] for length in range(1, len(path)))


@dataclass(frozen=True, slots=True)
class _Growing:
    origins: Origins
    files: _Files
    exact: Mapping[KeyPath, Change]
    within: frozenset[KeyPath]
    """Every path that is changed, or that something changed stands below."""
    waiting: Mapping[KeyPath, str]
    """What needs a restart, as it is then; `MORE` of what it stands in."""
    warned: frozenset[KeyPath]
    """What there is a warning about, and what that stands in."""

    def below(self, path: KeyPath, value: object, *, changed: bool) -> Iterator[Item]:
        """The items of the table or array `value`; those of a table in the order of the files, the defaults last."""
        found = [self.item((*path, key), inner, changed=changed) for key, inner in _entries(value)]
        yield from found if isinstance(value, list) else sorted(found, key=_order)

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
        own = () if origin is None else (self.files.at(each) for each in (origin, *over))
        return Item(
            path,
            _label(path[-1], value),
            text,
            origin,
            mark,
            _was(exact),
            unset if origin is None else self.files.short(origin),
            tuple(map(self.files.short, over)),
            children,
            value,
            self.waiting.get(path, ""),
            warned=path in self.warned,
            at=min(filter(None, (*own, *(child.at for child in children))), default=()),
        )


class _Files:
    """The files of a snapshot, in their order, and what they are called."""

    def __init__(self, snapshot: Snapshot[Any]) -> None:
        found = dict.fromkeys(file.path for file in snapshot.files)
        found |= dict.fromkeys(origin.file for origin in snapshot.origins.values() if origin.file is not None)
        self._ranks = {path: rank for rank, path in enumerate(found)}
        self._names = short_names(found)

    def at(self, origin: Origin) -> At:
        """Where that is; empty if in no file."""
        if origin.file is None:
            return ()
        return (self._ranks.get(origin.file, len(self._ranks)), origin.line or 0, origin.column or 0)

    def short(self, origin: Origin) -> str:
        """That place in few letters."""
        return short(origin, self._names)


def _order(item: Item) -> tuple[bool, bool, At]:
    return not item.open, not item.at, item.at


def find(tree: Sequence[Item], path: Key) -> Item | None:
    """The item at `path`."""
    item = next((item for item in tree if item.path == path[: len(item.path)]), None)
    return item if item is None or item.path == path else find(item.children, path)


def whole(tree: Sequence[Item], path: Key) -> str:
    """`key = value` as it could stand in a file, however long the value is; nothing if `path` leads to none."""
    item = find(tree, path)
    return "" if item is None or item.value is None or item.cut else f"{dotted(item.path)} = {spelled(item.whole)}"


def spelled(value: object) -> str:
    """All of what `shown` shows the beginning of."""
    if isinstance(value, str) and value != MASK:
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{dotted((str(key),))} = {spelled(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(spelled, value)) + "]"
    return shown(value)


def short_names(files: Iterable[Path]) -> Mapping[Path, str]:
    """`config.toml`, or `models/a.toml` and `agents/a.toml`: the shortest ends of the paths that are different."""
    alike = defaultdict[str, set["Path"]](set)
    for file in files:
        alike[file_name(file)].add(file)
    return {file: _end(file, others - {file}) for others in alike.values() for file in others}


def short(origin: Origin, names: Mapping[Path, str]) -> str:
    """`config.toml:3` of the text of a configuration; else as people write it: `.env:2`, `secrets/db_password`."""
    if origin.file is None or origin.column is None:
        return origin.where
    return f"{names.get(origin.file, file_name(origin.file))}:{origin.line}"


def _end(file: Path, others: Iterable[Path]) -> str:
    if source_name(file):
        return file_name(file)
    parts = file.parts
    length = 1
    while length < len(parts) and any(other.parts[-length:] == parts[-length:] for other in others):
        length += 1
    return "/".join(parts[-length:])


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
