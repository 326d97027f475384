"""Following a configuration: events of a watcher to stdout, until a signal or until nobody reads any more."""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hotconf.cli.contact import located, patiently
from hotconf.cli.echo import StdoutError, echo, silence, stdout
from hotconf.cli.logs import Log, logs
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.events import FileChanged, ReloadFailed, ReloadSuccess, problems_of
from hotconf.problems import Warnings
from hotconf.report.notification import degraded, notification
from hotconf.report.problems.lines import spelled
from hotconf.sources.files.paths import absolute
from hotconf.text import short_path, source_name
from hotconf.twin import twin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hotconf.cli.hook import Printer
    from hotconf.cli.program import Program
    from hotconf.events import ConfigReloadEvent
    from hotconf.problems import Problem
    from hotconf.sources.base import Options
    from hotconf.subscribers.streams import EventStream
    from hotconf.watcher import HotReloadWatcher

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_GRACE_S: Final = 1.0
_INDENT: Final = "   "
_MOST_SOURCES: Final = 10
_CAN_BREAK_OFF: Final = hasattr(signal, "setitimer")


class TextPrinter:
    """For people: notifications with the time of day."""

    def __init__(self, path: Path, options: Options[Any]) -> None:
        """`path` is spelled as the person did."""
        self._path = path
        self._options = options
        self._has_config = False
        self._failed = False
        """The latest outcome."""
        self._warnings = Warnings()
        self._watcher: HotReloadWatcher[Any] | None = None

    def started(self, watcher: HotReloadWatcher[Any]) -> None:
        """`Watching ~/.code/config.toml (generation 1, debounce 2000 ms). Ctrl+C to stop.`"""
        self._watcher = watcher
        generation = watcher.generation
        self._has_config = generation > 0
        state = f"generation {generation}" if self._has_config else "no valid configuration yet"
        path, settings = short_path(watcher.path), watcher.settings
        if settings.enabled:
            window = "" if source_name(watcher.path) else f", debounce {settings.debounce_ms} ms"
            echo(f"Watching {path} ({state}{window}). Ctrl+C to stop.")
        else:
            echo(
                f"Loaded {path} ({state}). Hot reload is off: edits are not noticed until a restart. Ctrl+C to stop."
            )
        if watcher.stats.degraded:
            echo(f"   ⚠ {degraded(watcher.snapshot)}")
        self._failed = not self._has_config or watcher.stats.degraded
        self._warnings = self._warnings.after(watcher.warnings)
        for warning in watcher.warnings:
            echo(f"   ⚠ {warning.with_hint}")

    def event(self, event: ConfigReloadEvent) -> None:
        """`14:03:22 ✅ Config reloaded successfully`, and its lines; below those of a failure the source."""
        self._has_config = self._has_config or isinstance(event, ReloadSuccess)
        recovered, found = self._failed, problems_of(event)
        if not isinstance(event, FileChanged):
            self._failed = isinstance(event, ReloadFailed)
        if found is not None:
            self._warnings = self._warnings.after(found, failed=self._failed)
        said = notification(event, preserved=self._has_config, recovered=recovered, warnings=self._warnings)
        from hotconf.cli.paint import painted
        from hotconf.cli.wrap import wrapped

        text = wrapped(f"{event.at.astimezone():%H:%M:%S} {said}", stdout())
        lines = [painted(text, stdout(), "outcome")]
        if isinstance(event, ReloadFailed) and self._watcher is not None:
            # Before anything is said: who reads it may save the next state, and that would be read, too.
            lines.extend(f"{_INDENT}{line}" for line in self._sources(self._untold(event), self._watcher))
        echo("\n".join(lines), color=True)

    def _untold(self, event: ReloadFailed) -> tuple[Problem, ...]:
        return tuple(each for each in event.problems if each.severity == "error" or each in self._warnings.new)

    def _sources(self, problems: tuple[Problem, ...], watcher: HotReloadWatcher[Any]) -> Iterator[str]:
        """Where the problems are, with their source lines as they were read."""
        from hotconf.cli.paint import Canvas
        from hotconf.config.redaction.secret_keys import secret_keys
        from hotconf.report.problems.diagnostic import diagnostic
        from hotconf.report.problems.excerpt import Excerpts

        canvas = Canvas(stdout())
        excerpts = Excerpts(
            watcher.text,
            cells=canvas.cells - len(_INDENT),
            secrets=watcher.secrets,
            secret_keys=secret_keys(self._options.schema),
            form_of=self._options.form_of,
        )
        for problem in problems[:_MOST_SOURCES]:
            lines = diagnostic(spelled(problem, watcher.path, self._path), excerpts.of(problem), only_below=True)
            if lines:
                yield from canvas.painted(lines).split("\n")


