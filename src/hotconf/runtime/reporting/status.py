"""The status of a watcher: what is known on the driver's thread at one moment, and what is written of it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.engine.candidate import Valid
from hotconf.events import Ending, Pending, ReloadDeferred, ReloadFailed, ReloadSuccess
from hotconf.runtime.publisher import files_digest
from hotconf.runtime.reporting import vitals
from hotconf.runtime.reporting.reporter import Reporter
from hotconf.snapshot import Snapshot
from hotconf.sources.base import FileSet
from hotconf.status.contents import DIGITS, Contents, as_read
from hotconf.status.health import outline
from hotconf.status.record import Status, Waiting, encode, plain
from hotconf.status.requests import key
from hotconf.text import file_name
from hotconf.watch.observer import ObserverName

if TYPE_CHECKING:
    from hotconf.runtime.reloader import Reloader

MOST_PROBLEMS: Final = 20


class Seen(NamedTuple):
    """What is known of a watcher at one moment."""

    last: Ending | None
    snapshot: Snapshot[Any] | None
    good: Valid[Any] | None
    files: FileSet
    """What the latest ending was decided by."""
    pending: Pending | None
    counts: tuple[object, ...]
    """What changes without an ending."""

    def differs(self, before: Seen) -> bool:
        """Whether there is something to write."""
        same = self.last is before.last and self.snapshot is before.snapshot
        return not same or (self.pending is None) != (before.pending is None) or self.counts != before.counts


def report(reloader: Reloader[Any], observer: ObserverName) -> None:
    """Have its status written in its state directory, if it has one, and requests carried out that come there."""
    if (history := reloader.history) is None:
        return
    reporter = Reporter(reloader.options, history.state_dir, observer, history.run, lambda: history.fails)
    reporter.attach(partial(see, reloader), partial(written, reloader), partial(reloader.cycle.request, force=False))
    reloader.cycle.reporter = reporter


def see(reloader: Reloader[Any], before: Seen | None) -> Seen | None:
    """What is known now; None if nothing is yet."""
    last, snapshot = reloader.bus.last, reloader.snapshot
    if last is None and snapshot is None:
        return None
    ended = before is None or last is not before.last or snapshot is not before.snapshot
    history, made = reloader.history, reloader.cycle.applying
    counts = (
        vitals.trouble(reloader),
        None if history is None else history.trouble,
        reloader.bus.failures.count,
        reloader.notifier.failures,
        reloader.notifier.retries,
        None if made is None else made.keeper.close_failures,
    )
    files = reloader.files if ended or before is None else before.files
    return Seen(last, snapshot, reloader.publisher.good, files, reloader.pending, counts)


def written(reloader: Reloader[Any], seen: Seen, started: datetime, request: int) -> bytes:
    """It as a status: without values, and without secrets."""
    scrub = reloader.publisher.secrets.scrubber()
    last, snapshot, pending = seen.last, seen.snapshot, seen.pending
    health = vitals.health(reloader)
    failed = last.problems if isinstance(last, ReloadFailed) else ()
    said = [outline(problem) for problem in failed if problem.severity == "error"][:MOST_PROBLEMS]
    return encode(
        Status(
            pid=os.getpid(),
            program=scrub(_program(), words=True),
            host=os.uname().nodename,
            config=file_name(reloader.options.path),
            key=key(reloader.options.path),
            started=started,
            at=datetime.now(UTC),
            generation=0 if snapshot is None else snapshot.generation,
            digest="" if seen.good is None else files_digest(seen.good)[:DIGITS],
            read=as_read(seen.files),
            contents=Contents.of(seen.files, reloader.options),
            ending=_ending(last),
            ended=last.at if last is not None else None if snapshot is None else snapshot.loaded_at,
            problems=tuple(scrub(each, words=True) for each in said),
            pending=None
            if pending is None
            else Waiting(
                pending.since, tuple(scrub(each, words=True) for each in pending.reasons), len(pending.changes)
            ),
            pending_restart=0 if snapshot is None else len(snapshot.pending_restart),
            health=health.status,
            reason=health.reason,
            since=health.since,
            request=request,
            stats=_scrubbed(plain(vitals.stats(reloader).as_dict()), scrub),
        )
    )


def _ending(last: Ending | None) -> str:
    if last is None:
        return "loaded"
    if isinstance(last, ReloadFailed):
        return "failed"
    if isinstance(last, ReloadDeferred):
        return "deferred"
    return "success" if isinstance(last, ReloadSuccess) else "unchanged"


def _program() -> str:
    """The name that it was started by; of `python -m PACKAGE`, the package's."""
    path = Path(sys.argv[0] if sys.argv and sys.argv[0] else sys.executable or "python")
    return path.parent.name if path.name == "__main__.py" else path.name


def _scrubbed(value: Any, scrub: Any) -> Any:
    if isinstance(value, dict):
        return {name: _scrubbed(each, scrub) for name, each in value.items()}
    return scrub(value, words=True) if isinstance(value, str) else value
