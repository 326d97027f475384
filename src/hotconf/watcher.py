"""`HotReloadWatcher`: the public facade. It checks arguments and wires the parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args, overload

from hotconf import arguments
from hotconf.errors import NoConfigError
from hotconf.events import Ending, Pending
from hotconf.formats.registry import FormatName, named
from hotconf.logs import log, records
from hotconf.problems import Problem
from hotconf.runtime.applying.facade import Acting
from hotconf.runtime.holds import Busy
from hotconf.runtime.loads import judged
from hotconf.runtime.reloader import Reloader
from hotconf.runtime.reporting import vitals
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.snapshot import Snapshot
from hotconf.sources.base import DEFAULT_MAX_BYTES, GivenLayer, Options
from hotconf.sources.files import paths
from hotconf.sources.layers import given_layers
from hotconf.sources.mapping import Overrides
from hotconf.subscribers.bus import Bus
from hotconf.subscribers.facade import Following
from hotconf.text import file_name, source_name
from hotconf.watch.observer import ObserverName

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from hotconf.changes import Change
    from hotconf.history.writer import HistoryWriter
    from hotconf.sources.source import Source
    from hotconf.status.health import Health
    from hotconf.subscribers.stats import Stats

T = TypeVar("T")

MIN_RECONCILE_S: Final = 0.01
MAX_RECONCILE_S: Final = 86_400
_NO_FILE: Final = "(no file)"


class HotReloadWatcher(Acting[T], Following[T]):
    """Keeps a validated, immutable configuration in step with its files.

        with HotReloadWatcher("config.toml", AppConfig) as watcher:
            watcher.config.server.port

    Readers take no lock and never wait: `config` is one attribute, replaced whole. If the files are not
    valid, the last good configuration stays in force. Every change of the files has exactly one ending, which is
    emitted to subscribers.
    """

    __slots__ = ("__orig_class__", "__weakref__", "_bus", "_reloader", "config", "snapshot")

    config: T
    """The current configuration. Raises `AttributeError` until there is one, and when it is assigned."""
    snapshot: Snapshot[T]
    """The current configuration with its generation, digest, files and origins, as one consistent value."""
    _bus: Bus[T]
    _reloader: Reloader[T]

    def __init__(
        self,
        path: str | os.PathLike[str] | Source | None,
        schema: type[T] | TypeAdapter[T] | Schema[T],
        *,
        settings: HotReloadSettings | None = None,
        debounce_ms: int | None = None,
        watch_paths: Iterable[str | os.PathLike[str]] | None = None,
        checks: Iterable[Callable[[T], Iterable[Problem]]] = (),
        reconcile_s: float = 2.0,
        max_bytes: int = DEFAULT_MAX_BYTES,
        allow_empty: bool = False,
        observer: ObserverName = "auto",
        state_dir: str | os.PathLike[str] | None = None,
        layers: Iterable[GivenLayer] = (),
        format: FormatName | None = None,  # noqa: A002 (what users call it)
    ) -> None:
        """Nothing happens before `start()`, or `with`.

        `path`: the main file, TOML, YAML or JSON by its suffix; `~` is expanded; None: layers only; or a `Source`,
        such as `Etcd("shop/prod", …)`, whose document replaces the main file. `schema`: a pydantic
        model, a `TypeAdapter` or a `Schema`. `settings` fixes all four fields of `HotReloadSettings`;
        `debounce_ms` (0 to 60000) and `watch_paths` fix one each. The others follow the config's own `hot_reload`
        field, if it has one. `checks` are added to the schema's. `reconcile_s`: how often the files are compared, in
        case an event was missed. `max_bytes`: larger files are refused. `allow_empty`: an empty file is valid.
        `observer`: `auto`, `inotify`, `watchdog` or `poll`. `state_dir`: where the files of each published state are
        kept, for their owner only; a start on broken or missing files falls back to the last good one. POSIX only.
        `layers`: they override the files, weakest first: `SecretsDir`, `DotEnv`, `Env`, `Flags`, mappings, or objects
        with a `name`, `read()`, which returns a mapping, and optionally `watch(changed)`, which returns a function
        that ends it. `format`: `toml`, `yaml` or `json`, if the main file's name does not say.

        Raises `UsageError` for arguments that cannot work.
        """
        arguments.seconds("reconcile_s", reconcile_s, MIN_RECONCILE_S, MAX_RECONCILE_S)
        arguments.whole("max_bytes", max_bytes, 1)
        arguments.flag("allow_empty", allow_empty)
        if observer not in (names := get_args(ObserverName)):
            raise arguments.wrong("observer", observer, f"one of {', '.join(names)}")
        put = object.__setattr__
        pins = PinnedSettings.given(settings, debounce_ms, watch_paths)
        main, source = _main(path, pins, format)
        for pattern in pins.watch_paths or ():
            paths.expanded(pattern)
        over = given_layers(layers, given := Schema.of(schema, checks))
        put(self, "_bus", Bus(file_name(main), given))
        taken = (path is None, paths.here(), Overrides(), source)
        options = Options(main, given, pins, max_bytes, allow_empty, over, named(format), *taken)
        self._make(options, observer, round(reconcile_s * 1e9), _history(state_dir, options))
        if type(self) is HotReloadWatcher:
            put(self, "__class__", _Unconfigured)

    def _make(
        self, options: Options[T], observer: ObserverName, reconcile_ns: int, history: HistoryWriter[T] | None
    ) -> None:
        make = partial(Reloader, options, self._bus, self._install)
        reloader = make(observer=observer, reconcile_ns=reconcile_ns, history=history)
        if history is not None and history.writes:
            from hotconf.runtime.reporting.status import report  # as above

            report(reloader, observer)
        object.__setattr__(self, "_reloader", reloader)

    def _renewal(self) -> Callable[[], None]:
        """What to call after `close`, so that it is not started yet, with its resources, callbacks and overrides, and
        the signals that were spared.
        """
        return partial(self._renew, self._bus.renewal())

    def _renew(self, renew_bus: Callable[[], None]) -> None:
        old, made = self._reloader, self._reloader.cycle.applying
        renew_bus()
        history = _history(old.state_dir, old.options)
        self._make(old.options, old.cycle.observation.wanted, old.cycle.reconcile_ns, history)
        self._reloader.layers.take_over(old.layers)
        if made is not None:
            self._applying().take_over(made)

    if not TYPE_CHECKING:  # or checkers would let users assign anything

        def __setattr__(self, name: str, value: object) -> None:
            """Raises `AttributeError`: a watcher cannot be changed from outside."""
            if name == "__orig_class__":
                object.__setattr__(self, name, value)
                return
            raise AttributeError(f"{name} cannot be assigned: change the file, and it changes here")

        def __delattr__(self, name: str) -> None:
            """Raises `AttributeError`, too."""
            raise AttributeError(f"{name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        """As its arguments: in another process it arrives as a watcher that is not started.

        Raises `UsageError` if it has resources or callbacks, or if an argument cannot be pickled.
        """
        from hotconf.runtime.applying import pickling  # late: most programs send no watcher

        return pickling.given(self._reloader, HotReloadWatcher if type(self) is _Unconfigured else type(self))

    def __repr__(self) -> str:
        """Never shows the configuration."""
        name = source_name(self.path) or str(self.path)
        return f"<{type(self).__name__} {name!r} generation {self.generation}>"

    # Life

    def start(self, *, require: bool = True) -> None:
        """Watch the files, then load them. Works once.

        Raises `ConfigError` with all problems if the load fails, unless `require` is false: then the failure is
        emitted, `get_config()` raises `NoConfigError`, and the first good save becomes generation 1.

        With `state_dir`, if the load fails and the last good state is still valid, that becomes generation 1 and
        nothing is raised: the failure is logged and is `last`, and `stats.degraded` is true until the next good save.
        A state directory that cannot be used, or that others may write to, does not prevent the start: nothing is
        kept or read there, a warning is logged, and `stats.state_trouble` says why.
        """
        arguments.flag("require", require)
        self._reloader.options.complete()
        try:
            self._reloader.start(require=require)
            if soft := self._reloader.soft:
                text = "Not frozen, so readers could change what the others see: %s"
                log.warning("reload", text, ", ".join(soft))
        finally:
            records.flush()

    def close(self) -> None:
        """Stop watching; emit nothing more. Idempotent; any thread may call it.

        Waits at most 2 s for a callback or a check that is running. `config` stays readable. Called at exit, too.

        Raises `UsageError` when called from a check, a validator, a factory, or `describe`.
        """
        self._reloader.cycle.refuse("close", handlers=True)
        self._reloader.close()
        records.flush()

    def __enter__(self) -> HotReloadWatcher[T]:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Reading

    def get_config(self) -> T:
        """The same as `config`, but raises `NoConfigError` if there is none yet."""
        try:
            return self.config
        except AttributeError:
            raise NoConfigError("there is no configuration yet: start() first, or wait for a valid file") from None

    @property
    def generation(self) -> int:
        """The generation of the current configuration; 0 if there is none yet."""
        return self._reloader.publisher.generation

    @property
    def path(self) -> Path:
        """The main file, absolute; without one, or with a source, a path that stands for it and does not exist."""
        return self._reloader.options.path

    @property
    def settings(self) -> HotReloadSettings:
        """The settings in force."""
        return self._reloader.settings

    @property
    def watching(self) -> tuple[Path, ...]:
        """The watched files: the main file, fragments and others, including those that do not exist yet."""
        return self._reloader.watched

    def text(self, path: Path) -> str:
        """The text of one of the files as the latest load saw it; empty if it was not read. It may hold secrets."""
        return self._reloader.files.text(Path(arguments.path("path", path)))

    @property
    def secrets(self) -> frozenset[str]:
        """The known secrets of the configuration and its files, for programs that display `text` line by line."""
        return self._reloader.publisher.secrets.scrubber().secrets

    def scrub(self, text: str) -> str:
        """`text` without the known secrets of the configuration and its files, for your own logs.

        Also removes other forms of them (upper case, quoted, shortened, Base64), and passwords in URLs and the like.
        Secrets shorter than four characters are removed only where they stand as words.
        """
        if not isinstance(text, str):
            raise arguments.wrong("text", text, "a str")
        return self._reloader.publisher.secrets.scrubber()(text, words=True)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings about the files of the current configuration."""
        return self._reloader.publisher.warnings

    @property
    def last(self) -> Ending | None:
        """The latest ending: success, unchanged, failed or deferred."""
        return self._bus.last

    @property
    def shrank(self) -> tuple[Path, ...]:
        """Files that may be half written: they hold only the first part of what they held before, or nothing."""
        return self._reloader.shrank

    @property
    def gone(self) -> tuple[Path, ...]:
        """Files of the published state that are gone; the open round waits for them to come back."""
        return self._reloader.gone

    @property
    def pending(self) -> Pending | None:
        """The deferred reload, if there is one."""
        return self._reloader.pending

    @property
    def pending_restart(self) -> tuple[Change, ...]:
        """Changes in the files that take effect only after a restart: those of values that are `RestartRequired`."""
        return self._reloader.publisher.pending_restart

    @property
    def stats(self) -> Stats:
        """Counts and timings, and how changes are noticed."""
        return vitals.stats(self._reloader)

    def health(self) -> Health:
        """The health of the watcher: `ok`, `pending`, `degraded`, `failed` or `unwatched`, why, and since when.

        Holds no values and no secrets: for status pages and probes. Any thread may ask; it never waits.
        """
        return vitals.health(self._reloader)

    def has_drift(self) -> bool:
        """Whether the files differ from what is published, by their bytes. Reads them, in this thread."""
        return self._reloader.has_drift()

    # Acting

    def busy(self, reason: str) -> Busy:
        """Inside the returned context manager reloads are deferred: checked and reported, but not published.

        Contexts may overlap, with the same or other reasons, in any threads. Leaving the last one publishes what is
        pending before it returns. Works with `with` and `async with`.
        """
        return Busy(self._reloader, reason)

    @overload
    def reload(self, *, wait: Literal[True] = True, force: bool = False, revalidate: bool = False) -> Ending: ...
    @overload
    def reload(self, *, wait: bool, force: bool = False, revalidate: bool = False) -> Ending | None: ...
    def reload(self, *, wait: bool = True, force: bool = False, revalidate: bool = False) -> Ending | None:
        """Load the files now, without a debounce window, and return the ending.

        Reflects every write that finished before the call. While something is busy, a different, valid configuration
        is deferred and `ReloadDeferred` is returned at once, unless `force`. `revalidate` validates unchanged files
        again. Watching resumes if they turn hot reload on again. `wait=False` returns None at once, signal-safe.

        Raises `UsageError` if the watcher is not running, when called from a check, a validator or `describe`, and on
        the thread of the event loop of async resources: `await areload()`.
        """
        for name, given in {"wait": wait, "force": force, "revalidate": revalidate}.items():
            arguments.flag(name, given)
        return self._reloader.reload(wait=wait, force=force, revalidate=revalidate)

    def _install(self, snapshot: Snapshot[Any]) -> None:
        # The snapshot first: whoever sees a new config never finds an older generation beside it.
        _SNAPSHOT(self, snapshot)
        _CONFIG(self, snapshot.config)
        if type(self) is _Unconfigured:
            object.__setattr__(self, "__class__", HotReloadWatcher)


