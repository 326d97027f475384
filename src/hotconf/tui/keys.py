"""The keys: what they are called and what they do. The classes' `BINDINGS` say it, once for all who show it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.keys import format_key

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES: Final = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
}


class Everywhere(App[None]):
    """The keys that work on every screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", show=False, priority=True, tooltip="all commands, to search and choose"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True, tooltip="suspend; fg comes back"),
        Binding("ctrl+c", "quit", show=False, priority=True, tooltip="leave the app"),
    ]


def label(key: str) -> str:
    """`key`, as bindings name it, as it is written on keyboards: `ctrl+p` is `Ctrl+P`."""
    if key.startswith("ctrl+"):
        return f"Ctrl+{key.removeprefix('ctrl+').upper()}"
    return _NAMES.get(key) or format_key(key)


def bindings(kind: type) -> list[Binding]:
    """The bindings that `kind` itself declares, in their order."""
    return [binding for binding in vars(kind).get("BINDINGS", ()) if isinstance(binding, Binding)]


def declared(kind: type) -> Iterator[Binding]:
    """The bindings that `kind` and the classes of this project below it declare, one for each key."""
    for each in kind.__mro__:
        if each.__module__.startswith("hotconf."):
            yield from Binding.make_bindings(bindings(each))


def lines(kind: type) -> list[tuple[tuple[str, ...], str]]:
    """What help says of the bindings of `kind`: keys, and what they do; neighbours that do the same share a line."""
    return [
        (tuple(label(key) for binding in same for key in binding.key.split(",")), what)
        for what, same in groupby(bindings(kind), lambda binding: binding.tooltip)
    ]
