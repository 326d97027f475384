"""Reading what may not answer. A read on a network or FUSE mount whose server is gone never returns, and signal
handlers do not run during it. So where there are such mounts, commands read on another thread first: meanwhile the
main thread reports the mount, and a signal ends the command.

No users' code runs on that thread: it would still be running when the interpreter ends.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hotconf.cli.echo import echo
from hotconf.sources.files import mounts
from hotconf.sources.files.paths import absolute
from hotconf.system import threads
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from hotconf.sources.base import Options

R = TypeVar("R")

SILENT_S: Final = 5.0
_PROBE_S: Final = 1.0


def _warn(text: str) -> None:
    echo(text, err=True)


def patiently(read: Callable[[], R], near: Path, *, needed: bool = True, say: Callable[[str], object] = _warn) -> R:
    """What `read` returns or raises. A mount that has not answered for 5 s is reported by `say`.

    `near`: the path that is read. Unless it is `needed`, `TimeoutError` is raised then.
    """
    if not _may_hang():
        return read()
    from concurrent.futures import Future, wait

    future: Future[R] = Future()
    try:
        threads.Thread(partial(_settle, future, read), "hotconf files").start()
    except RuntimeError:  # no room for a thread
        return read()
    reported: set[str] = set()
    while not wait([future], SILENT_S).done:
        silent = _silent(near, reported)
        reported.update(silent)
        if not needed:
            raise TimeoutError(errno.ETIMEDOUT, f"{printable(', '.join(reported) or str(near))} does not answer")
        for each in silent:
            say(printable(f"Waiting for {near}: {each} does not answer"))
    return future.result()


def located(
    given: str | Path,
    find: Callable[[Path], Options[Any] | None],
    *,
    content: bytes | None = None,
    say: Callable[[str], object] = _warn,
) -> Path:
    """The main file `given`, absolute, once it and its fragments have answered. `content`: what it is to hold.

    `find`: how it is loaded.
    """
    near = Path(given)
    main = patiently(partial(absolute, given), near, say=say)
    if _may_hang() and (options := find(main)) is not None:
        with suppress(Exception):  # whatever is wrong is wrong for the command, too
            patiently(partial(_read, options, content), near, say=say)
    return main


def _read(options: Options[Any], content: bytes | None) -> None:
    from hotconf.sources.files.set_reader import SetReader

    reader = SetReader(options, options.unread)
    reader.instead = {} if content is None else {options.path: content}
    reader.run()


def _settle(future: Future[R], read: Callable[[], R]) -> None:
    try:
        future.set_result(read())
    except BaseException as error:  # noqa: BLE001 - raised in the main thread
        future.set_exception(error)


def _may_hang() -> bool:
    found = mounts.remotes()
    return found is None or bool(found)


def _silent(near: Path, reported: Iterable[str]) -> list[str]:
    """The mounts that do not answer, but for those `reported`: of those above `near`, or else of all."""
    probes = {
        each: threads.Thread(partial(_probe, each), "hotconf files")
        for each in _suspects(near)
        if each not in reported
    }
    for probe in probes.values():
        with suppress(RuntimeError):
            probe.start()
    until = time.monotonic() + _PROBE_S
    return [each for each, probe in probes.items() if not probe.join(max(0.0, until - time.monotonic()))]


def _suspects(near: Path) -> list[str]:
    found = mounts.remotes()
    if found is None:
        return [str(near)]
    place = Path(os.path.abspath(near.expanduser()))  # noqa: PTH100 - resolving would touch it
    above = {str(each) for each in (place, *place.parents)}
    return [each for each in found if each in above] or found


def _probe(path: str) -> None:
    with suppress(OSError):
        os.statvfs(path) if hasattr(os, "statvfs") else Path(path).stat()  # the former is never cached