class _Unconfigured(HotReloadWatcher[T]):
    """The class of a watcher without a configuration: it explains why there is no `config`.

    A `__getattr__` of `HotReloadWatcher` itself would make every read of `config` four times as slow.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        if name in ("config", "snapshot"):
            text = "there is no configuration yet: call start() first, or wait for a valid file"
        else:
            text = f"'{type(self).__name__}' object has no attribute '{name}'"
        raise AttributeError(text, name=name, obj=self)


_Unconfigured.__name__ = _Unconfigured.__qualname__ = HotReloadWatcher.__name__

_SNAPSHOT: Final = HotReloadWatcher.__dict__["snapshot"].__set__
_CONFIG: Final = HotReloadWatcher.__dict__["config"].__set__


def _main(given: object, pins: PinnedSettings, form: FormatName | None) -> tuple[Path, Source | None]:
    """The main file, or the source that stands in its place and its name."""
    if given is None:
        return paths.absolute(_NO_FILE), None
    if not isinstance(given, str | os.PathLike):
        from hotconf.sources import virtual  # late: most programs have a file

        if (source := virtual.accepted(given, pins, form)) is not None:
            return source.path, source
    return paths.absolute(arguments.path("path", given)), None


def _history(state_dir: str | os.PathLike[str] | None, options: Options[T]) -> HistoryWriter[T] | None:
    if state_dir is None:
        return None
    from hotconf.history.writer import HistoryWriter  # imported here: only for programs that keep states

    return HistoryWriter(paths.absolute(arguments.path("state_dir", state_dir)), options, partial(judged, options))
