"""`watching` and its handle: a save, and everything that follows from it, in one call."""

from __future__ import annotations

import asyncio
import threading
import unittest
from collections.abc import AsyncIterator, Iterator
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, field_validator

from hotconf import (
    MISSING,
    ConfigError,
    HotReloadSettings,
    HotReloadWatcher,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    ReloadUnchanged,
    Resource,
    UsageError,
    WatchedFile,
)
from hotconf.testing import WatcherHandle, watching
from waiting import wait_until


class Pool:
    """Takes a moment to close."""

    def __init__(self, n: object) -> None:
        self.n = n
        self.let = threading.Event()
        self.closed = False

    def close(self, moment_s: float) -> None:
        self.let.wait(moment_s)
        self.closed = True


class Server(BaseModel, frozen=True):
    port: int = 8000
    host: str = "localhost"


class App(BaseModel, frozen=True):
    n: int = 0
    server: Server = Server()
    tags: list[str] = []


class Service:
    """Follows `n`."""

    def __init__(self, watcher: HotReloadWatcher[App]) -> None:
        self.n = watcher.config.n
        watcher.on_change("n", self.react)

    def react(self, _: object, new: object) -> None:
        self.n = new


TEXTS = {
    "toml": "# mine\nn = 0  # yours\n\n[server]\nport = 8000\n",
    "yaml": "# mine\nn: 0  # yours\n\nserver:\n  port: 8000\n",
    "json": '{"n": 0, "server": {"port": 8000}}\n',
}


@pytest.fixture(params=sorted(TEXTS))
def handle(request: pytest.FixtureRequest) -> Iterator[WatcherHandle[App]]:
    """A watcher of a file in each format."""
    with watching(App, TEXTS[request.param], format=request.param) as handle:
        yield handle


def test_callbacks_have_returned(handle: WatcherHandle[App]) -> None:
    """When a method returns, the service has reacted: to each save, and to none that failed."""
    service = Service(handle.watcher)
    for number in range(1, 50):
        ending = handle.edit(n=number)
        assert isinstance(ending, ReloadSuccess)
        assert ending.generation == handle.watcher.generation
        assert service.n == handle.config.n == number
    assert isinstance(handle.break_(), ReloadFailed)
    assert service.n == 49
    assert isinstance(handle.edit(n=50), ReloadSuccess)
    assert service.n == 50


def test_a_save_is_the_same_events_as_ever(handle: WatcherHandle[App]) -> None:
    """Subscribers get what a save by an editor gives them."""
    events: list[str] = []
    handle.watcher.on_event(lambda event: events.append(type(event).__name__))
    handle.edit(n=1)
    handle.edit(n=1)
    handle.break_()
    handle.reload()
    saves = ["FileChanged", "ReloadSuccess", "FileChanged", "ReloadUnchanged", "FileChanged", "ReloadFailed"]
    assert events == [*saves, "ReloadFailed"]


@pytest.mark.parametrize("window", [0, 60_000])
@pytest.mark.parametrize("mode", ["settle", "eager"])
def test_no_window_is_waited_for(window: int, mode: Any) -> None:
    """Whatever the settings say: one save, one ending, at once."""
    events: list[str] = []
    settings = HotReloadSettings.model_construct(debounce_ms=window, mode=mode, enabled=True, watch_paths=())
    with watching(App, "n = 0", settings=settings) as handle:
        handle.watcher.on_event(lambda event: events.append(type(event).__name__))
        for number in range(1, 6):
            assert isinstance(handle.set(f"n = {number}"), ReloadSuccess)
    assert events == ["FileChanged", "ReloadSuccess"] * 5


def test_an_edit_keeps_the_rest(handle: WatcherHandle[App]) -> None:
    """Comments stay where keys are; a new key is added; one can be removed."""
    before = handle.path.read_text()
    handle.edit({"server.port": 9000}, n=1)
    assert handle.path.read_text() == before.replace("8000", "9000").replace("0  #", "1  #").replace(' 0, "', ' 1, "')
    assert isinstance(handle.edit(tags=["a", "b"], server={"host": "here"}), ReloadSuccess)
    assert handle.config == App(n=1, server=Server(port=9000, host="here"), tags=["a", "b"])
    handle.edit({("server", "port"): MISSING})
    assert handle.config == App(n=1, server=Server(host="here"), tags=["a", "b"])


class Colour(Enum):
    RED = "red"


class Values(BaseModel, frozen=True):
    text: str = ""
    path: Path = Path()
    colour: Colour = Colour.RED
    password: SecretStr = SecretStr("")
    day: date = date(2000, 1, 1)
    number: float = 0.0
    free: dict[str, Any] = {}


