"""`Slips`: what to write instead of what is not TOML, often from another language, at the place where tomli gave up.

Tables of patterns: the first that matches gives the hint. No hint quotes the text, which may be a secret.
"""

from __future__ import annotations

import re
from typing import Final

from hotconf.compat import possessive

CONFLICT: Final = "resolve the merge conflict"
STRAIGHT: Final = 'write straight quotes: "'
TEXT: Final = 'put text in quotes: "…"'
NO_VALUE: Final = "write a value on the same line, after the ="
NOT_PAIRED: Final = 'the quotes on this line do not pair up: close each string, and write \\" for a quote inside one'
_PAIR: Final = 'write name = "value"'
_COMMENT: Final = "a comment begins with #"
_ALONE: Final = "write the number alone, or put text in quotes"
_NAN: Final = "write nan or inf, or put text in quotes"
_TIME: Final = "write a time as 09:30:00, other text in quotes"
_DATE: Final = "write a date as 2026-01-05, other text in quotes"
_QUOTE_KEY: Final = 'quote the key: "…" = …'
_DOT: Final = "write a name on each side of a dot"
_COMMA: Final = "remove this comma"
_BRACKET: Final = "remove this bracket"
_HEADER: Final = "write the header of a table as [name]"
_ARRAY: Final = 'write an array: ["…", "…"]'
_OWN_LINE: Final = "write each name = value on a line of its own"
_LINES: Final = 'put text of several lines in """…"""'
_REST: Final = "nothing may follow on this line but a comment, which begins with #"
_FAR: Final = 1000
"""So much of a text is looked at, before and behind the place."""

_WHERE: Final = (
    ("Expected '='", "key"),
    ("Invalid statement", "key"),
    ("Invalid initial character", "key"),
    ("Expected ']'", "header"),
    ("Invalid value", "value"),
    ("Expected newline", "end"),
    ("Unclosed", "end"),
    ("Invalid date", "date"),
)
"""What tomli was reading, by the beginnings of its messages. `end` is behind a value or a header, `alone` the same
outside of arrays and inline tables, and `name` a key in a header."""

