"""How the public API is seen by type checkers. Nobody runs this; mypy reads it.

Each `type: ignore` stands where a mistake must be found: mypy complains of those that are not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never, assert_type

from pydantic import BaseModel, Field, TypeAdapter

from hotconf import (
    MISSING,
    Answer,
    CallbackFailure,
    Change,
    ConfigError,
    ConfigReloadEvent,
    Ending,
    FileChanged,
    Health,
    HotReloadSettings,
    HotReloadWatcher,
    NoConfigError,
    Origin,
    Outcome,
    Pending,
    PhaseStats,
    Problem,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Schema,
    Snapshot,
    SourceFile,
    Stats,
    Timings,
    UsageError,
    WatchedFile,
    WatchedFileOptions,
)
from hotconf.speckit import SPECKIT, Activity, AppConfig
from hotconf.subscribers.callbacks import ChangeCallback, EventCallback
from hotconf.subscribers.streams import EventStream


class App(BaseModel):
    """A configuration."""

    port: int = 8000


class Ports:
    """A layer."""

    name = "ports"

    def read(self) -> Mapping[str, int]:
        """What it says now."""
        return {"port": 1}


class Tls(BaseModel):
    """Files that the configuration names."""

    cert: WatchedFile
    chain: Annotated[list[WatchedFile], WatchedFileOptions(keep=True, max_bytes=1 << 20)] = []
    prompt: WatchedFile = Field(default="prompt.md", validate_default=True)
    maybe: WatchedFile | None = None


def named(tls: Tls) -> None:
    """What a file has."""
    assert_type(tls.cert, WatchedFile)
    assert_type(tls.cert.path, Path)
    assert_type(tls.cert.data, bytes)
    assert_type(tls.cert.text, str)
    assert_type(tls.cert.size, int)
    assert_type(WatchedFile.of(b""), WatchedFile)
    assert_type(WatchedFile.of("", "x.pem"), WatchedFile)
    with tls.cert.as_file() as path:
        assert_type(path, Path)
    WatchedFile("x.pem")  # type: ignore[call-arg]
    tls.cert.data = b""  # type: ignore[misc]


class Other(App):
    """A more special one."""


def made(path: Path) -> None:
    """The config's type comes from the model, the adapter or the schema."""
    assert_type(HotReloadWatcher("config.toml", App), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, TypeAdapter(App)), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, App, state_dir=path), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, App, state_dir="~/state"), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, Schema(App)), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, SPECKIT), HotReloadWatcher[AppConfig])
    assert_type(HotReloadWatcher[App](path, App), HotReloadWatcher[App])
    assert_type(HotReloadWatcher(path, dict[str, int]).config, dict[str, int])
    HotReloadWatcher(
        path,
        App,
        settings=HotReloadSettings(),
        debounce_ms=100,
        watch_paths=["conf.d", path],
        checks=[check],
        reconcile_s=1,
        max_bytes=1,
        allow_empty=True,
        observer="poll",
        layers=[{"port": 1}, Ports()],
    )
    HotReloadWatcher(path, App, layers=[App()])  # type: ignore[list-item]
    HotReloadWatcher(path, App, HotReloadSettings())  # type: ignore[call-arg]
    HotReloadWatcher(path, App, observer="kqueue")  # type: ignore[arg-type]
    HotReloadWatcher(path, App, checks=[check_of_other])  # type: ignore[list-item]
    HotReloadWatcher(path, App(), debounce_ms=1)  # type: ignore[arg-type]


def check(config: App) -> Iterator[Problem]:
    """A check may be a generator."""
    yield Problem("port is taken", ("port",), hint=str(config.port))


def check_of_other(config: Other) -> list[Problem]:
    """It needs a more special config than it would get."""
    return [Problem(str(config))]


def described(old: App, new: App, changes: Sequence[Change]) -> list[str]:
    """What `describe` is."""
    return [f"{change.dotted}: {old.port} → {new.port}" for change in changes]


