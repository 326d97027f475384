"""Resources of a watcher: what is made of the configuration changes with it, or nothing does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hotconf import ConfigError, HotReloadWatcher, ReloadDeferred, ReloadFailed, ReloadSuccess, UsageError
from hotconf.resources.resource import Resource
from waiting import wait_until
from watcher.watched import Frozen, Seen, save


class Database(Frozen):
    url: str = "one"
    password: SecretStr = SecretStr("")


class App(Frozen):
    database: Database = Database()
    port: int = 1


def text(url: str, port: int = 1) -> str:
    """A file."""
    return f'port = {port}\n[database]\nurl = "{url}"\npassword = "hunter22"\n'


class Pool:
    """Connects, unless its database is down."""

    def __init__(self, url: str, password: str = "") -> None:
        if url.startswith("down"):
            raise ConnectionRefusedError(f"{url} refused {password}")
        self.url = url
        self.closed = 0


class Pools:
    """A factory of pools, and all that it made."""

    def __init__(self) -> None:
        self.made: list[Pool] = []
        self.tried = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def make(self, database: Database) -> Iterator[Pool]:
        """For the watcher."""
        self.tried += 1
        self.may_go_on.wait(60)
        pool = Pool(database.url, database.password.get_secret_value())
        self.made.append(pool)
        yield pool
        pool.closed += 1

    @property
    def open(self) -> list[str]:
        """The URLs of those that are not closed; none is closed twice."""
        assert all(pool.closed <= 1 for pool in self.made)
        return [pool.url for pool in self.made if not pool.closed]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Valid."""
    path = tmp_path / "config.toml"
    path.write_text(text("one"))
    return path


@pytest.fixture
def pools() -> Iterator[Pools]:
    """In the end all are closed."""
    pools = Pools()
    yield pools
    wait_until(lambda: not pools.open)


@pytest.fixture
def watcher(path: Path, pools: Pools) -> Iterator[HotReloadWatcher[App]]:
    """Not started yet. It is closed before the pools are counted."""
    watcher = HotReloadWatcher(path, App, debounce_ms=20)
    yield watcher
    watcher.close()


@pytest.fixture
def pool(watcher: HotReloadWatcher[App], pools: Pools) -> Resource[Pool]:
    """One of them."""
    return watcher.resource("database")(pools.make)


def test_it_is_made_at_start_and_closed_with_the_watcher(watcher, pools, pool):
    """Before and after that there is none, and `current` says why."""
    with pytest.raises(UsageError, match="has not been made yet"):
        _ = pool.current
    watcher.start()
    assert pool.current is pools.made[0]
    watcher.close()
    assert pools.open == []
    with pytest.raises(UsageError, match="is closed with its watcher"):
        _ = pool.current


def test_it_changes_with_its_part_of_the_configuration_only(watcher, path, pools, pool):
    """A save of something else leaves it as it is; one that concerns it replaces it, then the old one is closed."""
    watcher.start()
    first = pool.current
    save(path, text("one", 2))
    wait_until(lambda: watcher.config.port == 2)
    assert pool.current is first
    save(path, text("two", 2))
    wait_until(lambda: watcher.config.database.url == "two")
    assert pool.current.url == "two"
    wait_until(lambda: pools.open == ["two"])


def test_a_refusal_keeps_both(watcher, path, pools, pool, caplog):
    """The config and the pool are the old ones; the problem stands at the line of the table, without the secret."""
    seen = Seen(watcher)
    watcher.start()
    save(path, text("down"))
    failed = wait_until(lambda: [event for event in seen.events if isinstance(event, ReloadFailed)])[0]
    assert failed.kind == "apply"
    assert failed.error.startswith("config.toml:2:2: ")
    assert "could not be created: ConnectionRefusedError: down refused" in failed.error
    assert (watcher.config.database.url, pool.current.url, watcher.generation) == ("one", "one", 1)
    save(path, text("two"))
    wait_until(lambda: watcher.config.database.url == "two")
    assert pool.current.url == "two"
    wait_until(lambda: any("could not be created" in line for line in caplog.messages))
    assert "hunter22" not in caplog.text + repr(seen.events)


