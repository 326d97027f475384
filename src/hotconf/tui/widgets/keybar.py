"""`KeyBar`: the keys that work now, as many as fit; help and the way out always."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.widgets import Static

if TYPE_CHECKING:
    from textual import events
    from textual.binding import Binding
    from textual.screen import Screen

_ALWAYS: Final = ("back", "app.help", "app.quit")


class KeyBar(Static):
    """One line at the bottom; a click on a key presses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--text"}

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._keys: list[tuple[int, str]] = []
        """Where each key ends, from left to right."""

    def on_mount(self) -> None:
        """Have `update` called when other keys work."""
        self.screen.bindings_updated_signal.subscribe(self, self._renew, immediate=True)

    def on_resize(self) -> None:
        """As many as fit."""
        self._renew(self.screen)

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        key = next((key for end, key in self._keys if event.x < end), "")
        if key:
            self.app.simulate_key(key)

    def _renew(self, screen: Screen[object]) -> None:
        if screen is not self.screen or not self.size.width:
            return
        active = [found.binding for found in screen.active_bindings.values() if found.binding.show and found.enabled]
        right = [(self._label(binding), binding.key) for binding in active if binding.action in _ALWAYS]
        room = self.size.width - sum(label.cell_len for label, _ in right)
        left = []
        for binding in active:
            label = self._label(binding)
            if binding.action in _ALWAYS:
                continue
            if label.cell_len > room:
                break
            room -= label.cell_len
            left.append((label, binding.key))
        self._lay_out([*left, (Text(" " * max(0, room)), ""), *right])

    def _lay_out(self, labels: list[tuple[Text, str]]) -> None:
        ends = accumulate(label.cell_len for label, _ in labels)
        self._keys = [(end, key) for end, (_, key) in zip(ends, labels, strict=True)]
        self.update(Text.assemble(*(label for label, _ in labels), no_wrap=True))

    def _label(self, binding: Binding) -> Text:
        return Text.assemble(
            (f" {self.app.get_key_display(binding)}", self.get_component_rich_style("keys--key")),
            (f" {binding.description} ", self.get_component_rich_style("keys--text")),
        )