def schemas() -> None:
    """A schema keeps the type of its model."""
    schema = Schema(App, checks=[check], describe=described, template="port = 1", kebab=True)
    assert_type(schema, Schema[App])
    assert_type(schema.template, str | None)
    Schema(App, checks=[check_of_other])  # type: ignore[list-item]


def read(watcher: HotReloadWatcher[App]) -> None:
    """Readers get the model itself; nothing can be assigned."""
    assert_type(watcher.config, App)
    assert_type(watcher.config.port, int)
    assert_type(watcher.get_config(), App)
    assert_type(watcher.snapshot, Snapshot[App])
    assert_type(watcher.generation, int)
    assert_type(watcher.path, Path)
    assert_type(watcher.settings, HotReloadSettings)
    assert_type(watcher.watching, tuple[Path, ...])
    assert_type(watcher.text(Path("config.toml")), str)
    assert_type(watcher.last, Ending | None)
    assert_type(watcher.pending, Pending | None)
    assert_type(watcher.shrank, tuple[Path, ...])
    assert_type(watcher.gone, tuple[Path, ...])
    assert_type(watcher.stats, Stats)
    assert_type(watcher.stats.as_dict(), dict[str, Any])
    health = watcher.health()
    assert_type(health, Health)
    assert_type(health.status, Literal["ok", "pending", "degraded", "failed", "unwatched"])
    assert_type(health.reason, str)
    assert_type(health.since, datetime)
    assert_type(health.as_dict(), dict[str, str])
    assert_type(watcher.has_drift(), bool)
    watcher.config = App()  # type: ignore[misc]
    watcher.snapshot = watcher.snapshot  # type: ignore[misc]
    watcher.settings = HotReloadSettings()  # type: ignore[misc]
    _ = watcher.unknown  # type: ignore[attr-defined]


def live(watcher: HotReloadWatcher[App]) -> None:
    """Start, close, `with`."""
    watcher.start(require=False)
    watcher.close()
    with watcher as entered:
        assert_type(entered, HotReloadWatcher[App])
    watcher.start(False)  # type: ignore[call-arg]


async def live_in_a_coroutine(watcher: HotReloadWatcher[App]) -> None:
    """`async with`, `async for`, and each method that waits."""
    assert_type(await watcher.astart(require=False), None)
    assert_type(await watcher.areload(force=True, revalidate=True), Ending)
    assert_type(await watcher.aclose(), None)
    await watcher.astart(False)  # type: ignore[call-arg]
    await watcher.areload(wait=False)  # type: ignore[call-arg]
    async with watcher as entered, watcher.busy("agent"):
        assert_type(entered, HotReloadWatcher[App])
    async for event in watcher.subscribe():
        assert_type(event, ConfigReloadEvent)


def reload(watcher: HotReloadWatcher[App], wait: bool) -> None:
    """Who waits gets an ending; who does not gets None."""
    assert_type(watcher.reload(), Ending)
    assert_type(watcher.reload(force=True), Ending)
    assert_type(watcher.reload(wait=True), Ending)
    assert_type(watcher.reload(wait=wait), Ending | None)
    with watcher.busy("agent") as nothing:
        assert_type(nothing, None)
    by_path: dict[tuple[str, ...], int] = {("server", "port"): 1}
    with watcher.override({"server.port": 1, ("server", "host"): MISSING}) as nothing, watcher.override(by_path):
        assert_type(nothing, None)
    watcher.override([])  # type: ignore[arg-type]


def told(watcher: HotReloadWatcher[App]) -> None:
    """Streams, callbacks, decorators."""
    with watcher.subscribe() as stream:
        assert_type(stream, EventStream)
        assert_type(next(stream), ConfigReloadEvent)
        assert_type(stream.last, Ending | None)
        assert_type(stream.dropped, int)
    assert_type(watcher.on_event(matched), EventCallback)
    assert_type(watcher.on_change("port", lambda old, new: None), ChangeCallback[App])
    assert_type(watcher.on_change(("port", 0), lambda old, new: None), ChangeCallback[App])
    assert_type(watcher.on_change(lambda config: config.port, lambda old, new: None), ChangeCallback[App])
    assert_type(watcher.on_change("port"), Callable[[Callable[[Any, Any], object]], ChangeCallback[App]])
    watcher.on_change(lambda config: config.unknown, lambda old, new: None)  # type: ignore[attr-defined]
    watcher.on_event(lambda: None)  # type: ignore[arg-type, misc]

    @watcher.on_event()
    def note(event: ConfigReloadEvent) -> None:
        matched(event)

    @watcher.on_event
    def note_too(event: ConfigReloadEvent) -> None:
        matched(event)

    @watcher.on_change("port")
    def follow(old: object, new: object) -> bool:
        return old is MISSING or old == new

    assert_type(note, EventCallback)
    assert_type(note_too, EventCallback)
    assert_type(follow, ChangeCallback[App])
    note.close()
    follow.close()


