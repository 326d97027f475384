"""Watchers in an event loop: who waits in its thread for what only the loop can do is told so, and awaits instead."""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hotconf import ConfigError, HotReloadWatcher, ReloadSuccess, ReloadUnchanged, UsageError
from hotconf.resources.resource import Resource
from hotconf.runtime.cycle import Cycle
from waiting import wait_until
from watcher.watched import Frozen, save


class App(Frozen):
    port: int = 1


class Clients:
    """An async factory, and what it made."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.loops: list[object] = []
        self.may_go_on: asyncio.Event | None = None

    async def make(self, port: int) -> AsyncIterator[int]:
        """For the watcher."""
        self.loops.append(asyncio.get_running_loop())
        if self.may_go_on is not None:
            await self.may_go_on.wait()
        self.open.append(port)
        yield port
        await asyncio.sleep(0)
        self.open.remove(port)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Valid."""
    path = tmp_path / "config.toml"
    path.write_text("port = 1\n")
    return path


@pytest.fixture
def clients() -> Clients:
    """None yet."""
    return Clients()


@pytest.fixture
def watcher(path: Path) -> Iterator[HotReloadWatcher[App]]:
    """Not started yet."""
    watcher = HotReloadWatcher(path, App, debounce_ms=20)
    yield watcher
    watcher.close()


@pytest.fixture
def client(watcher: HotReloadWatcher[App], clients: Clients) -> Resource[int]:
    """An async resource."""
    return watcher.resource("port")(clients.make)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a loop, and not for ever."""
    asyncio.run(asyncio.wait_for(main(), 120), debug=True)


async def until(met: Callable[[], object]) -> None:
    """Wait without stopping the loop."""
    await asyncio.to_thread(wait_until, met)


def blocking(
    watcher: HotReloadWatcher[App], client: Resource[int], clients: Clients
) -> dict[str, Callable[[], object]]:
    """All calls that wait."""
    return {
        "areload": watcher.reload,
        "aclose": watcher.close,
        "astart": watcher.start,
        "arebuild": lambda: watcher.rebuild(client),
        "async with override": watcher.override({"port": 2}).__enter__,
        "before the start, or in another thread": lambda: watcher.resource("port")(clients.make),
    }


def test_what_would_wait_for_its_own_loop(path, watcher, client, clients):
    """It is refused at once, naming what to use, and changes nothing; that works, and so does what does not wait."""

    async def main() -> None:
        await watcher.astart()
        for instead, call in blocking(watcher, client, clients).items():
            with pytest.raises(UsageError, match=f"cannot wait here: .*Clients.make; .*{instead}"):
                call()
        path.write_text("port = 3\n")
        assert watcher.reload(wait=False) is None
        await until(lambda: client.current == 3)
        path.write_text("port = 4\n")
        assert isinstance(await watcher.areload(), ReloadSuccess)
        assert isinstance(await watcher.areload(force=True, revalidate=True), ReloadUnchanged)
        async with watcher.override({"port": 5}):
            assert client.current == 5
        await until(lambda: clients.open == [4])
        await watcher.arebuild(client)
        more = await asyncio.to_thread(watcher.resource("port"), clients.make)
        assert more.current == 4
        await watcher.aclose()
        assert clients.open == []
        await watcher.aclose()
        watcher.close()

    run(main)
    assert len(set(clients.loops)) == 1


def test_without_async_resources(path, watcher):
    """Nothing waits for the loop, and nothing is refused."""
    port = watcher.resource("port")(lambda port: port)

    async def main() -> None:
        async with watcher as entered:
            assert entered is watcher
            path.write_text("port = 2\n")
            watcher.reload()
            watcher.rebuild(port)
            with watcher.override({"port": 3}):
                assert port.current == 3
            watcher.close()

    run(main)


def test_a_factory_that_does_not_look_async(path, watcher, clients):
    """It is known once it was called."""
    client = watcher.resource("port")(lambda port: clients.make(port))

    async def main() -> None:
        async with watcher:
            assert client.current == 1
            for call in (watcher.reload, watcher.close):
                with pytest.raises(UsageError, match="cannot wait here"):
                    call()

    run(main)
    assert clients.open == []


def test_a_loop_that_stands_still_between_two_runs(watcher, client, clients):
    """Its thread cannot wait for it either."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(watcher.astart())
    for call in (watcher.reload, watcher.close):
        with pytest.raises(UsageError, match="cannot wait here"):
            call()
    loop.run_until_complete(watcher.aclose())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert clients.open == []


def test_leaving_busy_starts_what_it_does_not_wait_for(path, watcher, client):
    """On the loop's own thread: it never raises, and what was deferred is prepared once the loop goes on."""

    async def main() -> None:
        async with watcher:
            with watcher.busy("request"):
                path.write_text("port = 2\n")
                await watcher.areload()
                assert (client.current, watcher.pending is None) == (1, False)
            assert client.current == 1
            await until(lambda: client.current == 2)

    run(main)


