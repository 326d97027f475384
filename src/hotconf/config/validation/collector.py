"""`Collector`: takes the problems of one configuration in any order; gives them in file order, without secrets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.changes import MISSING
from hotconf.config.merge import Merged
from hotconf.config.shape import Shape
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem, Severity
from hotconf.text import printable, shortened

if TYPE_CHECKING:
    from hotconf.secrets.scrubber import Scrubber

MAX_PROBLEMS: Final = 1000
"""How many problems of one configuration are reported; the rest are counted."""

LONGEST: Final = 2000
"""How many characters of a message from users' code are kept."""

_WINDOW: Final = 2 * LONGEST
"""How many are searched for secrets: one may begin in what is kept and end behind it."""
_OF_USERS: Final = frozenset({"semantic", "internal"})
"""The kinds with messages from users' code."""


class _Found(NamedTuple):
    problem: Problem
    at_key: bool
    by_user: bool


class Collector:
    """Problems about the documents of `merged`, whose model has the shape `shape`.

    Places are looked up, and secrets searched for, only when there is a problem.
    """

    def __init__(
        self,
        merged: Merged,
        shape: Shape,
        scrubber: Callable[[object], Scrubber] | None = None,
        goes_through: Callable[[BaseException], bool] | None = None,
    ) -> None:
        """`scrubber`: knows what is secret in the files and in the resulting config.

        `goes_through`: the exceptions that are not the fault of the users' code that they come from.
        """
        self.merged = merged
        self.shape = shape
        self.config: object = MISSING
        """The config that the model made of the files."""
        self.errors_raised: list[BaseException] = []
        """By users' code: its frames reveal secrets that are nowhere else."""
        self._goes_through = goes_through
        self._scrubber = scrubber or self._own_scrubber
        self._found: dict[tuple[object, ...], _Found] = {}
        self._omitted: Counter[Severity] = Counter()
        self.errors = 0
        """How many of the problems are errors."""
        self.incomplete = False
        """Arrays and free tables were left at their first error."""

    def __len__(self) -> int:
        return len(self._found)

    def raised(self, error: BaseException) -> None:
        """An exception of users' code. Reraised if it is not the fault of that code."""
        if self._goes_through is not None and self._goes_through(error):
            raise error
        self.errors_raised.append(error)

    def failed(self, culprit: str, error: BaseException) -> None:
        """An exception that users' code must not raise is a problem, unless it is not the fault of that code."""
        from hotconf.config.validation.messages import text_of

        self.raised(error)
        text = text_of(error)
        message = f"{culprit} raised {type(error).__name__}" + (f": {text}" if text else "")
        self.add(Problem(message, kind="internal"))

    def add(self, problem: Problem, *, at_key: bool = False, by_user: bool = False) -> None:
        """Take `problem` in, once; `at_key` if its place is the key rather than the value.

        `by_user`: the message comes from users' code.
        """
        by_user = by_user or problem.kind in _OF_USERS
        if by_user and len(problem.message) > _WINDOW:
            problem = replace(problem, message=problem.message[:_WINDOW])
        key = (problem.path, problem.message, problem.where, problem.file, problem.line)
        if key not in self._found:
            self._found[key] = _Found(problem, at_key, by_user)
            self.errors += problem.severity == "error"

    def omit(self, count: int, severity: Severity) -> None:
        """Count problems that are not added."""
        self._omitted[severity] += max(count, 0)

    def problems(self) -> tuple[Problem, ...]:
        """The problems in file order; of too many the errors first, and as the last one how many more there are."""
        if not self._found:
            return ()
        from hotconf.config.redaction.secret_values import secrets_around

        errors_first = sorted(self._found.values(), key=lambda found: found.problem.severity != "error")
        scrub = self._scrubber(self.config).plus(secrets_around(self.errors_raised))
        files = {document.path for document in self.merged.documents}
        for layer in self.merged.layers:
            files |= {each.file for each in layer.origins.values() if each.file is not None}
            files |= {each.file for each in layer.problems if each.file is not None}
        kept = [
            scrubbed_problem(self._placed(found), scrub, words=found.by_user, files=files)
            for found in errors_first[:MAX_PROBLEMS]
        ]
        ordered = sorted(kept, key=self._order())
        more = self._omitted + Counter(found.problem.severity for found in errors_first[MAX_PROBLEMS:])
        if more or self.incomplete:
            severity: Severity = "error" if more["error"] or self.incomplete else "warning"
            ordered.append(Problem(_how_many(more.total(), self.incomplete), kind="schema", severity=severity))
        return tuple(ordered)

    def _placed(self, found: _Found) -> Problem:
        origins = self.merged.origins
        problem = found.problem
        if problem.mentions:
            mentioned = (origins.related(text, path) for text, path in problem.mentions)
            related = (*problem.related, *(place for place in mentioned if place is not None))
            problem = replace(problem, related=related, mentions=())
        if problem.file is not None or problem.line is not None or problem.where:
            return problem
        placed = origins.placed(problem, at="key" if found.at_key else "value")
        if placed.withheld and placed.where and not problem.withheld and self._is_public(problem.path):
            placed = replace(placed, withheld=False)
        return placed

    def _is_public(self, path: KeyPath) -> bool:
        """Whether the text that the value at `path` was decoded from is surely no secret, whatever it says: it is for
        a known field, whose names are not those of a secret, and which takes no text.
        """
        from hotconf.config.decoding.values import form_of

        way, here = self.merged.origins.text_at(path), self.shape
        for key in way or ():
            if not isinstance(key, str) or key not in here.keys or here.keyed or here.names_secret(key):
                return False
            here = here.child(key)
        form = form_of(here)
        scalar = bool(form.kinds or form.choices) and not (form.text or form.tables or form.arrays)
        return bool(way) and scalar and not here.holds_secrets

    def _order(self) -> Callable[[Problem], tuple[int, int, int]]:
        rank: dict[Path | str | None, int] = {None: -1}
        for index, layer in enumerate(self.merged.layers):
            rank.setdefault(layer.layer if layer.document is None else layer.document.path, index)
            for origin in layer.origins.values():
                rank.setdefault(origin.file or origin.where, index)
        last = len(rank)
        return lambda problem: (
            rank.get(problem.file or problem.where or None, last),
            problem.line or 0,
            problem.column or 0,
        )

    def _own_scrubber(self, config: object) -> Scrubber:
        from hotconf.config.redaction.secret_values import secrets_of
        from hotconf.secrets.scrubber import Scrubber

        return Scrubber(secrets_of(self.shape, self.merged.layers, config))