def test_a_refusal_is_retried_by_itself(watcher, path, pools, pool, monkeypatch):
    """The database was down for a moment: nobody saves again. The failures meanwhile are counted, not emitted."""
    monkeypatch.setattr("hotconf.engine.endings.RETRY_NS", 20_000_000)
    seen = Seen(watcher)
    watcher.start()
    down = {"now": True}

    @watcher.resource(lambda config: config.database.url)
    def check(url: str) -> str:
        if url == "two" and down["now"]:
            raise ConnectionRefusedError
        return url

    save(path, text("two"))
    wait_until(lambda: watcher.stats.retries >= 2)
    assert (watcher.config.database.url, pool.current.url) == ("one", "one")
    down["now"] = False
    wait_until(lambda: watcher.config.database.url == "two")
    assert (pool.current.url, check.current) == ("two", "two")
    wait_until(lambda: len(seen.events) == 3)
    kinds = [type(event).__name__ for event in seen.events]
    assert kinds == ["FileChanged", "ReloadFailed", "ReloadSuccess"]
    wait_until(lambda: pools.open == ["two"])


def test_a_start_raises_what_the_factory_raised(path, pools):
    """Everything that was made before it is closed."""
    watcher = HotReloadWatcher(path, App)
    watcher.resource("database")(pools.make)

    @watcher.resource("port")
    def broken(port: int) -> int:
        raise PermissionError("privileged port")

    with pytest.raises(ConfigError, match="broken could not be created: PermissionError: privileged port") as raised:
        watcher.start()
    assert isinstance(raised.value.__cause__, PermissionError)
    assert raised.value.problems[0].line == 1
    assert pools.open == []


def test_a_start_that_requires_nothing_goes_on_trying(path, pools, monkeypatch):
    """Until the factory works."""
    monkeypatch.setattr("hotconf.engine.endings.RETRY_NS", 20_000_000)
    watcher = HotReloadWatcher(path, App)
    path.write_text(text("down"))
    pool = watcher.resource("database")(pools.make)
    watcher.start(require=False)
    wait_until(lambda: watcher.stats.retries)
    save(path, text("two"))
    wait_until(lambda: watcher.generation == 1)
    assert pool.current.url == "two"
    watcher.close()


def test_a_lease_outlasts_the_reload(watcher, path, pools, pool):
    """What is used is not closed."""
    watcher.start()
    with pool.use() as mine:
        save(path, text("two"))
        wait_until(lambda: pool.current.url == "two")
        assert mine.url == "one"
        assert not mine.closed
    wait_until(lambda: pools.open == ["two"])


def test_what_is_leased_when_the_watcher_is_closed_is_closed_when_the_lease_ends(watcher, path, pools, pool, caplog):
    """And the log says so."""
    watcher.start()
    with pool.use() as mine:
        watcher.close()
        assert not mine.closed
    wait_until(lambda: mine.closed)
    wait_until(lambda: any("still leased" in line for line in caplog.messages))


def test_a_view_is_one_generation_of_everything(watcher, path, pools, pool):
    """However many reloads there are meanwhile."""
    port = watcher.resource(lambda config: config.port)(lambda port: port)
    watcher.start()
    with watcher.pin() as view:
        save(path, text("two", 2))
        wait_until(lambda: watcher.generation == 2)
        assert (view.config.database.url, view[pool].url, view[port]) == ("one", "one", 1)
        assert not view[pool].closed
    with watcher.pin() as view:
        assert (view.config.database.url, view[pool].url, view[port]) == ("two", "two", 2)


