"""Values of secret keys in texts of users' code: `password: v`, as YAML and people write it.

hotconf's own messages have the same form (`api_key: not valid`), so these rules are for users' texts alone.

Rule 1: after `password:` a quoted or bracketed value is secret, and so are the indented lines below.
Rule 2: so is a word that looks like one (`hunter2`, `S3cr3t!`), or that stands alone: at the end of its line, or
        before a comma or a closing bracket. `token: expired` and the like are none.
Rule 3: without a colon, what is quoted or has letters and digits: `the password hunter2`, `--password hunter`; and
        what XML has in an element.
Rule 4: every search is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from hotconf.changes import MASK
from hotconf.compat import possessive
from hotconf.secrets.credentials import BASIC, LITERAL, Span, closed
from hotconf.secrets.keys import ENDINGS, is_secret_key

_COLON: Final = r"""[\\"']*+[ \t]*+:(?P<colon>)"""
_SPACE: Final = r"[ \t]++(?P<space>)"
_ELEMENT: Final = r">(?P<element>)"
_KEY: Final = re.compile(rf"(?P<key>[\w-]++){possessive(f'{_COLON}|{_SPACE}|{_ELEMENT}', '?')}")
_VERB: Final = re.compile(possessive(r"(?:is|was|of|to|=>|->|→):?+[ \t]++", "?"))
_BLANK: Final = re.compile(r"[ \t]*+")
_QUOTED: Final = re.compile(rf"""[bruBRU]{{0,2}}+\\*+(?:"({BASIC})|'({LITERAL}))""")
_LONGEST_WORD: Final = 64
_ELEMENT_TEXT: Final = re.compile(r"[^<]*+")
_BARE: Final = re.compile(r"""[^\s,;)}\]"']++""")
_ALONE: Final = re.compile(r"""[ \t]*+(?:[,;)}\]"'\n]|\Z)""")
_UNLIKE_WORDS: Final = re.compile(r"[^A-Za-z.:()-]|[a-z][A-Z]")
_MIXED: Final = re.compile(r"(?=\S*?\d)(?=\S*?[A-Za-z])\S{6,128}")
_MARK: Final = rf"[ \t]*+{possessive('[|>][+-]?+[ ]*+', '?')}"
_BLOCK: Final = re.compile(rf"{_MARK}\n")
_ESCAPED_BLOCK: Final = re.compile(rf"{_MARK}\\++n")
_LINE_END: Final = re.compile(r"[^\n]*+")
_LINE: Final = re.compile(r"([ \t]*+)(- )?[^\n]++")
_WINDOW: Final = 24
_FIELD: Final = re.compile(r"(?i)(?:x-[\w-]+|(?:set-)?cookie|(?:proxy-)?authorization)\Z")
_FIELD_VALUE: Final = re.compile(r"""[^\n"'\\]*+""")
_STATES: Final = frozenset(
    {
        *("changed", "denied", "empty", "expired", "failed", "false", "hidden", "invalid", "missing", "none", "null"),
        *("redacted", "refused", "rejected", "required", "revoked", "set", "true", "unknown", "unset", "wrong"),
    }
)
_PARSERS: Final = frozenset({"expected", "unexpected", "unknown"})


def in_prose(text: str) -> Iterator[Span]:
    """Where secrets are in a text of users' code."""
    last = 0
    for match in _KEY.finditer(text):
        if match.lastgroup == "key" or match.start() < last or not _names_secret(text, match):
            continue
        find = _FINDERS[match.lastgroup or ""]
        for begin, end in find(text, match):
            last = end
            if begin < end and not text.startswith(MASK, begin):
                yield begin, end


def _names_secret(text: str, match: re.Match[str]) -> bool:
    key = match["key"]
    if not is_secret_key(key):
        return False
    before = text[max(match.start() - _WINDOW, 0) : match.start()].split()
    word = before[-1].lower() if before and text[match.start() - 1] in " \t" else ""
    if key.lower() == "key":  # an "unknown key: name" names no secret, an "API key: …" does
        return f"{word}key" in ENDINGS or (not word.isalpha() and match.lastgroup == "colon")
    return word not in _PARSERS


def _after_colon(text: str, match: re.Match[str]) -> Iterator[Span]:
    if _BLOCK.match(text, match.end()):
        yield from _indented(text, match)
        return
    if (block := _ESCAPED_BLOCK.match(text, match.end())) is not None:
        yield block.end(), _LINE_END.match(text, block.end()).end()  # type: ignore[union-attr]
        return
    begin = _BLANK.match(text, match.end()).end()  # type: ignore[union-attr] # it matches everywhere
    if _FIELD.match(match["key"]):
        yield begin, _FIELD_VALUE.match(text, begin).end()  # type: ignore[union-attr]
    value = _QUOTED.match(text, begin)
    if value is not None:
        yield value.span(value.lastindex or 0)
    elif text[begin : begin + 1] in ("[", "{", "("):
        yield begin + 1, closed(text, begin)
    elif bare := _BARE.match(text, begin):
        word = bare[0].rstrip(".")
        alone = _ALONE.match(text, bare.end()) and word.lower() not in _STATES
        if alone or len(word) > _LONGEST_WORD or _UNLIKE_WORDS.search(word):
            yield begin, begin + len(word)


def _after_space(text: str, match: re.Match[str]) -> Iterator[Span]:
    begin = _VERB.match(text, match.end()).end()  # type: ignore[union-attr] # it matches everywhere
    value = _QUOTED.match(text, begin)
    if value is not None:
        yield value.span(value.lastindex or 0)
    elif (bare := _BARE.match(text, begin)) is not None and (
        _MIXED.match(bare[0]) or (match["key"].startswith("--") and not bare[0].startswith("-"))
    ):
        yield bare.span()


def _in_element(text: str, match: re.Match[str]) -> Iterator[Span]:
    """As XML has it."""
    if text.endswith("<", 0, match.start()):
        yield match.end(), _ELEMENT_TEXT.match(text, match.end()).end()  # type: ignore[union-attr]


def _indented(text: str, match: re.Match[str]) -> Iterator[Span]:
    """The lines below a key that are indented further, or are items of a list."""
    start = text.rfind("\n", 0, match.start()) + 1
    depth = len(_BLANK.match(text, start)[0])  # type: ignore[index] # it matches everywhere
    at = text.find("\n", match.end()) + 1
    while (line := _LINE.match(text, at)) and (len(line[1]) > depth or (line[2] and len(line[1]) == depth)):
        yield line.end(2) if line[2] else line.end(1), line.end()
        at = line.end() + 1


_FINDERS: Final = {"colon": _after_colon, "space": _after_space, "element": _in_element}
