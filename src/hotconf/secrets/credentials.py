"""Credentials recognised by their form, in any text, without knowing them.

Rule 1: the user information of a URL, with or without a scheme, up to the last `@`: passwords with an unescaped
        slash, question mark, hash or at sign are common, and libraries take them. `HOST:PORT/PATH@X` is none, unless
        a host follows. Without `//` a port, a protocol or a slash must follow: `bob:hunter2@proxy:8080`.
        In a password with spaces it is the last `@` of the line.
Rule 2: the value of a secret key: `?token=…`, `password=… host=…`, `;password=…;`, `"api_key": "…"`. In a list with
        semicolons it ends there, with brackets where they close.
Rule 3: the text after `Bearer`, `Basic` and the like.
Rule 4: every search is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from hotconf.changes import MASK
from hotconf.compat import possessive
from hotconf.secrets.keys import is_secret_key

Span: TypeAlias = tuple[int, int]
"""First character, and the one after the last."""

_SPACE: Final = re.compile(r"\s")
_RUN: Final = re.compile(r"\S++")
_URL: Final = re.compile(r"\s*+[A-Za-z][A-Za-z0-9+.-]*+://")
_AFTER_AUTHORITY: Final = re.compile(r"[/?#]")
_OPEN_INFO: Final = re.compile(r"[^\s/?#:@\[\]]*+:([^\s/?#@]++)")
_PORT: Final = re.compile(r"\d{1,5}+")
_HOST: Final = re.compile(
    r"(?:[A-Za-z_][\w.-]*+|\d{1,3}(?:\.\d{1,3}){3}|\[[\da-fA-F:.]++\])(?::\d{1,5}(?!\d)|(?![\w:@]))"
)
_ADDRESS: Final = re.compile(r"//|(?:tcp|unix|cloudsql)[\w-]*+\(|[\w.-]++:\d{1,5}(?!\w)")

BASIC: Final = possessive(r'[^"\\\n]++|\\[^\n]?+')
LITERAL: Final = possessive(r"[^'\\\n]++|\\[^\n]?+")


def _quoted(name: str) -> str:
    escaped = rf"""(?<!\\)\\++(?:"(?P<{name}_escaped>[^"\n]*+)|'(?P<{name}_inner>[^'\n]*+))"""
    return rf"""{escaped}|"(?P<{name}_basic>{BASIC})|'(?P<{name}_literal>{LITERAL})"""


# It ends where the value begins: in that of an ordinary key a secret one may follow. So each word is read once.
_SET: Final = r"""\\*+["']?+[ \t]*+(?:=(?!=)|%3[Dd])[ \t]*+(?P<set>)"""
_JSON: Final = r"""\\*+["']\s*+:\s*+(?P<json>)"""
_ITEM: Final = r"""\\*+["'],[ ]?+(?P<item>)(?=[bu]?+\\*+["'])"""
_PAIR: Final = re.compile(rf"(?P<key>[\w-]++){possessive(f'{_SET}|{_JSON}|{_ITEM}', '?')}")
_BARE: Final = possessive(r"[^\s&;\\]++|\\.")
_SET_VALUE: Final = re.compile(rf"[bu]?+(?:{_quoted('set')})|(?P<nested>[\[{{])|(?P<bare>{_BARE})")
_JSON_VALUE: Final = re.compile(rf"[bu]?+(?:{_quoted('json')})|(?P<number>-?+\d[^\s&;]*+)|(?P<nested>[\[{{(])")
_TUPLE: Final = re.compile(r"""\([bu]?\\*+["']\Z""")
_BRACKET: Final = re.compile(r"""[\[({\])}]|["']|\\++["']?+""")
_OTHER_LINE: Final = re.compile(r"""\n(?![\s\]})"'])""")
_LISTED: Final = re.compile(r"""[^;=\n"']*+(?=;)""")
_LAST: Final = re.compile(r"""[^;=\n"']*+(?=[\n"']|\Z)""")
_AFTER: Final = re.compile(r";[ \t]*+\Z")
_QUOTED: Final = frozenset({"set_basic", "set_literal", "json_basic", "json_literal"})
_CLOSERS: Final = "\\\"',)]}>"
_SCHEMES: Final = r"(?<![\w-])(?:Bearer|Basic|Digest|Negotiate|Token|ApiKey)[ \t]++"
_HEADER: Final = re.compile(rf"{_SCHEMES}(?=[^\s\d]*+[\d=]|\S{{20}})([\w.~+/=:-]{{6,}}+)", re.IGNORECASE)
_AUTHORIZATION: Final = re.compile(
    rf"""Authorization\\*+["']?+[ \t]*+[:=][ \t]*+\\*+["']?+{_SCHEMES}([^\s"'\\,;]++)""", re.IGNORECASE
)

