"""Escapes text that the log of a CI system would take for commands."""

from __future__ import annotations

import re
from typing import Final

# GitHub: "::" at the beginning of a line, white space before it does not matter. GitHub again, Azure and TeamCity:
# "##[", "##vso[" and "##teamcity[" anywhere.
_COLONS: Final = re.compile(r"(?<![^\r\n])([^\S\r\n]*):(?=:)")
_HASHES: Final = re.compile(r"##(?=\w{0,32}\[)")


def inert(text: str) -> str:
    """`text` without commands: `\\u003a:error::…`, `#\\u0023[error]…`.

    In a string of JSON or TOML such an escape is the same character.
    """
    if "::" in text:
        text = _COLONS.sub(r"\1\\u003a", text)
    return _HASHES.sub(r"#\\u0023", text) if "##" in text else text
