"""`KeyBar`: the keys that work now, as many as fit; the most needed ones stay longest."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.binding import Binding
    from textual.screen import Screen

_FIRST: Final = ("app.quit", "back", "leave", "app.help", "app.edit", "search", "app.difference")
"""These stay longest as it gets narrow, the first of them to the last; then what comes first in its bindings."""
_RIGHT: Final = ("back", "leave", "app.help", "app.quit")


class KeyBar(Widget):
    """One line at the bottom; a click on a key presses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--text"}

    def __init__(self) -> None:
        super().__init__()
        self._shown_keys: tuple[Binding, ...] = ()
        self._urgent = ""
        self._ends: tuple[tuple[int, str], ...] = ()
        """Where each key ends, from left to right."""

    def on_mount(self) -> None:
        """Be told when other keys work."""
        self.screen.bindings_updated_signal.subscribe(self, self._renew, immediate=True)
        self._renew(self.screen)

    def show(self, urgent: str) -> None:
        """Keep the key of the action `urgent`, if there is one, as long as those that stay longest."""
        if urgent != self._urgent:
            self._urgent = urgent
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        key = next((key for end, key in self._ends if event.x < end), "")
        if key:
            self.app.simulate_key(key)

    def render(self) -> Text:
        """As many as fit: what is to do now on the left, help and the way out on the right."""
        shown = self._fitting(self.size.width)
        left = [binding for binding in shown if binding.action not in _RIGHT]
        right = [binding for binding in shown if binding.action in _RIGHT]
        gap = max(0, self.size.width - sum(len(self._text(binding)) for binding in shown))
        parts = [*((self._label(each), each.key) for each in left), (Text(" " * gap), "")]
        parts += [(self._label(each), each.key) for each in right]
        ends = accumulate(label.cell_len for label, _ in parts)
        self._ends = tuple((end, key) for end, (_, key) in zip(ends, parts, strict=True))
        return Text.assemble(*(label for label, _ in parts), no_wrap=True, overflow="crop")

    def _renew(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        found = (active.binding for active in screen.active_bindings.values() if active.enabled)
        bindings = tuple(binding for binding in found if binding.show)
        if bindings != self._shown_keys:
            self._shown_keys = bindings
            self.refresh()

    def _fitting(self, width: int) -> Sequence[Binding]:
        """Those that there is room for, in their own order."""
        rank = {action: number for number, action in enumerate((*_FIRST, self._urgent))}
        shown = []
        for binding in sorted(self._shown_keys, key=lambda each: rank.get(each.action, len(rank))):
            width -= len(self._text(binding))
            if width < 0:
                break
            shown.append(binding)
        return [binding for binding in self._shown_keys if binding in shown]

    def _text(self, binding: Binding) -> str:
        return f" {self.app.get_key_display(binding)} {binding.description} "

    def _label(self, binding: Binding) -> Text:
        # The styles are asked for as it is drawn: the theme may have changed.
        key = self.app.get_key_display(binding)
        return Text.assemble(
            (f" {key}", self.get_component_rich_style("keys--key")),
            (self._text(binding)[1 + len(key) :], self.get_component_rich_style("keys--text")),
        )
