"""Key paths: where a value stands, `("agents", 0, "name")`, and how people write it, `agents[0].name`."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from hotconf.arguments import wrong
from hotconf.errors import UsageError
from hotconf.text import quoted, shortened

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys of tables (`str`) and positions in arrays (`int`), from the root down. `()` is the whole document."""

_LONGEST: Final = 60
"""So much of a text is quoted in an error."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# Compiled where they are used: most programs write no key path.
_PART = (
    r"""\s*(?:(?P<bare>[A-Za-z0-9_-]+)|"(?P<basic>(?:[^"\\]|\\.)*)"|'(?P<literal>[^']*)')"""
    r"""\s*(?P<items>(?:\[\d+\]\s*)*)"""
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
_ESCAPE = r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))"


def dotted(path: KeyPath) -> str:
    """`path` as a TOML dotted key with `[n]` for array items; keys that are not bare are quoted and printable."""
    parts: list[str] = []
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(("." if parts else "") + (key if _BARE.fullmatch(key) else quoted(key)))
    return "".join(parts)


def parse(text: str) -> KeyPath:
    """The path that `text` names, the inverse of `dotted`. Raises `UsageError` if it is not a TOML dotted key."""
    path: list[str | int] = []
    position = 0
    part = re.compile(_PART)
    while True:
        match = part.match(text, position)
        if match is None:
            raise UsageError(f"{_quoted(text)} is not a dotted key{_suggestion(text)}")
        path.append(_key(match))
        path.extend(int(item) for item in re.findall(r"\d+", match["items"]))
        position = match.end()
        if position == len(text):
            return tuple(path)
        if text[position] != ".":
            raise UsageError(
                f"{_quoted(text)} is not a dotted key: unexpected {quoted(text[position])}{_suggestion(text)}"
            )
        position += 1


def key_path(name: str, given: object, also: str = "") -> KeyPath:
    """The key path that an argument names. Raises `UsageError` if it names none; `also`: what else it may be."""
    if isinstance(given, str):
        try:
            return parse(given)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    if isinstance(given, tuple) and all(isinstance(key, str | int) for key in given):
        return given
    raise wrong(name, given, f"a dotted key or a tuple of keys{also}")


def _suggestion(text: str) -> str:
    """What to write if only quotes are missing, or an example."""
    parts = text.split(".")
    if all(parts) and not set(text) & set("\"'[]\\ \t"):
        return f": write {shortened(dotted(tuple(parts)), _LONGEST)}"
    return ' such as server.port or models."gpt-5".tier'


def _quoted(text: str) -> str:
    return quoted(shortened(text, _LONGEST))


def _key(match: re.Match[str]) -> str:
    if match["basic"] is not None:
        return re.sub(_ESCAPE, _unescape, match["basic"])
    return match["bare"] if match["bare"] is not None else match["literal"]


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code is not None:
        return chr(int(code, 16))
    return _ESCAPES.get(match[4], match[0])
