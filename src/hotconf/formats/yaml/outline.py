"""`outline`: what can be said about the lines of a YAML text, or of one that is to become YAML.

Each line is read by its indentation, which is what gives a broken text the most of its structure; between brackets by
these, too. A line that may belong to several tables has all of them.
"""

from __future__ import annotations

import re
from typing import Final

from hotconf.compat import possessive
from hotconf.formats.base import MAX_DEPTH, Outline
from hotconf.keypath import KeyPath

_MOST: Final = 16
"""A line that sets values in more tables than this counts as secret as a whole."""
_ALL: Final[dict[KeyPath, None]] = {("secrets",): None}

_DOUBLE: Final = possessive(r'[^"\\]++|\\.')
_DOUBLE_LINE: Final = possessive(r'[^"\\\n]++|\\[^\n]')
_SINGLE: Final = possessive(r"[^']++|''")
_SINGLE_LINE: Final = possessive(r"[^'\n]++|''")
_STRING: Final = rf"""(?:"{_DOUBLE}"?+|'{_SINGLE}'?+)"""
_LINE_STRING: Final = rf"""(?:"{_DOUBLE_LINE}"|'{_SINGLE_LINE}')"""
_PLAIN: Final = "(?![\"'#|>\\[\\]{},])" + possessive(r"[^\s:]++|:(?=\S)|[ \t]++(?![\s#])", "+")
KEY: Final = rf"(?P<key>{_LINE_STRING}[ \t]*+:(?=\s|\Z)|{_PLAIN}:(?=\s|\Z))"
_PROPERTIES: Final = possessive(r"[&!][^\s,\[\]{}]*+[ \t]*+")
_MARKS: Final = possessive(r"[-?:](?:[ \t]++|(?=\r?\n|\Z))")
_ENTRY: Final = re.compile(rf"(?P<indent>[ \t]*+{_MARKS}){_PROPERTIES}{possessive(KEY, '?')}", re.DOTALL)
_EXPLICIT: Final = re.compile(r"\?[ \t]++([^\n]++)")
_OPENS: Final = rf"(?P<block>[|>][^\n#]*+)|(?P<string>{_STRING})|(?P<open>[\[{{])"
_VALUE: Final = re.compile(rf"[ \t]*+{_PROPERTIES}{possessive(_OPENS, '?')}", re.DOTALL)
_BLOCK: Final = re.compile(rf"[ \t]*+{_PROPERTIES}[|>]")
_FLOW_PLAIN: Final = r"[^\s,\[\]{}\"'#:]" + possessive(r"[^\s,\[\]{}:]++|:(?=[^\s,\[\]{}])|[ \t]++(?=[^\s,\[\]{}#:])")
_FLOW_KEY: Final = rf"(?:{_LINE_STRING}[ \t]*+:|{_FLOW_PLAIN}[ \t]*+:(?=[\s,\[\]{{}}]|\Z))"
_FLOW: Final = re.compile(
    rf"(?P<key>{_FLOW_KEY})|(?P<string>{_STRING})|(?P<mark>[\[\]{{}}\n])|#[^\n]*+|{_FLOW_PLAIN}", re.DOTALL
)
_OWN_KEY: Final = re.compile(rf"[ \t]*+{_MARKS}[{{\[ \t]*+{KEY}")
_DOCUMENT: Final = re.compile(r"(?:---|\.\.\.)(?=\s|\Z)")


def outline(text: str) -> Outline:
    """What can be said about its lines."""
    return _Scan(text).outline()


