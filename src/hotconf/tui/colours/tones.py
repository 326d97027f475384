"""Tones that can be read: a theme's colours, moved towards black or white until they stand out.

The ratios are those of WCAG 2.1: 4.5 for text, 3 for what is no text, such as borders and the bar of the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from textual.color import Color, rgb_to_lab

TEXT: Final = 4.5
SHAPE: Final = 3.0
TONES: Final = ("primary", "success", "error", "warning", "accent")
_STEPS: Final = 20
_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)
_LEVELS: Final = (0, 95, 135, 175, 215, 255)
"""Of red, green and blue in the 216 colours from 16 on; 24 greys follow. The first 16 are the user's own."""

Fixed = Callable[[Color], Color]
"""The colour that a terminal shows instead of another."""


def contrast(one: Color, other: Color) -> float:
    """From 1, the same, to 21, black and white."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def exact(colour: Color) -> Color:
    """A terminal that has every colour."""
    return colour


@lru_cache(4096)
def nearest(colour: Color) -> Color:
    """The nearest of the 240 colours that are the same in every terminal with 256."""
    there = rgb_to_lab(colour)
    return min(_PALETTE, key=lambda each: sum((a - b) ** 2 for a, b in zip(_PALETTE[each], there, strict=True)))


def readable(colour: Color, grounds: Sequence[Color], ratio: float, fixed: Fixed) -> Color:
    """`colour`, as little changed as possible, with a contrast of `ratio` to each of `grounds`."""

    def least(tried: Color) -> float:
        return min(contrast(tried, ground) for ground in grounds)

    end = max(_BLACK, _WHITE, key=least)
    tried = (fixed(colour.blend(end, step / _STEPS, alpha=1)) for step in range(_STEPS + 1))
    return next((each for each in tried if least(each) >= ratio), fixed(end))


def variables(theme: Mapping[str, str], fixed: Fixed) -> dict[str, str]:
    """What to replace of the variables of `theme`, so that all that is written with them can be read."""

    def of(name: str) -> Color:
        return Color.parse(theme[name])

    background, panel = fixed(of("background")), fixed(of("panel"))
    grounds = [background, fixed(of("surface"))]

    def text(colour: Color) -> Color:
        return readable(colour, grounds, TEXT, fixed)

    cursor = readable(of("primary"), [background], SHAPE, fixed)
    match = readable(of("warning"), [background], SHAPE, fixed)
    found = {
        "foreground": text(of("foreground")),
        "text-muted": text(of("foreground").blend(background, 0.4, alpha=1)),
        "border": readable(of("primary"), [background], SHAPE, fixed),
        "border-blurred": readable(background.blend(of("foreground"), 0.2, alpha=1), [background], 1.5, fixed),
        "scrollbar": readable(background.blend(of("foreground"), 0.3, alpha=1), [background], 2.0, fixed),
        "block-cursor-background": cursor,
        "block-cursor-foreground": readable(background, [cursor], TEXT, fixed),
        "match-background": match,
        "match-foreground": readable(background, [match], TEXT, fixed),
    }
    for name in TONES:
        found[f"text-{name}"] = text(of(f"text-{name}"))
        found[f"panel-{name}"] = readable(of(f"text-{name}"), [panel], TEXT, fixed)
    found["panel-foreground"] = readable(of("foreground"), [panel], TEXT, fixed)
    found["panel-muted"] = readable(of("foreground").blend(panel, 0.4, alpha=1), [panel], TEXT, fixed)
    for name in ("error", "warning"):
        bar = fixed(of(name).blend(background, 0.5, alpha=1))
        found[f"{name}-muted"] = bar
        found[f"on-{name}-muted"] = readable(of("foreground"), [bar], TEXT, fixed)
    return {name: colour.hex for name, colour in found.items()}


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _palette() -> Sequence[Color]:
    cube = [Color(red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS]
    return [*cube, *(Color(grey, grey, grey) for grey in range(8, 248, 10))]


_PALETTE: Final = {colour: rgb_to_lab(colour) for colour in _palette()}