VALUES = {
    "text": [
        "",
        "no",
        "1e3",
        "0o10",
        'a "quoted" \\ text',
        "two\nlines",
        "ünï\x00\x7f 🙂",
        "# none",
        "[x]",
        "n: 1",
        "~",
    ],
    "path": [Path("/etc/app")],
    "colour": [Colour.RED],
    "password": [SecretStr("sword fish")],
    "day": [date(2026, 11, 30)],
    "number": [1.5, 1e300, 3, float("inf")],
    "free": [{}, {"a": {"b": [1, True, "x", {"c": 1.5}]}, "x y": {"": 1}}, {"tables": [{"a": 1}, {"b": [[]]}]}],
}


@pytest.mark.parametrize("form", sorted(TEXTS))
def test_values_arrive_as_they_were_given(form: Any) -> None:
    """In an edit of a key that is there, and of one that is not; what a format has no word for is refused."""
    for key, values in VALUES.items():
        for value in values:
            with watching(Values, "{}\n" if form != "toml" else "free = {}\n", format=form) as handle:
                if value == float("inf") and form == "json":
                    with pytest.raises(UsageError, match=r"^number: JSON cannot express"):
                        handle.edit({key: value})
                    continue
                for _ in range(2):
                    handle.edit({key: value})
                    assert getattr(handle.config, key) == value


def test_what_cannot_be_written_is_refused() -> None:
    """TOML has no null; and nothing has a word for an object. The file stays."""
    with watching(App, "n = 0") as handle:
        for value in (None, object()):
            with pytest.raises(UsageError, match=r"^n: TOML cannot express this value; set\(\) the whole text"):
                handle.edit(n=value)
        with pytest.raises(UsageError, match="is not a key of a table"):
            handle.edit({"tags[0]": 1})
        handle.set("[")
        with pytest.raises(UsageError, match=r"cannot be edited; set\(\) its whole text instead: config\.toml:1"):
            handle.edit(n=1)
        assert handle.path.read_text() == "["


def test_a_wrong_start_is_raised() -> None:
    """As by the watcher itself; nothing is left behind."""
    handle = watching(App, "n = 'text'")
    with pytest.raises(ConfigError), handle:
        pytest.fail("it started")  # pragma: no cover
    handle.close()
    assert not handle.path.parent.exists()


def test_a_watcher_without_a_file() -> None:
    """Its layers change it; there is nothing to save."""
    layer = {"n": 1}
    with watching(App, None, layers=[layer]) as handle:
        assert handle.config.n == 1
        for change in (lambda: handle.set("n = 2"), lambda: handle.edit(n=2), handle.break_):
            with pytest.raises(UsageError, match="has no file"):
                change()


def test_layers_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    """`layers=` are the watcher's own; an override is stronger than a save, and ends."""
    from hotconf import Env

    monkeypatch.setenv("APP_N", "5")
    with watching(App, "n = 0", layers=[Env("APP_")]) as handle:
        assert handle.config.n == 5
        monkeypatch.setenv("APP_N", "6")
        handle.reload()
        assert handle.config.n == 6
        with handle.watcher.override({"n": 7}):
            handle.set("n = 1")
            assert handle.config.n == 7
        assert handle.config.n == 6


def test_while_the_program_is_busy() -> None:
    """The ending is a deferral, and what follows is the watcher's."""
    with watching(App, "n = 0") as handle:
        with handle.watcher.busy("a test"):
            assert isinstance(handle.set("n = 1"), ReloadDeferred)
            assert handle.config.n == 0
        assert handle.config.n == 1


def test_resources_are_made_before_a_method_returns() -> None:
    """Registered before the start or after; what refuses is a failure of the kind `apply`."""
    closed: list[int] = []
    handle = watching(App, "n = 1")

    @handle.watcher.resource("n")
    def pool(n: int) -> Iterator[int]:
        if n < 0:
            raise ConnectionError("down")
        yield n
        closed.append(n)

    with handle:
        assert pool.current == 1
        handle.set("n = 2")
        assert pool.current == 2
        failed = handle.set("n = -1")
        assert isinstance(failed, ReloadFailed)
        assert (failed.kind, pool.current) == ("apply", 2)
    assert closed == [1, 2]


def test_other_files_are_read_by_reload() -> None:
    """Beside the main file; `reload()` finds what changed."""

    class Certified(BaseModel, frozen=True):
        cert: WatchedFile

    handle = watching(Certified, 'cert = "tls.pem"')
    certificate = handle.path.parent / "tls.pem"
    certificate.write_text("one")
    with handle:
        certificate.write_text("two")
        assert isinstance(handle.reload(), ReloadSuccess)
        assert handle.config.cert.text == "two"
        assert isinstance(handle.reload(), ReloadUnchanged)


