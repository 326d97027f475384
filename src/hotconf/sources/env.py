"""`Env`: environment variables, as they are at each load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from hotconf import arguments
from hotconf.config.layers import TextTable
from hotconf.snapshot import Origin

NESTED: Final = "__"


class Env:
    """The variables whose names begin with `prefix`: `APP_SERVER__PORT` is `server.port`.

    What stands there decides how a text is read: text stays text, numbers and the like are read as pydantic reads
    them, arrays and tables are JSON. A variable for a key beats the one for the table around it.
    """

    __slots__ = ("_names", "case_sensitive", "nested", "prefix")

    def __init__(self, prefix: str = "", *, nested: str | None = NESTED, case_sensitive: bool = False) -> None:
        """`prefix`: what names begin with; a variable with a prefix that names no field is a warning.

        `nested`: stands between the keys; None: only keys of the root can be set. `case_sensitive`: names are
        spelled as the keys are; else case does not count, and `_` stands for other punctuation.

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

    def read(self) -> TextTable:
        """The variables as they are now."""
        texts = prefixed(os.environ.items(), self.prefix, case_sensitive=self.case_sensitive)
        found = {name: (text, Origin(self.name, f"${whole}")) for name, whole, text in texts}
        return TextTable(self.name, found, self.prefix, self.nested, self.case_sensitive)


def check_names(prefix: object, nested: object, case_sensitive: object) -> None:
    """Raise `UsageError` unless names can be read so."""
    if not isinstance(prefix, str):
        raise arguments.wrong("prefix", prefix, "a text, such as 'APP_'")
    if nested is not None and (not isinstance(nested, str) or not nested):
        raise arguments.wrong("nested", nested, "what stands between keys, such as '__', or None")
    arguments.flag("case_sensitive", case_sensitive)


def prefixed(
    given: Iterable[tuple[str, str]], prefix: str, *, case_sensitive: bool
) -> Iterator[tuple[str, str, str]]:
    """The names that begin with `prefix`: the rest of each, all of it, and its text."""
    length, begin = len(prefix), prefix if case_sensitive else prefix.lower()
    for name, text in given:
        if (name if case_sensitive else name[:length].lower()).startswith(begin) and len(name) > length:
            yield name[length:], name, text
