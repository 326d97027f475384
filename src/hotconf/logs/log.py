"""What the library logs: the story of each round, once it has ended. Nothing is installed or configured here.

Nothing here waits or raises: `records` passes it to the handlers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from hotconf.events import Ending, FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess
from hotconf.keypath import KeyPath
from hotconf.listener import Notice
from hotconf.logs import records
from hotconf.logs.records import DEBUG, ERROR, INFO, WARNING, emit
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hotconf.problems import Problem
    from hotconf.secrets.scrubber import Scrubber


MOST_WARNED: Final = 100
"""So many warnings are logged at once; the others are counted."""
_MOST_NAMED: Final = 10

_Warning: TypeAlias = tuple[Path | None, KeyPath, str]
"""What makes two warnings the same, although lines may have moved: the file, the key path and the message."""


def initialized(path: Path) -> None:
    """A watcher is being started."""
    emit("reload", DEBUG, "HotReloadWatcher initialized")
    emit("reload", DEBUG, "Watching: %s", shown(path))


def window(debounce_ms: int) -> None:
    """A watcher watches."""
    emit("reload", DEBUG, "Debounce window: %dms", debounce_ms)


class RoundLog:
    """A listener: logs the story of each round of one watcher once it has ended, and each warning when it is new."""

    __slots__ = ("_degraded", "_named", "_path", "_warned")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named: dict[Path, None] = {}
        """The files of the open round."""
        self._warned: frozenset[_Warning] = frozenset()
        """The warnings of the last outcome, all of them logged."""
        self._degraded = False

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
                for line in _story(named, notice.settings.debounce_ms, event, eager=notice.eager):
                    emit("reload", DEBUG, "%s", line)
        if isinstance(event, ReloadFailed) and not notice.raised:
            what = "load" if notice.first else "reload"
            emit("reload", ERROR, "Config %s failed: %s", what, printable(_with_hint(event)))
            self._warn(event.problems, self._warned)
        if self._degraded and not notice.degraded:
            emit("state", INFO, "No longer degraded: %s is good again", shown(self._path))
        self._degraded = notice.degraded

    def _warn(self, problems: Iterable[Problem], still: frozenset[_Warning] = frozenset()) -> None:
        """`still`: warnings that may apply to the files as before. What fails to load does not reveal all."""
        now = {(each.file, each.path, each.message): each for each in problems if each.severity == "warning"}
        new = [each for key, each in now.items() if key not in self._warned]
        for warning in new[:MOST_WARNED]:
            emit("reload", WARNING, "Config warning: %s", warning.with_hint)
        if len(new) > MOST_WARNED:
            text = "%d more warnings about %s: `hotconf check` lists them"
            emit("reload", WARNING, text, len(new) - MOST_WARNED, shown(self._path))
        self._warned = still | now.keys()


def _with_hint(event: ReloadFailed) -> str:
    """What failed first, and what to write instead."""
    hint = next((problem.hint for problem in event.problems if problem.severity == "error"), None)
    return f"{event.error} ({hint})" if hint else event.error


def missed(path: Path, gone: Sequence[Path]) -> None:
    """Files of the published state are gone; logged once a round, which waits for them."""
    names = [shown(each) for each in gone[:_MOST_NAMED]]
    more = [f"{len(gone) - len(names)} more"] if len(gone) > len(names) else []
    emit("reload", WARNING, "Waiting for files of %s that are gone: %s", shown(path), ", ".join([*names, *more]))


def abandoned(path: Path, what: str) -> None:
    """A watcher was closed while something had not ended."""
    emit("reload", INFO, "Closed with %s: %s", what, shown(path))


def observing(path: Path, name: str, trouble: str | None, *, asked: bool = False) -> None:
    """How changes are heard; worth a warning if not all of them are heard at once, and that was not asked for."""
    if trouble is not None and not asked:
        what = "Changes" if name == "poll" else "Some changes"
        emit("watch", WARNING, "%s of %s are found by polling only: %s", what, shown(path), trouble)
    else:
        emit("watch", INFO, "Watching %s with %s%s", shown(path), name, f" ({trouble})" if trouble else "")


def unnoticed(what: str) -> None:
    """Changes that neither events nor polling reveal."""
    emit("watch", WARNING, "%s", what)


def silent(mount: str) -> None:
    """A mount does not answer."""
    text = "%s has not answered for 5 s: changes on it are not seen until it does"
    emit("watch", WARNING, text, printable(mount))


def answers(mount: str) -> None:
    """The mount answers again."""
    emit("watch", INFO, "%s answers again", printable(mount))


def dropped(path: Path, reasons: Sequence[str]) -> None:
    """This is the child of a fork, and what was busy is not here."""
    text = "In this child of a fork, reloads of %s do not wait for what other threads were busy with: %s"
    emit("reload", WARNING, text, shown(path), ", ".join(printable(reason) for reason in reasons))


def thawed(models: Iterable[str]) -> None:
    """Some models of a configuration can still be assigned to."""
    names = ", ".join(models)
    emit("reload", WARNING, "Not frozen, so that readers could change what all others see: %s", names)


def degraded(path: Path, number: int, at: datetime, error: str) -> None:
    """A start came up on the last good state."""
    text = "Degraded: %s is not good, so that its last good state is used, number %d of %s: %s"
    emit("state", WARNING, text, shown(path), number, moment(at), printable(error))


def passed_over(path: Path, number: int, why: str) -> None:
    """A state that was kept cannot be used."""
    emit("state", WARNING, "State %d of %s is not used: it %s", number, shown(path), printable(why))


def unrecalled(path: Path, reason: str) -> None:
    """What was kept cannot be read."""
    emit("state", WARNING, "The last good state of %s cannot be read: %s", shown(path), printable(reason))


def unkept(path: Path, reason: str) -> None:
    """A state is not kept. Never raises."""
    emit("state", WARNING, "States of %s are not kept: %s", shown(path), printable(reason))


def kept_elsewhere(path: Path, reason: str) -> None:
    """Somebody else keeps the states."""
    emit("state", INFO, "States of %s are only read here: %s", shown(path), reason)


def kept_again(path: Path) -> None:
    """States are kept again."""
    emit("state", INFO, "States of %s are kept again", shown(path))


def fault(room: str, what: str, *values: object) -> None:
    """Something raised that must not stop us. Never raises: an application's handlers and filters may."""
    emit(room, ERROR, what, *values, error=sys.exception())


