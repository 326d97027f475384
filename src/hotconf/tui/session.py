"""`Session`: the watcher behind the app, and everything that reads or writes files for it.

Its updates come from the watcher's own threads; the methods marked *slow* read or write files, and are called on a
thread of their own. What makes a watcher is imported with the first one: the first frame does not wait for it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotconf.errors import UsageError
from hotconf.events import ReloadFailed, ReloadSuccess
from hotconf.formats.registry import format_of
from hotconf.report.notification import degraded
from hotconf.snapshot import Snapshot
from hotconf.tui.view import configuration
from hotconf.tui.view.facts import NOBODY, Excerpts, Facts, Note, Others, Refusal, Update
from hotconf.tui.view.rows import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.changes import Change
    from hotconf.events import ConfigReloadEvent
    from hotconf.fleet import Etcd, Shown
    from hotconf.formats.base import Format
    from hotconf.keypath import KeyPath
    from hotconf.problems import Problem
    from hotconf.schema import Schema
    from hotconf.sources.base import Options
    from hotconf.status.record import Status
    from hotconf.subscribers.stats import Stats
    from hotconf.tui.describing.describer import Describer
    from hotconf.tui.past.states import States
    from hotconf.tui.view.comparison import File
    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.details import Description
    from hotconf.watcher import HotReloadWatcher

BusyKind: TypeAlias = Literal["gate", "agent", "critical"]
"""What the app itself can be busy with."""

_Event: TypeAlias = "ConfigReloadEvent | Note | None"
_Heard: TypeAlias = "tuple[Facts, _Event, tuple[Change, ...], Mapping[Path, str]]"
"""An event, the facts of its time, the changes of the latest reload, and the text of the files with problems."""
_MOST_EXCERPTS: Final = 50
_EXCERPT_CELLS: Final = 70


class Session:
    """One watcher, from start to close."""

    def __init__(
        self,
        path: Path,
        options: Callable[[], Options[Any]],
        state_dir: Path | None = None,
        *,
        read_only: bool = False,
        of_program: bool = False,
    ) -> None:
        """`path` is absolute. `options` may take its time: it is asked for when the app is up.

        `read_only`: the states in `state_dir` are a running program's; they are shown, and none is written.
        `of_program`: the options are those of a program's own watcher.
        """
        self._path = path
        self._state_dir = state_dir
        self._read_only = read_only
        self._of_program = of_program
        self._options = options
        self._schema: Schema[Any] | None = None
        self._known: Options[Any] | None = None
        """What `options` returned."""
        self._describer: Describer | None = None
        self._kept_in: Path | None = None
        """Where states are kept, and the status files of processes."""
        self._secret_keys: frozenset[str] = frozenset()
        self._form_of: Callable[[Path], Format] = format_of
        self._opened: HotReloadWatcher[Any] | None = None
        self._states: States | None = None
        self._notify: Callable[[Update], object] = _nobody
        self._failed: Callable[[BaseException], object] = _nobody
        self._grown: tuple[Snapshot[Any] | None, tuple[Item, ...]] = (None, ())
        self._warned: tuple[Snapshot[Any] | None, Excerpts] = (None, ())
        self._changes: tuple[Change, ...] = ()
        self._heard: SimpleQueue[_Heard | None] = SimpleQueue()
        self._unshown: tuple[int, datetime | None] = (0, None)
        """How many events could not be prepared, and when that was."""
        self._opening = threading.Lock()
        self._started = False
        self._closed = False

    @property
    def path(self) -> Path:
        """The main file."""
        return self._path

    @property
    def secret_keys(self) -> frozenset[str]:
        """The keys that only the model knows to hold secrets."""
        return self._secret_keys

    @property
    def _watcher(self) -> HotReloadWatcher[Any]:
        if self._opened is None:
            raise UsageError("nothing is watched yet")
        return self._opened

    def start(self, notify: Callable[[Update], object], failed: Callable[[BaseException], object]) -> None:
        """Start the watcher, and return at once. `notify` and `failed` are called on other threads."""
        self._notify, self._failed = notify, failed
        threading.Thread(target=self._start, name="hotconf start", daemon=True).start()

    def close(self) -> None:
        """Stop watching; nothing is reported any more."""
        with self._opening:
            self._closed = True
        self._heard.put(None)
        if self._opened is not None:
            self._opened.close()

    def reload(self, *, force: bool = False) -> None:
        """Load the files as they are now, whatever is busy if `force`; an event says how it ends."""
        try:
            self._watcher.reload(wait=False, force=force)
        except UsageError:
            if self._started and not self._closed:
                raise

    def busy(self, kind: BusyKind) -> AbstractContextManager[None]:
        """While it is open, reloads are queued."""
        from hotconf.speckit.deferral import Activity

        activity = Activity(self._watcher)
        holds = {"gate": activity.quality_gate, "agent": activity.agent, "critical": activity.critical}
        return holds[kind]()

    def busy_with(self, reason: str) -> AbstractContextManager[None]:
        """While it is open, reloads are queued, and are said to wait for `reason`."""
        return self._watcher.busy(reason)

    def stats(self) -> Stats:
        """What was counted and measured."""
        return self._watcher.stats

    def waits(self) -> str | None:
        """Why the round waits longer than the window, if it does."""
        if self._opened is None:
            return None
        return "files are gone" if self._opened.gone else "file shrank" if self._opened.shrank else None

    def troubles(self) -> tuple[str, ...]:
        """Why changes are not noticed at once, or states not kept; a line each."""
        if not self._started or self._opened is None:
            return ()
        from hotconf.history.writer import ELSEWHERE
        from hotconf.watch.observer import ASKED_FOR

        stats, health = self._opened.stats, self._opened.health()
        found = []
        if health.status == "unwatched" and self._opened.settings.enabled:
            found.append(f"nothing is watched: {health.reason}")
        if stats.trouble not in (None, ASKED_FOR):
            found.append(f"not every change is noticed at once: {stats.trouble}")
        if stats.state_trouble not in (None, ELSEWHERE):
            found.append(f"states are not kept: {stats.state_trouble}")
        failure, (unshown, at) = stats.last_callback_failure, self._unshown
        latest = max(filter(None, (failure and failure.at, at)), default=None)
        if latest is not None:
            number = counted(stats.callback_failures + unshown, "event")
            found.append(f"{number} could not be shown, the latest at {latest.astimezone():%H:%M:%S}")
        return tuple(found)

    def others(self) -> Others:
        """Slow. The other processes of the configuration, and which of them refuse the files as they are."""
        from hotconf.status.reading import Standing, refusals, statuses

        if self._kept_in is None:
            return NOBODY
        try:
            found = statuses(self._kept_in, self._path)
            standing = Standing.of([each for each in found if self._read_only or not _is_here(each)], self._path)
        except (UsageError, OSError):  # it is not trusted, or gone
            return NOBODY
        by = refusals(standing.refused).items()
        number = sum(map(len, standing))
        return Others(number, tuple(Refusal(tuple(str(each.pid) for each in who), why) for why, who in by))

    def has_drift(self) -> bool:
        """Slow. Do the files differ from what is published?"""
        return self._watcher.has_drift()

    @property
    def states(self) -> States:
        """The states that are kept on disk."""
        if self._states is None:
            raise UsageError("nothing is watched yet")
        return self._states

    @property
    def fleet(self) -> Etcd | None:
        """The fleet that is followed, if one is."""
        source = None if self._known is None else self._known.source
        if source is None or "hotconf.fleet.instance.source" not in sys.modules:  # then it is another one
            return None
        from hotconf.fleet import Etcd

        return source if isinstance(source, Etcd) else None

    def published(self, old: Shown, new: Shown) -> tuple[File, ...]:
        """Slow. How two documents of the fleet differ, with secrets masked."""
        from hotconf.inspection.kept import documents
        from hotconf.tui.view import comparison

        if self._known is None:
            raise UsageError("nothing is watched yet")
        sides = documents(self._known, (old.data, old.format), (new.data, new.format))
        return comparison.compared(*sides, self._secret_keys)

    def describe(self, snapshot: Snapshot[Any], path: KeyPath, *, table: bool) -> Description:
        """Slow, the first time. What the model and every layer say about the value, or the `table`, at `path`."""
        if self._describer is None:
            # Here and not above: the first frame waits for no schema.
            from hotconf.tui.describing.describer import Describer

            if self._schema is None:
                raise UsageError("nothing is watched yet")
            self._describer = Describer(self._schema)
        return self._describer(snapshot, path, table=table)

    def _start(self) -> None:
        try:
            watcher = self._open()
            with self._opening:
                if self._closed:
                    return
                self._opened = watcher
            watcher.on_event(self._on_event)
            watcher.start(require=False)
        except UsageError as error:
            if not self._closed:
                self._failed(error)
            return
        except BaseException as error:  # noqa: BLE001 (a thread has no caller: the app ends with it instead)
            self._failed(error)
            return
        self._started = True
        facts = self._facts()
        self._heard.put((facts, _loaded(facts), self._changes, {}))
        while (heard := self._heard.get()) is not None:
            try:
                self._notify(self._prepared(*heard))
            except Exception:  # noqa: BLE001 (as what a callback raises: counted and said, and the next are shown)
                self._unshown = (self._unshown[0] + 1, datetime.now(UTC))

    def _open(self) -> HotReloadWatcher[Any]:
        from hotconf.config.redaction.secret_keys import secret_keys
        from hotconf.tui.past.states import States
        from hotconf.twin import original, twin

        options = self._options()
        self._known, self._schema = options, options.schema
        self._secret_keys, self._form_of = secret_keys(options.schema), options.form_of
        own, theirs = (None, self._state_dir) if self._read_only else (self._state_dir, None)
        watcher = twin(options, state_dir=own, recalls=theirs)
        where = self._state_dir if self._read_only else original(watcher)[1]
        self._kept_in = where
        self._states = States(options, where, self._secret_keys, lambda: watcher.stats.state_trouble)
        return watcher

    def _on_event(self, event: ConfigReloadEvent) -> None:
        """On the watcher's delivery thread, which never waits for the app: what takes time is done on another."""
        if isinstance(event, ReloadSuccess):
            self._changes = event.changes
        problems = event.problems[:_MOST_EXCERPTS] if isinstance(event, ReloadFailed) else ()
        files = {problem.file for problem in problems if problem.file is not None}
        texts = {file: self._watcher.text(file) for file in files}
        self._heard.put((self._facts(), event, self._changes, texts))

    def _prepared(
        self, facts: Facts, event: _Event, changes: tuple[Change, ...], texts: Mapping[Path, str]
    ) -> Update:
        """Slow, if there are many values. Of one event after the other."""
        snapshot = facts.snapshot
        facts = replace(facts, items=self._items(snapshot, changes), excerpts=self._warnings(snapshot))
        problems = event.problems if isinstance(event, ReloadFailed) else ()
        excerpts = self._excerpts(problems, lambda file: texts.get(file, "")) if problems else ()
        return Update(facts, event, excerpts)

    def _excerpts(self, problems: tuple[Problem, ...], read: Callable[[Path], str]) -> Excerpts:
        # Here and not above: only problems need it.
        from hotconf.report.problems.excerpt import Excerpts as Excerpted

        excerpts = Excerpted(
            read,
            cells=_EXCERPT_CELLS,
            secrets=self._watcher.secrets,
            secret_keys=self._secret_keys,
            form_of=self._form_of,
        )
        return tuple(map(excerpts.of, problems[:_MOST_EXCERPTS]))

    def _facts(self) -> Facts:
        watcher = self._watcher
        snapshot = watcher.snapshot if watcher.generation else None
        stats = watcher.stats
        return Facts(
            path=watcher.path,
            snapshot=snapshot,
            enabled=watcher.settings.enabled,
            debounce_ms=watcher.settings.debounce_ms,
            watching=watcher.watching,
            pending=watcher.pending,
            observer=stats.observer,
            degraded=stats.degraded,
            started=True,
            of_program=self._of_program,
        )

    def _warnings(self, snapshot: Snapshot[Any] | None) -> Excerpts:
        """The source lines of its warnings, in the text that it was made of."""
        if snapshot is None or not snapshot.warnings:
            return ()
        known, excerpts = self._warned
        if known is not snapshot:
            contents = {file.path: file.content for file in snapshot.files}

            def read(path: Path) -> str:
                content = contents.get(path)
                return self._watcher.text(path) if content is None else content.decode("utf-8", "replace")

            excerpts = self._excerpts(snapshot.warnings, read)
            self._warned = (snapshot, excerpts)
        return excerpts

    def _items(self, snapshot: Snapshot[Any] | None, changes: tuple[Change, ...]) -> tuple[Item, ...]:
        known, items = self._grown
        if known is not snapshot:
            items = () if snapshot is None else configuration.items(snapshot, changes)
            self._grown = (snapshot, items)
        return items


def _is_here(status: Status) -> bool:
    return (status.pid, status.host) == (os.getpid(), os.uname().nodename)


def _nobody(update: object) -> None:
    """Nobody listens before the start."""


def _loaded(facts: Facts) -> Note | None:
    if facts.snapshot is None:
        return None
    warnings = facts.snapshot.warnings
    if facts.degraded:
        return Note(degraded(facts.snapshot), datetime.now(UTC), "warn", problems=warnings)
    text = f"Loaded generation {facts.generation}"
    if warnings:
        text += f", {counted(len(warnings), 'warning')}"
    return Note(text, facts.snapshot.loaded_at, "good", problems=warnings)