def test_leaving_an_override_on_the_thread_of_the_loop(watcher, client):
    """It was entered before the start: leaving it never raises, and what is left is published soon."""

    async def main() -> None:
        override = watcher.override({"port": 2})
        override.__enter__()
        async with watcher:
            assert client.current == 2
            override.__exit__(None, None, None)
            await until(lambda: client.current == 1)

    run(main)


def test_a_start_that_fails(watcher, client, path):
    """As in plain code; it is closed then."""
    path.write_text("port = []\n")

    async def main() -> None:
        with pytest.raises(ConfigError):
            await watcher.astart()
        watcher.close()
        with pytest.raises(UsageError, match="started once"):
            await watcher.astart()

    run(main)


def test_a_watcher_that_was_started_without_a_loop(watcher):
    """It is not started again by one."""
    watcher.resource("port")(lambda port: port)
    watcher.start()

    async def main() -> None:
        with pytest.raises(UsageError, match="started once"):
            await watcher.astart()

    run(main)


def test_a_start_without_a_configuration(watcher, client, path):
    """The first good save makes it."""
    path.write_text("port = []\n")

    async def main() -> None:
        await watcher.astart(require=False)
        save(path, "port = 2\n")
        await until(lambda: watcher.generation)
        assert client.current == 2
        await watcher.aclose()

    run(main)


def test_a_start_that_is_cancelled_as_it_returns(path, clients):
    """The watcher is closed all the same, and what was made in the loop, which goes on meanwhile."""
    may_return = threading.Event()

    class Slow(HotReloadWatcher[App]):
        def start(self, *, require: bool = True) -> None:
            super().start(require=require)
            may_return.wait(60)

    watcher = Slow(path, App)
    watcher.resource("port")(clients.make)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(pool := ThreadPoolExecutor(1))
        starting = asyncio.create_task(watcher.astart())
        while not watcher.generation:
            await asyncio.sleep(0.001)
        may_return.set()
        pool.submit(int).result(60)  # it has returned, and this loop does not know
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        while clients.open:
            await asyncio.sleep(0.001)
        assert not watcher.watching

    run(main)


def test_registered_when_the_loop_had_entered(watcher, clients):
    """The first resource of all: its loop is the one that entered."""

    async def main() -> None:
        async with watcher:
            client = await asyncio.to_thread(watcher.resource("port"), clients.make)
            assert client.current == 1

    run(main)
    assert clients.open == []


def test_a_reload_that_is_cancelled(path, watcher, client, clients):
    """Only the wait ends."""

    async def main() -> None:
        async with watcher:
            clients.may_go_on = asyncio.Event()
            path.write_text("port = 2\n")
            reload = asyncio.create_task(watcher.areload())
            await until(lambda: len(clients.loops) == 2)
            reload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reload
            clients.may_go_on.set()
            await until(lambda: client.current == 2)

    run(main)


def test_the_next_loop(watcher, client, clients):
    """A watcher that outlives its loop is entered by another one; a third is refused while that goes on."""

    async def first() -> None:
        await watcher.astart()
        assert client.current == 1

    async def second() -> None:
        await watcher.astart()
        assert clients.open == [client.current]
        with pytest.raises(UsageError, match="started once"):
            await asyncio.to_thread(asyncio.run, watcher.astart())
        await watcher.aclose()

    run(first)
    assert clients.open == []
    with pytest.raises(UsageError, match="enter the watcher in another one"):
        _ = client.current
    run(second)
    assert clients.open == []
    assert len(set(clients.loops)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_enters_before_its_driver_has_begun(watcher, client, monkeypatch):
    """The watcher runs in the child from the fork on, whenever the thread that watches gets its turn."""
    begin, rejoin = threading.Event(), Cycle.rejoin

    def late(*arguments: object) -> None:
        begin.wait()
        rejoin(*arguments)

    async def child() -> None:
        async with watcher:
            assert client.current == 1
            begin.set()

    async def main() -> None:
        await watcher.astart()
        monkeypatch.setattr(Cycle, "rejoin", late)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.events._set_running_loop(None)  # the fork was within a coroutine
                run(child)
                code = 0
            except BaseException:  # noqa: BLE001 - the parent says no more than the status
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await watcher.aclose()

    run(main)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_loop_of_a_forked_child(path, watcher, client, clients):
    """It makes its own, and follows what is saved."""

    async def child() -> None:
        async with watcher:
            assert client.current == 1
            save(path, "port = 2\n")
            await until(lambda: watcher.config.port == 2)
            assert client.current == 2

    async def main() -> None:
        await watcher.astart()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.events._set_running_loop(None)  # the fork was within a coroutine
                run(child)
                code = 0 if clients.open == [1] else 2  # the parent's, which nobody closes here
            except BaseException:  # noqa: BLE001 - the parent says no more than the status
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await until(lambda: client.current == 2)
        await watcher.aclose()

    run(main)
    assert clients.open == []


def test_a_thread_beside_the_loop_may_wait(path, watcher, client):
    """It is not the one that the loop needs."""

    async def main() -> None:
        async with watcher:
            path.write_text("port = 2\n")
            thread = threading.Thread(target=watcher.reload)
            thread.start()
            await until(lambda: not thread.is_alive())
            assert client.current == 2

    run(main)
