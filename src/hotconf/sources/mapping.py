"""Tables that the program gives: `MappingLayer`, a fixed one over the files; `Overrides`, those over all layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hotconf.config.layers import LayerTable
from hotconf.errors import UsageError


class MappingLayer:
    """A fixed, named table of the program's."""

    __slots__ = ("_said",)

    def __init__(self, table: Mapping[str, Any], name: str) -> None:
        """`table` is copied. Raises `UsageError` if it holds anything that no file could."""
        self._said = LayerTable.of(name, table)

    @property
    def name(self) -> str:
        """Shown in origins and problems."""
        return self._said.layer

    def read(self) -> LayerTable:
        """The table, always the same."""
        return self._said


class Overrides:
    """Those in force in one watcher, in the order in which they were entered.

    No lock guards them: each change is one call into C.
    """

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: dict[object, tuple[LayerTable, int]] = {}

    def __contains__(self, token: object) -> bool:
        return token in self._entered

    @property
    def tables(self) -> tuple[LayerTable, ...]:
        """What they say, weakest first."""
        return tuple([table for table, _ in list(self._entered.values())])

    def enter(self, token: object, table: LayerTable, thread: int) -> None:
        """From now on `table` is the strongest; `thread` is where it was entered."""
        if self is NO_OVERRIDES:
            raise UsageError("nothing can be overridden here")
        self._entered[token] = table, thread

    def tables_with(self, token: object, table: LayerTable | None) -> tuple[LayerTable, ...]:
        """What they would say with this one in addition; without it, if it says nothing."""
        others = tuple([each for other, (each, _) in list(self._entered.items()) if other is not token])
        return others if table is None else (*others, table)

    def leave(self, token: object) -> None:
        """Without that one from now on."""
        self._entered.pop(token, None)

    def abandon(self, thread: int) -> int:
        """In a forked child: keep those of this thread. Returns how many were dropped."""
        gone = [token for token, (_, entered) in self._entered.items() if entered != thread]
        for token in gone:
            del self._entered[token]
        return len(gone)


NO_OVERRIDES: Final = Overrides()
"""Of what is loaded without a watcher: always none."""