_FIELD: Final = re.compile(r"(?<![\w-])([Xx]-[\w-]++|(?:Set-)?Cookie|(?:Proxy-)?Authorization):[ \t]*+[\"']?+")
_HEADER_VALUE: Final = re.compile(r"[^\s\"'\\][^\n\"'\\]*+")


def mask_credentials(text: str) -> str:
    """`text` with every credential masked: `postgres://********@host/db`, `?token=********`."""
    return mask_spans(text, merged(credentials(text)))


def merged(spans: Iterable[Span]) -> list[Span]:
    """`spans` in order, those that touch as one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def mask_spans(text: str, spans: Iterable[Span]) -> str:
    """`text` with one mask in the place of each of `spans`, which are in order."""
    parts: list[str] = []
    last = 0
    for begin, end in spans:
        parts += (text[last:begin], MASK)
        last = end
    return "".join((*parts, text[last:])) if parts else text


def credentials(text: str, *, pairs: bool = True) -> Iterator[Span]:
    """Where they are in `text`, unordered; `pairs`: also the values of secret keys."""
    if "@" in text:
        yield from _user_infos(text)
    if pairs and ("=" in text or ":" in text or "%3" in text or "(" in text):
        yield from _pairs(text)
    if " " in text or "\t" in text:
        yield from (match.span(1) for match in _HEADER.finditer(text))


def _user_infos(text: str) -> Iterator[Span]:
    whole = _whole_url(text) if _SPACE.search(text) else None
    if whole is not None:
        yield whole
        return
    for run in _RUN.finditer(text):
        last = text.rfind("@", run.start(), run.end())
        if last >= 0:
            found = list(_in_urls(text, run.start(), last))
            yield from found
            colon = text.find(":", run.start(), last) if not found else -1
            if 0 <= colon < last - 1 and _ADDRESS.match(text, last + 1):
                yield colon + 1, last
        yield from _with_spaces(text, max(run.start(), last), run.end())


def _with_spaces(text: str, start: int, end: int) -> Iterator[Span]:
    """The user information that begins in the run from `start` to `end` and has spaces in it."""
    slashes = text.rfind("://", start, end)
    info = _OPEN_INFO.match(text, slashes + 3, end) if slashes >= 0 else None
    if info is None or _PORT.fullmatch(info[1]):
        return
    following = text.find("://", end)
    line = text.find("\n", end, following if following >= 0 else len(text))
    stop = line if line >= 0 else following
    last = text.rfind("@", end, stop if stop >= 0 else len(text))
    if last >= 0 and text[last + 1 : last + 2].isalnum():
        yield slashes + 3, last


def _whole_url(text: str) -> Span | None:
    """The user information if `text` is one URL whose password has white space in it."""
    url = _URL.match(text)
    run = url and _RUN.match(text, url.end())
    last = text.rfind("@")
    if not url or not run or run.end() > last or _AFTER_AUTHORITY.search(text, *run.span()):
        return None
    _, colon, password = run[0].partition(":")
    return (url.end(), last) if colon and not _PORT.fullmatch(password) and "@" not in password else None


def _in_urls(text: str, begin: int, last: int) -> Iterator[Span]:
    """Each in the text up to `last`, where the last `@` is."""
    slashes = text.find("//", begin, last)
    while slashes >= 0:
        start = slashes + 2
        end = _info_end(text, start, last)
        if end is not None and end > start:
            yield start, end
        slashes = text.find("//", slashes + 1 if end is None else end, last)


def _info_end(text: str, start: int, last: int) -> int | None:
    """Where the user information that begins at `start` ends; None if there is none."""
    after = _AFTER_AUTHORITY.search(text, start, last)
    if after is None:
        return last
    authority = text[start : after.start()]
    at = authority.rfind("@")
    if at >= 0:
        return last if ":" in authority[:at] else start + at
    user, colon, password = authority.partition(":")
    if not colon:
        return None
    if authority.startswith("["):
        user, _, password = authority.rpartition("]")
        password = password.removeprefix(":")
    if user and (not password or _PORT.fullmatch(password)):
        is_scope = text[last - 1] == "/"
        return None if is_scope or not _HOST.match(text, last + 1) else last
    return last


def _pairs(text: str) -> Iterator[Span]:
    last = 0
    has_pairs = "=" in text or "%3" in text or '"' in text or "'" in text
    for match in _PAIR.finditer(text) if has_pairs else ():
        kind = match.lastgroup
        if kind == "key" or match.start() < last or not is_secret_key(match["key"]):
            continue
        if kind == "item" and not _TUPLE.search(text[max(match.start() - 8, 0) : match.start()]):
            continue
        value = (_SET_VALUE if kind == "set" else _JSON_VALUE).match(text, match.end())
        if value is None:
            continue
        begin, end = value.span(value.lastgroup or 0)
        if value.lastgroup == "nested":
            end = closed(text, begin)
        if value.lastgroup in ("nested", "bare"):
            end = _end_in_list(text, match.start(), end)
        last = end
        if value.lastgroup not in _QUOTED:
            end = begin + len(text[begin:end].rstrip(_CLOSERS))
        if begin < end:
            yield begin, end
    if "uthorization" in text or "UTHORIZATION" in text:
        yield from (match.span(1) for match in _AUTHORIZATION.finditer(text))
    if ":" in text and ("-" in text or "Cookie" in text or "Authorization" in text):
        yield from _fields(text)


def _end_in_list(text: str, start: int, end: int) -> int:
    """Where a value ends whose pair begins at `start`: among pairs with semicolons it may have spaces in it."""
    rest = _LISTED.match(text, end)
    if rest is None and _AFTER.search(text[max(start - 8, 0) : start]):
        rest = _LAST.match(text, end)
    return end if rest is None else rest.end()


def closed(text: str, begin: int) -> int:
    """Where the bracket at `begin` is closed; if it is not, where lines end that could be part of the value."""
    depth, string = 0, ""
    for mark in _BRACKET.finditer(text, begin):
        found = mark[0]
        if found[-1] == "\\":
            continue
        if string or found[-1] in "\"'":  # of a text in a text every quote has as many backslashes
            string = "" if found == string else string or found
        elif found in "[({":
            depth += 1
        else:
            depth -= 1
            if not depth:
                return mark.start()
    rest = _OTHER_LINE.search(text, begin)
    return rest.start() if rest else len(text)


def _fields(text: str) -> Iterator[Span]:
    """The values of headers: `X-Api-Key: …`. Of other keys `api_key: not valid` is a message."""
    last = 0
    for match in _FIELD.finditer(text):
        if match.start() >= last and is_secret_key(match[1]):
            value = _HEADER_VALUE.match(text, match.end())
            if value is not None:
                last = value.end()
                yield match.end(), match.end() + len(value[0].rstrip(_CLOSERS))
