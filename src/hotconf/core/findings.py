"""`Findings`: the problems of one configuration, gathered in any order, told in file order, bounded and discreet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.core.merge import Merged
from hotconf.core.shape import Shape
from hotconf.keypath import KeyPath
from hotconf.problems import Problem, Severity
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.core.scrub import Scrubber

MAX_PROBLEMS: Final = 1000
"""So many problems are told of one configuration; the rest are counted."""

_OF_USERS: Final = frozenset({"semantic", "internal"})
"""The kinds whose words are those of users' code."""


class Findings:
    """Problems about the documents of `merged`, whose model has the shape `shape`.

    Places are looked up, and secrets searched for, only when there is a problem to tell.
    """

    def __init__(self, merged: Merged, shape: Shape) -> None:
        self.merged = merged
        self.shape = shape
        self._found: dict[tuple[KeyPath, str], tuple[Problem, bool]] = {}
        self._omitted: Counter[Severity] = Counter()
        self.errors = 0
        """How many of the problems are errors."""
        self.incomplete = False
        """There may be more errors than were found."""

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem, *, at_key: bool = False) -> None:
        """Take `problem` in, once; `at_key` if its place is the key rather than the value."""
        key = (problem.path, problem.message)
        if key not in self._found:
            self._found[key] = (problem, at_key)
            self.errors += problem.severity == "error"

    def omit(self, count: int, severity: Severity) -> None:
        """Count problems that are not even looked at."""
        self._omitted[severity] += max(count, 0)

    def problems(self) -> tuple[Problem, ...]:
        """The problems in file order; of too many the errors first, and as the last one how many more there are."""
        if not self._found:
            return ()
        errors_first = sorted(self._found.values(), key=lambda found: found[0].severity != "error")
        kept = [self._placed(problem, at_key) for problem, at_key in errors_first[:MAX_PROBLEMS]]
        told = sorted(self._discreet(kept), key=self._order())
        more = self._omitted + Counter(problem.severity for problem, _ in errors_first[MAX_PROBLEMS:])
        if more or self.incomplete:
            severity: Severity = "error" if more["error"] or self.incomplete else "warning"
            told.append(Problem(_how_many(more.total(), self.incomplete), kind="schema", severity=severity))
        return tuple(told)

    def _placed(self, problem: Problem, at_key: bool) -> Problem:
        origins = self.merged.origins
        if problem.mentions:
            mentioned = (origins.related(text, path) for text, path in problem.mentions)
            related = (*problem.related, *(place for place in mentioned if place is not None))
            problem = replace(problem, related=related, mentions=())
        if problem.file is not None or problem.line is not None:
            return problem
        return origins.placed(problem, at="key" if at_key else "value")

    def _order(self) -> Callable[[Problem], tuple[int, int, int]]:
        rank: dict[Path | None, int] = {None: -1}
        for index, document in enumerate(self.merged.documents):
            rank.setdefault(document.path, index)
        last = len(rank)
        return lambda problem: (rank.get(problem.file, last), problem.line or 0, problem.column or 0)

    def _discreet(self, problems: list[Problem]) -> list[Problem]:
        from hotconf.core.redact import secrets_in
        from hotconf.core.scrub import Scrubber

        secrets = secrets_in({"secret": list(_kept_secret(self.merged, self.shape))})
        scrub = Scrubber(secrets.union(*(document.secrets for document in self.merged.documents)))
        return [scrubbed(problem, scrub) for problem in problems]


def _how_many(more: int, incomplete: bool) -> str:
    if not incomplete:
        return f"… and {more} more"
    return f"… and at least {more} more" if more else "… and more"


def scrubbed(problem: Problem, scrub: Scrubber) -> Problem:
    """`problem` without what `scrub` knows to be secret; of what users' code says, without the shortest as well."""
    words = problem.kind in _OF_USERS
    return replace(
        problem,
        message=printable(scrub(problem.message, words=words)),
        hint=problem.hint and printable(scrub(problem.hint, words=words)),
        related=tuple(
            replace(place, message=printable(scrub(place.message, words=words))) for place in problem.related
        ),
    )


def _kept_secret(merged: Merged, shape: Shape) -> Iterator[Any]:
    """What the model keeps as secrets, whatever the names of the keys."""
    todo: list[tuple[Any, Shape]] = [(merged.table, shape)] if shape.secretive else []
    while todo:
        value, here = todo.pop()
        if here.secret:
            yield value
        elif isinstance(value, dict) and not here.free:
            todo.extend((item, here.child(key)) for key, item in value.items())
        elif isinstance(value, list) and not here.free:
            todo.extend((item, here.child(index)) for index, item in enumerate(value))
