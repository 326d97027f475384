"""What the terminal can show, as far as its environment and terminfo say it. Nothing is asked of the terminal itself:
a late answer, or none, would be taken for keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Literal

_TRUECOLOR: Final = frozenset({"truecolor", "24bit"})
_KNOWN: Final = ("kitty", "ghostty", "alacritty", "foot", "wezterm", "contour", "-direct")
"""Terminals with all colours, which say so by their name where `COLORTERM` does not come along, as over ssh."""
_LIGHT: Final = frozenset({7, *range(9, 16)})


class Depth(IntEnum):
    """How many colours there are."""

    NONE = 0
    ANSI = 16
    EIGHT_BIT = 256
    TRUECOLOR = 1 << 24

    @property
    def system(self) -> Literal["truecolor", "256", "standard"]:
        """As Rich calls it; text styles need one even where there is no colour."""
        if self is Depth.TRUECOLOR:
            return "truecolor"
        return "256" if self is Depth.EIGHT_BIT else "standard"


def terminfo_colours(name: str) -> int | None:
    """How many colours terminfo has for the terminal `name`; None if it does not know it.

    A process has one terminal: only the first call asks, as curses has it.
    """
    try:
        import curses
    except ImportError:  # a Python without ncurses
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        curses.setupterm(name, nowhere)
    except curses.error:
        return None
    finally:
        os.close(nowhere)
    return curses.tigetnum("colors")


def depth(environ: Mapping[str, str]) -> Depth:
    """How many colours may be used: none with `NO_COLOR`; else what `COLORTERM`, `TERM` and terminfo say."""
    name = environ.get("TERM", "").lower()
    if "NO_COLOR" in environ:
        return Depth.NONE
    # GNU screen hands the variable on, and cannot do what it says.
    if environ.get("COLORTERM", "").strip().lower() in _TRUECOLOR and "STY" not in environ:
        return Depth.TRUECOLOR
    if any(known in name for known in _KNOWN):
        return Depth.TRUECOLOR
    found = terminfo_colours(environ.get("TERM", ""))
    if name.endswith("-256color") or (found or 0) >= Depth.EIGHT_BIT:
        return Depth.EIGHT_BIT
    return Depth.NONE if found is not None and found < 8 else Depth.ANSI


def is_light(environ: Mapping[str, str]) -> bool:
    """Does `COLORFGBG`, which some terminals set, say that the background is light? Dark if nothing says so."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdecimal() and len(background) <= 2 and int(background) in _LIGHT