def starts(line: str) -> KeyPath | None:
    """Empty for a line with a key of its own; None for what may belong to the line above."""
    return () if _OWN_KEY.match(line) else None


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[int, dict[KeyPath, None]] = {0: {(): None}}
        self._in_strings: set[int] = set()
        self._line = self._at = 0
        """Where reading goes on."""
        self._keys: list[tuple[int, str]] = []
        """Those above, by indentation: the column of each."""
        self._parent = -1
        """The column of the key or `-` whose value is read."""
        self._in_plain = False
        """Whether a plain scalar may go on in the next line."""
        self._in_block = False
        self._open: list[bool] = []
        """Of each open bracket: whether its key is in `_flow`."""
        self._flow: list[str] = []

    def outline(self) -> Outline:
        while self._at < len(self._text):
            self._one_line()
        return Outline({line: tuple(tables) for line, tables in self._found.items()}, frozenset(self._in_strings))

    def _note(self, table: KeyPath) -> None:
        tables = self._found.setdefault(self._line, {})
        if len(tables) < _MOST:
            tables[table] = None
        else:
            self._found[self._line] = _ALL

    def _one_line(self) -> None:
        text, at = self._text, self._at
        end = self._line_end()
        content = text[at:end].lstrip(" ")
        is_blank = not content or content.isspace()
        if self._in_block and (is_blank or end - at - len(content) > self._parent):
            self._in_strings.add(self._line)
            self._skip_to(end)
            return
        self._in_block = False
        if is_blank or content.startswith("#"):
            self._skip_to(end)
            return
        if content.startswith(("---", "...")) and _DOCUMENT.match(text, at):
            self._keys.clear()
        entry = _ENTRY.match(text, at)
        behind = at if entry is None else self._entry(entry)
        if self._open and not _BLOCK.match(text, behind):  # a block is in no brackets: they were never closed
            self._brackets(at)
        else:
            self._value(behind, end)

    def _line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _skip_to(self, end: int) -> None:
        """Behind the line break at `end`."""
        self._at = end + 1
        self._line += 1

    def _entry(self, entry: re.Match[str]) -> int:
        """Note the key with which a line begins; the offset behind it."""
        indent, key = entry["indent"], entry["key"]
        marks = indent.strip()
        if marks:
            self._leave(len(indent) - len(indent.lstrip()) + 1)
        question = _EXPLICIT.match(self._text, entry.start() + indent.rfind("?")) if "?" in marks else None
        if key is None and question is None:
            if self._in_plain and not marks:
                self._in_strings.add(self._line)
            self._parent = len(indent.rstrip()) - 1 if marks else self._keys[-1][0] if self._keys else -1
            return entry.end()
        self._parent = len(indent) if question is None else indent.rfind("?")
        self._leave(self._parent)
        self._note(tuple(each for _, each in self._keys))
        if len(self._keys) < MAX_DEPTH:
            self._keys.append((self._parent, question[1].strip() if key is None and question else name_of(key)))
        return entry.end()

    def _leave(self, column: int) -> None:
        """The keys that are not above what begins at `column`."""
        while self._keys and self._keys[-1][0] >= column:
            self._keys.pop()

    def _value(self, at: int, end: int) -> None:
        """Skip the value that begins after a key, and the rest of its line."""
        found = _VALUE.match(self._text, at)
        kind = None if found is None else found.lastgroup
        self._in_plain = kind is None and bool(self._text[at:end].partition(" #")[0].strip())
        if found is None or kind is None:
            self._skip_to(end)
        elif kind == "block":
            self._in_block = True
            self._skip_to(end)
        elif kind == "string":
            self._string(*found.span("string"))
            self._skip_to(self._line_end())
        else:
            self._flow = [each for _, each in self._keys]
            self._open = [False]
            self._brackets(found.end())

    def _string(self, begin: int, end: int) -> None:
        breaks = self._text.count("\n", begin, end)
        self._in_strings.update(range(self._line + 1, self._line + 1 + breaks))
        self._line += breaks
        self._at = end

    def _brackets(self, at: int) -> None:
        """What is between brackets, up to the end of the line, or of the outermost bracket."""
        key: str | None = None
        for token in _FLOW.finditer(self._text, at):
            mark = token["mark"]
            if token["key"] is not None:
                key = name_of(token["key"])
                self._note(tuple(self._flow))
            elif token["string"] is not None:
                self._string(*token.span())
                key = None
            elif mark == "\n":
                self._skip_to(token.start())
                return
            elif mark in ("[", "{"):
                self._open.append(key is not None and len(self._flow) < MAX_DEPTH)
                self._flow += [key] if self._open[-1] and key is not None else []
                key = None
            elif mark is not None:
                del self._flow[len(self._flow) - self._open.pop() :]
                if not self._open:
                    self._at = token.end()
                    self._skip_to(self._line_end())
                    return
        self._at = len(self._text)


def name_of(key: str) -> str:
    """What a key is called, without quotes and colon."""
    name = key.rstrip(": \t")
    return name[1:-1] if name[:1] in ("'", '"') else name