_ENDS: Final = r"(?=[ \t\r]*+(?:[#\n,\]}]|\Z))"
_SLIPS: Final = tuple(
    (frozenset(where.split()), re.compile(pattern), hint)
    for where, pattern, hint in (
        ("key value end", r"(?<![^\n])(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)", CONFLICT),
        ("key name header value end", "[“”„‘’`«»‹›＂＇]", STRAIGHT),
        ("key end", r"//|/\*", _COMMENT),
        ("value", r"//(?!\w)|/\*", _COMMENT),
        ("alone", r"[;,][ \t\r]*+(?:[#\n]|\Z)", "remove this: no line ends with , or ;"),
        ("key value", ";", _COMMENT),
        ("alone", r"(?<=[ \t])(?:;|--|<!--)", _COMMENT),
        # Headers
        ("name header", r"(?<=\[)\]", "write a name in the brackets: [name]"),
        ("name header", r"\.|(?<=\.)\]", _DOT),
        ("name header", r"[^\]\n]", 'put a name with spaces or other characters in quotes: ["…"]'),
        # Keys
        ("key", r":[ \t\r]*+\n[ \t]*+-[ \t]", _ARRAY),
        ("key", r":[ \t\r]*+(?:[#\n]|\Z)", _HEADER),
        ("key", r":|=>|->|[+?|-]=", _PAIR),
        ("key", r"\.|(?<=\.)=|(?<=\. )=", _DOT),
        ("key", r"=", "write a name before the ="),
        ("key", r"[\]}]", _BRACKET),
        ("key", r"\[", _ARRAY),
        ("key", r"(?<=[\w-])[\"']", "write quotes on both sides of a key, or none"),
        ("key", r"[^\x00-\x7f]", 'quote the key: "…" = …'),
        # Values
        ("value", "(?<==)>", _PAIR),
        ("value", "=", "write a single ="),
        ("value", rf"(?i:true|false){_ENDS}", "write true or false in lower case"),
        ("value", rf"(?i:yes|no|on|off){_ENDS}", "write true or false, or put text in quotes"),
        ("value", rf"(?i:none|null|nil|undefined){_ENDS}", "TOML has no null: remove the key"),
        ("value", rf"[+-]?(?i:nan|inf|infinity){_ENDS}", _NAN),
        ("value", r"[+-]?\.\d", "write a digit before the point: 0.5, not .5"),
        ("value", r"[$€£][ \t]*+[\d.]", _ALONE),
        ("value", r"#", 'write a value before the comment; text with # goes in quotes: "#…"'),
        ("value", r"\(", _ARRAY),
        ("value", r"<<|[|>][+-]?[ \t\r]*+\n", _LINES),
        ("value", r"[rbfuRBFU]{1,2}(?=[\"'])", "remove the letter before the quotes"),
        ("value", r"\$|%\w++%", 'put text in quotes: "…"; variables are not expanded'),
        ("value", r"\\|[A-Za-z]:\\", "put text in quotes: '…'"),
        ("value", r",", _COMMA),
        ("value", r"\n", NO_VALUE),
        # Behind a value
        ("end", r"(?<=\d),\d", "write numbers without a comma: 1.5, 1000"),
        ("alone", r"(?<=\d )[AaPp][Mm]\b", _TIME),
        ("alone", r"(?<=:\d\d )(?:[+-]\d\d:?\d\d|UTC|GMT|Z)\b", "write the offset at once: 2026-01-05T09:30:00Z"),
        ("alone", r"(?<=\d )\d{3}\b", "write numbers without spaces: 1000, 1_000"),
        ("end", rf"(?:(?<=\d)|(?<=\d ))(?:[$€£%]|(?i:ms|s|sec|min|h|[kmg]b){_ENDS})", _ALONE),
        ("alone", rf"(?<=\d )[A-Za-z]{{1,20}}+{_ENDS}", _ALONE),
        ("date", "", "no such date: write one as 2026-01-05"),
        ("end", r"(?<=\d{4})-\d\d-\d\d(?!\d)", "no such date: write one as 2026-01-05"),
        ("end", r"(?<=\d{4})-\d\d?-\d\d?(?!\d)", "month and day have two digits: 2026-01-05"),
        ("end", r"(?<=\d\d):\d\d:\d\d(?!\d)", "no such time: write one as 09:30:00"),
        ("alone", r"(?:[,;][ \t]*+)?(?<=[ \t,;\]])[A-Za-z_][\w.-]*+[ \t]*+=", _OWN_LINE),
        ("alone", r"(?<=[ \t])[+*/-][ \t]*+[\w\"'(]", "write the result: TOML has no operators"),
        ("alone", r"[\]}]", _BRACKET),
        ("alone", r"(?<!'')(?<=')\w", """text with a ' inside goes in "…\""""),
        ("alone", r"(?<!\"\")(?<=\")\w", r"""write \" for a quote inside "…", or put the text in '…'"""),
        ("alone", r"(?<=''|\"\")\w", "write one quote on each side"),
        ("alone", r"(?<=[ \t])[\"']", _ARRAY),
    )
)
"""Where the slip is made, how it looks from where tomli gave up, and what to do."""

_WORDS: Final = tuple(
    (re.compile(rf"\A(?:{pattern})"), hint)
    for pattern, hint in (
        (r"0[bB]\w*+", "a binary number has the digits 0 and 1: 0b101"),
        (r"0[oO]\w*+", "an octal number has the digits 0 to 7: 0o755"),
        (r"0[xX]\w*+", "a hexadecimal number has the digits 0 to 9 and a to f: 0xff"),
        (r"[+-]{2,9}+[\d.]++", "a number has one sign: -1"),
        (r"\d{4}-\d\d?(?:-\d\d?)?|\d{4}/\d\d?/\d\d?|\d\d?[./]\d\d?[./]\d{4}", _DATE),
        (r"\d\d?:\d\d(?::\d\d)?(?:[aApP][mM])?", _TIME),
        (r"\d{4}-\d\d-\d\d[Tt]\S*+", "write date and time as 2026-01-05T09:30:00, other text in quotes"),
        (r"[+-]?0\d++", "a number has no leading zero: 8, not 08"),
        (r"\d++\.", "write a digit after the point: 1.0, not 1."),
        (r"[+-]?\d[\d_]*+_|[+-]?\d[\d_]*+|_[\d_]++", "an underscore goes between two digits: 1_000"),
        (r"[+-]?\d++(?:\.\d*+)?[eE][+-]?[\d.]*+", "write digits on both sides of the point, and after the e: 1.0e5"),
        (r"\d++" + possessive(r"\.\w[\w+/-]*+", "+"), TEXT),
        (r"(?i:[+-]?(?:nan|inf))\w*+", _NAN),
        (r"[+-]?\d.*+", _ALONE),
        (r"(?i:true|false)\w++", "write true or false, or put text in quotes"),
    )
)
"""The whole word in or behind which tomli gave up, in place of a value."""

