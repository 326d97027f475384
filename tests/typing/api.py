"""How the public API is seen by type checkers. Nobody runs this; mypy, pyright and basedpyright read it.

Each pair of `type: ignore` and `pyright: ignore` stands where a mistake must be found: those that are not needed are
errors, too.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
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
    EventStream,
    FileChanged,
    Health,
    HotReloadSettings,
    HotReloadWatcher,
    Missing,
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
    Subscription,
    Timings,
    UsageError,
    WatchedFile,
    WatchedFileOptions,
)
from hotconf.speckit import SPECKIT, Activity, AppConfig
from hotconf.subscribers.callbacks import EventCallback


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
    WatchedFile("x.pem")  # type: ignore[call-arg] # pyright: ignore
    tls.cert.data = b""  # type: ignore[misc] # pyright: ignore


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
    HotReloadWatcher(path, App, layers=[App()])  # type: ignore[list-item] # pyright: ignore
    HotReloadWatcher(path, App, HotReloadSettings())  # type: ignore[call-arg] # pyright: ignore
    HotReloadWatcher(path, App, observer="kqueue")  # type: ignore[arg-type] # pyright: ignore
    HotReloadWatcher(path, App, checks=[check_of_other])  # type: ignore[list-item] # pyright: ignore
    HotReloadWatcher(path, App(), debounce_ms=1)  # type: ignore[arg-type] # pyright: ignore


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
    Schema(App, checks=[check_of_other])  # type: ignore[list-item] # pyright: ignore


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
    watcher.settings = HotReloadSettings()  # type: ignore[misc] # pyright: ignore
    watcher.config = Other()  # refused at run time only, as that of a frozen object is
    watcher.config = 1  # type: ignore[assignment] # pyright: ignore
    watcher.unknown = 1  # type: ignore[attr-defined] # pyright: ignore
    print(watcher.unknown)  # type: ignore[attr-defined] # pyright: ignore


def live(watcher: HotReloadWatcher[App]) -> None:
    """Start, close, `with`."""
    watcher.start(require=False)
    watcher.close()
    with watcher as entered:
        assert_type(entered, HotReloadWatcher[App])
    watcher.start(False)  # type: ignore[call-arg] # pyright: ignore


async def live_in_a_coroutine(watcher: HotReloadWatcher[App]) -> None:
    """`async with`, `async for`, and each method that waits."""
    assert_type(await watcher.astart(require=False), None)
    assert_type(await watcher.areload(force=True, revalidate=True), Ending)
    assert_type(await watcher.aclose(), None)
    await watcher.astart(False)  # type: ignore[call-arg] # pyright: ignore
    await watcher.areload(wait=False)  # type: ignore[call-arg] # pyright: ignore
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
    watcher.override([])  # type: ignore[arg-type] # pyright: ignore


def told(watcher: HotReloadWatcher[App]) -> None:
    """Streams, callbacks, decorators."""
    with watcher.subscribe() as stream:
        assert_type(stream, EventStream)
        assert_type(next(stream), ConfigReloadEvent)
        assert_type(stream.last, Ending | None)
        assert_type(stream.dropped, int)
    assert_type(watcher.on_event(matched), EventCallback[str])
    assert_type(watcher.on_event(lambda event: event.at), EventCallback[datetime])
    watcher.on_event(lambda: None)  # type: ignore[arg-type, misc] # pyright: ignore
    watcher.on_event(lambda event: event.summary)  # type: ignore[union-attr] # pyright: ignore

    @watcher.on_event()
    def note(event: ConfigReloadEvent, more: int = 0) -> None:
        matched(event)

    @watcher.on_event
    def note_too(event: ConfigReloadEvent) -> str:
        return matched(event)

    @watcher.on_event()
    async def note_late(event: ConfigReloadEvent) -> None:
        matched(event)

    note(FileChanged(Path()), more=1)
    assert_type(note_too, EventCallback[str])
    assert_type(note_too(FileChanged(Path())), str)
    late: Coroutine[Any, Any, None] = note_late(FileChanged(Path()))
    late.close()
    note_too.close()


class Service:
    """Methods are callbacks."""

    def __init__(self, watcher: HotReloadWatcher[App]) -> None:
        self.subscription: Subscription = watcher.on_change("port", self.follow)
        watcher.on_change(lambda config: config.port, self.follow)
        watcher.on_change(lambda config: config.port)(self.follow_late)
        watcher.on_change(lambda config: config.port, self.follow_text)  # type: ignore[misc] # pyright: ignore
        watcher.on_change(lambda config: config.port, self.begin, initial=True)
        watcher.on_event(self.note)

    def follow(self, old: int, new: int) -> None:
        """Of one value."""

    async def follow_late(self, old: int, new: int) -> None:
        """In the event loop."""

    def follow_text(self, old: str, new: str) -> None:
        """Of another."""

    def begin(self, old: int | Missing, new: int) -> None:
        """With the first one."""

    def note(self, event: ConfigReloadEvent) -> None:
        """Of events."""


def changed(watcher: HotReloadWatcher[App], initial: bool) -> None:
    """A selector gives callbacks their types."""
    follow = watcher.on_change(lambda config: config.port, lambda old, new: print(old + new))
    assert_type(follow, Subscription)
    follow.close()
    watcher.on_change(port_of, lambda old, new: old.unknown)  # type: ignore[attr-defined] # pyright: ignore
    watcher.on_change(lambda config: config.port, lambda old, new: new.unknown)  # type: ignore[attr-defined] # pyright: ignore
    watcher.on_change("port", lambda old, new: print(old + new))
    watcher.on_change(("port", 0), lambda old, new: print(old, new), initial=True)
    watcher.on_change(port_of, lambda old, new: new if old is MISSING else old + new, initial=True)
    watcher.on_change(port_of, lambda old, new: new if old is MISSING else old + new, initial=initial)
    watcher.on_change(port_of, lambda old, new: old + new, initial=True)  # type: ignore[operator] # pyright: ignore
    watcher.on_change(lambda config: config.unknown, lambda old, new: None)  # type: ignore[attr-defined] # pyright: ignore
    watcher.on_change(port_of, lambda new: new)  # type: ignore[arg-type, misc] # pyright: ignore
    watcher.on_change(7, lambda old, new: None)  # type: ignore[call-overload] # pyright: ignore

    @watcher.on_change("port")
    def any_values(old: object, new: int, more: str = "") -> bool:
        return old is MISSING or old == new

    assert_type(any_values(old=1, new=2, more="named"), bool)

    @watcher.on_change(port_of)
    def ports(old: int, new: int) -> int:
        return old + new

    assert_type(ports(1, 2), int)

    @watcher.on_change(lambda config: config.port, initial=True)
    async def first(old: int | Missing, new: int) -> str:
        return str(new if old is MISSING else old + new)

    late: Coroutine[Any, Any, str] = first(1, 2)
    late.close()

    @watcher.on_change(port_of)  # type: ignore[arg-type] # pyright: ignore
    def texts(old: str, new: str) -> None:
        print(old, new)

    @watcher.on_change(port_of, initial=True)  # type: ignore[arg-type] # pyright: ignore
    def never_missing(old: int, new: int) -> None:
        print(old, new)


def port_of(config: App) -> int:
    """A selector."""
    return config.port


def waited(watcher: HotReloadWatcher[App]) -> None:
    """In threads."""
    assert_type(watcher.flush(timeout_s=1), bool)
    assert_type(watcher.flush(), bool)
    assert_type(watcher.wait_for(lambda config: config.port == 1, 1), bool)
    watcher.wait_for(lambda config: config.unknown, 1)  # type: ignore[attr-defined] # pyright: ignore
    with watcher.subscribe() as stream:
        assert_type(stream.get(timeout_s=1), ConfigReloadEvent)


async def waited_in_a_coroutine(watcher: HotReloadWatcher[App], initial: bool) -> None:
    """In event loops."""
    assert_type(await watcher.changed(), Snapshot[App])
    assert_type(await watcher.changed(1, since=watcher.generation), Snapshot[App])
    async for old, new in watcher.changes(lambda config: config.port):
        assert_type(old, int)
        assert_type(new, int)
    async for pair in watcher.changes(port_of, initial=True):
        assert_type(pair, tuple[int | Missing, int])
    async for pair in watcher.changes(port_of, initial=initial):
        assert_type(pair, tuple[int | Missing, int])
    async for any_old, any_new in watcher.changes("port"):
        print(any_old + any_new)


def problems() -> list[Problem]:
    """A path is a dotted key, or a tuple of keys; what is kept is a tuple."""
    one = Problem("too low", path="server.low")
    assert_type(one.path, tuple[str | int, ...])
    assert_type(one.mentions, tuple[tuple[str, tuple[str | int, ...]], ...])
    two = Problem("too low", ("servers", 0), "semantic", "warning", mentions=[("see", "low"), ("and", ("high",))])
    Problem("too low", path=7)  # type: ignore[arg-type] # pyright: ignore
    Problem("too low", ["low"])  # type: ignore[arg-type] # pyright: ignore
    Problem(path="low")  # type: ignore[call-arg] # pyright: ignore
    Problem("too low", kind="semantics")  # type: ignore[arg-type] # pyright: ignore
    return [one, two]


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
    outcome = ReloadDeferred((), (), ())  # type: ignore[assignment] # pyright: ignore
    if isinstance(ending, ReloadFailed) and ending.kind == "syntacs":  # type: ignore[comparison-overlap] # pyright: ignore
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
    snapshot.generation = 2  # type: ignore[misc] # pyright: ignore
    problem.line = 1  # type: ignore[misc] # pyright: ignore
    wider: Snapshot[BaseModel] = snapshot
    assert_type(wider.generation, int)


def raised() -> None:
    """Whose fault it is can be told apart."""
    try:
        HotReloadWatcher("config.toml", App).start()
    except ConfigError as error:
        assert_type(error.problems, tuple[Problem, ...])
    except NoConfigError as error:
        caught(error)


def caught(error: UsageError) -> None:
    """One is the other."""


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