class JsonPrinter:
    """For programs: one JSON object per line, each with the generation in force after its event."""

    def __init__(self) -> None:
        self._generation = 0

    def started(self, watcher: HotReloadWatcher[Any]) -> None:
        """The line that says what is watched."""
        from hotconf.report.ndjson import started

        self._generation = watcher.generation
        echo(
            started(
                watcher.path,
                self._generation,
                watcher.watching,
                watcher.settings.debounce_ms,
                datetime.now(UTC),
                warnings=watcher.warnings,
                last_good=watcher.snapshot.loaded_at if watcher.stats.degraded else None,
            )
        )

    def event(self, event: ConfigReloadEvent) -> None:
        """The line of one event."""
        from hotconf.report.ndjson import to_json

        if isinstance(event, ReloadSuccess):
            self._generation = event.generation
        echo(to_json(event, self._generation))


def follow(
    path: Path,
    program: Program,
    *,
    as_json: bool = False,
    command: str | None = None,
    debounce_ms: int | None = None,
    state_dir: Path | None = None,
) -> None:
    """Watch `path` and print what happens, until SIGINT or SIGTERM. SIGHUP loads the files at once.

    Raises `StdoutError` if stdout is no longer writable.
    """
    with (
        logs() as log,
        closing(_watcher(path, program, debounce_ms, state_dir, log)) as watcher,
        watcher.subscribe() as stream,
        _signals(stream.close, partial(_reload, watcher)) as asked,
    ):
        try:
            main = located(path, program.find, say=log.say)
            printer: Printer = JsonPrinter() if as_json else TextPrinter(path, program.options(main))
            if command is not None:
                from hotconf.cli.hook import Hook

                printer = Hook(printer, command, to_stderr=as_json)
            _follow(watcher, stream, printer, log)
        except _StuckError:
            silence(stdout())
        except StdoutError:
            if not asked:
                raise


def _watcher(
    path: Path, program: Program, debounce_ms: int | None, state_dir: Path | None, log: Log
) -> HotReloadWatcher[Any]:
    """Resolving `..` may touch a mount that does not answer."""
    main = patiently(partial(absolute, path), path, say=log.say)
    kept_in = state_dir and patiently(partial(absolute, state_dir), state_dir, say=log.say)
    return twin(program.options(main), debounce_ms=debounce_ms, state_dir=kept_in)


def _reload(watcher: HotReloadWatcher[Any]) -> None:
    with suppress(UsageError):  # not started yet: then the files are about to be loaded
        watcher.reload(wait=False)


def _follow(watcher: HotReloadWatcher[Any], stream: EventStream, printer: Printer, log: Log) -> None:
    try:
        watcher.start(require=False)
    except RuntimeError as error:  # no room for a thread
        raise Refusal(f"nothing can be watched: {error}") from error
    printer.started(watcher)
    lost, trouble = 0, _say_trouble(watcher, None, log)
    for event in stream:
        printer.event(event)
        trouble = _say_trouble(watcher, trouble, log)
        if stream.dropped > lost:
            log.say(f"{stream.dropped - lost} events were lost: stdout is read too slowly")
            lost = stream.dropped


def _say_trouble(watcher: HotReloadWatcher[Any], said: str | None, log: Log) -> str | None:
    """Say on stderr why states are not kept, unless that was `said`; returns what is said by now."""
    trouble = watcher.stats.state_trouble
    if trouble and trouble != said:
        log.say(f"States are not kept: {trouble}")
    return trouble


class _StuckError(BaseException):
    """Asked to stop, while stdout blocks or a check takes long; passes an `except Exception` of that check."""


@contextmanager
def _signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[list[int]]:
    """Let the first signal `stop` in an orderly way; a second one ends the process as usual. SIGHUP makes it
    `reload`, unless it is ignored, as under nohup. Yields the signals that asked to stop.

    If the stop has no effect, because a write to an unread stdout blocks, that write is interrupted.
    """
    asked: list[int] = []

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the signature of handlers)
        asked.append(number)
        restore()
        if _CAN_BREAK_OFF:
            signal.signal(signal.SIGALRM, give_up)
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S)
        stop()

    def give_up(number: int, frame: object) -> None:  # noqa: ARG001
        raise _StuckError

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    hup = getattr(signal, "SIGHUP", None)
    handlers: dict[int, Callable[[int, object], None]] = dict.fromkeys(_SIGNALS, handle)
    if hup is not None and signal.getsignal(hup) is not signal.SIG_IGN:
        handlers[hup] = lambda number, frame: reload()  # noqa: ARG005
    before: dict[int, Any] = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if asked:  # by the first of them, before the others had handlers
        restore()
    try:
        yield asked
    finally:
        if _CAN_BREAK_OFF:
            signal.setitimer(signal.ITIMER_REAL, 0)
        restore()
