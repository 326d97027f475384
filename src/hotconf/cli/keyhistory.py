"""`changes_of`: what became of one value in the states that are kept."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.changes import Change
from hotconf.cli.echo import echo, stdout
from hotconf.cli.states import key_of
from hotconf.cli.wrap import terminal_cells
from hotconf.history.record import Damage
from hotconf.inspection.inspect import State, inspect_kept
from hotconf.report.comparison import in_cells
from hotconf.report.effective import Effective
from hotconf.report.ndjson import changes_json, rfc3339
from hotconf.text import local_time, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hotconf.history.record import Record
    from hotconf.keypath import KeyPath
    from hotconf.sources.base import Options


def changes_of(
    key: str, kept: Sequence[tuple[int, Record | Damage]], options: Options[Any], *, as_json: bool
) -> Iterator[str]:
    """A line for each change of the value or table `key`, the newest first. `kept`: the newest first.

    What cannot be read any more is passed over, and reported on stderr. Raises `UsageError` if there is no such key.
    """
    path = key_of(key, options.schema)
    found: list[str] = []
    before: State[Any] | None = None
    for number, record in reversed(kept):
        if isinstance(record, Damage):
            echo(f"State {number} is skipped: it is damaged", err=True)
            continue
        state = _state(number, record, options, before)
        if state is None:
            continue
        at = record.at
        own = [each for each in state.changes if _concerns(each.path, path)]
        shown = partial(_json, number, rfc3339(at)) if as_json else partial(_line, number, local_time(at))
        found += map(shown, own)
        before = state
    if before is not None and not found:
        Effective(before.snapshot, path)  # raises for what is no key
        echo(f"No change of {printable(key)} is kept", err=True)
    yield from reversed(found)


def _state(number: int, record: Record, options: Options[Any], before: State[Any] | None) -> State[Any] | None:
    from hotconf.config.redaction.secret_keys import secret_keys

    if record.secret_keys - secret_keys(options.schema):
        echo(f"State {number} is skipped: it has secrets that this model does not declare", err=True)
        return None
    found = inspect_kept(record, options, against=before.snapshot if before is not None else None)
    if isinstance(found, State):
        return found
    echo(f"State {number} is skipped: it is no longer valid", err=True)
    return None


def _concerns(changed: KeyPath, path: KeyPath) -> bool:
    """Whether one is in the other."""
    depth = min(len(changed), len(path))
    return changed[:depth] == path[:depth]


def _line(number: int, at: str, change: Change) -> str:
    head = f"@{number}  {at}  "
    cells = terminal_cells(stdout())
    return head + in_cells(change, None if cells is None else cells - len(head))


def _json(number: int, at: str, change: Change) -> str:
    (what,) = changes_json([change])
    return json.dumps({"number": number, "at": at, "change": what}, ensure_ascii=True)
