"""`Env`: environment variables, as they are at each load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from hotconf import arguments
from hotconf.config.layers import TextTable
from hotconf.keypath import KeyPath
from hotconf.snapshot import Origin
from hotconf.sources.base import TextLayer

NESTED: Final = "__"


class Env(TextLayer):
    """The variables whose names begin with `prefix`: `APP_SERVER__PORT` is `server.port`.

    The type of the field decides how a value is read: text stays text, numbers and the like are parsed as pydantic
    parses text, arrays and tables are JSON. A variable for a key overrides the one for its table.
    """

    __slots__ = ("_names", "case_sensitive", "nested", "prefix")

    def __init__(self, prefix: str = "", *, nested: str | None = NESTED, case_sensitive: bool = False) -> None:
        """`prefix`: what the names begin with; a variable that has it but names no field is a warning.

        `nested`: what separates the keys; None: only top-level keys can be set. `case_sensitive`: names are spelled
        exactly as the keys; otherwise case is ignored, and `_` stands for other punctuation.

        Raises `UsageError` for arguments that cannot work.
        """
        check_names(prefix, nested, case_sensitive)
        self.prefix = prefix
        self.nested = nested
        self.case_sensitive = case_sensitive and os.name != "nt"

    @property
    def name(self) -> str:
        """Shown where no variable is: `$APP_*`."""
        return f"${self.prefix}*"

    def __repr__(self) -> str:
        return f"Env({self.prefix!r})"

    def way(self, path: KeyPath, *, secret: bool) -> str | None:  # noqa: ARG002 - all are set alike
        """`set $APP_PORT`."""
        name = name_of(path, self.prefix, self.nested, case_sensitive=self.case_sensitive)
        return name and f"set ${name}"

    def read(self) -> TextTable:
        """The variables as they are now."""
        texts = prefixed(os.environ.items(), self.prefix, case_sensitive=self.case_sensitive)
        found = {name: (text, Origin(self.name, f"${whole}")) for name, whole, text in texts}
        return TextTable(self.name, found, self.prefix, self.nested, self.case_sensitive)


def check_names(prefix: object, nested: object, case_sensitive: object) -> None:
    """Raise `UsageError` unless names can be read so."""
    if not isinstance(prefix, str):
        raise arguments.wrong("prefix", prefix, "a string, such as 'APP_'")
    if nested is not None and (not isinstance(nested, str) or not nested):
        raise arguments.wrong("nested", nested, "the separator between keys, such as '__', or None")
    arguments.flag("case_sensitive", case_sensitive)


def name_of(path: KeyPath, prefix: str, nested: str | None, *, case_sensitive: bool) -> str | None:
    """The name for the value at `path`; None if there is none, as for an item of an array."""
    from hotconf.config.decoding.names import folded  # late: as for all layers of texts

    keys = [str(key) for key in path]
    if any(isinstance(key, int) for key in path) or (len(path) > 1 and not nested):
        return None
    name = prefix + (nested or "").join(keys if case_sensitive else map(folded, keys))
    return name if case_sensitive else name.upper()


def prefixed(
    given: Iterable[tuple[str, str]], prefix: str, *, case_sensitive: bool
) -> Iterator[tuple[str, str, str]]:
    """The names that begin with `prefix`: the rest of each, all of it, and its text."""
    length, begin = len(prefix), prefix if case_sensitive else prefix.lower()
    for name, text in given:
        if (name if case_sensitive else name[:length].lower()).startswith(begin) and len(name) > length:
            yield name[length:], name, text
