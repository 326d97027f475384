"""`MappingLayer`: a fixed table over the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotconf.config.layers import LayerTable


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
