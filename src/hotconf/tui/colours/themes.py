"""Which theme: the one that was asked for, the one that was chosen earlier, or one that suits the terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from textual.theme import BUILTIN_THEMES

from hotconf.tui.colours.terminal import Depth

_DARK, _LIGHT = "nord", "catppuccin-latte"
_ANSI_DARK, _ANSI_LIGHT = "ansi-dark", "ansi-light"
_LONGEST_NAME: Final = 100


def suitable(depth: Depth, *, light: bool) -> str:
    """The theme that nobody has to choose. With few colours it is the terminal's own."""
    if depth < Depth.EIGHT_BIT:
        return _ANSI_LIGHT if light else _ANSI_DARK
    return _LIGHT if light else _DARK


def shown_as(name: str, depth: Depth) -> str:
    """The theme that can be shown when `name` was asked for: with few colours, the terminal's own stand for all."""
    theme = BUILTIN_THEMES[name]
    if depth >= Depth.EIGHT_BIT or theme.ansi:
        return name
    return _ANSI_DARK if theme.dark else _ANSI_LIGHT


class Choice:
    """The theme that the user chose, in a file of theirs; another one for terminals with few colours."""

    def __init__(self, depth: Depth, environ: Mapping[str, str] = os.environ) -> None:
        self._path: Path | None = None
        # A path that is not absolute is invalid, as the XDG specification says.
        with suppress(RuntimeError):  # there is no home
            state = Path(environ.get("XDG_STATE_HOME") or "")
            base = state if state.is_absolute() else Path.home() / ".local" / "state"
            self._path = base / "hotconf" / ("theme" if depth >= Depth.EIGHT_BIT else "theme-16")

    def read(self) -> str | None:
        """The name of a theme that exists; None if none was chosen, or that cannot be read."""
        with suppress(OSError, ValueError):
            if self._path is not None and self._path.is_file():
                with self._path.open(encoding="utf-8") as file:
                    name = file.read(_LONGEST_NAME).strip()
                return name if name in BUILTIN_THEMES else None
        return None

    def write(self, name: str) -> str | None:
        """Keep `name`, whole or not at all; why it could not be kept, if so."""
        if self._path is None:
            return "there is no home directory"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self._path.name}-", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(f"{name}\n")
                os.replace(temporary, self._path)  # noqa: PTH105 (as below)
            except OSError:
                os.unlink(temporary)  # noqa: PTH108 (a name, as tempfile gives it)
                raise
        except OSError as error:
            return f"{self._path}: {error.strerror or error}"
        return None
