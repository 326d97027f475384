"""`Health`: how a watcher is, in one word and one line that hold no values of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from hotconf.text import printable, shortened, source_name

if TYPE_CHECKING:
    from hotconf.events import Pending, ReloadFailed
    from hotconf.problems import Kind, Problem
    from hotconf.subscribers.stats import Status

LONGEST: Final = 300
"""Characters of a reason."""

NOT_APPLIED: Final = "a resource could not be created"
_SAID: Final[dict[Kind, str]] = {
    "missing": "the file is missing",
    "empty": "the file is empty",
    "too_large": "the file is too large",
    "unreadable": "the file cannot be read",
    "exposed": "everyone may write the file",
    "copy": "the file is a copy of another",
    "encoding": "the text is not UTF-8",
    "unstable": "the files did not stop changing",
    "syntax": "syntax error",
    "schema": "not valid",
    "semantic": "refused by a check",
    "apply": NOT_APPLIED,
    "internal": "internal error, the log says more",
}
_OF_SOURCE: Final[dict[Kind, str]] = {
    "missing": "nothing is published",
    "empty": "the document is empty",
    "too_large": "the document is too large",
    "unreadable": "the document cannot be read",
}
"""The same of what is no file."""
_BEGINNINGS: Final = ("Missing required field", "Type mismatch", "Invalid enum value", "Unknown key")
"""Of messages that say more than "not valid"; values come after these."""


class Health(NamedTuple):
    """The health of a watcher."""

    status: Status
    """`ok`: what is published is what the files say. `pending`: new files wait for something busy. `degraded`: the
    start fell back to the last good state, or not every change is noticed at once, or states are not kept. `failed`:
    the files are not valid, and the last good configuration, if any, is in force. `unwatched`: not started, closed,
    or hot reload is off.
    """
    reason: str
    """Why, on one line, with the place but without values and secrets; empty if it is `ok`."""
    since: datetime
    """UTC; since when it has had this status."""

    @classmethod
    def of(cls, status: Status, reason: str, since: datetime, scrub: Callable[..., str]) -> Health:
        """With a reason that is safe to show; `scrub` removes secrets, as words, too."""
        return cls(status, shortened(printable(scrub(reason, words=True)), LONGEST) if reason else "", since)

    def as_dict(self) -> dict[str, str]:
        """As a dict for JSON; `since` as RFC 3339."""
        return {"status": self.status, "reason": self.reason, "since": self.since.isoformat()}


def outline(problem: Problem) -> str:
    """What is wrong and where, without the values that messages quote: `config.toml:3:8: server.port: not valid`."""
    beginning = next((each for each in _BEGINNINGS if problem.message.startswith(each)), None)
    is_file = problem.file is None or not source_name(problem.file)
    known = _SAID if is_file else {**_SAID, **_OF_SOURCE}
    said = beginning.lower() if beginning else known[problem.kind]
    return ": ".join(filter(None, (problem.place, problem.dotted, said)))


def outlined(errors: Sequence[Problem]) -> str:
    """The first error, as `outline` gives it, and how many more there are."""
    return outline(errors[0]) + (f" (+{len(errors) - 1} more)" if len(errors) > 1 else "")


def refused(event: ReloadFailed) -> str:
    """The errors of a failure, as `outlined` gives them."""
    errors = [problem for problem in event.problems if problem.severity == "error"]
    return outlined(errors) if errors else _SAID[event.kind]


def recalled(event: ReloadFailed | None) -> str:
    """The start fell back to the last good state."""
    return "started on the last good state" + (f": {refused(event)}" if event is not None else "")


def waiting(pending: Pending) -> str:
    """What a deferred reload waits for."""
    count = len(pending.changes)
    changes = f"{count} change{'' if count == 1 else 's'}"
    return f"deferred while busy: {', '.join(pending.reasons)} ({changes})" if pending.reasons else changes
