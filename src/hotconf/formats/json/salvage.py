"""`gap`: what of a JSON text to put in place of a mistake. What stands behind it on the same line does not move."""

from __future__ import annotations

import re
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.gaps import Gap
from hotconf.formats.json.mistakes import stopped
from hotconf.formats.salvage import FILLED
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

_MARKS: Final = "'‘’“”„«»‹›＂＇`"
_QUOTED: Final = re.compile(rf"[{_MARKS}]([^{_MARKS}\"\\\n]*+)[{_MARKS}]")
_BARE: Final = re.compile(r"[^,:\[\]{}\n\"]++")
_BARE_KEY: Final = re.compile(r"[\w$.-]{1,99}+\"?(?=[ \t]{0,99}+:)")
_STRING: Final = re.compile('"' + possessive(r'[^"\\\n]++|\\[^\n]') + '"?')
_ESCAPE: Final = re.compile(r"\\[^\n]|[\x00-\x1f]")
_COMMENT: Final = re.compile(r"(?://|#)[^\n]*+|/\*(?s:.*?)\*/")
_LINE: Final = re.compile(r"[^\n]*+")
_PAIR: Final = re.compile(rf"{_STRING.pattern}(?<=\")[ \t]*+:")
_ITEM: Final = re.compile(rf"{_STRING.pattern}(?<=\")[ \t]*+[,\]\n]|-?[0-9]|(?:true|false|null)\b|[\[{{]")
_COLON: Final = re.compile(r"[ \t]*+:")
_SPACE: Final = re.compile(r"\s*+")
_FILL: Final = re.compile(f"[{FILLED[0]}-{FILLED[-1]}]")
_CLOSES: Final = {"{": "}", "[": "]"}


def gap(text: str, problem: Problem) -> Gap | None:
    """What to change so that it is no mistake any more; None for what has no plain remedy."""
    return _Mending(text, problem.message).gap()


def is_behind(text: str) -> bool:
    """Whether the mistake is that something follows the object: a bracket of what was left out may have closed it."""
    return stopped(text).expected == "end"


