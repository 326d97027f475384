"""`mistake`: the first thing in a text that is not JSON, in plain words, and what to write instead.

One pass over the tokens, with what is open on a stack. No message quotes the text, which may be a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeAlias

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH, MAX_DIGITS, Mistakes
from hotconf.formats.json.positions import decoded
from hotconf.formats.lookalikes import lookalike
from hotconf.problems import Problem, Related
from hotconf.text import printable

_Range: TypeAlias = tuple[int, int]

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_STRING: Final = re.compile(r'"' + possessive(r'[^"\\\x00-\x1f]++|\\[^\x00-\x1f]') + r'("?)')
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(u[0-9A-Fa-f]{0,3})|([\"\\/bfnrt])|(.))", re.DOTALL)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][+-]?[0-9]++)?(?![\w.+-])")
_WORD: Final = re.compile(r"[^\s\"'{}\[\],:]++|.", re.DOTALL)
_CLOSES: Final = {"{": "}", "[": "]"}
_NAMES: Final = {"{": "missing closing brace", "[": "missing closing bracket"}

_KEY: Final = re.compile('"' + possessive(r'[^"\\\n]++|\\.') + r'"[ \t\r\n]*+:|:')

_COMMENT: Final = "remove it: JSON has no comments"
_QUOTES: Final = 'write double quotes: "…"'
_PAIR: Final = 'write "name": value'
_NO_COMMA: Final = "remove this comma"
_NO_VALUE: Final = "write a value after the :"
_TEXT: Final = 'put text in double quotes: "…"'
_BACKSLASH: Final = r"a backslash begins an escape: write \\ for each backslash"
_HALF: Final = "write both halves of the character, or the character itself"
_SLIPS: Final = tuple(
    (frozenset(where.split()), re.compile(pattern), hint)
    for where, pattern, hint in (
        ("key value comma end", r"(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)", "resolve the merge conflict"),
        ("key value comma colon end", r"//|/\*|#", _COMMENT),
        ("key value", "[“”„‘’`«»‹›＂＇']", _QUOTES),
        ("key", r"[\w$-]{1,99}+\"?[ \t]{0,9}+:", 'put the key in double quotes: "…"'),
        ("key colon", r"[\w.$-]{0,99}+[ \t]{0,9}+=", _PAIR),
        ("key", r"[\]}]|\[|\{", _PAIR),
        ("colon", r"[,}]|\Z", _PAIR),
        ("value", r"(?!(?:true|false|null)\b)(?i:true|false|null)\b", "write true, false or null in lower case"),
        ("value", r"(?i:yes|no|on|off)\b", "write true or false, or put text in double quotes"),
        ("value", r"(?i:none|nil|undefined)\b", "write null"),
        ("value", r"[+-]?(?i:nan|inf|infinity)\b", "JSON has no NaN and no Infinity: write null, or a number"),
        ("value", r"\+", "a number has no plus sign: 1"),
        ("value", r"-?\.[0-9]", "write a digit before the point: 0.5, not .5"),
        ("value", r"-?[0-9]{1,99}+\.(?![0-9])", "write a digit after the point: 1.0, not 1."),
        ("value", r"-?0[xXoObB]", "write the number in decimal: 255"),
        ("value", r"-?0[0-9]", "a number has no leading zero: 8, not 08"),
        ("value", r"-?[0-9]{1,99}+_", "write digits without underscores: 1000"),
        ("value", r"-?[0-9]{1,99}+(?:\.[0-9]{1,99}+)?[eE]", "write digits after the e: 1.0e5"),
        ("value", r"-?[0-9]", "write the number alone, or put text in double quotes"),
        ("comma", r";", "write a comma"),
        ("comma", r"(?<=\")[^\s,:\]}\"]", r"write \" for a quote inside a string"),
        ("key value end", r",", _NO_COMMA),
        ("end", r"[\]}]", "remove this bracket"),
        ("end", r"[{\[]", "a file holds one object: remove this, or put all into one"),
    )
)
"""What was expected, what stands there, and what to do."""
_OTHERWISE: Final = {"key": _PAIR, "colon": _PAIR, "value": _TEXT, "end": "nothing may follow the last }"}


def mistake(path: Path, text: str) -> Problem | None:
    """The problem of a text; None if it is an object in JSON."""
    return _Scan(path, text).run()


def stopped(text: str) -> _Scan:
    """A scan of `text` that has gone as far as it could: to the end, or to the first mistake."""
    scan = _Scan(Path(), text)
    scan.run()
    return scan


class _Scan(Mistakes):
    """`expected`: what has to come next. `key` stands in an object, `comma` behind an item or pair, and what is open
    may be closed instead; `end` is behind the root.
    """

    def __init__(self, path: Path, text: str) -> None:
        super().__init__("JSON", path, text)
        self.at = 0
        self.expected = "value"
        self.open: list[int] = []
        self.keys: list[dict[str, int]] = []
        self.comma: int | None = None
        """The comma before what comes next."""

    def run(self) -> Problem | None:
        found = None
        while found is None:
            self.at = self.behind_space()
            character = self.text[self.at : self.at + 1]
            if not character:
                return self.ended()
            found = self.next(character)
        return found

    def behind_space(self) -> int:
        found = _SPACE.match(self.text, self.at)
        return found.end() if found else self.at

    def next(self, character: str) -> Problem | None:
        """Read on over one token, or what is wrong with it."""
        if character in "]}" and self.expected in ("key", "comma", "value") and self.open:
            return self.close(character)
        if character == "," and self.expected == "comma":
            self.comma = self.at
            self.expected = "key" if self.text[self.open[-1]] == "{" else "value"
        elif character == ":" and self.expected == "colon":
            self.comma, self.expected = None, "value"
        elif character == '"' and self.expected in ("key", "value"):
            return self.string()
        elif character in "{[" and self.expected == "value":
            return self.opened(character)
        elif self.expected == "value":
            return self.scalar()
        else:
            return self.unexpected()
        self.at += 1
        return None

    # What is good so far

    def opened(self, character: str) -> Problem | None:
        if not self.open and character == "[":
            return self.problem_at("not an object", (self.at, self.at + 1), 'write an object: {"name": value}')
        if self.is_too_deep() or (character == "[" and len(self.open) == MAX_DEPTH):
            return self.too_deep(self.at)
        self.open.append(self.at)
        self.keys.append({})
        self.comma, self.expected = None, "key" if character == "{" else "value"
        self.at += 1
        return None

    def close(self, character: str) -> Problem | None:
        opener = self.open[-1]
        if character != _CLOSES[self.text[opener]]:
            hint = f'close it with "{_CLOSES[self.text[opener]]}"'
            return self.unexpected(hint, self.related("opened here", opener))
        if self.comma is not None:
            return self.problem_at("trailing comma", (self.comma, self.comma + 1), _NO_COMMA)
        if self.expected == "value" and self.text[opener] == "{":
            return self.problem_at("missing value", (self.at, self.at + 1), _NO_VALUE)
        self.open.pop()
        self.keys.pop()
        self.at += 1
        return self.behind_value()

    def string(self) -> Problem | None:
        found = _STRING.match(self.text, self.at)
        if found is None or not found[1]:
            return self.unterminated(self.at if found is None else found.end())
        problem = self.escapes(*found.span()) if "\\" in found[0] else None
        if problem is not None:
            return problem
        if self.expected == "value":
            self.at = found.end()
            return self.behind_value(found.start())
        if self.is_too_deep():
            return self.too_deep(self.at)
        first = self.keys[-1].setdefault(decoded(found[0]), self.at)
        if first != self.at:
            hint = "set each key once: remove one of the two"
            return self.problem_at("duplicate key", found.span(), hint, self.related("first defined", first))
        self.at, self.expected = found.end(), "colon"
        return None

    def scalar(self) -> Problem | None:
        word = self.word()
        found = _NUMBER.match(self.text, self.at)
        if found is None and self.text[slice(*word)] not in ("true", "false", "null"):
            return self.unexpected()
        if found is not None and not (found[1] or found[2]) and len(found[0].lstrip("-")) > MAX_DIGITS:
            return self.too_long(found.span())
        begin, self.at = self.at, word[1] if found is None else found.end()
        return self.behind_value(begin)

    def behind_value(self, begin: int | None = None) -> Problem | None:
        """`begin`: of a value that is no array or object."""
        if begin is not None and not self.open:
            return self.problem_at("not an object", (begin, self.at), 'write an object: {"name": value}')
        if begin is not None and self.is_too_deep():
            return self.too_deep(begin)
        self.comma, self.expected = None, "comma" if self.open else "end"
        return None

    def is_too_deep(self) -> bool:
        """Whether what is read now, which stands in all that is open, is."""
        return len(self.open) > MAX_DEPTH

    # What is not

    def word(self) -> _Range:
        found = _WORD.match(self.text, self.at)
        return (self.at, self.at) if found is None else found.span()

    def unexpected(self, hint: str | None = None, *related: Related) -> Problem:
        strange = lookalike(self.text, self.at)
        if strange is not None:
            offset, hint = strange
            return self.problem_at(
                f"unexpected character '{printable(self.text[offset])}'", (offset, offset + 1), hint
            )
        character = self.text[self.at]
        if self.expected == "comma" and self.text[self.open[-1]] == "[" and _KEY.match(self.text, self.at):
            return self.unclosed(self.related('"]" expected before this', self.at))
        if (self.expected, character) == ("value", ",") and self.text[: self.at].rstrip().endswith(":"):
            return self.problem_at("missing value", (self.at, self.at + 1), _NO_VALUE)
        hint = hint or self.hint()
        if self.expected == "comma" and hint is None:
            kind = "items of an array" if self.text[self.open[-1]] == "[" else "pairs of an object"
            return self.problem_at("missing comma", self.word(), f"put a comma between the {kind}")
        if hint == _COMMENT:
            return self.problem_at("comment", self.word(), hint)
        hint = hint or _OTHERWISE.get(self.expected)
        return self.problem_at(f"unexpected character '{printable(character)}'", self.word(), hint, *related)

    def hint(self) -> str | None:
        looks = ((pattern, hint) for where, pattern, hint in _SLIPS if self.expected in where)
        return next((hint for pattern, hint in looks if pattern.match(self.text, self.at)), None)

    def ended(self) -> Problem | None:
        if self.open:
            return self.unclosed()
        if self.expected == "end":
            return None
        return self.problem_at("unexpected end of file", (self.at, self.at), 'write an object: {"name": value}')

    def unclosed(self, *related: Related) -> Problem:
        opener = self.open[-1]
        bracket = self.text[opener]
        return self.problem_at(_NAMES[bracket], (opener, opener + 1), f'close it with "{_CLOSES[bracket]}"', *related)

    def unterminated(self, end: int) -> Problem:
        character = self.text[end : end + 1]
        if character not in ("", "\n", "\r", "\\"):
            hint = r"write \t for a tab" if character == "\t" else "remove it, or write it as an escape"
            return self.problem_at("control character in a string", (end, end + 1), hint)
        written = self.text[self.at : end]
        hint = _BACKSLASH if written.endswith('\\"') else r'close it with " on this line; \n is a line break'
        return self.problem_at("unterminated string", (self.at, end), hint)

    def escapes(self, begin: int, end: int) -> Problem | None:
        """What is wrong with an escape in the string, if anything is."""
        high: re.Match[str] | None = None
        for found in _ESCAPE.finditer(self.text, begin, end):
            if found[2] or found[4]:
                return self.problem_at("invalid escape", found.span(), _BACKSLASH)
            kind = found[1][:2].lower() if found[1] else ""
            pairs = high is not None and kind in ("dc", "dd", "de", "df") and high.end() == found.start()
            if high is not None and not pairs:
                return self.problem_at("half a character", high.span(), _HALF)
            if kind in ("dc", "dd", "de", "df") and not pairs:
                return self.problem_at("half a character", found.span(), _HALF)
            high = found if kind in ("d8", "d9", "da", "db") else None
        return None if high is None else self.problem_at("half a character", high.span(), _HALF)
