"""The clipboard: of the display, of tmux, or of the terminal, in this order; and which of them has taken a text.

A program that copies says whether it could. The terminal's clipboard (OSC 52) is written to blindly: many terminals
take nothing, and none says so.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

_PATIENCE_S: Final = 3.0
DISPLAY: Final = "Copied"
TMUX: Final = "Copied to a tmux buffer"
TERMINAL: Final = "Sent to the terminal's clipboard"

Run = Callable[[Sequence[str], bytes], bool]


def run(command: Sequence[str], data: bytes) -> bool:
    """Slow. Give `data` to `command`; did it take it? A program that is not there does not."""
    try:
        ran = subprocess.run(  # noqa: S603 (one of those below)
            command,
            input=data,
            stdout=subprocess.DEVNULL,  # what stays behind to own the selection would keep a pipe open
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


def copy(text: str, environ: Mapping[str, str], run: Run = run) -> str | None:
    """Slow. Copy `text` by a program that says whether it could; what was done, or None if there is none."""
    data = text.encode("utf-8", "backslashreplace")
    return next((done for command, done in _programs(environ) if run(command, data)), None)


def _programs(environ: Mapping[str, str]) -> Iterator[tuple[Sequence[str], str]]:
    if environ.get("WAYLAND_DISPLAY"):
        yield ("wl-copy",), DISPLAY
    if environ.get("DISPLAY"):
        yield ("xclip", "-selection", "clipboard"), DISPLAY
        yield ("xsel", "--clipboard", "--input"), DISPLAY
    # Over ssh it would be the clipboard of a Mac at which nobody sits.
    if sys.platform == "darwin" and "SSH_CONNECTION" not in environ:
        yield ("pbcopy",), DISPLAY
    if environ.get("TMUX"):
        yield ("tmux", "load-buffer", "-w", "-"), TMUX  # -w: to the terminal's clipboard, too
