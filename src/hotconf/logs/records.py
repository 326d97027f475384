"""Passes log records to the program's handlers, which are users' code: they may block, raise, or log themselves.

Rule 1: none of our threads waits for a handler, and none that loads, steps or closes takes a lock of `logging`.
Rule 2: one thread passes records on, in order, while there are any; under gevent or eventlet in a greenlet.
Rule 3: at most `CAPACITY` wait; dropped ones are counted, and reported when records flow again. Without a descriptor
or memory for the modules that remove secrets, records wait, and that is reported in their place.
Rule 4: at exit all records have reached the handlers, unless one of these takes longer than `FLUSH_S` for a record,
or all of them together longer than `EXIT_S`.
"""

from __future__ import annotations

import atexit
import errno
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.logs import scrubbing
from hotconf.system import fork, green, threads
from hotconf.system.descriptors import cause, refusal
from hotconf.system.worker import Worker
from hotconf.text import printable, short_path

if TYPE_CHECKING:
    import logging

    from hotconf.logs.scrubbing import KnownSecrets
    from hotconf.secrets.scrubber import Scrubber

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
"""Those of `logging`, which need not have been imported."""
CAPACITY: Final = 1000
FLUSH_S: Final = 1.0
EXIT_S: Final = 5.0
_MOMENT_S: Final = 0.1
_PASSING: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class _Record(NamedTuple):
    logger: str
    level: int
    text: str
    values: tuple[object, ...]
    at: float
    error: BaseException | None = None
    scrub: Scrubber | None = None
    watchers: tuple[KnownSecrets, ...] = ()
    """Of the watchers at that time."""


class LogQueue(fork.ForkAware):
    """All records of this process."""

    __slots__ = ("_dropped", "_held", "_holding", "_registered", "_worker")

    def __init__(self) -> None:
        self._dropped = 0
        self._held: deque[_Record] = deque()
        """Records on their way; the first is being handled."""
        self._holding = False
        """The first cannot be made now."""
        self._registered = False
        self._worker = Worker("hotconf log", self._report, _describe)

    def emit(
        self,
        logger: str,
        level: int,
        text: str,
        *values: object,
        error: BaseException | None = None,
        scrub: Scrubber | None = None,
    ) -> None:
        """Log it soon, by `hotconf.LOGGER`. Never waits and never raises.

        The traceback of `error` is part of the text: handlers get no exception, whose variables some would reveal.
        `scrub` knows secrets that no watcher has yet.
        """
        with suppress(Exception):
            if not enabled(logger, level):
                return
            self._register()
            if len(self._held) > CAPACITY:
                self._dropped += 1
                return
            known = scrubbing.known_secrets()
            self._held.append(_Record(logger, level, text, values, time.time(), error, scrub, known))
            self._worker.submit(self._pass_next)

    def flush(self) -> bool:
        """Give the handlers a moment to take all records, unless they have had more; whether they have them."""
        return self._worker.join(_MOMENT_S - self._worker.busy_ns / 1e9)

    def trouble(self) -> str | None:
        """Why records do not reach their handlers."""
        return self._worker.trouble

    def at_work(self) -> bool:
        """Whether records are on their way."""
        return self._worker.at_work or bool(self._held)

    def supervise(self) -> bool:
        """Repair the thread if it failed, and retry what could not be created; whether there is work."""
        if self._held and not self._worker.at_work:
            self._worker.submit(self._pass_next)
        return self._worker.supervise() or bool(self._held)

    def finish(self) -> None:
        """The process ends: give the handlers what they have not had, as rule 4 says. May be repeated."""
        until = time.monotonic() + EXIT_S
        self.supervise()
        while not self._worker.join(_MOMENT_S):
            self._worker.drain()  # if there is no thread for it
            if self._worker.busy_ns > FLUSH_S * 1e9 or time.monotonic() > until:
                _release_handlers()
                return

    def abandon(self) -> None:
        """The parent logs what waits."""
        self._dropped = 0
        self._held.clear()
        self._worker.abandon()

    def _register(self) -> None:
        if not self._registered:
            import logging  # noqa: F401 - at exit it ends after us, because it was there before

            self._registered = True
            fork.register(self)
            atexit.register(self.finish)

    def _report(self, text: str, error: BaseException | None) -> None:
        if not text.startswith("a job"):  # from a handler, which raised something that ends programs
            self.emit("watch", ERROR, "%s", text, error=error)

    # On its thread

    def _pass_next(self) -> None:
        green.run(self._pass_first)
        if self._held and not (self._holding or self._worker.waiting):
            self._worker.submit(self._pass_next)
        elif self._dropped and not self._held:
            dropped, self._dropped = self._dropped, 0
            text = "%d log records were dropped: a handler of the log did not take them in time"
            self.emit("watch", WARNING, text, dropped)

    def _pass_first(self) -> None:
        record = next(iter(self._held), None)
        why = None if record is None else _handle(record)
        if why is None:
            self._holding = False
            if self._held and self._held[0] is record:  # unless a handler forked, and this is the child
                self._held.popleft()
        elif not self._holding:
            self._holding = True
            _handle_plain(f"Log records wait until they can be shown without secrets: {why}")


