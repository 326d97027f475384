"""`Scrubber`: removes secrets from text, however it spells or shortens them; always in linear time.

Rule 1: a secret of 4 characters or more is found anywhere, in any case, as quoted by Python (also as bytes and in
ASCII), TOML, JSON, shells, HTML and URLs, in Base64 wherever in the encoded text it stands, and in hexadecimal.
Rule 2: pieces of longer ones are found as well, since texts are shortened: pieces of 12 characters, of very long
secrets and of encoded ones 23.
Rule 3: a shorter one may occur in any sentence. It is found only as a separate word, and only with `words`.
Rule 4: credentials recognised by their form, such as a password in a URL, are masked without being known; with
`words`, which are those of users' code, also what `prose` knows.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from shlex import quote as quoted_for_shells
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

from hotconf.secrets.credentials import Span, credentials, mask_spans, merged
from hotconf.secrets.keys import DISTINCTIVE
from hotconf.secrets.prose import in_prose
from hotconf.text import printable, quoted

SHORTEST: Final = 4
"""Shorter secrets are only looked for as words."""

_PIECE: Final = 12
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]++")  # never quoted
_SIMPLE: Final = re.compile(r"[ !#-&(-\[\]-~]++")  # quoted by shells, in URLs and in HTML only
_DENSE: Final = 64
_URLSAFE: Final = str.maketrans("+/", "-_")

_ByLength: TypeAlias = dict[int, set[str]]


class _Sought(NamedTuple):
    """What to look for, in lower case."""

    pieces: _ByLength
    """Secrets of up to 12 characters, and pieces of longer ones."""
    short: _ByLength
    """What is found as words only."""


class Scrubber:
    """Knows a number of secrets. Made once for many texts."""

    __slots__ = ("_longer", "_sought", "secrets")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = frozenset(secrets)
        self._longer: Scrubber | None = None
        self._sought: _Sought | None = None

    def plus(self, more: AbstractSet[str]) -> Scrubber:
        """One that knows `more` as well."""
        return self if more <= self.secrets else Scrubber(self.secrets | more)

    @property
    def longer(self) -> Scrubber:
        """One that knows only those too long to occur by chance."""
        if self._longer is None:
            self._longer = Scrubber(secret for secret in self.secrets if len(secret) >= DISTINCTIVE)
        return self._longer

    def __call__(self, text: str, *, words: bool = False, forms: bool = True) -> str:
        """`text` with every secret masked; `words`: also those shorter than 4; `forms`: those recognised by form."""
        return mask_spans(text, self.spans(text, words=words, forms=forms))

    def spans(self, text: str, *, words: bool = False, pairs: bool = True, forms: bool = True) -> list[Span]:
        """Where `text` contains secrets, known or recognised by form; in order, none touching another."""
        found = list(credentials(text, pairs=pairs)) if forms else []
        if forms and words:
            found += in_prose(text)
        low = folded(text)
        if self._sought is None:  # most are made and never used
            self._sought = _sought(self.secrets)
        sought = self._sought
        found += [span for length, forms in sought.pieces.items() for span in _runs(low, length, forms)]
        if words:
            found += [span for length, known in sought.short.items() for span in _words(low, length, known)]
        return merged(found)


def _sought(secrets: Iterable[str]) -> _Sought:
    sought = _Sought({}, {})
    for secret in secrets:
        if len(secret) >= SHORTEST:
            for form in spellings(secret):
                # Those of a very long one only touch.
                _add(form, sought.pieces, min(1 + len(form) // _DENSE, _PIECE))
            for form in encodings(secret):
                _add(form, sought.pieces, _PIECE)
        elif secret.strip():
            sought.short.setdefault(len(secret), set()).add(folded(secret))
    return sought


def _add(form: str, to: _ByLength, step: int) -> None:
    if len(form) <= _PIECE:
        to.setdefault(len(form), set()).add(form)
        return
    # The pieces overlap or touch, so that together they are the whole.
    last = len(form) - _PIECE
    pieces = to.setdefault(_PIECE, set())
    pieces.update([form[at : at + _PIECE] for at in range(0, last, step)])
    pieces.add(form[last:])


def scrub(text: str, scrubbers: Iterable[Scrubber], *, words: bool = False) -> str:
    """`text` without any secret of `scrubbers`. Used one by one, a short secret could cut a longer one unnoticed."""
    return mask_spans(text, merged(span for scrubber in scrubbers for span in scrubber.spans(text, words=words)))


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
    forms = {folded(secret)}
    if _PLAIN.fullmatch(secret):
        return forms
    raw = secret.encode("utf-8", "surrogatepass")
    in_path = quote(raw)
    in_query = in_path.replace("/", "%2F")
    in_html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    in_others = (in_path, in_query, in_query.replace("%20", "+"), in_query.replace("%", "%25"), in_html)
    if _SIMPLE.fullmatch(secret):
        forms.update(folded(form) for form in (*in_others, secret.strip()) if len(form) >= SHORTEST)
        return forms
    import json  # imported late, for most secrets look the same in any quotes

    parts = [part.strip() for part in secret.split("\n")] if "\n" in secret else [secret.strip()]
    escaped = repr(secret)[1:-1]
    others = (
        *(secret.upper(), secret.lower(), printable(secret), quoted(secret)[1:-1]),
        *(escaped, repr(escaped)[1:-1], escaped.replace("\\'", "'"), escaped.replace('"', '\\"')),
        *(ascii(secret)[1:-1], repr(raw)[2:-1]),
        *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
        *in_others,
        *(in_html.replace('"', "&quot;"), in_html.replace('"', "&quot;").replace("'", "&#x27;")),
        quoted_for_shells(secret).strip("'"),
        *parts,
    )
    forms.update(folded(form) for form in others if len(form) >= SHORTEST)
    return forms


def encodings(secret: str) -> set[str]:
    """The forms, in lower case, of `secret` in a text that is encoded as a whole, wherever it stands in that."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {raw.hex()}
    for before in range(3):
        # The first and last characters depend on what stands beside it as well.
        encoded = b2a_base64(bytes(before) + raw, newline=False).rstrip(b"=")
        whole = len(encoded) if (before + len(raw)) % 3 == 0 else len(encoded) - 1
        part = encoded[-(-before * 4 // 3) : whole].decode("ascii").lower()
        forms.add(part)
        if "+" in part or "/" in part:
            forms.add(part.translate(_URLSAFE))
    return {form for form in forms if len(form) >= SHORTEST}


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
