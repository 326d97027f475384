"""`Quantised`: the last look at what is drawn, for terminals with 256 colours.

Rich would map a dark blue-grey, the background of many themes, to a strong teal.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from hotconf.tui.colours.tones import nearest


class Quantised(LineFilter):
    """Shows the nearest of 256 colours."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 (Textual's)
        """The same segments, in colours that the terminal has."""
        return [Segment(text, style and _style(style), control) for text, style, control in segments]


@lru_cache(4096)
def _style(style: Style) -> Style:
    return style + Style(color=_colour(style.color), bgcolor=_colour(style.bgcolor))


def _colour(colour: RichColor | None) -> RichColor | None:
    if colour is None or colour.triplet is None:
        return None
    return nearest(Color.from_rich_color(colour)).rich_color
