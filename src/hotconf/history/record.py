"""One published state as bytes, and back: whole and unaltered, or a reason why not.

hotconf state 1          what it is, and the version of this form
<SHA-256>                of everything after this line, in hexadecimal
{"number": 12, ...}      the index: JSON in plain ASCII on one line; nothing in it is secret
...                      the bytes of the files, one after the other
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from hotconf.formats.registry import FormatName
from hotconf.snapshot import SourceFile
from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC: Final = b"hotconf state 1\n"
MAX_LINES: Final = 20
"""Lines of the summary that are kept."""
MAX_LINE: Final = 200
"""Characters of each that are kept."""
MAX_KEYS: Final = 100
"""Secret keys that are kept: enough to tell models apart."""

_DIGITS: Final = 64
_FORMATS: Final = (None, *get_args(FormatName))
_ROLES: Final = ("main", "fragment", "named")


@dataclass(frozen=True, slots=True)
class Record:
    """A state as it is kept."""

    number: int
    """Rises with each state that is kept of one configuration, over all runs; 0 before it is kept."""
    at: datetime
    """UTC; when the files were read."""
    files: tuple[SourceFile, ...]
    """The main file first, then the fragments in the order in which they were merged."""
    summary: tuple[str, ...] = ()
    """What changed, in lines; empty if nothing was watching when it changed."""
    secret_keys: frozenset[str] = frozenset()
    """What its model keeps secret by type: a model that does not must not be used to show the files."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.content) for file in self.files)


@dataclass(frozen=True, slots=True)
class Damage:
    """Why what was found is not a state."""

    reason: str

    @property
    def text(self) -> str:
        """As the end of a sentence about the state."""
        return f"is damaged: {self.reason}"


def encode(record: Record) -> bytes:
    """`record` as bytes, its summary bounded and printable."""
    index = {
        "number": record.number,
        "at": record.at.isoformat(),
        "summary": bounded(record.summary),
        "formats": [file.format for file in record.files],
        "files": [[str(file.path), file.role, len(file.content)] for file in record.files],
        "secret_keys": sorted(record.secret_keys)[:MAX_KEYS],
    }
    if any(file.version for file in record.files):
        index["versions"] = [file.version for file in record.files]
    text = json.dumps(index, ensure_ascii=True, separators=(",", ":"))
    body = b"".join((text.encode("ascii"), b"\n", *(file.content for file in record.files)))
    return b"".join((MAGIC, _checksum(body), b"\n", body))


def decode(data: bytes, number: int, main: Path) -> Record | Damage:
    """The record in `data`, which is to be that of this number and of this configuration."""
    if not data.startswith(MAGIC):
        return Damage("not a state that this version of hotconf can read")
    begin = len(MAGIC) + _DIGITS + 1
    checksum, body = data[len(MAGIC) : begin], data[begin:]
    if checksum != _checksum(body) + b"\n":
        return Damage("wrong checksum")
    try:
        record = _record(body)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        return Damage(f"its index is malformed ({type(error).__name__})")
    if record.number != number:
        return Damage(f"it is state {record.number} under another name")
    if record.files[0].path != main:
        return Damage("it belongs to another configuration")
    return record


def bounded(summary: Iterable[str]) -> list[str]:
    """As much of `summary` as is kept."""
    lines = list(summary)
    kept = [shortened(printable(line), MAX_LINE) for line in lines[:MAX_LINES]]
    return kept if len(lines) <= MAX_LINES else [*kept, f"… and {len(lines) - MAX_LINES} more"]


def _checksum(body: bytes) -> bytes:
    return sha256(body).hexdigest().encode("ascii")


def _record(body: bytes) -> Record:
    text, _, contents = body.partition(b"\n")
    index: dict[str, Any] = json.loads(text)
    files: list[SourceFile] = []
    entries = index["files"]
    forms = index.get("formats") or [None] * len(entries)  # earlier versions had none
    versions = index.get("versions") or [""] * len(entries)
    for (path, role, size), form, version in zip(entries, forms, versions, strict=True):
        if role not in _ROLES or (role == "main") == bool(files) or not 0 <= size <= len(contents):
            raise ValueError(role)
        if form not in _FORMATS:
            raise ValueError(form)
        files.append(SourceFile(Path(path), role, contents[:size], form, str(version)))
        contents = contents[size:]
    if contents or not files:
        raise ValueError(len(contents))
    at = datetime.fromisoformat(index["at"])
    if at.tzinfo is None:
        raise ValueError(at)
    summary, keys = tuple(map(str, index["summary"])), frozenset(map(str, index.get("secret_keys", ())))
    return Record(int(index["number"]), at, tuple(files), summary, keys)
