"""Checks of a document before it is published: syntax, size, and that it keeps hot reload on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.fleet.errors import TooLargeError
from hotconf.formats.registry import FormatName, named, parse
from hotconf.problems import Problem

MOST_BYTES: Final = 1 << 20


def check(name: str, data: object, form: FormatName) -> None:
    """Raises `TooLargeError`, or `UsageError` for an invalid document of the fleet `name`."""
    if not isinstance(data, bytes):
        raise UsageError(f"data {arguments.of_type(data)}: give the bytes of a document")
    if len(data) > MOST_BYTES:
        limit = "a fleet's document has at most 1 MiB, because etcd takes at most 1.5 MiB a request"
        raise TooLargeError(f"the document has {len(data):,} bytes: {limit}")
    found = parse(data, Path(f"/(etcd)/{name}"), form=named(form))
    if isinstance(found, Problem):
        raise UsageError(f"the document is no {form.upper()}: {found.with_hint}")
    if _turns_off(found.table):
        raise UsageError("hot_reload.enabled = false: a fleet that does not reload could not be published to again")


def _turns_off(table: dict[str, Any]) -> bool:
    return any(
        isinstance(inner := table.get(name), dict) and inner.get("enabled") in (False, "false")
        for name in ("hot_reload", "hot-reload")
    )