def test_several_at_once() -> None:
    """Each has a file of its own."""
    with watching(App, "n = 1") as first, watching(App, "n = 2") as second:
        first.set("n = 3")
        assert (first.config.n, second.config.n) == (3, 2)
        assert first.path != second.path


def test_the_watcher_of_a_program(tmp_path: Path) -> None:
    """A handle of any watcher, one that notices saves by itself too, is told of each save once by its ending."""
    path = tmp_path / "config.toml"
    path.write_text("n = 0")
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    for mode in ("settle", "eager"):
        settings = HotReloadSettings.model_construct(debounce_ms=0, mode=mode, enabled=True, watch_paths=())
        with HotReloadWatcher(link, App, settings=settings) as watcher:
            service = Service(watcher)
            handle = WatcherHandle(watcher)
            for number in range(1, 30):
                assert isinstance(handle.set(f"n = {number}"), ReloadSuccess)
                assert service.n == number
            handle.set("n = 0")
    assert link.is_symlink()


def test_a_callback_that_raises_is_a_warning() -> None:
    """It is not lost: a test that does not expect it fails, with the callback's name."""
    with watching(App, "n = 0") as handle:

        @handle.watcher.on_change("n")
        def react(*_: object) -> None:
            raise ValueError("no")

        with pytest.warns(RuntimeWarning, match=r"react raised; the log has its traceback"):
            handle.set("n = 1")
        assert isinstance(handle.set("n = 1"), ReloadUnchanged)


def test_what_does_not_return_is_named() -> None:
    """A hanging callback, and a hanging validator, are a `TimeoutError` with what hangs."""
    gate = threading.Event()

    class Slow(BaseModel, frozen=True):
        n: int = 0

        @field_validator("n")
        @classmethod
        def slow(cls, n: int) -> int:
            assert n < 2 or gate.wait(60)
            return n

    try:
        with watching(Slow, "n = 0", timeout_s=0.2) as handle:
            handle.watcher.on_change("n", lambda *_: gate.wait(60))
            with pytest.raises(TimeoutError, match=r"^set\(\): after 0\.2 s a callback has not returned"):
                handle.set("n = 1")
            with pytest.raises(
                TimeoutError, match=r"^edit\(\): after 0\.2 s the reload has not ended: a validator, check"
            ):
                handle.edit(n=2)
            gate.set()
            wait_until(lambda: handle.config.n == 2)
    finally:
        gate.set()


def test_async() -> None:
    """Entered in a loop: async resources live there, and the methods with `a` do not block it."""
    closed: list[int] = []

    async def main() -> None:
        handle = watching(App, "n = 1")

        @handle.watcher.resource("n")
        async def client(n: int) -> Any:
            yield n
            closed.append(n)

        async with handle:
            for number in range(2, 5):
                assert isinstance(await handle.aset(f"n = {number}"), ReloadSuccess)
                assert client.current == number
            assert isinstance(await handle.aedit(n=5), ReloadSuccess)
            assert isinstance(await handle.abreak_(), ReloadFailed)
            assert isinstance(await handle.areload(), ReloadFailed)
            with pytest.raises(UsageError, match=r"^set\(\) would block the event loop: await handle\.aset\(\)"):
                handle.set("n = 6")
        assert not handle.path.parent.exists()

    asyncio.run(main())
    assert closed == [1, 2, 3, 4, 5]


class TestWithUnittest(unittest.TestCase):
    """`enterContext` is all that unittest needs."""

    def setUp(self) -> None:
        self.handle = self.enterContext(watching(App, "n = 0"))

    def test_reacts(self) -> None:
        """As in pytest."""
        service = Service(self.handle.watcher)
        self.handle.set("n = 3")
        self.assertEqual(service.n, 3)


SENSELESS = [
    (lambda: watching(App, 3), "text=3: give the text of the file"),
    (lambda: watching(App, Path("config.toml")), "text of type PosixPath: give the text of the file"),
    (lambda: watching(App, "\udc80"), "text cannot be written as UTF-8: give bytes"),
    (lambda: watching("n = 1", App), "text=App: give the text of the file"),
    (lambda: watching(App, "n = 1", format="ini"), "format='ini': give one of toml, yaml, json"),
    (lambda: watching(App, "n = 1", format=None), "format=None: give toml, yaml or json"),
    (lambda: watching(App, None, format="ini"), "format='ini': give one of toml, yaml, json"),
    (
        lambda: watching(App, "n = 1", directory="/nowhere/at/all"),
        "directory='/nowhere/at/all': give a directory that",
    ),
    (lambda: watching(App, "n = 1", directory=3), "directory='3': give a directory that exists"),
    (lambda: watching(App, "n = 1", timeout_s="1"), "timeout_s='1': give 0.001 to 86400 seconds"),
    (lambda: WatcherHandle("config.toml"), "watcher='config.toml': give a HotReloadWatcher"),
]


