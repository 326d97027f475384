"""`Agent`: writes the fleet's document to a file, for programs on this host that can only watch files.

Rule 1: the file is replaced by a rename: readers see the old document or the new one, never a part.
Rule 2: a document that cannot be written is refused in the fleet, with the reason, and retried; the old file stays.
Rule 3: the fleet learns which key is at fault; the whole message, which may quote values, stays on this host.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from hotconf.fleet.instance.machine import parts_of
from hotconf.history.replacement import FileWrite
from hotconf.problems import Problem, one_line
from hotconf.sources.files import mounts
from hotconf.sources.source import REASON, Fetched, Source, Verdict
from hotconf.status.health import outlined
from hotconf.text import printable, shortened

_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 60.0


class Agent:
    """The `Link` of `source`, in place of a watcher. `run` blocks the calling thread."""

    def __init__(
        self,
        source: Source,
        path: Path,
        judge: Callable[[Fetched], tuple[Problem, ...]],
        say: Callable[[str], object],
    ) -> None:
        """`path`: absolute. `judge` returns the errors for which it refuses a document. `say` is called with one line
        for each write, refusal and failure.
        """
        self._source = source
        self._path = path
        self._judge = judge
        self._say = say
        self._todo: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._offered: tuple[Fetched, FileWrite] | None = None
        self._serving = ""
        self._written = 0
        self._again_at: float | None = None
        self._pause_s = _FIRST_RETRY_S
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why the file is not the published document; empty if it is, or before the first answer."""
        return self._reason

    # Called by the source, on its threads

    def changed(self) -> None:
        """The document has changed: write it."""
        self._todo.put(self._load)

    def offer(self, fetched: Fetched, answer: Callable[[Verdict], object]) -> None:
        """Write the document next to the file, and answer whether that worked."""
        self._todo.put(partial(self._prepare, fetched, answer))

    def commit(self, version: str) -> None:
        """Rename the offered document over the file."""
        self._todo.put(partial(self._commit, version))

    def withdraw(self, version: str) -> None:  # noqa: ARG002 - there is one offer at a time
        """Remove the offered document."""
        self._todo.put(self._drop)

    def stop(self) -> None:
        """End `run`. Safe in any thread and in signal handlers."""
        self._todo.put(None)

    # The work

    def run(self, *, once: bool = False, timeout_s: float | None = None) -> bool:
        """Write the current document, then each change, until `stop` or for `timeout_s` seconds; with `once`, until a
        document is written. Returns whether any was.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        end = self._source.watch(self)
        try:
            self._load()
            while not (once and self._written):
                due = min((at for at in (until, self._again_at) if at is not None), default=None)
                try:
                    act = self._todo.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
                except Empty:
                    act = None if due == until else self._load
                if act is None:
                    break
                act()
        finally:
            self._drop()
            end()
        return self._written > 0

    def _load(self) -> None:
        found = self._source.read()
        if isinstance(found, Problem):
            self._refuse("", printable(found.message))
            return
        if errors := self._judge(found):
            self._refuse(found.version, one_line(errors), outlined(errors))
            return
        try:
            old = self._old()
            if old != found.data:
                _replace(FileWrite(self._path, found.data, old, self._path, whole=True))
        except OSError as error:
            self._refuse(found.version, _why(self._path, error), again=True)
            return
        self._applied(found.version, changed=old != found.data)

    def _prepare(self, fetched: Fetched, answer: Callable[[Verdict], object]) -> None:
        self._drop()
        errors = self._judge(fetched)
        reason, short = (one_line(errors), outlined(errors)) if errors else ("", "")
        if not errors:
            try:
                write = FileWrite(self._path, fetched.data, self._old(), self._path, whole=True)
                write.prepare()
                self._offered = fetched, write
            except OSError as error:
                reason = short = _why(self._path, error)
        if reason:
            self._say(f"refused {_named(fetched.version)}: {reason}")
        answer(self._verdict("refused" if reason else "ready", fetched.version, short))

    def _commit(self, version: str) -> None:
        offered, self._offered = self._offered, None
        if offered is None or offered[0].version != version:
            self._load()
            return
        _, write = offered
        try:
            write.commit()
        except OSError as error:
            self._refuse(version, _why(self._path, error), again=True)
        else:
            self._applied(version, changed=True)
        finally:
            write.clean()

    def _drop(self) -> None:
        if self._offered is not None:
            self._offered[1].clean()
            self._offered = None

    def _old(self) -> bytes | None:
        """The file's content; None if it is missing. Raises `OSError` if a rename cannot replace it."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        real = os.path.realpath(self._path)
        if any(mount.point == real for mount in mounts.read()):
            raise OSError(errno.EBUSY, "it is a mount point, which no rename replaces: mount its directory instead")
        return self._path.read_bytes()

    def _applied(self, version: str, *, changed: bool) -> None:
        self._serving, self._again_at, self._pause_s, self._reason = version, None, _FIRST_RETRY_S, ""
        self._written += 1
        self._say(f"{'wrote' if changed else 'unchanged:'} {printable(str(self._path))}: {_named(version)}")
        self._source.ended(self._verdict("applied" if changed else "unchanged", version))

    def _refuse(self, version: str, reason: str, short: str | None = None, *, again: bool = False) -> None:
        self._again_at = time.monotonic() + self._pause_s if again else None
        self._pause_s = min(2 * self._pause_s, _LAST_RETRY_S) if again else _FIRST_RETRY_S
        text = f"refused {_named(version)}: {reason}" if version else reason
        if text != self._reason:
            self._reason = text
            self._say(text)
        self._source.ended(self._verdict("refused", version, reason if short is None else short))

    def _verdict(self, status: str, version: str, reason: str = "") -> Verdict:
        reason = shortened(printable(reason), REASON)
        return Verdict(status, version, self._serving, self._written, reason)  # type: ignore[arg-type]


def _replace(write: FileWrite) -> None:
    try:
        write.prepare()
        write.commit()
    finally:
        write.clean()


def _named(label: str) -> str:
    """`version 3 (epoch 4)`, as the fleet's commands print it."""
    version, epoch = parts_of(label)
    return f"version {version} (epoch {epoch})" if version else f"version {label}"


def _why(path: Path, error: OSError) -> str:
    return printable(f"{path} cannot be written: {error.strerror or error}")