class _Mending:
    """The first mistake of one text."""

    def __init__(self, text: str, reason: str) -> None:
        self.scan, self.text, self.reason = stopped(text), text, reason
        scan, self.at = self.scan, self.scan.at
        self.here = self.text[self.at : self.at + 1]
        self.path: KeyPath = tuple(list(keys)[-1] for keys in scan.keys if keys)

    def gap(self) -> Gap | None:
        """By what is wrong."""
        scan, reason = self.scan, self.reason
        if scan.expected == "end" or not scan.open:
            return None
        if "trailing comma" in reason and scan.comma is not None:
            return self.fixed(scan.comma, scan.comma + 1) if self.ends(self.at + 1) else None
        if ": comment at" in reason:
            found = _COMMENT.match(self.text, self.at)
            return self.fixed(*found.span()) if found else None
        if "missing comma" in reason:
            return self.before(",") if self.begins(self.at) else None
        if "duplicate key" in reason:
            return self.key(_STRING)
        if "unterminated string" in reason:
            return self.unterminated()
        if any(words in reason for words in ("invalid escape", "half a character", "control character")):
            return self.escapes()
        if "missing value" in reason:
            return self.no_value()
        if "digits" in reason:
            return self.value()
        return self.unclosed() if "missing closing" in reason else self.strange()

    def strange(self) -> Gap | None:
        """Something else than what was expected."""
        expected, here = self.scan.expected, self.here
        before = self.text[: self.at].rstrip()[-1:]
        if here == "," and expected in ("key", "value"):
            return None if before == ":" else self.fixed(self.at, self.at + 1)
        if expected == "comma" and here == ";":
            return self.fixed(self.at, self.at + 1, ",")
        if expected == "comma" and here in ("]", "}"):
            closer = _CLOSES[self.text[self.scan.open[-1]]]
            return self.fixed(self.at, self.at + 1, closer) if self.pairs_up() else None
        if expected == "colon":
            return self.colon()
        if expected == "key":
            return self.quoted() or self.key(_BARE_KEY)
        return (self.quoted() or self.value()) if expected == "value" else None

    # What to put there

    def fixed(self, begin: int, end: int, what: str = "") -> Gap:
        """`what`, and spaces: then it says what was meant."""
        return self.lost(begin, end, what)._replace(path=None, complete=True)

    def lost(self, begin: int, end: int, what: str) -> Gap:
        """The same, but a value is missing."""
        rest = "".join(each if each == "\n" else " " for each in self.text[begin + len(what) : end])
        return Gap(begin, end, what + rest, self.path, exact=not self.in_array)

    @property
    def around(self) -> KeyPath:
        """The table of the key that was to come."""
        return tuple(list(keys)[-1] for keys in self.scan.keys[:-1] if keys)

    @property
    def in_array(self) -> bool:
        return self.text[self.scan.open[-1]] == "["

    def before(self, what: str, *, missing: bool = False) -> Gap | None:
        """`what` in place of a space before this, or at the end of a line above."""
        behind = len(self.text[: self.at].rstrip())
        if behind == self.at:
            return None
        begin, end = (behind, behind) if "\n" in self.text[behind : self.at] else (behind, behind + 1)
        certain = self.text[behind - 1 : behind] not in ("]", "}")
        found = Gap(begin, end, what, self.path, exact=not self.in_array, certain=certain)
        return found if missing else found._replace(path=None, complete=True)

    def no_value(self) -> Gap | None:
        """A number, if what follows is the next pair, or the end."""
        found = _SPACE.match(self.text, self.at + 1)
        plain = self.here != "," or (found is not None and self.begins(found.end()))
        return self.before("0", missing=True) if plain else None

    def colon(self) -> Gap | None:
        if self.here == "=":
            return self.fixed(self.at, self.at + 1, ":")
        return None if self.here in (",", "}", "") else self.before(":")

    def quoted(self) -> Gap | None:
        """Text in other quotes."""
        found = _QUOTED.match(self.text, self.at)
        return self.fixed(*found.span(), f'"{found[1]}"') if found else None

    def key(self, pattern: re.Pattern[str]) -> Gap | None:
        """Another key, which stands for nothing; its value is parsed."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        fill = chr(ord(FILLED[0]) + len(_FILL.findall(self.text)) % len(FILLED))  # no other key has it
        end, instead = found.end(), f'"{fill * (len(found[0]) - 2)}"'
        if len(found[0]) == 1:
            if not self.text.startswith(": ", end):
                return None
            end, instead = end + 2, '"":'
        name = found[0].strip('"')
        return Gap(self.at, end, instead, (*self.around, name), exact=True)

    def value(self) -> Gap | None:
        """A number for what no value is, if it plainly is one."""
        found = _BARE.match(self.text, self.at)
        return self.lost(*found.span(), "0") if found and self.ends(found.end()) else None

    def begins(self, at: int) -> bool:
        """Whether a pair or an item plainly begins there."""
        return (_ITEM if self.in_array else _PAIR).match(self.text, at) is not None

    def ends(self, at: int) -> bool:
        """Whether a pair or an item plainly ends there."""
        found = _SPACE.match(self.text, at)
        return found is not None and self.text[found.end() : found.end() + 1] in (",", "]", "}", "")

    def pairs_up(self) -> bool:
        """Whether the brackets on this line are as many as close."""
        begin = self.text.rfind("\n", 0, self.at) + 1
        found = _LINE.match(self.text, begin)
        bare = _STRING.sub("", found[0] if found else "")
        return sum(map(bare.count, "[{")) == sum(map(bare.count, "]}"))

    def escapes(self) -> Gap | None:
        """A letter for each escape in the string, and for what must be one."""
        found = _STRING.match(self.text, self.at)
        if found is None or not (self.ends(found.end()) or _COLON.match(self.text, found.end())):
            return None
        plain = _ESCAPE.sub(lambda escape: "x" * len(escape[0]), found[0][1:-1])
        return Gap(*found.span(), f'"{plain}"', self.path, exact=self.scan.expected == "value" and not self.in_array)

    def unterminated(self) -> Gap | None:
        """All of the line, but for a comma at its end."""
        found = _LINE.match(self.text, self.at)
        if found is None:
            return None
        rest, follows = found[0].rstrip(), _SPACE.match(self.text, found.end())
        after = found.end() if follows is None else follows.end()
        closes = self.text[after : after + 1] in ("]", "}", "")
        if any(bracket in rest for bracket in "[]{}") or not (closes or rest.endswith(",") or self.begins(after)):
            return None
        if self.scan.expected == "key":
            plain = ":" in rest and (closes or rest.endswith(","))
            return self.lost(*found.span(), "")._replace(path=self.around, exact=False) if plain else None
        comma = "," * (not closes or rest.endswith(","))
        return self.lost(*found.span(), f"0{comma}")

    def unclosed(self) -> Gap | None:
        """An array that ends where a key begins: it can be closed on the line above."""
        comma = self.scan.comma
        behind = self.scan.at if comma is None else comma
        begin = len(self.text[:behind].rstrip())
        end = begin if comma is None else comma + 1
        if not self.here or "\n" not in self.text[end : self.at]:
            return None
        return Gap(begin, end, "],", None, complete=True, certain=False)
