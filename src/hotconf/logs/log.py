"""What the library logs: a line for each ending, its story for who debugs, and warnings. Configures nothing.

Nothing here waits or raises: `records` passes it to the handlers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hotconf.events import Ending, FileChanged, Notice, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.formats.registry import format_of
from hotconf.logs import records
from hotconf.logs.records import DEBUG, ERROR, INFO, WARNING, emit
from hotconf.problems import Warnings
from hotconf.text import file_name, short_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hotconf.changes import Change
    from hotconf.formats.base import Format
    from hotconf.problems import Problem


MOST_WARNED: Final = 100
"""Warnings logged at once; the others are counted."""
_MOST_NAMED: Final = 10
_MOST_CHANGES: Final = 5
"""Of those that an ending names."""


def debug(logger: str, text: str, *values: object) -> None:
    """Log it by `hotconf.LOGGER`. Of paths the home directory becomes `~`, and all text is made printable."""
    emit(logger, DEBUG, text, *values)


def info(logger: str, text: str, *values: object) -> None:
    """As `debug`."""
    emit(logger, INFO, text, *values)


def warning(logger: str, text: str, *values: object) -> None:
    """As `debug`."""
    emit(logger, WARNING, text, *values)


def fault(logger: str, text: str, *values: object) -> None:
    """Something raised that must not stop us."""
    emit(logger, ERROR, text, *values, error=sys.exception())


def thread(text: str, error: BaseException | None) -> None:
    """What is wrong with a thread of ours."""
    emit("watch", ERROR, "%s%s", text[:1].upper(), text[1:], error=error)


def observing(path: Path, name: str, trouble: str | None, *, asked: bool = False) -> None:
    """Which observer is in use; a warning if not every change is noticed at once, and that was not asked for."""
    if trouble is not None and not asked:
        what = "Changes" if name == "poll" else "Some changes"
        warning("watch", "%s of %s are found by polling only: %s", what, path, trouble)
    else:
        info("watch", "Watching %s with %s%s", path, name, f" ({trouble})" if trouble else "")


def gone(path: Path, files: Sequence[Path]) -> None:
    """Files of the published state are gone; logged once a round, which waits for them."""
    names = [short_path(each) for each in files[:_MOST_NAMED]]
    more = [f"{len(files) - len(names)} more"] if len(files) > len(names) else []
    warning("reload", "Waiting for files of %s that are gone: %s", path, ", ".join([*names, *more]))


class RoundLog:
    """A listener: logs each ending of one watcher, with its story for who debugs, and each warning when it is new."""

    __slots__ = ("_degraded", "_failed", "_form_of", "_named", "_path", "_waiting", "_warned")

    def __init__(self, path: Path, form_of: Callable[[Path], Format] = format_of) -> None:
        """`form_of`: what a file is written in."""
        self._path = path
        self._form_of = form_of
        self._named: dict[Path, None] = {}
        """The files of the open round."""
        self._warned = Warnings()
        """All of them are logged."""
        self._failed = False
        """The latest outcome."""
        self._degraded = False
        self._waiting: tuple[Change, ...] = ()
        """What waits for a restart, all of it logged."""

    def notify(self, notice: Notice) -> None:
        """Log it, if it ends a round."""
        event = notice.event
        if isinstance(event, FileChanged):
            self._named[event.path] = None
            return
        if notice.published is not None and notice.snapshot is not None:
            self._warn(notice.snapshot.warnings)
        if event is not None:
            named, self._named = tuple(self._named), {}
            if records.enabled("reload", DEBUG):
                form = self._form_of(self._path).name
                for line in _story(named, notice.settings.debounce_ms, event, form, eager=notice.eager):
                    debug("reload", "%s", line)
        self._end(notice)
        if isinstance(event, ReloadSuccess | ReloadUnchanged):
            self._wait(event.pending_restart)
        if isinstance(event, ReloadFailed) and not notice.raised:
            what = "load" if notice.first else "reload"
            warning("reload", "Config %s failed: %s", what, _with_hint(event))
            self._warn(event.problems, failed=True)
        if event is not None:
            self._failed = isinstance(event, ReloadFailed)
        if self._degraded and not notice.degraded:
            info("state", "No longer degraded: %s is valid again", self._path)
        self._degraded = notice.degraded

    def _end(self, notice: Notice) -> None:
        """Log how the round ended, unless it failed; a start ends without an event."""
        name, event = file_name(self._path), notice.event
        if isinstance(event, ReloadSuccess):
            what = "loaded" if event.generation == 1 else "reloaded"
            info("reload", "%s: %s, generation %d%s", name, what, event.generation, _Listed(event.changes))
        elif isinstance(event, ReloadDeferred):
            info("reload", "%s: deferred, busy (%s)%s", name, ", ".join(event.reasons), _Listed(event.changes))
        elif isinstance(event, ReloadUnchanged):
            again = "valid again, " if self._failed else ""
            info("reload", "%s: %sunchanged, %s", name, again, event.reason)
        elif event is None and notice.snapshot is not None:
            info("reload", "%s: loaded, generation %d", name, notice.snapshot.generation)

    def _wait(self, changes: tuple[Change, ...]) -> None:
        """Log what waits for a restart, once."""
        new = [each.dotted or "value" for each in changes if each not in self._waiting]
        self._waiting = changes
        if new:
            more = [f"{len(new) - _MOST_NAMED} more"] if len(new) > _MOST_NAMED else []
            warning("reload", "Config: restart required for %s", ", ".join([*new[:_MOST_NAMED], *more]))

    def _warn(self, problems: Iterable[Problem], *, failed: bool = False) -> None:
        self._warned = self._warned.after(problems, failed=failed)
        new = self._warned.new
        for problem in new[:MOST_WARNED]:
            warning("reload", "Config warning: %s", problem.with_hint)
        if len(new) > MOST_WARNED:
            text = "%d more warnings about %s: `hotconf check` lists them"
            warning("reload", text, len(new) - MOST_WARNED, self._path)


class _Listed:
    """Changes as the end of a line; put together where the line is written."""

    __slots__ = ("_changes",)

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def __str__(self) -> str:
        shown = [str(change) for change in self._changes[:_MOST_CHANGES]]
        if (more := len(self._changes) - len(shown)) > 0:
            shown.append(f"and {more} more")
        return f": {'; '.join(shown)}" if shown else ""


def _with_hint(event: ReloadFailed) -> str:
    """What failed first, and what to write instead."""
    hint = next((problem.hint for problem in event.problems if problem.severity == "error"), None)
    return f"{event.error} ({hint})" if hint else event.error


def _story(paths: Sequence[Path], debounce_ms: int, event: Ending, form: str, *, eager: bool) -> list[str]:
    lines = [f"FileChanged event: {short_path(path)}" for path in paths]
    if eager:
        lines.append("The save is complete: loading at once")
    elif paths:
        lines += [f"Debouncing... (waiting {debounce_ms}ms)", "Debounce complete, attempting reload"]
    else:
        lines.append("Loading without a debounce window")
    return [*lines, *_attempt(event, form), f"{type(event).__name__} event emitted"]


def _attempt(event: Ending, form: str) -> list[str]:
    if isinstance(event, ReloadFailed):
        if event.kind in ("schema", "semantic", "internal"):
            return [f"Parsing {form}: OK", f"Validating config: ERROR ({event.kind})"]
        if event.kind in ("syntax", "encoding", "empty"):
            return [f"Parsing {form}: ERROR ({event.kind})"]
        if event.kind == "apply":
            return [f"Parsing {form}: OK", "Validating config: OK", f"Preparing resources: ERROR ({event.kind})"]
        return [f"Reading: ERROR ({event.kind})"]
    lines = [f"Parsing {form}: OK", "Validating config: OK"]
    if isinstance(event, ReloadDeferred):
        return [*lines, f"Busy, reload queued: {', '.join(event.reasons)}"]
    if isinstance(event, ReloadSuccess):
        swap = event.timings.swap
        return [
            *lines,
            "Publishing snapshot...",
            f"Snapshot published ({f'{swap:.0f}ms' if swap >= 1 else '<1ms'})",
            "Config replaced",
        ]
    return [*lines, "Nothing to replace"]
