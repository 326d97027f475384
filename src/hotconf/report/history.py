"""The history of a configuration: the states that are kept on disk, one line each, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hotconf.history.record import Damage, Record
from hotconf.report.cells import head as head_of
from hotconf.report.cells import width as cell_width
from hotconf.report.ndjson import rfc3339
from hotconf.text import file_name, local_time, path_name, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from hotconf.snapshot import SourceFile

    Kept: TypeAlias = tuple[int, Record | Damage]


def lines(kept: Sequence[Kept], cells: int | None = None) -> Iterator[str]:
    """A line for each state, in the order given, the newest first: number, when, files, size, what changed; no longer
    than `cells`, of a terminal.
    """
    width = max((len(str(number)) for number, _ in kept), default=0)
    for number, found, what in described(kept):
        head = f"{number:>{width}}"
        if isinstance(found, Damage):
            yield _cut(f"{head}  {what}", cells)
            continue
        files = _count(found.files)
        yield _cut(f"{head}  {local_time(found.at)}  {files:<8}  {_size(found.size):>8}  {what}", cells)


def _count(files: Sequence[SourceFile]) -> str:
    """`2 files`, or of a published document its version, and the files that it names."""
    main, *others = files
    if not main.version:
        return f"{len(files)} file{'s' if others else ''}"
    more = f", {len(others)} file{'s' if len(others) > 1 else ''}" if others else ""
    return f"version {printable(main.version)}{more}"


def _file_json(file: SourceFile) -> dict[str, object]:
    found: dict[str, object] = {"path": path_name(file.path), "role": file.role, "size": len(file.content)}
    return {**found, "version": file.version} if file.version else found


def _cut(line: str, cells: int | None) -> str:
    return line if cells is None or cell_width(line) <= cells else head_of(line, cells - 1) + "…"


def json_lines(kept: Sequence[Kept]) -> Iterator[str]:
    """The same as one JSON object a line. `damage` says why a state cannot be used; then most is null."""
    for number, found, what in described(kept):
        line: dict[str, object] = {"number": number, "what": what}
        if isinstance(found, Damage):
            line |= {"at": None, "files": [], "size": None, "summary": [], "damage": found.reason}
        else:
            files = [_file_json(file) for file in found.files]
            summary = list(found.summary)
            line |= {"at": rfc3339(found.at), "files": files, "size": found.size, "summary": summary, "damage": None}
        yield json.dumps(line, ensure_ascii=True)


def described(kept: Sequence[Kept]) -> Iterator[tuple[int, Record | Damage, str]]:
    """Each of `kept`, the newest first, with what changed or why it cannot be used, in one printable line."""
    older = (*(found for _, found in kept[1:]), None)
    for (number, found), before in zip(kept, older, strict=False):
        yield number, found, printable(_what(found, before))


def _what(found: Record | Damage, before: Record | Damage | None) -> str:
    if isinstance(found, Damage):
        return f"damaged: {found.reason}"
    if found.summary:
        more = len(found.summary) - 1
        return found.summary[0] + (f" (+{more} more)" if more else "")
    if before is None:
        return "the oldest that is kept"
    if isinstance(before, Damage):
        return ""
    how = "published" if found.files[0].version else "edited"
    return f"{how} while not watched: {', '.join(_differing(before, found))}"


def _differing(before: Record, after: Record) -> Iterator[str]:
    old, new = ({file.path: file.content for file in record.files} for record in (before, after))
    for path in dict.fromkeys((*new, *old)):
        if old.get(path) != new.get(path):
            sign = "+" if path not in old else "-" if path not in new else ""
            yield sign + file_name(path)


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
