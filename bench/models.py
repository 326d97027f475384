"""The configuration that grows: tables and plain values, as many as are wanted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Item(BaseModel):
    """A table with a few values."""

    model_config = ConfigDict(frozen=True)
    name: str
    size: int
    tags: list[str] = []


class Config(BaseModel):
    """Many of them, and many plain values."""

    model_config = ConfigDict(frozen=True)
    items: dict[str, Item] = {}
    values: dict[str, int] = {}


def item(nth: int, version: int) -> str:
    """One table of a file."""
    return f'[items.item{nth}]\nname = "item {nth}"\nsize = {version}\ntags = ["a", "b"]\n'


def items(size: int, version: int) -> str:
    """Tables of about so many bytes together, of which the first changes."""
    count = max(1, size // len(item(1000, 0)))
    return "".join(item(nth, version if nth == 0 else 0) for nth in range(count))


def values(count: int, version: int) -> str:
    """So many keys, one of which changes."""
    return "[values]\n" + "".join(f"k{nth} = {nth}\n" for nth in range(count - 1)) + f"hit = {version}\n"
