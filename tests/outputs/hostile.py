"""A configuration whose keys, values and names try to take over the terminal of whoever reads of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field

from hotconf import HotReloadSettings, Problem, Schema
from watcher.watched import Frozen

FORGED: Final = "FORGED"
"""Begins what shall pass for a line of its own."""
NEWLINES: Final = ("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029")
SEQUENCES: Final = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x1b]8;;http://x\x1b\\", "\x08\x08", "\x7f", "\x00")
DIRECTIONS: Final = ("\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\U000e0041")
MARKUP: Final = ("[bold red]m[/]", "[/]", "[link=x]", "${x}", "%s%n", "::error::", "{0}", "<b>")


def text_of(pieces: Iterable[str]) -> str:
    """A text that holds each of them, and a line of its own behind it."""
    return "".join(f"{piece}{FORGED}" for piece in pieces)


VILLAINS: Final = {
    "newlines": text_of(NEWLINES),
    "sequences": text_of(SEQUENCES),
    "directions": text_of(DIRECTIONS),
    "markup": text_of(MARKUP),
}


def escaped(text: str) -> str:
    """As a TOML string, all of whose unusual characters are escapes."""
    codes = (f"\\U{ord(char):08x}" if not char.isalnum() else char for char in text)
    return f'"{"".join(codes)}"'


def raw(text: str) -> str:
    """As a TOML string with the characters themselves, as far as TOML allows that."""
    return '"' + "".join(char if char >= " " and char not in '"\\\x7f' else "?" for char in text) + '"'


class Inner(Frozen):
    level: Literal["low", "high"] = "low"


class Hostile(Frozen):
    """Takes any text, as a key and as a value; what the program itself says of it is no better."""

    name: str = ""
    names: tuple[str, ...] = ()
    free: dict[str, str] = Field(default_factory=dict)
    parts: dict[str, Inner] = Field(default_factory=dict)
    level: Literal["low", "high"] = "low"
    number: int = 0
    motto: str = Field(default=text_of((*NEWLINES, *SEQUENCES, *DIRECTIONS)), description=text_of(SEQUENCES))
    hot_reload: HotReloadSettings = HotReloadSettings()


def check(config: Hostile) -> Iterable[Problem]:
    """Quotes what it is given, in every part of a problem, and in what it raises."""
    if config.number == 1:
        yield Problem(f"{config.name} is not good", path=("free", config.name), hint=f"not {config.name}")
        yield Problem(f"{config.name} is odd", severity="warning")
    if config.number == 2:
        raise RuntimeError(f"{config.name} again")


def describe(old: Hostile, new: Hostile, changes: object) -> list[str]:
    """Quotes as well, and raises the same."""
    if new.number == 3:
        raise RuntimeError(f"{new.name} again")
    return [f"name: {old.name} → {new.name}"]


BEFORE: Final = "name = 'good'\n"
SCHEMA: Final = Schema(Hostile, checks=[check], describe=describe, template=BEFORE)
PLAIN: Final = Schema(Hostile, checks=[check])


def saves(villain: str) -> dict[str, str]:
    """Contents in which it stands in every place, valid and not."""
    e, r = escaped(villain), raw(villain)
    valid = f"name = {e}\nnames = [{e}, {r}]\n[free]\n{e} = {r}\nraw = {r} # {r}\n[parts.{e}]\nlevel = 'high'\n"
    return {
        "valid": valid,
        "a comment": f"name = 'good' # {r}\n",
        "another schema": f"#:schema {r}\nname = 'good'\n",
        "unknown keys": f"{e} = 1\n{r} = 2\n[hot_reload]\n{e} = 1\n",
        "an enum": f"level = {e}\n[parts.{e}]\nlevel = {r}\n",
        "a type": f"number = {e}\nnames = {r}\n[free]\n{e} = 1\n",
        "a check": f"name = {e}\nnumber = 1\n",
        "a check that raises": f"name = {e}\nnumber = 2\n",
        "describe raises": f"name = {e}\nnumber = 3\n",
        "a syntax error": f"name = {r}\n{r}\n",
        "a key twice": f"{e} = 1\n{e} = 2\n",
        "a table twice": f"[parts.{e}]\n[parts.{e}]\n",
        "not closed": f"names = [{e}, {r}\n",
        "a fragment": f"[hot_reload]\nwatch_paths = [{e.replace('U00000000', 'U00000001')}, {r}]\n",
    }