def _how_many(more: int, incomplete: bool) -> str:
    if incomplete:
        return "… and perhaps more: only the first error of each array and free-form table is reported"
    return f"… and {more} more"


def scrubbed_problem(
    problem: Problem, scrub: Scrubber, *, words: bool = False, files: Collection[Path] | None = None
) -> Problem:
    """`problem` without the secrets that `scrub` knows; `words`: including the shortest.

    `files`: those whose names stay as they are; other names come from users' code. None if no name does.
    """

    def scrub_text(text: str) -> str:
        return printable(scrub(text, words=words))

    def key_of(key: str | int) -> str | int:
        text = scrub(str(key), words=words and isinstance(key, str))
        return key if text == str(key) else text

    def named(file: Path | None) -> Path | None:
        return file if file is None or files is None or file in files else Path(scrub(str(file), words=words))

    path = tuple(map(key_of, problem.path))

    def scrub_text_after_path(text: str) -> str:
        # Of a field `password` a validator says `password: required`, in its own words only the second; and the file
        # of `tls.key` may be called tls.key.
        begin = f"{problem.dotted}: "
        if not text.startswith(begin) or not problem.path:
            return scrub_text(text)
        return printable(f"{dotted(path)}: ") + scrub_text(text.removeprefix(begin))

    return replace(
        problem,
        message=shortened(scrub_text_after_path(problem.message), LONGEST),
        hint=problem.hint and scrub_text(problem.hint),
        path=path,
        file=named(problem.file),
        where=scrub_text(problem.where),
        related=tuple(
            replace(place, message=scrub_text(place.message), file=named(place.file)) for place in problem.related
        ),
    )
