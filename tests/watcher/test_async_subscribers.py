"""In event loops: coroutine callbacks, `changed` and `changes`, under asyncio and uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from hotconf import MISSING, HotReloadWatcher, ReloadSuccess, UsageError
from prefork import completed
from watcher.watched import FAR, App, port, save

LONG_S = 60
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
WITHOUT = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(params=LOOPS)
def run(request) -> Callable[..., Any]:
    """Runs a coroutine in a loop of its own."""

    def run_in(work: Any) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param], debug=request.param == "asyncio") as runner:
            return runner.run(asyncio.wait_for(work, LONG_S))

    return run_in


async def flushed(watcher: HotReloadWatcher[Any]) -> bool:
    """Once callbacks had everything."""
    return await asyncio.to_thread(watcher.flush, LONG_S)


# Coroutine callbacks


def test_coroutine_callbacks(path, run):
    """They run in the loop that entered the watcher, in order, one after the other, with plain ones between them."""
    seen: list[tuple[str, Any]] = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)
    here = threading.get_ident()

    @watcher.on_event
    async def event(event: object) -> None:
        await asyncio.sleep(0.01)
        assert threading.get_ident() == here
        if isinstance(event, ReloadSuccess):
            seen.append(("event", event.generation))

    @watcher.on_change("server.port")
    def plain(old: object, new: object) -> None:
        assert threading.get_ident() != here
        seen.append(("plain", new))

    async def method(name: str, old: object, new: object) -> None:
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is loop
        seen.append((name, new))

    watcher.on_change("server.port", functools.partial(method, "partial"), initial=True)
    watcher.on_change("server.port", lambda old, new: method("lambda", old, new))

    async def work() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        async with watcher:
            assert await flushed(watcher)
            assert seen == [("partial", 8000)]
            path.write_text(port(9000))
            await watcher.areload()
            assert await flushed(watcher)
            assert seen[1:] == [("event", 2), ("plain", 9000), ("partial", 9000), ("lambda", 9000)]

    loop: Any = None
    run(work())
    assert watcher.stats.callback_failures == 0


def test_what_coroutines_raise_is_logged_and_counted(path, run, caplog):
    """With the name of the callback; the next one runs."""
    seen = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    @watcher.on_change("server.port")
    async def faulty(old: object, new: object) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    @watcher.on_change("server.port")
    async def cancelled(old: object, new: object) -> None:
        raise asyncio.CancelledError

    watcher.on_change("server.port", lambda old, new: seen.append(new))

    async def work() -> None:
        async with watcher:
            path.write_text(port(9000))
            await watcher.areload()
            assert await flushed(watcher)

    run(work())
    assert seen == [9000]
    assert watcher.stats.callback_failures == 2
    assert "faulty raised ValueError" in caplog.text
    assert "cancelled raised CancelledError" in caplog.text


def test_a_slow_coroutine_skips_values(path, run):
    """As a slow function does: it gets the last value that it saw and the newest."""
    seen: list[tuple[object, object]] = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    async def work() -> None:
        entered, go_on = asyncio.Event(), asyncio.Event()

        @watcher.on_change("server.port")
        async def slow(old: object, new: object) -> None:
            seen.append((old, new))
            entered.set()
            await go_on.wait()

        async with watcher:
            for number in (9000, 9001, 9002):
                path.write_text(port(number))
                await watcher.areload()
                await entered.wait()
            go_on.set()
            assert await flushed(watcher)

    run(work())
    assert seen == [(8000, 9000), (9000, 9002)]


@pytest.mark.parametrize("registered", ["before", "after"])
def test_a_coroutine_function_without_a_loop(path, registered):
    """The start refuses it, or the subscription: it would never run. Entered by a loop it works."""
    watcher = HotReloadWatcher(path, App)

    async def follow(old: object, new: object) -> None:
        raise AssertionError

    if registered == "before":
        watcher.on_change("server.port", follow)
        with pytest.raises(UsageError, match=r"follow is a coroutine function: enter the watcher by `async with`"):
            watcher.start()
        asyncio.run(entered(watcher))
    else:
        with watcher:
            for subscribe in (watcher.on_event, functools.partial(watcher.on_change, "server.port")):
                function: Any = anything if subscribe == watcher.on_event else follow
                with pytest.raises(UsageError, match="is a coroutine function: enter the watcher by `async with`"):
                    subscribe(function)


async def entered(watcher: HotReloadWatcher[Any]) -> None:
    """Enter it, and leave it."""
    async with watcher:
        pass


async def anything(event: object) -> None:
    """A coroutine function that must not run."""
    raise AssertionError


@WITHOUT
def test_an_awaitable_without_a_loop(path, caplog):
    """It shows only when it is returned: that is a failure of the callback, and is logged."""

    async def later() -> None:
        raise AssertionError

    with HotReloadWatcher(path, App, debounce_ms=FAR) as watcher:
        watcher.on_change("server.port", lambda old, new: later())
        path.write_text(port(9000))
        watcher.reload()
        assert watcher.flush(LONG_S)
        assert watcher.stats.callback_failures == 1
    assert "no event loop has entered the watcher: use `async with`" in caplog.text


def test_flush_in_the_loop(path, run):
    """It would stop the loop that the callback needs, and is refused, also in a coroutine callback."""
    refused: list[str] = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    @watcher.on_change("server.port")
    async def follow(old: object, new: object) -> None:
        with pytest.raises(UsageError, match=r"asyncio\.to_thread\(watcher\.flush\)") as error:
            watcher.flush(LONG_S)
        refused.append(str(error.value))

    async def work() -> None:
        async with watcher:
            assert watcher.flush(LONG_S)
            path.write_text(port(9000))
            watcher.reload()
            with pytest.raises(UsageError, match=r"asyncio\.to_thread\(watcher\.flush\)"):
                watcher.flush(LONG_S)
            assert await flushed(watcher)
            assert watcher.flush(LONG_S)

    run(work())
    assert len(refused) == 1


async def close_during(watcher: HotReloadWatcher[Any], path: Path, wait_s: float, ended: list[str]) -> None:
    """Leave the watcher while a coroutine runs that takes that long."""
    began = asyncio.Event()

    @watcher.on_change("server.port")
    async def slow(old: object, new: object) -> None:
        began.set()
        try:
            await asyncio.sleep(wait_s)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with watcher:
        path.write_text(port(9000))
        await watcher.areload()
        await began.wait()


def test_closing_waits_for_a_coroutine(path, run, caplog):
    """As for a function."""
    ended: list[str] = []
    run(close_during(HotReloadWatcher(path, App, debounce_ms=FAR), path, 0.05, ended))
    assert ended == ["done"]
    assert "still running" not in caplog.text


def test_a_coroutine_that_does_not_end_is_cancelled(path, caplog):
    """Two seconds after the watcher was closed; that is no failure of its own."""
    ended: list[str] = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    async def work() -> None:
        await close_during(watcher, path, LONG_S, ended)
        while not ended:
            await asyncio.sleep(0.001)

    asyncio.run(work())
    assert ended == ["cancelled"]
    assert "slow was still running when its watcher was closed" in caplog.text
    assert watcher.stats.callback_failures == 0


def test_a_coroutine_may_close_its_watcher(path, run):
    """It is not waited for, and goes on."""
    ended = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    async def work() -> None:
        done = asyncio.Event()

        @watcher.on_change("server.port")
        async def last(old: object, new: object) -> None:
            began = time.monotonic()
            watcher.close()
            assert time.monotonic() - began < 1.5
            await asyncio.sleep(0.01)
            ended.append(new)
            done.set()

        await watcher.astart()
        path.write_text(port(9000))
        await watcher.areload()
        await done.wait()

    run(work())
    assert ended == [9000]


@WITHOUT
@pytest.mark.parametrize("how", ["closed", "stopped", "cancelled"])
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_ends_under_a_coroutine(path, name, how, caplog):
    """The delivery goes on: what comes later for the loop fails, and is logged; functions are called as before."""
    loop = LOOPS[name]()
    seen = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)
    began = threading.Event()

    @watcher.on_change("server.port")
    async def follow(old: object, new: object) -> None:
        began.set()
        await asyncio.sleep(LONG_S)

    watcher.on_change("server.port", lambda old, new: seen.append(new))
    loop.run_until_complete(watcher.astart())
    runs = threading.Thread(target=loop.run_forever)
    runs.start()
    path.write_text(port(9000))
    watcher.reload()
    assert began.wait(LONG_S)
    assert seen == []
    tasks = asyncio.all_tasks(loop)
    if how == "cancelled":
        for task in tasks:
            loop.call_soon_threadsafe(task.cancel)
        assert watcher.flush(LONG_S)
    loop.call_soon_threadsafe(loop.stop)
    runs.join(LONG_S)
    if how == "closed":
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
    if how != "stopped":
        loop.close()
        assert watcher.flush(LONG_S)
        assert seen == [9000]
        path.write_text(port(9001))
        watcher.reload()
        assert watcher.flush(LONG_S)
        assert seen == [9000, 9001]
        assert watcher.stats.callback_failures == 2
        assert "its event loop has ended" in caplog.text
    watcher.close()
    if how == "stopped":
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(asyncio.gather(*tasks))
        loop.close()
    for task in tasks:
        task.get_coro().close()


def test_another_loop_takes_over(path, run):
    """A watcher that is running, but lost its loop, may be entered by another one."""
    seen = []
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    @watcher.on_change("server.port")
    async def follow(old: object, new: object) -> None:
        seen.append((new, asyncio.get_running_loop()))

    loops = []

    async def work(number: int) -> None:
        loops.append(asyncio.get_running_loop())
        await watcher.astart()
        path.write_text(port(number))
        await watcher.areload()
        assert await flushed(watcher)

    run(work(9000))
    run(work(9001))
    watcher.close()
    assert seen == [(9000, loops[0]), (9001, loops[1])]


# changed


def test_changed(path, run):
    """The snapshot of a newer generation than that of the call, or than the given one."""

    async def work() -> None:
        async with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
            with pytest.raises(TimeoutError):
                await watcher.changed(0.01)
            assert (await watcher.changed(0, since=0)).generation == 1
            called = watcher.changed(LONG_S)
            save(path, port(9000))
            await watcher.areload()
            assert (await called).config.server.port == 9000  # registered when it was called
            waiting = asyncio.create_task(watcher.changed())
            await asyncio.sleep(0)
            save(path, port(9001))
            snapshot = await waiting
            assert (snapshot.generation, snapshot.config.server.port) == (3, 9001)
            assert (await watcher.changed(since=2)) is snapshot

    run(work())


def test_changed_loses_nothing_that_is_followed_by_generation(path, run):
    """Each value that is published for long enough is seen, in order, and the last one for sure."""

    async def work() -> list[int]:
        async with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
            seen, generation = [], watcher.generation
            saver = asyncio.create_task(saving(watcher))
            while not seen or seen[-1] != 9029:
                snapshot = await watcher.changed(LONG_S, since=generation)
                generation = snapshot.generation
                seen.append(snapshot.config.server.port)
            await saver
        return seen

    async def saving(watcher: HotReloadWatcher[App]) -> None:
        for number in range(9000, 9030):
            await asyncio.to_thread(save, path, port(number))
            await watcher.areload()

    seen = run(work())
    assert seen == sorted(set(seen))


def test_changed_ends_with_the_watcher(path, run):
    """What is waited for never comes."""

    async def work() -> None:
        watcher = HotReloadWatcher(path, App)
        await watcher.astart()
        waiting = asyncio.create_task(watcher.changed())
        await asyncio.sleep(0)
        await watcher.aclose()
        with pytest.raises(UsageError, match="closed"):
            await waiting
        with pytest.raises(UsageError, match="closed"):
            await watcher.changed(1)
        assert (await watcher.changed(1, since=0)).generation == 1

    run(work())


def test_a_cancelled_wait_leaves_nothing_behind(path, run):
    """However many there were."""

    async def work() -> None:
        async with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
            for _ in range(100):
                task = asyncio.create_task(watcher.changed())
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
            assert watcher._bus.published._futures == []

    run(work())


# changes


def test_changes(path, run):
    """From the call on; by key or function; a slow reader gets the last value that it saw and the newest."""

    async def work() -> None:
        async with HotReloadWatcher(path, App, debounce_ms=FAR) as watcher:
            ports = watcher.changes(lambda config: config.server.port)
            keys = watcher.changes("server.port", initial=True)
            hosts = watcher.changes(("server", "host"))
            for number in (9000, 9001):
                path.write_text(port(number))
                await watcher.areload()
            assert await anext(ports) == (8000, 9001)
            assert await anext(keys) == (MISSING, 9001)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(ports)
            path.write_text(port(9002))
            await watcher.areload()
            assert await anext(ports) == (9001, 9002)
            assert await anext(keys) == (9001, 9002)
            waiting = asyncio.ensure_future(anext(hosts, None))
            await asyncio.sleep(0)
            path.write_text(port(9003))
            await watcher.areload()
        assert await waiting is None
        assert [each async for each in ports] == [(9002, 9003)]
        assert [each async for each in ports] == []

    run(work())


def test_what_waits_ends_with_the_watcher_that_is_started_anew(path, run):
    """Readers of the life before do not mix its generations with those of the next one."""

    async def work() -> None:
        watcher = HotReloadWatcher(path, App, debounce_ms=FAR)
        renew = watcher._renewal()
        await watcher.astart()
        changes, changed = watcher.changes("server.port"), asyncio.ensure_future(watcher.changed())
        waiting = asyncio.ensure_future(anext(changes, None))
        await asyncio.sleep(0)
        watcher.close()
        renew()
        path.write_text(port(9000))
        await watcher.astart()
        assert await waiting is None
        with pytest.raises(UsageError, match="closed"):
            await changed
        assert [each async for each in changes] == []
        await watcher.aclose()

    run(work())


@pytest.mark.parametrize("initial", [False, True])
def test_changes_from_before_the_start(tmp_path, run, initial):
    """The first configuration is what they begin with, or the first change."""
    path = tmp_path / "config.toml"
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)
    ports = watcher.changes("server.port", initial=initial)

    async def work() -> list[tuple[object, object]]:
        await watcher.astart(require=False)
        early = asyncio.ensure_future(anext(ports))
        await asyncio.sleep(0)
        for number in (9000, 9001):
            path.write_text(port(number))
            await watcher.areload()
            if initial and number == 9000:
                assert await early == (MISSING, 9000)
        if not initial:
            assert await early == (9000, 9001)
            early.cancel()
        await watcher.aclose()
        return [each async for each in ports]

    assert run(work()) == ([(9000, 9001)] if initial else [])


def test_a_selector_that_raises_in_changes(path, run):
    """It is the reader's own code: the reader gets it, and may go on."""

    async def work() -> None:
        async with HotReloadWatcher(path, App, debounce_ms=FAR) as watcher:
            odd = watcher.changes(lambda config: 1 // (config.server.port - 9000))
            path.write_text(port(9000))
            await watcher.areload()
            with pytest.raises(ZeroDivisionError):
                await anext(odd)
            path.write_text(port(9001))
            await watcher.areload()
            assert await anext(odd) == (-1, 1)

    run(work())


def test_many_loops(path):
    """Each waits in its own; callbacks stay in the one that entered."""
    seen: list[tuple[str, object]] = []
    ready = threading.Semaphore(0)
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)

    async def follow(name: str) -> None:
        changes = watcher.changes("server.port")
        changed = asyncio.ensure_future(watcher.changed())
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        ready.release()
        seen.append((name, await first))
        seen.append((name, (await changed).generation))

    with watcher:
        names = [f"{kind} {number}" for kind in LOOPS for number in range(3)]
        threads = []
        for name in names:
            factory = LOOPS[name.split()[0]]

            def run_in(name=name, factory=factory) -> None:
                with asyncio.Runner(loop_factory=factory) as runner:
                    runner.run(follow(name))

            threads.append(threading.Thread(target=run_in))
            threads[-1].start()
        for _ in names:
            assert ready.acquire(timeout=LONG_S)
        path.write_text(port(9000))
        watcher.reload()
        for each in threads:
            each.join(LONG_S)
    assert sorted(seen, key=str) == sorted([(name, what) for name in names for what in ((8000, 9000), 2)], key=str)


