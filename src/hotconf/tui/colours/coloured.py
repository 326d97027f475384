"""`Coloured`: an app in a theme that suits its terminal, or that its user chose."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from rich.console import Console
from textual import constants
from textual.app import App
from textual.filter import LineFilter, NoColor

from hotconf.tui.colours.quantised import Quantised
from hotconf.tui.colours.terminal import Depth, depth, is_light
from hotconf.tui.colours.themes import shown_as, suitable
from hotconf.tui.colours.tones import TONES, exact, nearest, variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.theme import Theme

    from hotconf.tui.colours.themes import Choice

_PLAIN: Final = dict.fromkeys(
    (
        "match-background",
        "match-foreground",
        "on-error-muted",
        "on-warning-muted",
        "panel-foreground",
        "panel-muted",
    ),
    "ansi_default",
)
_ANSI: Final = {
    # Blue and red on black, and yellow on white, cannot be read on many a terminal.
    True: {
        **dict.fromkeys(("text-primary", "border", "text-accent"), "ansi_cyan"),
        "text-error": "ansi_bright_red",
    },
    False: {"text-warning": "ansi_magenta", "text-accent": "ansi_blue"},
}
"""What is replaced in a dark and in a light theme of the terminal's own colours."""


class Coloured(App[None]):
    """Colours of a terminal; what is chosen while it runs is kept."""

    def __init__(self, theme: str | None, choice: Choice | None) -> None:
        """`theme` is for this run; without one, what was chosen earlier is read from `choice`."""
        self.depth = depth(os.environ)
        # Without colours the terminal's own are used, so that nothing has to be removed but the colour.
        super().__init__(ansi_color=True if self.depth is Depth.NONE else None)
        self.no_color = self.depth is Depth.NONE
        if constants.COLOR_SYSTEM == "auto":
            # Rich, which Textual leaves it to, asks no terminfo, and counts 16 for most terminals that have more.
            self.console = Console(
                color_system=self.depth.system, file=self.console.file, force_terminal=True, legacy_windows=False
            )
        self._added: list[LineFilter] = []
        if self.no_color:
            self._added = [NoColor()]
        elif self.depth is Depth.EIGHT_BIT:
            self._added = [Quantised()]
        theme = theme or (choice.read() if choice is not None else None)
        light = is_light(os.environ)
        self.theme = shown_as(theme, self.depth) if theme else suitable(self.depth, light=light)
        self._choice, self._in_use = choice, self.theme

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Those that the terminal can show, and what Textual begins with before it is told."""
        themes = super().available_themes
        if self.depth >= Depth.EIGHT_BIT:
            return themes
        return {name: theme for name, theme in themes.items() if theme.ansi or name == self.theme}

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, replaced where they could not be read."""
        theme = super().get_css_variables()
        if self.current_theme.ansi:
            theme |= _ANSI[self.current_theme.dark]
            bars = {f"panel-{name}": theme[f"text-{name}"] for name in TONES}
            return {**theme, **_PLAIN, **bars}
        return {**theme, **variables(theme, nearest if self.depth is Depth.EIGHT_BIT else exact)}

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, then what the terminal needs."""
        return [*super().get_line_filters(), *self._added]

    def on_mount(self) -> None:
        """Keep what is chosen from here on."""
        self.theme_changed_signal.subscribe(self, self._chosen)

    def _chosen(self, theme: Theme) -> None:
        if theme.name == self._in_use:
            return
        self._in_use = theme.name
        trouble = self._choice.write(theme.name) if self._choice is not None else None
        if trouble:
            self.notify(f"The theme is not kept: {trouble}", severity="warning")
