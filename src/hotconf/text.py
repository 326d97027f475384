"""Text that came from outside, made safe to show: no control characters, no bidirectional tricks, one line."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path


def printable(text: str) -> str:
    """`text` with every character that is not printable shown as an escape (`\\n`, `\\x1b`, `\\u202e`)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escaped(char) for char in text)


def source_name(path: Path) -> str:
    """The name of a source that is no file, of which `path` is `/(KIND…)/NAME`; empty for a file."""
    text = str(path)
    return text.partition(")/")[2] if text.startswith("/(") else ""


def path_name(path: Path) -> str:
    """The whole path, or the name of another source, as data: not printable where the path is not."""
    return source_name(path) or str(path)


def file_name(path: Path) -> str:
    """The name of a file, or of another source, printable."""
    return printable(source_name(path) or path.name)


def short_path(path: Path) -> str:
    """`path` with the home directory as `~`, or the name of a source, printable."""
    if name := source_name(path):
        return printable(name)
    try:
        return printable(f"~/{path.relative_to(Path.home())}")
    except (ValueError, RuntimeError):
        return printable(str(path))


def local_time(at: datetime) -> str:
    """`2026-11-25 14:03:22`, where the reader is."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def quoted(text: str) -> str:
    """`text` as a TOML basic string: in double quotes, escaped, printable."""
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def shortened(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis, in at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def natural(text: str) -> tuple[list[tuple[int, str]], str]:
    """A key to sort by: numbers in a text count as numbers, so that `web-2` comes before `web-10`."""
    # Of two numbers the longer one is higher. Never as an `int`, which takes 4,300 digits only.
    parts = ((part.lstrip("0") if nth % 2 else part, nth % 2) for nth, part in enumerate(re.split(r"([0-9]+)", text)))
    return [(len(part) if number else 0, part) for part, number in parts], text


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(char: str) -> str:
    """The escape of `char`: `\\n`, `\\x1b`, `\\u202e`."""
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