@pytest.mark.parametrize(("make", "expected"), SENSELESS)
def test_arguments_that_make_no_sense_are_refused_in_a_sentence(make, expected):
    """It names the argument, what was given, and what to give."""
    with pytest.raises(UsageError) as raised:
        make()
    assert str(raised.value).startswith(expected)


SENSELESS_SAVES = [
    (lambda handle: handle.set(None), "text=None: give the text of the file"),
    (lambda handle: handle.set({"n": 1}), "text of type dict: give the text of the file"),
    (lambda handle: handle.set("\udc80"), "text cannot be written as UTF-8: give bytes"),
    (lambda handle: handle.edit("n = 3"), "values='n = 3': give a mapping, such as"),
    (lambda handle: handle.edit([("n", 3)]), "values of type list: give a mapping, such as"),
    (lambda handle: handle.edit({"n": 1}, n=2), "values: n is given twice"),
    (lambda handle: handle.edit({3: 3}), "values=3: give a dotted key or a tuple of keys"),
]


@pytest.mark.parametrize(("save", "expected"), SENSELESS_SAVES)
def test_saves_that_make_no_sense_are_refused_in_a_sentence(save, expected):
    """The file stays as it is."""
    with watching(App, "n = 5") as handle:
        with pytest.raises(UsageError) as raised:
            save(handle)
        assert str(raised.value).startswith(expected)
        assert handle.path.read_text() == "n = 5"


def pool_of(watcher: HotReloadWatcher[App], moment_s: float = 0.05) -> Resource[Pool]:
    """One that takes a moment to close."""

    @watcher.resource("n")
    def pool(n: int) -> Iterator[Pool]:
        made = Pool(n)
        yield made
        made.close(moment_s)

    return pool


def test_what_was_replaced_is_closed() -> None:
    """An edit, and `flush` after an override or the end of a lease, wait until the old object is closed."""
    with watching(App, "n = 0") as handle:
        pool = pool_of(handle.watcher)
        old = pool.current
        for n in (1, 2):
            handle.edit(n=n)
            assert old.closed
            old = pool.current
        with handle.watcher.override({"n": 9}):
            assert handle.watcher.flush()
            assert old.closed
        with pool.use() as held:
            handle.edit(n=3)  # does not wait for the lease
            assert not held.closed
        assert handle.watcher.flush()
        assert held.closed


def test_what_lives_in_a_loop_is_closed() -> None:
    """The same with an async resource: an edit waits for it, and `flush` in its own loop does not hang."""

    async def main() -> None:
        handle = watching(App, "n = 0")

        @handle.watcher.resource("n")
        async def pool(n: int) -> AsyncIterator[Pool]:
            made = Pool(n)
            yield made
            await asyncio.sleep(0.05)
            made.closed = True

        async with handle:
            old = pool.current
            await handle.aedit(n=1)
            assert old.closed
            assert handle.watcher.flush(60)

    asyncio.run(main())


def test_a_closing_that_hangs() -> None:
    """It is named, and the wait for it is bounded."""
    with watching(App, "n = 0", timeout_s=0.2) as handle:
        pool = pool_of(handle.watcher, 60)
        old = pool.current
        with pytest.raises(TimeoutError, match=r"edit\(\): after 0\.2 s closing .*pool has not returned"):
            handle.edit(n=1)
        assert not handle.watcher.flush(0)
        old.let.set()
        assert handle.watcher.flush(60)
        pool.current.let.set()


def test_a_factory_at_work_is_not_waited_for() -> None:
    """`flush` waits for what was published: not for a factory of what comes next."""
    with watching(App, "n = 0") as handle:
        at_work, go_on = threading.Event(), threading.Event()

        @handle.watcher.resource("n")
        def slow(n: int) -> Iterator[int]:
            if n:
                at_work.set()
                go_on.wait(60)
            yield n

        handle.path.write_text("n = 1")
        handle.watcher.reload(wait=False)
        assert at_work.wait(60)
        assert handle.watcher.flush(60)
        assert slow.current == 0
        go_on.set()
