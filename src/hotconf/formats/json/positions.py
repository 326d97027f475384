"""`places`: where every key and value of a JSON text begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.places import Places, Range, places_in

STRING: Final = '"' + possessive(r'[^"\\]++|\\.') + '"'
"""A pattern for `re.DOTALL`."""
_TOKEN: Final = re.compile(
    rf"(?P<key>{STRING})[ \t\r\n]*+:|(?P<value>{STRING}|[\w.+-]++)|(?P<mark>[\[\]{{}}])", re.DOTALL
)


def places(text: str) -> Places:
    """The places in a text that the parser accepted."""

    def parts(key: Range) -> Iterator[tuple[str, Range]]:
        yield decoded(text[slice(*key)]), key

    return Places(text, places_in(_TOKEN.finditer(text), parts))


def decoded(string: str) -> str:
    """What a string of JSON says."""
    if "\\" not in string:
        return string[1:-1]
    import json

    text: str = json.loads(string)
    return text
