"""`slip`: what to write instead of what is at home in other languages, at the place where tomli gave up.

One table, and none of its hints quotes the text: what stands in a file that is not TOML may be a secret.
"""

from __future__ import annotations

import re
from typing import Final

CONFLICT: Final = "resolve the merge conflict"
STRAIGHT: Final = 'write straight quotes: "'
_PAIR: Final = "write name = value"
_COMMENT: Final = "a comment begins with #"
_TEXT: Final = "text stands in quotes"
_ALONE: Final = "write the number alone, or text in quotes"

_WHERE: Final = (
    ("Expected '='", "key"),
    ("Invalid statement", "key"),
    ("Invalid initial character", "key"),
    ("Expected ']", "header"),
    ("Invalid value", "value"),
    ("Expected newline", "end"),
    ("Unclosed", "end"),
    ("Invalid date", "date"),
)
"""Of what tomli's messages tell that it was reading, by their beginnings; `end` is behind a value."""

_ENDS: Final = r"(?=[ \t\r]*+(?:[#\n,\]}]|\Z))"
_SLIPS: Final = tuple(
    (frozenset(where.split()), re.compile(pattern), hint)
    for where, pattern, hint in (
        ("key value end", r"(?<![^\n])(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)", CONFLICT),
        ("key header value end", "[“”„‘’`]", STRAIGHT),
        ("key end", r"//|/\*", _COMMENT),
        ("value", r"//(?!\w)|/\*", _COMMENT),
        ("end", r"[;,][ \t\r]*+(?:[#\n]|\Z)", "nothing stands behind the value"),
        ("key value", ";", _COMMENT),
        ("end", r"(?<=[ \t]);", _COMMENT),
        ("key", r":|=>|\+=", _PAIR),
        ("value", "(?<==)>", _PAIR),
        ("value", "=", "write a single ="),
        ("key header", r"[^\x00-\x7f]", "quote the key"),
        ("value", rf"(?i:true|false){_ENDS}", "true and false are lower case"),
        ("value", rf"(?i:yes|no|on|off){_ENDS}", "write true or false"),
        ("value", rf"(?i:none|null|nil){_ENDS}", "TOML has no null: leave the key out"),
        ("value", r"[+-]?\.\d", "a digit stands before the point: 0.5, not .5"),
        ("end", r"(?<=\d)\.(?!\w)", "a digit stands behind the point: 1.0, not 1."),
        ("end", r"(?<=\d)\.", _TEXT),
        ("end", r"(?<=\d),\d", "write numbers without a comma: 1.5, 1000"),
        ("end", r"(?<=0)\d", "a number has no leading zero: 8, not 08"),
        ("value", r"[$€£][ \t]*+[\d.]", _ALONE),
        ("end", rf"(?:(?<=\d)|(?<=\d ))(?:[$€£%]|(?i:ms|s|sec|min|h|[kmg]b){_ENDS})", _ALONE),
        ("date", "", "no such date"),
        ("end", r"(?<=\d{4})-\d\d-\d\d(?!\d)", "no such date"),
        ("end", r"(?<=\d{4})-\d\d?-\d\d?(?!\d)", "month and day have two digits: 2026-01-05"),
        ("end", r"(?<=\d\d):\d\d:\d\d(?!\d)", "no such time"),
        ("value", r"[/~@]|\.\.?/", _TEXT),
    )
)
"""Where the slip is made, how it looks from where tomli gave up, and what to do; the first that fits is told."""


def slip(text: str, at: int, message: str, *, inside: bool) -> str | None:
    """The hint for what stands in `text` at `at`, of which tomli said `message`; None if it is no well-known slip.

    `inside`: an array or inline table is open there, whose items may lack a comma.
    """
    where = next((where for begins, where in _WHERE if message.startswith(begins)), None)
    if inside and where == "end" and text.startswith((";", "."), at):
        return None  # a comma is missing, which is told already
    return next((hint for places, looks, hint in _SLIPS if where in places and looks.match(text, at)), None)


def curly_end(text: str) -> str | None:
    """The hint for a string that never ends because the quote that was to end it is not a straight one."""
    return STRAIGHT if text.rstrip(" \t\r,])}").endswith(("”", "’", "“")) else None
