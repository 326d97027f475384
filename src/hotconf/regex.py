"""Regular expressions that take linear time on every Python."""

from __future__ import annotations

import sys


def possessive(pattern: str, times: str = "*") -> str:
    """A pattern that matches `pattern` as often as `times` says (`*`, `?`, `{0,20}`), possessively.

    Before 3.11.5 Python does not restore the position after the last failed repeat (CPython issue 106052) unless
    there is one more alternative: one that never matches. An atomic group works, too, but takes 60 bytes a repeat.
    """
    return f"(?:{pattern}){times}+" if sys.version_info >= (3, 11, 5) else f"(?:{pattern}|(?!)){times}+"