_STATEMENTS: Final = tuple(
    (re.compile(rf"\A(?:{pattern})"), hint)
    for pattern, hint in (
        (r"<{7}|={7}|>{7}|\|{7}", CONFLICT),
        (r"\{", "write each name = value on a line of its own, without braces around them"),
        (r"(?:---|\+\+\+)[ \t\r]*+(?:\n|\Z)", "remove this line: TOML has no front matter"),
        (r"(?:--|!|%)[ \t]|<!--|(?:rem|REM)[ \t][^=\n]*+(?:\n|\Z)", _COMMENT),
        (r"-[ \t]", _ARRAY),
        (r"<[^>\n]*+>|[\w.-]++[ \t]*+[{\]]|[\w.-]++[ \t]++[\w.\"-]++[ \t]*+\{", _HEADER),
        (
            r"(?:export|set|let|var|const|local|my|def|final|static)[ \t]++[\w.-]++[ \t]*+=",
            "remove the word before the name",
        ),
        (r"[\w.-]++[ \t]*+,[ \t]*+[\w.-]++[^=\n]*+=", _OWN_LINE),
        (r"[\w.-]++" + possessive(r"[ \t]++[\w.-]++", "+") + r"[ \t]*+=", _QUOTE_KEY),
    )
)
"""The statement in whose key tomli gave up."""


_BREAK: Final = re.compile(r"[\s=,;\[\]{}#\"']")
"""What ends a bare word."""


class Slips:
    """The hints for what stands in `text` at `at`, of which tomli said `message`."""

    def __init__(self, text: str, at: int, message: str, *, begin: int, inside: str, header: bool) -> None:
        """`begin`: where the statement begins, a `header` or not. `inside`: the bracket that is open there."""
        where = next((where for begins, where in _WHERE if message.startswith(begins)), "")
        self.text, self.at = text, at
        self._begin, self._inside, self._header = begin, inside, header
        self._places = {"name" if header and where == "key" else where}
        if where == "end" and not inside:
            self._places.add("alone")

    def known(self) -> str | None:
        """The hint, if this is a well-known slip."""
        return self._in_statement() or self._here() or self._in_word()

    def otherwise(self) -> str | None:
        """What holds in most other cases."""
        here = self.text[self.at : self.at + 1]
        if "key" in self._places:
            line = self.text[self.at : self.at + _FAR].partition("\n")[0]
            odd = here not in ("", " ", "\n") and not here.isalnum()
            return _QUOTE_KEY if odd and "=" in line else _PAIR
        if "value" in self._places and here not in ("", "]", "}"):
            return TEXT
        return _REST if "alone" in self._places else None

    def _in_statement(self) -> str | None:
        if self._places != {"key"}:
            return None
        if self._inside:
            here, before = (
                self.text[self.at : self.at + 1],
                self.text[max(self._begin, self.at - _FAR) : self.at].rstrip()[-1:],
            )
            if here == "," and before in ("{", ","):
                return _COMMA
            if here not in (",", "}"):
                return None
            pairs = "=" in self.text[self.text.rfind("{", self._begin, self.at) : self.at]
            return _PAIR if pairs else "write an array in brackets: [1, 2]"
        statement = self.text[self._begin : self._begin + _FAR]
        return next((hint for looks, hint in _STATEMENTS if looks.match(statement)), None)

    def _here(self) -> str | None:
        slips = ((looks, hint) for places, looks, hint in _SLIPS if self._places & places)
        return next((hint for looks, hint in slips if looks.match(self.text, self.at, self.at + _FAR)), None)

    def _in_word(self) -> str | None:
        """Of a word in place of a value: the whole of it."""
        if self._header or not self._places & {"value", "end"}:
            return None
        before = _BREAK.split(self.text[max(self.at - _FAR, 0) : self.at])[-1]
        behind = _BREAK.split(self.text[self.at : self.at + _FAR], maxsplit=1)[0]
        if not behind or not (before or "value" in self._places):
            return None  # the word is good, or follows the value
        return next((hint for looks, hint in _WORDS if looks.fullmatch(before + behind)), None)


def curly_end(text: str) -> str | None:
    """The hint for a string that never ends because the quote that was to end it is not a straight one."""
    return STRAIGHT if text.rstrip(" \t\r,])}").endswith(("”", "’", "“", "＂")) else None
