"""`rebuild`: a resource is made anew although nothing changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hotconf import ConfigError, HotReloadWatcher, NoConfigError, ReloadDeferred, ReloadSuccess, UsageError
from waiting import wait_until
from watcher.watched import Frozen, Seen


class App(Frozen):
    url: str = "one"
    port: int = 1


class Door:
    """What decides, outside of the configuration, whether connections are accepted; and all that came of it."""

    def __init__(self) -> None:
        self.down = False
        self.asked = 0
        self.made: list[str] = []
        self.closed: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def connect(self, name: str) -> str:
        """A new connection, numbered."""
        self.asked += 1
        self.open.wait(60)
        if self.down:
            raise ConnectionRefusedError(name)
        made = f"{name} {len(self.made)}"
        self.made.append(made)
        return made


@pytest.fixture
def world(tmp_path) -> Iterator[tuple]:
    """A running watcher with a pool, a repository that uses it, and a server that does not."""
    path = tmp_path / "config.toml"
    path.write_text("port = 1\n")
    watcher, door = HotReloadWatcher(path, App, debounce_ms=20), Door()

    @watcher.resource("url")
    def pool(url: str) -> Iterator[str]:
        made = door.connect("pool")
        yield made
        door.closed.append(made)

    @watcher.resource("url", uses=pool)
    def repository(url: str, pool: str) -> Iterator[str]:
        made = door.connect(f"repository of {pool},")
        yield made
        door.closed.append(made)

    @watcher.resource(lambda config: config.port)
    def server(port: int) -> str:
        return door.connect("server")

    with watcher:
        seen = Seen(watcher)
        yield path, watcher, door, (pool, repository, server), seen
    wait_until(lambda: len(door.closed) == len(door.made) - sum(each.startswith("server") for each in door.made))
    assert len(set(door.closed)) == len(door.closed)


def test_it_and_what_uses_it_are_made_anew(world):
    """As a generation of the same config, without changes; the others stay; the old ones are closed, users first."""
    _, watcher, door, (pool, repository, server), seen = world
    config, servers = watcher.config, server.current
    watcher.rebuild(pool)
    assert (pool.current, repository.current) == ("pool 3", "repository of pool 3, 4")
    assert server.current == servers
    assert watcher.config is config
    assert (watcher.generation, watcher.snapshot.generation) == (2, 2)
    event = seen.ending()
    assert isinstance(event, ReloadSuccess)
    assert (event.generation, event.changes) == (2, ())
    assert [each.endswith("pool was recreated") for each in event.summary] == [True]
    wait_until(lambda: door.closed == ["repository of pool 0, 1", "pool 0"])
    watcher.rebuild(repository)
    assert (pool.current, repository.current) == ("pool 3", "repository of pool 3, 5")


def test_a_selector_that_is_a_function(world):
    """Its value is the same, too, and it is made anew all the same."""
    _, watcher, _, (_, _, server), _ = world
    watcher.rebuild(server)
    assert server.current == "server 3"


def test_a_refusal_is_the_callers(world):
    """It raises with the cause; the old ones stay; nothing is emitted, counted or tried again."""
    _, watcher, door, (pool, repository, _), _ = world
    before, stream = (pool.current, repository.current), watcher.subscribe()
    door.down = True
    with pytest.raises(ConfigError, match="pool could not be created: ConnectionRefusedError") as refused:
        watcher.rebuild(pool)
    assert isinstance(refused.value.__cause__, ConnectionRefusedError)
    assert [each.kind for each in refused.value.problems] == ["apply"]
    door.down = False
    assert (pool.current, repository.current) == before
    assert (watcher.generation, watcher.last, watcher.stats.retries) == (1, None, 0)
    watcher.rebuild(pool)
    assert next(stream).generation == 2


def test_what_could_be_made_before_a_refusal_is_closed(world):
    """All or nothing: the new pool is closed if what uses it cannot be made."""
    path, watcher, door, (pool, _, _), _ = world
    del path

    @watcher.resource("url", uses=pool)
    def picky(url: str, pool: str) -> str:
        if pool != "pool 0":
            raise ValueError(pool)
        return url

    with pytest.raises(ConfigError, match="picky could not be created"):
        watcher.rebuild(pool)
    assert pool.current == "pool 0"
    wait_until(lambda: door.closed == ["repository of pool 3, 4", "pool 3"])


def test_busy_defers_it_not(world):
    """No value changes; what is pending stays deferred, and is published on release."""
    path, watcher, _, (pool, _, server), seen = world
    with watcher.busy("a request"):
        path.write_text("port = 2\n")
        assert isinstance(watcher.reload(), ReloadDeferred)
        watcher.rebuild(pool)
        assert (pool.current, watcher.config.port) == ("pool 3", 1)
        wait_until(lambda: watcher.pending is not None)
        assert watcher.config.port == 1
    wait_until(lambda: watcher.config.port == 2)
    assert server.current != "server 2"
    wait_until(lambda: isinstance(seen.endings[-1], ReloadSuccess))


def test_it_keeps_overrides(world):
    """Also one that is entered while it waits."""
    _, watcher, door, (pool, _, server), _ = world
    with watcher.override({"port": 7}):
        watcher.rebuild(pool)
        assert watcher.config.port == 7
        door.open.clear()
        rebuilding = threading.Thread(target=watcher.rebuild, args=(pool,), daemon=True)
        rebuilding.start()
        override = watcher.override({"port": 8})
        entering = threading.Thread(target=override.__enter__, daemon=True)
        entering.start()
        door.open.set()
        for each in (rebuilding, entering):
            each.join(60)
            assert not each.is_alive()
        assert watcher.config.port == 8
        override.__exit__(None, None, None)
        assert watcher.config.port == 7
    assert watcher.config.port == 1
    assert server.current.startswith("server")


def test_an_override_that_changes_nothing_does_not_end_it(world):
    """Entered while it waits: it returns when the resource was recreated all the same."""
    _, watcher, door, (pool, _, _), _ = world
    before, asked = pool.current, door.asked
    door.open.clear()
    rebuilding = threading.Thread(target=watcher.rebuild, args=(pool,), daemon=True)
    rebuilding.start()
    wait_until(lambda: door.asked > asked)
    with watcher.override({"port": 1}):
        door.open.set()
        rebuilding.join(60)
        assert not rebuilding.is_alive()
        assert pool.current != before
        assert watcher.generation == 2


def test_an_override_that_leaves_what_is_invalid_ends_it(tmp_path):
    """The caller gets that reason: the watcher runs on, and so does what is published."""
    path, opened, asked = tmp_path / "config.toml", threading.Event(), threading.Event()
    path.write_text('port = "wrong"\n')
    opened.set()
    watcher = HotReloadWatcher(path, App, debounce_ms=20)

    @watcher.resource("url")
    def pool(url: str) -> str:
        asked.set()
        opened.wait(60)
        return url

    raised: list[BaseException] = []

    def rebuild() -> None:
        try:
            watcher.rebuild(pool)
        except UsageError as error:
            raised.append(error)

    override = watcher.override({"port": 7})
    override.__enter__()
    with watcher:
        opened.clear()
        asked.clear()
        rebuilding = threading.Thread(target=rebuild, daemon=True)
        rebuilding.start()
        assert asked.wait(60)
        override.__exit__(None, None, None)
        opened.set()
        rebuilding.join(60)
        assert [str(each) for each in raised] == [
            "an override has ended, without which the configuration is invalid: nothing was recreated"
        ]
        assert watcher.config.port == 7
        watcher.rebuild(pool)


def test_closed_while_it_waits(tmp_path):
    """That is the reason then."""
    path, opened, asked = tmp_path / "config.toml", threading.Event(), threading.Event()
    path.write_text("port = 1\n")
    opened.set()
    watcher = HotReloadWatcher(path, App, debounce_ms=20)

    @watcher.resource("url")
    def pool(url: str) -> str:
        asked.set()
        opened.wait(60)
        return url

    raised: list[BaseException] = []

    def rebuild() -> None:
        try:
            watcher.rebuild(pool)
        except UsageError as error:
            raised.append(error)

    with watcher:
        opened.clear()
        asked.clear()
        rebuilding = threading.Thread(target=rebuild, daemon=True)
        rebuilding.start()
        assert asked.wait(60)
        threading.Timer(0.2, opened.set).start()
    rebuilding.join(60)
    assert [str(each) for each in raised] == ["the watcher was closed while rebuild() waited"]


def test_many_at_once_beside_saves(world):
    """Each caller gets a pool that was made after its call; the last save is published in the end."""
    path, watcher, door, (pool, _, _), _ = world
    failed: list[BaseException] = []

    def rotate() -> None:
        for _ in range(5):
            number = len(door.made)
            try:
                watcher.rebuild(pool)
            except Exception as error:  # noqa: BLE001 - none is expected
                failed.append(error)
                return
            if int(pool.current.removeprefix("pool ")) < number:
                failed.append(AssertionError(f"{pool.current} is older than {number}"))

    threads = [threading.Thread(target=rotate, daemon=True) for _ in range(4)]
    for each in threads:
        each.start()
    for port in range(2, 12):
        path.write_text(f"port = {port}\n")
        watcher.reload()
    for each in threads:
        each.join(60)
    assert failed == []
    wait_until(lambda: watcher.config.port == 11)


def test_where_it_cannot_work(tmp_path, world):
    """Before the start, after the end, without a configuration, and for what is no resource of this watcher."""
    _, watcher, _, (pool, _, _), _ = world
    other = HotReloadWatcher(tmp_path / "missing.toml", App)
    for wrong in (pool, None, "pool"):
        with pytest.raises(UsageError, match="a resource of this watcher"):
            other.rebuild(wrong)
    mine = other.resource("url")(lambda url: url)
    with pytest.raises(UsageError, match="is not running"):
        other.rebuild(mine)
    other.start(require=False)
    with pytest.raises(NoConfigError):
        other.rebuild(mine)
    other.close()
    with pytest.raises(UsageError, match="is not running"):
        other.rebuild(mine)
    assert watcher.generation == 1