def test_a_loop_that_is_closed_while_coroutines_wait(path):
    """Nobody stumbles over what they left behind."""
    with HotReloadWatcher(path, App, debounce_ms=FAR) as watcher:
        loop = asyncio.new_event_loop()
        task = loop.create_task(watcher.changed())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        path.write_text(port(9000))
        assert isinstance(watcher.reload(), ReloadSuccess)
        task._log_destroy_pending = False
        with contextlib.suppress(RuntimeError):
            task.get_coro().close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_in_a_child_of_a_fork(path):
    """What waits there is the child's own; coroutine callbacks need a loop that enters the watcher there."""
    watcher = HotReloadWatcher(path, App, debounce_ms=FAR)
    seen = []

    @watcher.on_change("server.port")
    async def follow(old: object, new: object) -> None:
        seen.append((new, os.getpid()))

    async def child() -> bool:
        path.write_text(port(9000))
        changes = watcher.changes("server.port")
        await watcher.areload()
        failed = watcher.flush(LONG_S) and watcher.stats.callback_failures == 1 and seen == []
        first = await anext(changes)
        await watcher.astart()
        path.write_text(port(9001))
        await watcher.areload()
        return failed and first == (8000, 9000) and await flushed(watcher) and seen == [(9001, os.getpid())]

    loop = asyncio.new_event_loop()
    loop.run_until_complete(watcher.astart())
    waiting = loop.create_task(watcher.changed())
    loop.run_until_complete(asyncio.sleep(0))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with asyncio.Runner() as runner:
                status = 0 if runner.run(child()) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    watcher.reload()
    assert loop.run_until_complete(waiting).config.server.port == 9001
    loop.run_until_complete(watcher.aclose())
    loop.close()