def enabled(name: str, level: int) -> bool:
    """Whether such a record would be handled. Takes no lock, unlike `Logger.isEnabledFor`."""
    logging = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "getLevelName"):  # not imported, or not yet
        return level >= WARNING
    manager = logging.root.manager
    loggers: list[Any] = [manager.loggerDict.get(each) for each in (f"hotconf.{name}", "hotconf")]
    logger = next((each for each in loggers if hasattr(each, "getEffectiveLevel")), logging.root)
    return bool(manager.disable < level and logger.getEffectiveLevel() <= level)


def _handle(record: _Record) -> str | None:
    """Have the handlers handle it. Returns why it cannot be made now, but perhaps later."""
    with suppress(BaseException):
        import logging

        logger = logging.getLogger(f"hotconf.{record.logger}")
        if logger.isEnabledFor(record.level):
            try:
                made = _made(logger, record)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
                why = cause(error)
                if isinstance(why, MemoryError) or (isinstance(why, OSError) and why.errno in _PASSING):
                    return refusal(why)
                _handle_plain(f"A log record cannot be shown: {type(error).__name__}")
            else:
                logger.handle(made)
    return None


def _handle_plain(text: str) -> None:
    """Log a text of ours, in which no secret can be."""
    with suppress(BaseException):
        import logging

        logger = logging.getLogger("hotconf.watch")
        if logger.isEnabledFor(WARNING):
            logger.handle(logger.makeRecord(logger.name, WARNING, __file__, 0, text, (), None))


def _made(logger: logging.Logger, given: _Record) -> logging.LogRecord:
    # Like all text from outside, names of files and callbacks are made printable; numbers keep their form.
    values = tuple(_shown(value) for value in given.values)
    text = scrubbing.lines(given.text % values if values else given.text, given.watchers, given.error, given.scrub)
    record = logger.makeRecord(logger.name, given.level, __file__, 0, text, (), None)
    record.relativeCreated -= (record.created - given.at) * 1000
    record.created, record.msecs = given.at, given.at % 1 * 1000
    return record


def _shown(value: object) -> object:
    if isinstance(value, Path):
        return short_path(value)
    return value if isinstance(value, int | float) else printable(str(value))


def _release_handlers() -> None:
    """A handler does not return, so our thread holds its lock, and perhaps that of a stream: at exit `logging` and
    the interpreter would wait for these forever. Leave them alone instead.
    """
    import logging

    for handler in [each() for each in logging._handlerList]:  # type: ignore[attr-defined] # there is no other way
        if handler is not None and handler.lock is not None:
            if handler.lock.acquire(timeout=_MOMENT_S):
                handler.lock.release()
            else:
                handler.lock, handler.flush, handler.close = None, _nothing, _nothing
    for name in ("stdout", "stderr"):
        flush = getattr(getattr(sys, name, None), "flush", _nothing)
        flushing = threads.Thread(flush, "hotconf log")
        with suppress(RuntimeError):
            flushing.start()
            if not flushing.join(_MOMENT_S):
                setattr(sys, name, None)


def _describe(_: object, seconds: int) -> str:
    return f"a log handler has not returned for {seconds} s"


def _nothing() -> None:
    pass


_queue: Final = LogQueue()
emit: Final = _queue.emit
flush: Final = _queue.flush
supervise: Final = _queue.supervise
finish: Final = _queue.finish
trouble: Final = _queue.trouble
at_work: Final = _queue.at_work