def test_busy_defers_the_publication_of_what_is_prepared(watcher, path, pools, pool):
    """A hold that begins while a pool is made: it is published on release, with its config."""
    seen = Seen(watcher)
    watcher.start()
    pools.may_go_on.clear()
    save(path, text("two"))
    wait_until(lambda: pools.tried == 2)
    with watcher.busy("request"):
        pools.may_go_on.set()
        wait_until(lambda: any(isinstance(event, ReloadDeferred) for event in seen.events))
        assert (pool.current.url, watcher.config.database.url) == ("one", "one")
        assert pools.open == ["one", "two"]
    assert (pool.current.url, watcher.config.database.url) == ("two", "two")
    assert pools.tried == 2


def test_what_is_prepared_and_superseded_is_closed(watcher, path, pools, pool):
    """It was never published."""
    watcher.start()
    pools.may_go_on.clear()
    save(path, text("two"))
    wait_until(lambda: pools.tried == 2)
    with watcher.busy("request"):
        pools.may_go_on.set()
        wait_until(lambda: watcher.pending)
        save(path, text("one"))
        wait_until(lambda: watcher.pending is None)
        wait_until(lambda: pools.open == ["one"])
    assert watcher.generation == 1


def test_a_save_during_a_preparation_follows(watcher, path, pools, pool):
    """It does not disturb the round."""
    seen = Seen(watcher)
    watcher.start()
    pools.may_go_on.clear()
    save(path, text("two"))
    wait_until(lambda: pools.tried == 2)
    save(path, text("three"))
    wait_until(lambda: seen.lines.count("FileChanged config.toml") == 2)
    pools.may_go_on.set()
    wait_until(lambda: watcher.config.database.url == "three")
    wait_until(lambda: len(seen.events) == 4)
    assert seen.lines[2:] == ["ReloadSuccess 2", "ReloadSuccess 3"]
    wait_until(lambda: pools.open == ["three"])


def test_a_factory_that_does_not_return(path, pools):
    """The round ends at its timeout, what hangs is named, it is tried again, and all that was made is closed."""
    with HotReloadWatcher(path, App, debounce_ms=20) as watcher:
        seen = Seen(watcher)
        pool = watcher.resource("database", timeout_s=0.2)(pools.make)
        pools.may_go_on.clear()
        save(path, text("two"))
        failed = wait_until(lambda: [event for event in seen.events if isinstance(event, ReloadFailed)])[0]
        assert "did not return within 0.2 s" in failed.error
        assert "has not returned for" in str(watcher.stats.trouble)
        assert pool.current.url == "one"
        pools.may_go_on.set()
        wait_until(lambda: watcher.config.database.url == "two")
        wait_until(lambda: watcher.stats.trouble is None)
        wait_until(lambda: pools.open == ["two"])


def test_other_watchers_do_not_wait_for_a_factory(watcher, path, pools, pool, tmp_path):
    """Neither their loads nor their resources."""
    other = tmp_path / "other.toml"
    other.write_text(text("one"))
    watcher.start()
    with HotReloadWatcher(other, App, debounce_ms=20) as second:
        port = second.resource("port")(lambda port: port)
        pools.may_go_on.clear()
        save(path, text("two"))
        wait_until(lambda: pools.tried == 2)
        save(other, text("one", 5))
        wait_until(lambda: port.current == 5)
        pools.may_go_on.set()


def test_one_that_uses_another(watcher, path, pools, pool):
    """It is made after it, of its new object, and closed before it; its own part need not have changed."""
    said: list[str] = []

    @watcher.resource("port", uses=pool)
    def repository(port: int, pool: Pool) -> Iterator[str]:
        yield f"{pool.url}:{port}"
        said.append(f"repository of {pool.url}, {'closed' if pool.closed else 'open'}")

    watcher.start()
    assert repository.current == "one:1"
    save(path, text("two"))
    wait_until(lambda: repository.current == "two:1")
    wait_until(lambda: pools.open == ["two"])
    save(path, text("two", 2))
    wait_until(lambda: repository.current == "two:2")
    assert pool.current is pools.made[1]
    watcher.close()
    assert said == ["repository of one, open", "repository of two, open", "repository of two, open"]