def test_without_asyncio_none_is_imported(tmp_path):
    """Programs of threads do not pay for it: not for waiting, nor for callbacks."""
    code = """
import sys
from pathlib import Path
from pydantic import BaseModel
from hotconf import HotReloadWatcher
class App(BaseModel, frozen=True):
    n: int = 0
path = Path("config.toml")
path.write_text("n = 1")
got = []
with HotReloadWatcher(path, App) as watcher, watcher.subscribe() as events:
    watcher.on_change("n", lambda old, new: got.append(new), initial=True)
    path.write_text("n = 2")
    watcher.reload()
    assert watcher.flush(60) and watcher.wait_for(lambda config: config.n == 2, 60)
    events.get(60)
print(got[-1], "asyncio" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert done.stdout == "2 False\n", done.stderr


def test_trio_is_told():
    """A loop of something else is none: one sentence, no traceback of asyncio's."""
    code = """
from hotconf import HotReloadWatcher, UsageError
watcher = HotReloadWatcher(None, dict[str, int], layers=[{"n": 1}])
async def enter():
    async with watcher:
        pass
waits = [enter(), watcher.changed(), anext(watcher.changes("n")), anext(watcher.subscribe())]
for each in waits:
    try:
        each.send(None)
    except UsageError as error:
        print(error)
"""
    done = completed(code)
    assert done.stdout.count("needs a running event loop of asyncio or uvloop; trio's is not supported") == 4, done
    assert done.stderr == ""
