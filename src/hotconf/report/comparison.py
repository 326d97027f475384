"""What an edit means: the values that change, and the notification of it; as text and as JSON. Secrets are masked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from hotconf.changes import described
from hotconf.events import ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import one_line
from hotconf.report.cells import width
from hotconf.report.ndjson import changes_json, problems_json
from hotconf.report.notification import notification
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from hotconf.changes import Change
    from hotconf.events import Outcome
    from hotconf.inspection.inspect import State
    from hotconf.problems import Problem
    from hotconf.report.ndjson import Json
    from hotconf.schema import Schema
    from hotconf.settings import HotReloadSettings


_RESTART: Final = " (restart required)"
_LEAST: Final = 12
"""Characters of a value that are always shown."""


def differences(
    changes: Sequence[Change],
    summary: Sequence[str],
    restart: Collection[Change] = (),
    *,
    cells: int | None = None,
) -> str:
    """One line for each of `changes`, by key path; then, unless it says the same, the `summary` of them.

    `restart`: those that need a restart, which are marked. `cells`: how wide a terminal is, for which long values are
    shortened; without one they are whole.
    """
    described = [printable(line) for line in summary]
    same = described == [printable(str(change)) for change in changes]
    lines = [in_cells(each, cells, _RESTART if each in restart else "") for each in changes]
    if not same:
        lines += ["", *(f"- {line}" for line in described)]
    return "\n".join(lines)


def in_cells(change: Change, cells: int | None, mark: str = "") -> str:
    """`change` and the mark on one printable line, with as much of its values as fits into `cells`; whole if None."""
    if cells is None:
        return printable(described(change, None)) + mark
    head = f"{printable(change.dotted)}:  → {mark}"
    return printable(described(change, max((cells - width(head)) // 2, _LEAST))) + mark


def differences_json(state: State[Any], restart: Collection[Change] = ()) -> Json:
    """How `state` differs from the one that it was compared with. `restart`: the changes that need a restart."""
    needed: list[Json] = [change.dotted for change in restart]
    changes = changes_json(state.changes)
    return {"same": not changes, "changes": changes, "summary": list(state.summary), "restart_required": needed}


def needing_restart(state: State[Any], schema: Schema[Any]) -> list[Change]:
    """Those of its changes that need a restart."""
    from hotconf.config.restarts.marks import needs_restart
    from hotconf.config.shape import shape_of

    return [change for change in state.changes if needs_restart(shape_of(schema), change.path)]


def refusal(problems: Sequence[Problem]) -> ReloadFailed:
    """What a program would emit that found `problems`, one of which is an error."""
    errors = tuple(problem for problem in problems if problem.severity == "error")
    return ReloadFailed(one_line(errors), errors[0].kind, tuple(problems))


def refusal_json(event: ReloadFailed) -> Json:
    """The failure, in the form of a rehearsal."""
    return {
        "outcome": "reload_failed",
        "notification": _lines(event),
        "kind": event.kind,
        "error": event.error,
        "problems": problems_json(event.problems),
    }


def _lines(event: Outcome) -> list[Json]:
    return list(notification(event).split("\n"))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a program that runs the state `now` would make of the valid state `edited`.

    `now` is None if it is not known: its file is not valid, and what the program keeps stands nowhere.
    """

    now: State[Any] | None
    edited: State[Any]
    made: tuple[str, ...] | None = None
    """The names of the resources that were made of it and closed; None if that was not tried."""
    published: bool = False
    """It reaches the program by being published, and no file has to settle."""

    @property
    def event(self) -> ReloadSuccess | ReloadUnchanged:
        """What it would emit."""
        new = self.edited.snapshot
        if self.edited.unchanged is not None:
            return ReloadUnchanged(self.edited.unchanged, new.warnings, new.pending_restart)
        given = self.edited.changes, self.edited.summary
        return ReloadSuccess(0, *given, warnings=new.warnings, pending_restart=new.pending_restart)

    def as_text(self, cells: int | None = None) -> str:
        """The values that change, the verdict, with what those lines do not say, and the effect on watching. `cells`:
        as of `differences`.
        """
        changes = "\n".join(in_cells(change, cells) for change in self.edited.changes)
        watching = "\n".join(printable(f"- {line}") for line in (*self._watching(), *self._applied()))
        return "\n\n".join(filter(None, (changes, self._verdict(), watching)))

    def _verdict(self) -> str:
        event = self.event
        if isinstance(event, ReloadUnchanged):
            head = f"· Would change nothing ({event.reason})"
        else:
            listed = {str(change) for change in event.changes}
            event = replace(event, summary=tuple(line for line in event.summary if line not in listed))
            head = "✅ Would be accepted"
        return "\n".join((head, *notification(event).split("\n")[1:]))

    def as_json(self) -> Json:
        """The same for programs; what depends on `now` is null if that is not known."""
        now, edited = self.now, self.edited
        return {
            "outcome": "reload_success" if isinstance(self.event, ReloadSuccess) else "reload_unchanged",
            "notification": _lines(self.event),
            "changes": changes_json(edited.changes) if now else None,
            "summary": list(edited.summary) if now else None,
            "pending_restart": changes_json(edited.snapshot.pending_restart) if now else None,
            "problems": problems_json(edited.snapshot.warnings),
            "made": list(self.made) if self.made is not None else None,
            "watching": {
                "noticed": now.settings.enabled if now else None,
                "after_ms": (0 if self.published else now.settings.debounce_ms) if now else None,
                "enabled": edited.settings.enabled,
                "debounce_ms": edited.settings.debounce_ms,
                "mode": edited.settings.mode,
                "joining": [str(path) for path in self._files(edited, now)] if now else None,
                "leaving": [str(path) for path in self._files(now, edited)] if now else None,
            },
        }

    def _watching(self) -> Iterator[str]:
        if self.now is None or self.edited.unchanged is not None:
            return
        before, after = self.now.settings, self.edited.settings
        if not before.enabled:
            yield "hot reload is off: this takes effect at the next start, or with reload()"
        else:
            yield f"takes effect {'as soon as it is published' if self.published else _when(before, 'it is')}"
        if before.enabled and not after.enabled:
            yield "hot reload is off from then on: later edits are not noticed until a restart"
        elif after.enabled and not before.enabled:
            yield "hot reload is on from then on"
        if (before.debounce_ms, before.mode) != (after.debounce_ms, after.mode) and not self.published:
            yield f"later edits take effect {_when(after, 'they are')}"
        for what, paths in (
            ("watched from then on", self._files(self.edited, self.now)),
            ("no longer watched", self._files(self.now, self.edited)),
        ):
            yield from (f"{what}: {self._named(path)}" for path in paths)

    def _applied(self) -> Iterator[str]:
        if self.made is not None:
            yield f"created and closed: {', '.join(self.made)}" if self.made else "the program has no resources"

    def _named(self, path: Path) -> str:
        base = self.edited.snapshot.files[0].path.parent
        return str(path.relative_to(base) if path.is_relative_to(base) else path)

    @staticmethod
    def _files(of: State[Any], not_of: State[Any]) -> list[Path]:
        other = {member.path for member in not_of.files.members}
        return [member.path for member in of.files.members if member.path not in other]


def _when(settings: HotReloadSettings, what_is: str) -> str:
    settled = f"once nothing has changed for {settings.debounce_ms} ms"
    return f"at once if {what_is} saved in one step, else {settled}" if settings.mode == "eager" else settled