def test_only_what_is_concerned_is_prepared(watcher, path):
    """Of a hundred."""
    made: list[int] = []

    def factory(number: int) -> Callable[[int], int]:
        return lambda value: made.append(number) or value

    for number in range(50):
        watcher.resource("port" if number == 7 else "database.url")(factory(number))
        watcher.resource(lambda config, number=number: config.port if number == 3 else 0)(factory(100 + number))
    watcher.start()
    assert len(made) == 100
    made.clear()
    save(path, text("one", 2))
    wait_until(lambda: watcher.config.port == 2)
    assert sorted(made) == [7, 103]


def test_registered_while_it_runs(watcher, path, pools):
    """It is made at once; a failure raises to the caller, and nothing is registered."""
    watcher.start()
    pool = watcher.resource("database")(pools.make)
    assert pool.current.url == "one"

    def broken(port: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        watcher.resource("port")(broken)
    save(path, text("two", 2))
    wait_until(lambda: pool.current.url == "two")
    assert watcher.config.port == 2


def test_registered_during_a_preparation(watcher, path, pools, pool):
    """What is being prepared lacks it, and is prepared anew."""
    watcher.start()
    pools.may_go_on.clear()
    save(path, text("two", 2))
    wait_until(lambda: pools.tried == 2)
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(watcher.resource("port")(lambda port: port)))
    thread.start()
    pools.may_go_on.set()
    wait_until(lambda: watcher.config.port == 2 and made)
    thread.join()
    assert (pool.current.url, made[0].current) == ("two", 2)
    wait_until(lambda: pools.open == ["two"])


def test_an_override_prepares_too(watcher, path, pools, pool):
    """Whatever is busy; entering raises if it cannot, and nothing changes."""
    watcher.start()
    with watcher.busy("request"), watcher.override({"database.url": "fake"}):
        assert (watcher.config.database.url, pool.current.url) == ("fake", "fake")
    wait_until(lambda: pool.current.url == "one")
    with pytest.raises(ConfigError, match="down refused"), watcher.override({"database.url": "down"}):
        pass
    assert (watcher.config.database.url, pool.current.url) == ("one", "one")
    wait_until(lambda: pools.open == ["one"])


def test_a_fake_for_tests(watcher, pools, pool):
    """It is what `current` and `use()` give, and nothing is closed."""
    watcher.start()
    with pool.override(Pool("fake")), pool.use() as used:
        assert (pool.current.url, used.url) == ("fake", "fake")
    assert pool.current.url == "one"


@pytest.mark.parametrize("method", ["reload", "start", "override", "close"])
def test_what_a_factory_cannot_call(watcher, path, method):
    """It is part of a reload: of any watcher."""
    other = HotReloadWatcher(path, App)
    calls: dict[str, Callable[[], object]] = {
        "reload": other.reload,
        "start": other.start,
        "override": lambda: other.override({"port": 2}).__enter__(),
        "close": other.close,
    }

    @watcher.resource("port")
    def port(port: int) -> int:
        calls[method]()
        return port

    with pytest.raises(ConfigError, match="cannot be called from a factory"):
        watcher.start()


def test_async_resources(path):
    """Made and closed in the loop that entered the watcher."""
    loops: list[asyncio.AbstractEventLoop] = []
    said: list[str] = []

    async def main() -> None:
        watcher = HotReloadWatcher(path, App, debounce_ms=20)

        @watcher.resource("database")
        async def client(database: Database) -> AsyncIterator[str]:
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0)
            yield database.url
            said.append(database.url)
            loops.append(asyncio.get_running_loop())

        async with watcher:
            assert client.current == "one"
            async with client.use() as used:
                save(path, text("two"))
                while client.current != "two":
                    await asyncio.sleep(0.01)
                assert (used, said) == ("one", [])
            while said != ["one"]:
                await asyncio.sleep(0.01)
        assert said == ["one", "two"]
        assert set(loops) == {asyncio.get_running_loop()}

    asyncio.run(asyncio.wait_for(main(), 120))


