"""The watcher in asyncio."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from hotconf import FileChanged, HotReloadWatcher, ReloadSuccess
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