def thread(text: str, error: BaseException | None) -> None:
    """What is wrong with a thread of ours."""
    emit("watch", ERROR, "%s%s", text[:1].upper(), text[1:], error=error)


def unfinished(path: Path) -> None:
    """A watcher was closed amid a load."""
    text = "A load of %s was still running when its watcher was closed: a validator or check may hang"
    emit("reload", WARNING, text, shown(path))


def refused(what: str, error: BaseException, scrub: Scrubber) -> None:
    """Users' code raised; `scrub` knows what it may quote."""
    emit("reload", ERROR, "%s", what, error=error, scrub=scrub)


def shown(path: Path) -> str:
    """`path` with the home directory as `~`, printable."""
    try:
        return printable(f"~/{path.relative_to(Path.home())}")
    except (ValueError, RuntimeError):
        return printable(str(path))


def moment(at: datetime) -> str:
    """`2026-11-25 14:03:22`, where the reader is."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _story(paths: Sequence[Path], debounce_ms: int, event: Ending, *, eager: bool) -> list[str]:
    lines = [f"FileChanged event: {shown(path)}" for path in paths]
    if eager:
        lines.append("A finished act: loading at once")
    elif paths:
        lines += [f"Debouncing... (waiting {debounce_ms}ms)", "Debounce complete, attempting reload"]
    else:
        lines.append("Loading, without a window")
    return [*lines, *_attempt(event), f"{type(event).__name__} event emitted"]


def _attempt(event: Ending) -> list[str]:
    if isinstance(event, ReloadFailed):
        if event.kind in ("schema", "semantic", "internal"):
            return ["Parsing TOML: OK", f"Validating config: ERROR ({event.kind})"]
        if event.kind in ("syntax", "encoding", "empty"):
            return [f"Parsing TOML: ERROR ({event.kind})"]
        return [f"Reading: ERROR ({event.kind})"]
    lines = ["Parsing TOML: OK", "Validating config: OK"]
    if isinstance(event, ReloadDeferred):
        return [*lines, f"Busy, reload queued: {', '.join(printable(reason) for reason in event.reasons)}"]
    if isinstance(event, ReloadSuccess):
        return [
            *lines,
            "Publishing snapshot...",
            f"Snapshot published ({_short(event.timings.swap)})",
            "Config replaced",
        ]
    return [*lines, "Nothing to replace"]


def _short(ms: float) -> str:
    return "<1ms" if ms < 1 else f"{ms:.0f}ms"
