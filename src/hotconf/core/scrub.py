"""`Scrubber`: removes secrets from text, however it spells or shortens them; always in linear time.

Rule 1: a secret of 4 characters or more is found anywhere, in any case, as quoted by Python, TOML, JSON, shells and
URLs, or in Base64.
Rule 2: pieces of longer ones are found as well, since texts are shortened: pieces of 12 characters, of very long
secrets 23.
Rule 3: a shorter one may occur in any sentence. It is found only as a separate word, and only with `words`.
Rule 4: credentials recognised by their form, such as a password in a URL, are masked without being known.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from shlex import quote as quoted_for_shells
from typing import Final, TypeAlias
from urllib.parse import quote

from hotconf.core.credentials import Span, credentials, masked, merged
from hotconf.core.secrecy import TELLING
from hotconf.text import printable, quoted

SHORTEST: Final = 4
"""Shorter secrets are only looked for as words."""

_PIECE: Final = 12
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]++")  # never quoted
_SIMPLE: Final = re.compile(r"[ !#-&(-\[\]-~]++")  # quoted by shells and in URLs only
_DENSE: Final = 64

_ByLength: TypeAlias = dict[int, set[str]]


class Scrubber:
    """Knows a number of secrets. Made once for many texts."""

    __slots__ = ("_longer", "_sought", "secrets")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = frozenset(secrets)
        self._longer: Scrubber | None = None
        self._sought: tuple[_ByLength, _ByLength] | None = None

    def knowing(self, more: AbstractSet[str]) -> Scrubber:
        """One that knows `more` as well."""
        return self if more <= self.secrets else Scrubber(self.secrets | more)

    @property
    def longer(self) -> Scrubber:
        """One that knows only those too long to occur by chance."""
        if self._longer is None:
            self._longer = Scrubber(secret for secret in self.secrets if len(secret) >= TELLING)
        return self._longer

    def __call__(self, text: str, *, words: bool = False, forms: bool = True) -> str:
        """`text` with every secret masked; `words`: also those shorter than 4; `forms`: those recognised by form."""
        return masked(text, self.spans(text, words=words, forms=forms))

    def spans(self, text: str, *, words: bool = False, pairs: bool = True, forms: bool = True) -> list[Span]:
        """Where `text` contains secrets, known or recognised by form; in order, none touching another."""
        found = list(credentials(text, pairs=pairs, by_user=words)) if forms else []
        low = folded(text)
        if self._sought is None:  # most are made and never used
            self._sought = _sought(self.secrets)
        pieces, short = self._sought
        found += [span for length, forms in pieces.items() for span in _runs(low, length, forms)]
        if words:
            found += [span for length, known in short.items() for span in _words(low, length, known)]
        return merged(found)


def _sought(secrets: Iterable[str]) -> tuple[_ByLength, _ByLength]:
    """What to look for: secrets of up to 12 characters and pieces of longer ones; and those found as words only."""
    pieces: _ByLength = {}
    short: _ByLength = {}
    for secret in secrets:
        if len(secret) >= SHORTEST:
            for form in spellings(secret):
                _add(form, pieces)
        elif secret.strip():
            short.setdefault(len(secret), set()).add(folded(secret))
    return pieces, short


def _add(form: str, to: _ByLength) -> None:
    if len(form) <= _PIECE:
        to.setdefault(len(form), set()).add(form)
        return
    # The pieces overlap or touch, so that together they are the whole. Those of a very long one only touch.
    last = len(form) - _PIECE
    step = min(1 + len(form) // _DENSE, _PIECE)
    pieces = to.setdefault(_PIECE, set())
    pieces.update(form[at : at + _PIECE] for at in range(0, last, step))
    pieces.add(form[last:])


def scrub(text: str, secrets: Iterable[str], *, words: bool = False) -> str:
    """`text` without `secrets`. For several texts, make a `Scrubber`."""
    return Scrubber(secrets)(text, words=words)


def folded(text: str) -> str:
    """`text` in lower case, character by character: offsets stay the same."""
    if text.isascii():
        return text.lower()
    whole = text.casefold()  # never shorter
    if len(whole) == len(text):
        return whole
    return "".join(low if len(low := char.casefold()) == 1 else char for char in text)


def spellings(secret: str) -> set[str]:
    """The forms, in lower case, in which a text may quote `secret`."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {folded(secret), *(_base64(encoded) for encoded in {b64encode(raw), urlsafe_b64encode(raw)})}
    if _PLAIN.fullmatch(secret):
        return forms
    in_path = quote(raw)
    in_query = in_path.replace("/", "%2F")
    in_urls = (in_path, in_query, in_query.replace("%20", "+"))
    if _SIMPLE.fullmatch(secret):
        forms.update(folded(form) for form in (*in_urls, secret.strip()) if len(form) >= SHORTEST)
        return forms
    import json  # imported late, for most secrets look the same in any quotes

    parts = [part.strip() for part in secret.split("\n")] if "\n" in secret else [secret.strip()]
    escaped = repr(secret)[1:-1]
    others = (
        *(secret.upper(), secret.lower(), printable(secret), quoted(secret)[1:-1]),
        *(escaped, repr(escaped)[1:-1], escaped.replace("\\'", "'"), escaped.replace('"', '\\"')),
        *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
        *in_urls,
        quoted_for_shells(secret).strip("'"),
        *parts,
    )
    forms.update(folded(form) for form in others if len(form) >= SHORTEST)
    return forms


def _base64(encoded: bytes) -> str:
    # Its last character and the padding depend on what follows.
    whole = encoded.rstrip(b"=")
    return folded((whole if len(whole) == len(encoded) else whole[:-1]).decode("ascii"))


def _runs(low: str, length: int, pieces: set[str]) -> Iterator[Span]:
    """Where pieces of one length are; adjacent ones are joined."""
    begin = end = -1
    for at in range(len(low) - length + 1):
        if low[at : at + length] in pieces:
            if at > end:
                if end > 0:
                    yield begin, end
                begin = at
            end = at + length
    if end > 0:
        yield begin, end


def _words(low: str, length: int, known: set[str]) -> Iterator[Span]:
    for at in range(len(low) - length + 1):
        end = at + length
        if low[at:end] in known and not (_is_letter(low[at - 1 : at]) or _is_letter(low[end : end + 1])):
            yield at, end


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"