def matched(event: ConfigReloadEvent) -> str:
    """Five kinds of events, and no more."""
    assert_type(event.at, datetime)
    match event:
        case FileChanged(path):
            return str(assert_type(path, Path))
        case ReloadSuccess(generation, changes, summary):
            assert_type(generation, int)
            assert_type(changes, tuple[Change, ...])
            assert_type(summary, tuple[str, ...])
            assert_type(event.timings, Timings)
            assert_type(event.warnings, tuple[Problem, ...])
            return "\n".join(summary)
        case ReloadUnchanged(reason):
            assert_type(event.warnings, tuple[Problem, ...])
            return assert_type(reason, str)
        case ReloadDeferred(reasons):
            return ", ".join(assert_type(reasons, tuple[str, ...]))
        case ReloadFailed(error, _, problems):
            assert_type(problems, tuple[Problem, ...])
            return assert_type(error, str)
        case _:
            assert_never(event)


def ended(ending: Ending, outcome: Outcome) -> None:
    """An outcome is an ending, but not every ending is an outcome."""
    ending = outcome
    outcome = ReloadDeferred((), (), ())  # type: ignore[assignment]
    if isinstance(ending, ReloadFailed) and ending.kind == "syntacs":  # type: ignore[comparison-overlap]
        return


def looked_into(snapshot: Snapshot[App], change: Change, problem: Problem, stats: Stats) -> None:
    """Values are what they say, and cannot be assigned."""
    assert_type(snapshot.config, App)
    assert_type(snapshot.files, tuple[SourceFile, ...])
    assert_type(snapshot.origin("port"), Origin | None)
    assert_type(snapshot.origin(("port",)), Origin | None)
    assert_type(snapshot.explain("port"), tuple[Answer, ...])
    assert_type(change.path, tuple[str | int, ...])
    assert_type(change.old, object)
    assert_type(problem.file, Path | None)
    assert_type(problem.line, int | None)
    assert_type(stats.endings, Mapping[str, int])
    assert_type(stats.phases["settle"], PhaseStats)
    assert_type(stats.degraded, bool)
    assert_type(stats.callback_failures, int)
    assert_type(stats.last_callback_failure, CallbackFailure | None)
    assert_type(stats.state_trouble, str | None)
    snapshot.generation = 2  # type: ignore[misc]
    problem.line = 1  # type: ignore[misc]
    wider: Snapshot[BaseModel] = snapshot
    assert_type(wider.generation, int)


def raised() -> None:
    """Whose fault it is can be told apart."""
    try:
        HotReloadWatcher("config.toml", App).start()
    except ConfigError as error:
        assert_type(error.problems, tuple[Problem, ...])
    except NoConfigError as error:
        usage: UsageError = error
        assert_type(usage, UsageError)


def active(watcher: HotReloadWatcher[AppConfig]) -> None:
    """What `speckit` makes of a watcher."""
    with Activity(watcher).quality_gate(), Activity(watcher).agent():
        assert_type(watcher.config.model, str)


class OwnListener:
    """Any callable will do, whatever it returns."""

    def __call__(self, event: ConfigReloadEvent) -> list[str]:
        """Called for each event."""
        return [matched(event)]


def own(watcher: HotReloadWatcher[App]) -> None:
    """An object with `__call__` is a callback."""
    watcher.on_event(OwnListener()).close()