def test_async_resources_without_a_loop(watcher):
    """A plain start cannot make them."""

    @watcher.resource("port")
    async def port(port: int) -> int:
        return port

    with pytest.raises(ConfigError, match="event loop"):
        watcher.start()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("when", ["at rest", "during a preparation"])
def test_a_forked_child_makes_its_own(watcher, path, pools, pool, when):
    """On first use; the parent's pool is neither closed nor current there. A save reaches both."""
    watcher.start()
    if when == "during a preparation":
        pools.may_go_on.clear()
        save(path, text("two"))
        wait_until(lambda: pools.tried == 2)
    inherited = pools.made[0]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pools.may_go_on.set()
            assert pool.current is not inherited
            assert not inherited.closed
            save(path, text("three"))
            wait_until(lambda: pool.current.url == "three")
            assert watcher.config.database.url == "three"
            watcher.close()
            assert not inherited.closed
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    pools.may_go_on.set()
    wait_until(lambda: pool.current.url == "three")
    wait_until(lambda: pools.open == ["three"])


def test_success_comes_before_the_old_one_is_closed(watcher, path, pools, pool):
    """Prepare, publish, emit, retire."""
    order: list[str] = []
    watcher.start()

    @watcher.resource("database.url")
    def url(url: str) -> Iterator[str]:
        yield url
        order.append(f"{type(watcher.last).__name__} {watcher.generation}")

    save(path, text("two"))
    wait_until(lambda: order)
    assert order[0] == "ReloadSuccess 2"
    assert isinstance(watcher.last, ReloadSuccess)


def test_a_missing_key_is_refused_at_once(watcher):
    """As by `on_change`."""
    with pytest.raises(UsageError, match=r"the model has no database\.ulr"):
        watcher.resource("database.ulr")


def test_one_of_another_watcher_cannot_be_used(watcher, path, pool):
    """It changes at other times."""
    other = HotReloadWatcher(path, App)
    with pytest.raises(UsageError, match="of another watcher"):
        other.resource("port", uses=pool)(lambda port, pool: port)


def test_closed_while_one_that_is_registered_is_made(watcher, pools):
    """Who registers it does not wait for ever, and what is made in the end is closed."""
    watcher.start()
    pools.may_go_on.clear()
    raised: list[BaseException] = []

    def register() -> None:
        try:
            watcher.resource("database")(pools.make)
        except UsageError as error:
            raised.append(error)

    thread = threading.Thread(target=register)
    thread.start()
    wait_until(lambda: pools.tried)
    watcher.close()
    pools.may_go_on.set()
    thread.join(60)
    assert "closed meanwhile" in str(raised)
    wait_until(lambda: pools.made)
    wait_until(lambda: not pools.open)


def test_registered_while_the_first_configuration_is_prepared(watcher, path, pools, pool):
    """Nothing is published without it."""
    path.write_text("[broken")
    watcher.start(require=False)
    pools.may_go_on.clear()
    save(path, text("one", 2))
    wait_until(lambda: pools.tried)
    port = watcher.resource("port")(lambda port: port)
    pools.may_go_on.set()
    wait_until(lambda: watcher.generation)
    assert (pool.current.url, port.current) == ("one", 2)
    wait_until(lambda: pools.open == ["one"])


def test_registered_in_vain_while_a_reload_makes_it(watcher, path, pools):
    """The reload goes on without it, and what it made of it is closed."""
    watcher.start()
    pools.may_go_on.clear()
    raised: list[BaseException] = []

    def register() -> None:
        try:
            watcher.resource("database")(pools.make)
        except ConnectionRefusedError as error:
            raised.append(error)

    seen = Seen(watcher)
    save(path, text("down"))
    seen.exactly("FileChanged config.toml", "ReloadSuccess 2")
    thread = threading.Thread(target=register)
    thread.start()
    wait_until(lambda: pools.tried)
    save(path, text("two"))
    wait_until(lambda: len(seen.events) == 3)
    pools.may_go_on.set()
    thread.join(60)
    assert len(raised) == 1
    wait_until(lambda: watcher.config.database.url == "two")
    wait_until(lambda: not pools.open)


