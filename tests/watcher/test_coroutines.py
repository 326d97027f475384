"""The watcher in asyncio."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from hotconf import FileChanged, HotReloadWatcher, ReloadSuccess
from waiting import wait_until
from watcher.children import LONG_S
from watcher.watched import CHANGED, WINDOW_MS, App, port


def test_in_a_coroutine(path):
    """`async with`, `async for`: the loop is never blocked, and ends by itself when the watcher is closed."""

    async def work() -> list[str]:
        names = []
        async with HotReloadWatcher(path, App, debounce_ms=WINDOW_MS) as watcher:
            stream = watcher.subscribe()
            path.write_text(port(9000))
            async for event in stream:
                names.append(type(event).__name__)
                if isinstance(event, ReloadSuccess):
                    break
            rest = asyncio.ensure_future(anext(stream, None))
            await asyncio.to_thread(watcher.close)
            assert await rest is None
            assert watcher.config.server.port == 9000
        return names

    assert asyncio.run(work(), debug=True) == ["FileChanged", "ReloadSuccess"]


def test_a_start_that_fails_in_a_coroutine(tmp_path):
    """`async with` raises like `with`."""

    async def work() -> None:
        async with HotReloadWatcher(tmp_path / "config.toml", App):
            pass

    with pytest.raises(Exception, match="does not exist"):
        asyncio.run(work())


def test_threads_and_coroutines_side_by_side(path, watch):
    """One watcher, told to a thread, a callback and a loop alike."""
    watcher, seen = watch(path)
    in_thread = []
    stream = watcher.subscribe()
    thread = threading.Thread(target=lambda: in_thread.extend(stream))
    thread.start()

    async def work() -> list[object]:
        told = []
        mine = watcher.subscribe()
        await asyncio.to_thread(Path.write_text, path, port(9000))
        async for event in mine:
            told.append(event)
            if not isinstance(event, FileChanged):
                break
        return told

    told = asyncio.run(work())
    seen.exactly(CHANGED, "ReloadSuccess 2")
    watcher.close()
    thread.join(60)
    assert told == in_thread == seen.events


def test_a_start_that_is_cancelled(path):
    """A watcher whose `async with` is cancelled as it starts does not go on without an owner."""
    checking, go_on = threading.Event(), threading.Event()

    def check(_):
        checking.set()
        assert go_on.wait(LONG_S)
        return ()

    watcher = HotReloadWatcher(path, App, checks=[check])

    async def enter():
        async with watcher:
            raise AssertionError

    async def run():
        entering = asyncio.create_task(enter())
        await asyncio.to_thread(checking.wait, LONG_S)
        entering.cancel()
        await asyncio.wait({entering})
        assert entering.cancelled()
        go_on.set()

    asyncio.run(run())
    wait_until(lambda: not watcher.watching)
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("hotconf-")])
