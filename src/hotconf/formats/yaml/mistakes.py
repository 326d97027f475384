"""`refused`: why a text is not YAML, in plain words, at the place where people have to look to mend it.

libyaml says where it could not go on, which is often far behind the mistake. No message quotes the text, which may
be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import ScalarEvent

from hotconf.formats.base import Mistakes
from hotconf.formats.lookalikes import lookalike
from hotconf.formats.places import Range
from hotconf.problems import Problem
from hotconf.text import printable

_PAIR: Final = "write key: value"
_SPACE: Final = "write a space after the colon: key: value"
_QUOTE: Final = "put the text in quotes"
_INDENT: Final = "indent it like the keys around it"
_BACKSLASH: Final = r"""in "…" a backslash begins an escape: write the text in '…', or \\ for each backslash"""
_COMMA: Final = "remove this comma"
_DIRECTIVE: Final = "put text that begins with % in quotes"
_LINES: Final = "write each - item on a line of its own, below the key"

_BARE: Final = r"[\w.$/-]{1,99}+"
_NAME: Final = r"\w[\w.-]{0,99}+|\"[^\"\n]{1,99}+\"|'[^'\n]{1,99}+'"
_LINE: Final = tuple(
    (re.compile(pattern), reason, hint)
    for pattern, reason, hint in (
        (r"(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r]|\Z)", "merge conflict", "resolve the merge conflict"),
        (r"//|/\*|;", "no key", "a comment begins with #"),
        (rf"\[\[?{_BARE}\]\]?(?:\s|\Z)", "no key", "write name: and its keys below it, indented"),
        (rf"(?:{_NAME})[ \t]{{0,99}}+=(?!=)", "missing colon", f"{_PAIR}, with a colon"),
        (rf"(?:{_NAME}):(?!//)[^\s:]", "missing space after the colon", _SPACE),
    )
)
"""What a line without a key looks like, why it is none, and what to write."""
_PAIRS: Final = re.compile(r":(?=[ \t\r]|\Z)")
_WORD: Final = re.compile(r"[^\s,\[\]{}]++|.", re.DOTALL)
_TABS: Final = re.compile(r"\t++")
_ESCAPE: Final = re.compile(r"\\(?:x\w{0,2}|u\w{0,4}|U\w{0,8}|.)?", re.DOTALL)
_KEY_LINE: Final = re.compile(r"[ \t]*+(?:-[ \t]++)?" + r"[^\s\[\]{},\"'#][^:\n\[\]{},]*+:(?:\s|\Z)")
_OPENS_STRING: Final = re.compile(r"[ \t]*+(?:-[ \t]++)?(?:[\w.$/-]++[ \t]*+:[ \t]++(?:[\[{][^\n\"']*+)?)?[\"']\Z")
_REFUSED_CHARACTER: Final = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")
_BREAK: Final = re.compile("[\x85\u2028\u2029]")
_CLOSES: Final = {"[": "]", "{": "}"}
_NAMES: Final = {"[": "missing closing bracket", "{": "missing closing brace"}
_MOST_LINES: Final = 100
_LONGEST_KEY: Final = 1024
"""As libyaml has it, and YAML itself."""


def refused(mistakes: Mistakes, error: Exception, flows: list[int]) -> Problem:
    """What libyaml could not read, as a problem. `flows`: where the brackets that were open begin."""
    return _Refusal(mistakes, error, flows).problem()


def not_a_mapping(mistakes: Mistakes, begin: int, end: int) -> Problem:
    """The problem of a text whose root is something else."""
    found = _slip(mistakes.text, begin)
    if found is not None:
        return mistakes.problem_at(*found)
    if begin == end:
        return mistakes.problem_at("no content", (begin, end), "for all defaults, write {}")
    return mistakes.problem_at("not a mapping", (begin, end), _PAIR)


def _slip(text: str, offset: int) -> tuple[str, Range, str] | None:
    """What is wrong with the line of `offset`, if it looks like that of another language."""
    begin = text.rfind("\n", 0, offset) + 1
    end = _line_end(text, begin)
    line = text[begin:end].rstrip()
    content = line.lstrip(" \t-")
    found = next((each for each in _LINE if each[0].match(content)), None)
    return None if found is None else (found[1], (begin + len(line) - len(content), begin + len(line)), found[2])


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


class _Refusal(Mistakes):
    def __init__(self, mistakes: Mistakes, error: Any, flows: list[int]) -> None:
        super().__init__(mistakes.language, mistakes.path, mistakes.text)
        self.flows = flows
        self.why = str(getattr(error, "problem", None) or getattr(error, "reason", ""))
        self.what = str(getattr(error, "context", None) or "")
        self.at = self._offset(getattr(error, "problem_mark", None))
        self.context = self._offset(getattr(error, "context_mark", None)) if self.what else self.at

    def _offset(self, mark: Any) -> int:
        return 0 if mark is None else min(int(mark.index), len(self.text))

    def problem(self) -> Problem:
        looks = self.by_words() or self.other_break()
        if looks is not None:
            return looks
        if "quoted scalar" in self.what:
            return self.quoted()
        if "could not find expected ':'" in self.why:
            return self.no_colon()
        if "mapping values are not allowed" in self.why:
            return self.second_colon()
        if "flow" in self.what or (self.flows and self.at >= len(self.text.rstrip())):
            return self.brackets()
        if "block mapping" in self.what or "block collection" in self.what or "document start" in self.why:
            return self.indentation()
        return self.unexpected()

    # One kind each

    def by_words(self) -> Problem | None:
        """What libyaml's message alone says enough about."""
        why, what, here = self.why, self.what, self.text[self.at : self.at + 1]
        if "increasing" in what:
            return self.too_deep(self.at)
        if "control characters" in why or ("not allowed" in why and not self.at):
            found = _REFUSED_CHARACTER.search(self.text)
            begin = found.start() if found else 0
            hint = r'remove it, or write it as an escape in "…": \u0007'
            return self.problem_at("control character", (begin, begin + 1), hint)
        if "tab" in why or (here == "\t" and "cannot start" in why):
            found = _TABS.search(self.text, self.text.rfind("\n", 0, self.at) + 1)
            span = (self.at, self.at + 1) if found is None else found.span()
            return self.problem_at("tab in the indentation", span, "indent with spaces")
        if "block scalar" in what:
            return self.problem_at(
                "unexpected text", self.word(), "write the text in the lines below | or >, indented"
            )
        if "block sequence entries" in why:
            return self.problem_at("unexpected list item", (self.at, self.at + 1), _LINES)
        if "directive" in what or "incompatible" in why or "%" in (why, here):
            return self.directive()
        if "alias" in what or "anchor" in what or "tag" in what or "cannot start" in why or "undefined tag" in why:
            begin = self.at if "cannot start" in why else self.context
            character = printable(self.text[begin : begin + 1])
            return self.strange(begin) or self.problem_at(
                f"unexpected character '{character}'",
                self.word(begin),
                f"put text that begins with {character} in quotes",
            )
        return None

    def other_break(self) -> Problem | None:
        """A character by which libyaml, unlike YAML 1.2 and editors, ends a line."""
        line = self.text.rfind("\n", 0, self.at) + 1
        found = _BREAK.search(self.text, line, self.at)
        return None if found is None else self.strange(found.start())

    def directive(self) -> Problem:
        begin = self.context if "directive" in self.what else self.at
        if "incompatible" in self.why:
            return self.problem_at("unknown version of YAML", self.word(begin), "remove this line")
        return self.problem_at("unexpected character '%'", self.word(begin), _DIRECTIVE)

    def quoted(self) -> Problem:
        begin = self.context
        quote = self.text[begin : begin + 1]
        if "escape" in self.why or "hexdecimal" in self.why:
            found = _ESCAPE.match(self.text, self.at)
            if found is None:
                before = self.text.rfind("\\", begin, self.at)
                found = _ESCAPE.match(self.text, max(before, begin))
            return self.problem_at(
                "invalid escape", (self.at, self.at + 1) if found is None else found.span(), _BACKSLASH
            )
        end = _line_end(self.text, begin)
        hint = f"close it with {quote}"
        if quote == '"' and self.text[begin:end].rstrip().endswith('\\"'):
            hint = _BACKSLASH
        return self.problem_at("unterminated string", (begin, end), hint)

    def no_colon(self) -> Problem:
        begin = self.context
        found = _slip(self.text, begin)
        if found is not None:
            return self.problem_at(*found)
        return self.strange(begin) or self.problem_at("missing colon", (begin, self.end_of(begin)), _PAIR)

    def second_colon(self) -> Problem:
        """A colon behind what cannot be a key: text that goes on from a line above, or a value."""
        line = self.text.rfind("\n", 0, self.at) + 1
        before = self.text[line : self.at]
        earlier = _PAIRS.search(before)
        if earlier is not None:
            begin = line + len(before) - len(before[earlier.end() :].lstrip())
            return self.problem_at("a second colon", (begin, self.end_of(begin)), 'put text with ": " in quotes')
        if self.at - line > _LONGEST_KEY:
            return self.problem_at(
                f"a key of over {_LONGEST_KEY:,} characters", (line, self.at), "write a shorter one"
            )
        above = list(self.lines_above(line))
        for each in above:
            found = _slip(self.text, each)
            if found is not None:
                return self.problem_at(*found)
        if self.text[self.at - 1 : self.at] in ('"', "'") or not line:
            return self.problem_at("unexpected colon", (self.at, self.at + 1), _QUOTE)
        content = line + len(before) - len(before.lstrip())
        indent = self.text[line:content]
        if above and self.text.startswith(indent, above[0]) and not self.text[above[0] + len(indent)].isspace():
            begin = above[0] + len(indent)
            return self.problem_at("missing colon", (begin, self.end_of(begin)), _PAIR)
        return self.problem_at("bad indentation", (content, max(self.at, content + 1)), _INDENT)

    def lines_above(self, line: int) -> Iterator[int]:
        """The lines of the text that goes on, from the top: without a key of their own."""
        above: list[int] = []
        at = line
        while at > 0 and len(above) < _MOST_LINES:
            at = self.text.rfind("\n", 0, at - 1) + 1
            content = self.text[at : _line_end(self.text, at)].strip()
            if content.startswith("#") or _PAIRS.search(content):
                break
            if content:
                above.append(at)
        return reversed(above)

    def brackets(self) -> Problem:
        opener = self.flows[-1] if self.flows else self.context
        bracket = self.text[opener : opener + 1]
        here = self.text[self.at : self.at + 1]
        if bracket not in _CLOSES:
            return self.unexpected()
        hint = f'close it with "{_CLOSES[bracket]}"'
        line = self.text.rfind("\n", 0, self.at) + 1
        if not self.text[self.at :].strip() or (line > opener and _KEY_LINE.match(self.text, line)):
            return self.problem_at(_NAMES[bracket], (opener, opener + 1), hint)
        if here in ("]", "}"):
            related = self.related("opened here", opener)
            return self.problem_at(f"unexpected character '{here}'", (self.at, self.at + 1), hint, related)
        if here == ",":
            return self.problem_at("unexpected character ','", (self.at, self.at + 1), _COMMA)
        if "node content" in self.why:
            return self.unexpected()
        kind = "items of a list" if bracket == "[" else "pairs of a mapping"
        return self.strange(self.at) or self.problem_at(
            "missing comma", self.word(), f"put a comma between the {kind}"
        )

    def indentation(self) -> Problem:
        """Something stands where a key, an item or the end belongs."""
        line = self.text.rfind("\n", 0, self.at) + 1
        before = self.text[line : self.at]
        found = _slip(self.text, self.at)
        if before.strip():
            return self.behind_value()
        if "document start" in self.why:
            first = self.text.lstrip()
            above = _slip(self.text, len(self.text) - len(first))
            if above is not None:
                return self.problem_at(*above)
            if re.search(r"^\.\.\.(?:\s|\Z)", self.text[: self.at], re.MULTILINE):
                return self.problem_at("unexpected text", self.word(), "nothing may follow a line of ...")
            if first.startswith("%"):
                return self.problem_at("unexpected text", self.word(), "write --- below the lines that begin with %")
            if first.startswith(("{", "[")):
                return self.problem_at("unexpected text", self.word(), "nothing may follow the last bracket")
        if found is not None:
            return self.problem_at(*found)
        if self.text.startswith(":", self.at):
            return self.problem_at("missing key", (self.at, self.at + 1), _PAIR)
        is_item = re.compile(r"-(?:\s|\Z)").match(self.text, self.at) is not None
        if "block mapping" in self.what and is_item:
            return self.problem_at(
                "a list item among keys", (self.at, self.at + 1), "write the list below a key of its own"
            )
        if "block collection" in self.what and not is_item:
            hint = "indent it more than the - if it belongs to the item, less if it does not"
            return self.problem_at("a key among list items", self.word(), hint)
        return self.problem_at("bad indentation", self.word(), _INDENT)

    def behind_value(self) -> Problem:
        """Something follows a value on its line."""
        here, quote = self.text[self.at : self.at + 1], self.text[: self.at].rstrip()[-1:]
        if here == ",":
            return self.problem_at("unexpected character ','", (self.at, self.at + 1), _COMMA)
        if quote in ("'", '"') and (begin := self.never_closed()) is not None:
            return self.problem_at(
                "unterminated string", (begin, _line_end(self.text, begin)), f"close it with {quote}"
            )
        if quote == "'":
            return self.problem_at(
                "unexpected text after a string", self.word(), "write '' for a quote inside of '…'"
            )
        if quote == '"':
            return self.problem_at(
                "unexpected text after a string", self.word(), r'write \" for a quote inside of "…"'
            )
        return self.problem_at("unexpected text after a value", self.word(), "put all of it in quotes")

    def never_closed(self) -> int | None:
        """Where the string begins that ends here with a quote which plainly was to begin another one."""
        line = self.text.rfind("\n", 0, self.at) + 1
        if not _OPENS_STRING.match(self.text[line : self.at].rstrip()):
            return None
        begin, following = None, CParser(self.text).get_event
        with suppress(YAMLError):
            while (event := following()) is not None:
                begin = self._offset(event.start_mark) if isinstance(event, ScalarEvent) and event.style else begin
        if begin is None or begin >= line:
            return None
        return self.text.find(self.text[line : self.at].rstrip()[-1], begin)

    def unexpected(self) -> Problem:
        if not self.text[self.at : self.at + 1].strip():
            return self.problem_at("unexpected end", (self.at, self.at), _PAIR)
        character = printable(self.text[self.at])
        hint = f"put text that begins with {character} in quotes"
        return self.strange(self.at) or self.problem_at(f"unexpected character '{character}'", self.word(), hint)

    def strange(self, at: int) -> Problem | None:
        found = lookalike(self.text, at)
        if found is None:
            return None
        offset, hint = found
        return self.problem_at(f"unexpected character '{printable(self.text[offset])}'", (offset, offset + 1), hint)

    def word(self, at: int | None = None) -> Range:
        found = _WORD.match(self.text, self.at if at is None else at)
        return (self.at, self.at) if found is None else found.span()

    def end_of(self, begin: int) -> int:
        return begin + len(self.text[begin : _line_end(self.text, begin)].rstrip())