def test_a_refusal_knows_the_secrets_of_what_was_refused(watcher, path, pool, caplog):
    """They were never published."""
    seen = Seen(watcher)
    watcher.start()
    save(path, text("down").replace("hunter22", "swordfish"))
    failed = wait_until(lambda: [event for event in seen.events if isinstance(event, ReloadFailed)])[0]
    assert "down refused" in failed.error
    wait_until(lambda: any("could not be created" in line for line in caplog.messages))
    assert "swordfish" not in caplog.text + repr(seen.events)


def test_registering_makes_no_other(watcher, pools, pool):
    """What was made before stays."""
    watcher.start()
    before = pool.current
    port = watcher.resource("port")(lambda port: port)
    assert (pool.current, port.current, pools.tried) == (before, 1, 1)


class SpeechlessError(BaseException):
    """What it says is users' code, too."""

    def __str__(self) -> str:
        raise self.args[0]


def undescribed(*_: object) -> None:
    """As `refusal` in want of memory, or interrupted."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError, None])
def test_a_refusal_that_cannot_be_described(watcher, path, pools, pool, monkeypatch, raised):
    """The round ends all the same, and the next save counts. None: it is our own code that cannot."""
    seen = Seen(watcher)
    watcher.start()

    @watcher.resource("port")
    def port(number: int) -> int:
        if number == 2:
            raise SpeechlessError(raised)
        return number

    if raised is None:
        monkeypatch.setattr("hotconf.runtime.applying.applying.refusal", undescribed)
    save(path, text("one", 2))
    failed = wait_until(lambda: [event for event in seen.events if isinstance(event, ReloadFailed)])[0]
    assert (failed.kind, watcher.config.port) == ("apply", 1)
    assert "Speechless" in failed.error
    save(path, text("one", 3))
    wait_until(lambda: port.current == 3)


def test_what_a_factory_says_at_length(watcher, path):
    """A body that a server answered with, for instance: its beginning is enough for people."""
    watcher.start()

    @watcher.resource("port")
    def port(number: int) -> int:
        if number == 2:
            raise ValueError("no " * 1_000_000)
        return number

    save(path, text("one", 2))
    failed = watcher.reload()
    assert "ValueError: no no" in failed.error
    assert len(failed.error) < 3000


def test_where_a_factory_raised(watcher, path, pool, caplog):
    """The story of the round has the traceback, without secrets, also those of what was refused."""
    caplog.set_level("DEBUG", "hotconf")
    watcher.start()
    save(path, text("down").replace("hunter22", "swordfish"))
    assert isinstance(watcher.reload(), ReloadFailed)
    wait_until(lambda: "in make" in caplog.text and "ConnectionRefusedError: down refused ****" in caplog.text)
    assert "swordfish" not in caplog.text


@pytest.mark.parametrize("around", [None, "fake"], ids=["alone", "within another override"])
@pytest.mark.parametrize("busy", [False, True], ids=["", "busy"])
def test_leaving_an_override_whose_sources_are_refused(watcher, path, pools, pool, around, busy):
    """Its values do not stay: what was made last without it is published, and the sources are tried again."""
    watcher.start()
    outer = watcher.override({"database.url": around} if around else {})
    gate = watcher.busy("request") if busy else nullcontext()
    with outer, gate:
        with watcher.override({"database.url": "up"}):
            save(path, text("down", 2))
            watcher.reload(force=True)
            assert (watcher.config.database.url, watcher.config.port) == ("up", 2)
        assert (watcher.config.database.url, pool.current.url) == (around or "one", around or "one")
    if not around:
        wait_until(lambda: watcher.config.port == 1)
    save(path, text("two", 3))
    wait_until(lambda: (watcher.config.port, pool.current.url) == (3, "two"))
    wait_until(lambda: pools.open == ["two"])
