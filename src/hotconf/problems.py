"""`Problem`: one thing that is wrong with the files, where and what to write instead; `ConfigError`: all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from hotconf.keypath import KeyPath, dotted, parse
from hotconf.text import file_name, printable

Kind: TypeAlias = Literal[
    "missing",
    "empty",
    "too_large",
    "unreadable",
    "exposed",
    "copy",
    "encoding",
    "unstable",
    "syntax",
    "schema",
    "semantic",
    "apply",
    "internal",
]
"""What is wrong, from "no file" to "a check raised something of its own".

`apply`: the configuration is valid, but a resource could not be created. `exposed` (everyone may write the file)
and `copy` (a fragment is obviously a copy) are always warnings.
"""

Severity: TypeAlias = Literal["error", "warning"]
"""An error keeps the old configuration; a warning is shown and changes nothing."""


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that is relevant to a problem: `also defined at models/openai.toml:3`."""

    message: str
    """What is there, without the place: `also defined`. Never holds a secret."""
    file: Path | None
    """As configured, absolute; None if it is in no file."""
    line: int | None
    """From 1."""
    column: int | None
    """From 1, in characters."""
    where: str = field(default="", kw_only=True)
    """How people write a place that is not in the text of a configuration: as in a problem."""

    @property
    def place(self) -> str:
        """As that of a problem."""
        return _place(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about the files.

    A check of your own needs only the message and, to be shown at its line, the path:
    `Problem("port is taken", path="server.port")`. `path` may be given as a dotted key; it is kept as a tuple.
    """

    message: str
    """One line, without the place. Never holds a secret."""
    path: KeyPath = ()
    """The value that it is about; `()` for the whole file. For a missing key, the path where it belongs."""
    kind: Kind = "semantic"
    severity: Severity = "error"
    hint: str | None = None
    """What to write instead, if that is known: `did you mean "temperature"?`"""
    file: Path | None = None
    """The file, as configured and absolute; None if it is about no one file."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1, in characters."""
    end_line: int | None = None
    """The line on which what it is about ends; None if only its beginning is known."""
    end_column: int | None = None
    """On `end_line`, just behind the last character."""
    related: tuple[Related, ...] = ()
    """Other places to look at."""
    mentions: tuple[tuple[str, KeyPath], ...] = ()
    """For a check, which knows no places: what to look at, too, and where it stands (as a dotted key, if you like):
    `(("first defined", "server.port"),)`. In a problem that is reported they are in `related`."""

    where: str = field(default="", kw_only=True)
    """How people write a place that is not in the text of a configuration: `$APP_PORT`, `.env:2`,
    `secrets/db_password`, or the name of the layer that sets the value."""
    withheld: bool = field(default=False, repr=False, kw_only=True)
    """The value there may be a secret, under a misspelt key or in a file of variables: show its line only up to the
    value."""

    if TYPE_CHECKING:  # a path may also be given as a dotted key, but never is one

        def __init__(
            self,
            message: str,
            path: KeyPath | str = ...,
            kind: Kind = ...,
            severity: Severity = ...,
            hint: str | None = ...,
            file: Path | None = ...,
            line: int | None = ...,
            column: int | None = ...,
            end_line: int | None = ...,
            end_column: int | None = ...,
            related: tuple[Related, ...] = ...,
            mentions: Iterable[tuple[str, KeyPath | str]] = ...,
            *,
            where: str = ...,
            withheld: bool = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Accept dotted keys for paths."""
        if isinstance(self.path, str):
            object.__setattr__(self, "path", _parsed(self.path))
        if self.mentions:
            mentions = tuple((str(text), _parsed(path)) for text, path in self.mentions)
            object.__setattr__(self, "mentions", mentions)

    @property
    def place(self) -> str:
        """`config.toml:14:9`, or `where`, as much of it as is known; empty if nothing is."""
        return _place(self)

    @property
    def dotted(self) -> str:
        """`path` as people write it; empty for the whole file."""
        return dotted(self.path)

    def __str__(self) -> str:
        """`config.toml:14:9: Missing required field: model_providers.openai.base_url`, on one line."""
        place = self.place
        return printable(f"{place}: {self.message}" if place else self.message)

    @property
    def with_hint(self) -> str:
        """`config.toml:3:1: Unknown key: modle (did you mean "model"?)`: as `str`, with the hint in parentheses."""
        return f"{self} ({printable(self.hint)})" if self.hint else str(self)


def _place(at: Problem | Related) -> str:
    if at.where or at.file is None:
        return printable(at.where)
    parts = [file_name(at.file), at.line, at.column]
    return ":".join(str(part) for part in parts if part is not None)


class ConfigError(Exception):
    """The files do not make a valid configuration; `problems` holds every reason, in file order.

    Its text has a line for each, with a hint what to write instead; lines of warnings begin with `warning:`.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(_line, self.problems)))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """So that a process of a pool can raise it in its parent."""
        return type(self), (self.problems,)


def _line(problem: Problem) -> str:
    return f"warning: {problem.with_hint}" if problem.severity == "warning" else problem.with_hint


def _parsed(path: KeyPath | str) -> KeyPath:
    if isinstance(path, str):
        return parse(path) if path else ()
    return tuple(path)


def one_line(problems: tuple[Problem, ...]) -> str:
    """The first problem, with `(+N more)` when there are more: what `ReloadFailed.error` says."""
    first = str(problems[0])
    return first if len(problems) == 1 else f"{first} (+{len(problems) - 1} more)"


WarningKey: TypeAlias = tuple[Path | str | None, KeyPath, str, int]
"""What makes two warnings the same, although lines may have moved: the file or the layer, the key path and the
message; and of several such, how many are before it."""


class Warnings(NamedTuple):
    """The warnings in force, and what the latest outcome changed about them: whoever reports outcomes one after the
    other reports each warning once.
    """

    now: Mapping[WarningKey, Problem] = {}
    """All of them."""
    new: tuple[Problem, ...] = ()
    """Those that were not there before."""
    same: tuple[Problem, ...] = ()
    """Those of the outcome that were."""
    gone: tuple[Problem, ...] = ()
    """Those that were there, and are not any more."""

    def after(self, problems: Iterable[Problem], *, failed: bool = False) -> Warnings:
        """With the warnings among the `problems` of the next outcome.

        Those of before stand if it `failed`: what fails to load does not reveal all.
        """
        found = dict(_keyed(problems))
        new = tuple(each for key, each in found.items() if key not in self.now)
        same = tuple(each for key, each in found.items() if key in self.now)
        if failed:
            return Warnings({**self.now, **found}, new, same)
        return Warnings(found, new, same, tuple(each for key, each in self.now.items() if key not in found))


NO_WARNINGS: Final = Warnings()


def _keyed(problems: Iterable[Problem]) -> Iterable[tuple[WarningKey, Problem]]:
    before = Counter[tuple[Path | str | None, KeyPath, str]]()
    for each in problems:
        if each.severity == "warning":
            what = (each.file or each.where or None, each.path, each.message)
            yield (*what, before[what]), each
            before[what] += 1


def tally(problems: Iterable[Problem]) -> tuple[tuple[Severity, str], ...]:
    """How many there are of each severity: `("error", "2 errors")`, `("warning", "1 warning")`."""
    numbers = Counter[Severity](problem.severity for problem in problems)
    severities: tuple[Severity, ...] = ("error", "warning")
    return tuple((each, f"{n} {each}" if n == 1 else f"{n} {each}s") for each in severities if (n := numbers[each]))
