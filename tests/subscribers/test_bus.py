"""The bus: every subscriber gets every event, in order, and none can be in another's way."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import stalls
from hotconf.changes import MISSING, Change
from hotconf.errors import UsageError
from hotconf.events import FileChanged, Notice, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.logs import records
from hotconf.problems import Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import Snapshot
from hotconf.subscribers import bus as buses
from hotconf.subscribers.bus import BURST, Bus
from hotconf.subscribers.streams import CAPACITY
from hotconf.system.threads import any_running
from prefork import completed

DEADLINE = 20.0
CHANGED = FileChanged(Path("/c/config.toml"))
UNCHANGED = ReloadUnchanged("nothing differs")
FAILED = ReloadFailed("bad", "syntax", (Problem("bad"),))
DEFERRED = ReloadDeferred(("agent",), (), ())


def snapshot(generation: int, **config: object) -> Snapshot[dict[str, object]]:
    """A published config, as a table."""
    return Snapshot(dict(config), generation, "", datetime.now(UTC), (), {})


def success(generation: int) -> ReloadSuccess:
    """The ending that published `generation`."""
    return ReloadSuccess(generation, (), ())


def publish(bus, event, snapshot):
    """Have the bus queue an event."""
    bus.notify(Notice(event, snapshot, HotReloadSettings()))


def publish_each(bus, events, snapshot=None):
    """Publish more than a burst."""
    for event in events:
        publish(bus, event, snapshot)
        bus.drain()


def wait_until(condition, what="it"):
    """Return once `condition()` holds; fail after the deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen\n{stalls.report()}"
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """No driver repeats here what had to wait for the lock, which may take longer on a busy machine."""
    monkeypatch.setattr(buses, "LOCK_S", DEADLINE)


@pytest.fixture
def bus():
    """A bus, closed afterwards."""
    bus = Bus("test")
    yield bus
    bus.close()


class Gate:
    """A callback that waits inside its first call until it is let go."""

    def __init__(self):
        self.entered = threading.Event()
        self.released = threading.Event()
        self.events = []

    def __call__(self, *received):
        self.entered.set()
        assert self.released.wait(DEADLINE)
        self.events.append(received[0] if len(received) == 1 else received)


# Streams


def test_a_stream_gets_the_events_since_it_subscribed_in_order(bus):
    """Nothing from before, everything after, in order."""
    publish(bus, FAILED, None)
    stream = bus.subscribe()
    publish(bus, CHANGED, None)
    publish(bus, success(1), snapshot(1))
    assert [next(stream), next(stream)] == [CHANGED, success(1)]


def test_a_burst_is_queued_in_parts(bus):
    """So that readers keep up; the others follow, in order, before what is published later."""
    stream, events = bus.subscribe(), [success(number) for number in range(2 * BURST + 10)]
    for event in events:
        publish(bus, event, None)
    assert [next(stream) for _ in range(BURST)] == events[:BURST]
    assert not bus.drain()
    assert bus.drain()
    publish(bus, UNCHANGED, None)
    assert bus.drain()
    assert [next(stream) for _ in range(BURST + 11)] == [*events[BURST:], UNCHANGED]


def test_an_event_waits_for_a_lock_that_is_held(bus, monkeypatch):
    """The publisher goes on; the event follows with the next one, in order."""
    monkeypatch.setattr(buses, "LOCK_S", 0.002)
    stream, holding, done = bus.subscribe(), threading.Event(), threading.Event()

    def hold():
        with bus.lock:
            holding.set()
            assert done.wait(DEADLINE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(DEADLINE)
    publish(bus, CHANGED, None)
    assert not bus.drain()
    done.set()
    holder.join(DEADLINE)
    publish(bus, UNCHANGED, None)
    wait_until(bus.drain)
    assert [next(stream), next(stream)] == [CHANGED, UNCHANGED]


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("number", range(1, 16))
def test_a_failure_while_an_event_is_queued_leaves_no_lock_and_loses_no_event(bus, number, error):
    """If memory ran out for a moment it is queued at once, otherwise with the next one."""
    delivered: list[object] = []
    bus.on_event(delivered.append)
    bus.on_change("a", lambda old, new: delivered.append((old, new)))
    lines, queuing = 0, ("_queue", "_affected")

    def trace(frame, event, _):
        nonlocal lines
        if frame.f_code.co_filename.endswith("bus.py") and frame.f_code.co_name in queuing:
            lines += event == "line"
            if event == "line" and lines == number:
                raise error
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        publish(bus, success(1), snapshot(1, a=1))
    except error:
        pass
    finally:
        sys.settrace(before)
    publish(bus, success(2), snapshot(2, a=2))
    wait_until(lambda: success(2) in delivered)
    assert success(1) in delivered
    wait_until(lambda: (MISSING, 2) in delivered or (1, 2) in delivered)


def test_each_stream_has_its_own_queue(bus):
    """Reading one stream takes nothing from the other."""
    one, two = bus.subscribe(), bus.subscribe()
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    assert [next(one), next(one)] == [next(two), next(two)] == [CHANGED, UNCHANGED]


def test_a_waiting_reader_is_woken(bus):
    """`next()` waits for the event and returns it."""
    stream, got = bus.subscribe(), []
    reader = threading.Thread(target=lambda: got.append(next(stream)))
    reader.start()
    publish(bus, CHANGED, None)
    reader.join(DEADLINE)
    assert got == [CHANGED]


def test_closing_the_bus_lets_streams_finish_what_waits(bus):
    """Events published before the watcher was closed can still be read; then the stream ends."""
    stream = bus.subscribe()
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    bus.close()
    publish(bus, FAILED, None)
    assert list(stream) == [CHANGED, UNCHANGED]
    assert bus.last == UNCHANGED


def test_closing_a_stream_ends_it_at_once(bus):
    """Its own close drops what waits, is idempotent, and spares the others."""
    stream, other = bus.subscribe(), bus.subscribe()
    publish(bus, CHANGED, None)
    stream.close()
    stream.close()
    publish(bus, UNCHANGED, None)
    assert stream.closed
    assert list(stream) == []
    assert [next(other), next(other)] == [CHANGED, UNCHANGED]


def test_leaving_the_with_block_closes(bus):
    """A stream is a context manager."""
    with bus.subscribe() as stream:
        assert not stream.closed
    assert stream.closed


@pytest.mark.parametrize("closed", ["stream", "bus"])
def test_closing_wakes_a_waiting_reader(bus, closed):
    """Neither way of closing leaves a thread waiting in `next()`."""
    stream, ended = bus.subscribe(), threading.Event()
    waiting = threading.Event()

    def read():
        waiting.set()
        assert list(stream) == []
        ended.set()

    threading.Thread(target=read).start()
    assert waiting.wait(DEADLINE)
    (stream if closed == "stream" else bus).close()
    assert ended.wait(DEADLINE)


def test_a_closed_bus_takes_no_subscribers(bus):
    """Subscribing too late would wait for nothing, in silence."""
    bus.close()
    for late in (bus.subscribe, lambda: bus.on_event(print), lambda: bus.on_change("a", print, initial=True)):
        with pytest.raises(UsageError, match="this watcher is closed"):
            late()
    assert bus.callbacks == ()


def test_an_unread_stream_loses_the_oldest_and_says_so_once(bus, caplog):
    """1,024 events wait; more push out the oldest, are counted, and each overflow is one warning."""
    stream = bus.subscribe()
    publish_each(bus, map(success, range(CAPACITY + 5)))
    assert stream.dropped == 5
    wait_until(lambda: caplog.messages, "the warning")
    assert [event.generation for event in (next(stream), next(stream))] == [5, 6]
    for generation in range(10):
        publish(bus, success(generation), None)
    assert stream.dropped == 13
    bus.close()
    assert len(list(stream)) == CAPACITY
    assert len(caplog.messages) == 1
    assert caplog.records[0].levelno == logging.WARNING


def test_a_second_overflow_is_logged_again(bus, caplog):
    """An overflow is over when the stream was read to its end."""
    stream = bus.subscribe()
    for count in (1, 2):
        publish_each(bus, [CHANGED] * (CAPACITY + 1))
        wait_until(lambda: len(caplog.messages) == count, "the warning")  # noqa: B023
        for _ in range(CAPACITY):
            next(stream)
    assert stream.dropped == 2


def test_an_overflow_is_warned_of_even_if_the_bus_closes_at_once(bus, caplog):
    """A warning that waits is written before the delivery ends."""
    bus.subscribe()
    publish_each(bus, [CHANGED] * (CAPACITY + 1))
    bus.close()
    assert len(caplog.messages) == 1


def test_last_is_the_latest_ending_and_current(bus):
    """`last` of the bus and of every subscription does not wait for reading, and FileChanged is no ending."""
    stream, callback = bus.subscribe(), bus.on_event(lambda event: None)
    assert bus.last is stream.last is callback.last is None
    for ending in (DEFERRED, success(1), UNCHANGED, FAILED):
        publish(bus, ending, None)
        publish(bus, CHANGED, None)
        assert bus.last is stream.last is callback.last is ending
    stream.close()
    publish(bus, UNCHANGED, None)
    assert stream.last is UNCHANGED


def test_a_signal_handler_may_close_what_the_main_thread_waits_for(bus):
    """A handler that runs inside `next()` or `publish()` cannot deadlock with it."""
    stream = bus.subscribe()
    before = signal.signal(signal.SIGUSR1, lambda *_: stream.close())
    try:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        assert list(stream) == []
        with bus.lock:
            stream = bus.subscribe()
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda: stream.closed)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_subscribing_and_closing_while_events_are_published(bus):
    """A steady stream sees every event in order while others come and go from several threads."""
    steady, done, count = bus.subscribe(), threading.Event(), 900
    received = []
    bus.on_event(received.append)

    def come_and_go():
        while not done.is_set():
            with bus.subscribe(), bus.on_event(lambda event: None), bus.on_change("a", lambda old, new: None):
                pass

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for generation in range(1, count + 1):
        publish_each(bus, [success(generation)], snapshot(generation))
    done.set()
    for thread in threads:
        thread.join(DEADLINE)
    wait_until(bus.drain)  # on a busy machine the lock may not have been free in time
    assert [next(steady).generation for _ in range(count)] == list(range(1, count + 1))
    wait_until(lambda: len(received) == count)
    assert [event.generation for event in received] == list(range(1, count + 1))


def test_two_threads_share_one_stream_without_loss_or_repetition(bus):
    """Each event of a stream goes to exactly one of its readers."""
    stream, got = bus.subscribe(), []
    readers = [threading.Thread(target=lambda: got.extend(stream)) for _ in range(2)]
    for reader in readers:
        reader.start()
    publish_each(bus, map(success, range(500)))
    bus.close()
    for reader in readers:
        reader.join(DEADLINE)
    assert sorted(event.generation for event in got) == list(range(500))


# Async streams


def test_async_iteration_gets_events_from_another_thread():
    """`async for` waits without blocking its loop, and ends when the bus is closed, after what waits."""
    bus = Bus("test")

    async def main():
        stream = bus.subscribe()

        def feed():
            for generation in range(200):
                publish(bus, success(generation), None)
            bus.close()

        threading.Thread(target=feed).start()
        return [event.generation async for event in stream]

    assert asyncio.run(asyncio.wait_for(main(), DEADLINE)) == list(range(200))


@pytest.mark.parametrize("closed", ["stream", "bus"])
def test_closing_wakes_an_async_reader(bus, closed):
    """Closing from another thread ends an `anext()` that waits."""

    async def main():
        stream = bus.subscribe()
        reader = asyncio.ensure_future(anext(stream, "ended"))
        await asyncio.sleep(0)
        threading.Thread(target=(stream if closed == "stream" else bus).close).start()
        return await asyncio.wait_for(reader, DEADLINE)

    assert asyncio.run(main()) == "ended"


def test_a_cancelled_anext_loses_nothing(bus):
    """After `wait_for` gave up, the next event is still delivered."""

    async def main():
        stream = bus.subscribe()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.01)
        publish(bus, CHANGED, None)
        return await asyncio.wait_for(anext(stream), DEADLINE)

    assert asyncio.run(main()) == CHANGED


def test_two_tasks_share_one_async_stream(bus):
    """Each event wakes somebody, and nobody waits for ever."""

    async def main():
        stream = bus.subscribe()
        tasks = [asyncio.ensure_future(anext(stream)) for _ in range(2)]
        await asyncio.sleep(0)
        publish(bus, CHANGED, None)
        publish(bus, UNCHANGED, None)
        return await asyncio.wait_for(asyncio.gather(*tasks), DEADLINE)

    assert asyncio.run(main()) == [CHANGED, UNCHANGED]


def test_a_stream_belongs_to_its_first_loop(bus):
    """Iterating it in a second event loop raises instead of waking the wrong one."""
    stream = bus.subscribe()
    publish(bus, CHANGED, None)
    publish(bus, CHANGED, None)

    async def one():
        return await anext(stream)

    assert asyncio.run(one()) == CHANGED
    with pytest.raises(UsageError, match="another event loop"):
        asyncio.run(one())


def test_a_loop_that_was_closed_meanwhile_does_not_disturb_publishing(bus):
    """A reader abandoned with its loop is nobody's problem."""
    stream, loop = bus.subscribe(), asyncio.new_event_loop()
    reader = loop.create_task(anext_of(stream))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    publish(bus, CHANGED, None)
    assert next(stream) == CHANGED
    bus.close()
    reader._log_destroy_pending = False
    reader.get_coro().close()


async def anext_of(stream):
    """A coroutine function."""
    return await anext(stream)


# Callbacks


def test_callbacks_run_in_order_of_subscription_and_events_in_order(bus):
    """For each event every callback in turn, on one thread that is not the publisher's."""
    calls, threads = [], set()

    def note(who, event):
        calls.append((who, event.generation))
        threads.add(threading.current_thread())

    bus.on_event(functools.partial(note, "a"))
    bus.on_event(functools.partial(note, "b"))
    for generation in range(3):
        publish(bus, success(generation), None)
    wait_until(lambda: len(calls) == 6)
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    (thread,) = threads
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert "test" in thread.name


def test_there_is_no_thread_until_a_callback_has_something_to_do(bus):
    """Streams need no thread, and neither does a callback that got nothing yet."""
    wait_until(lambda: not any_running(), "the end of other threads")
    bus.subscribe()
    bus.on_change("a", print)
    publish(bus, CHANGED, None)
    bus.on_event(print)
    assert not any_running()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_callback_that_raises_is_logged_by_name_and_work_goes_on(bus, caplog, error):
    """Anything that it raises is logged; the next callback and the next event are delivered."""
    received = []

    def faulty(event):
        raise error

    bus.on_event(faulty)
    bus.on_event(received.append)
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    wait_until(lambda: len(received) == 2)
    assert received == [CHANGED, UNCHANGED]
    assert len(caplog.records) == 2
    assert ".faulty raised " in caplog.messages[0]
    assert caplog.records[0].name == "hotconf.reload"
    assert caplog.records[0].exc_info is None  # what ships exceptions to others may ship their variables, too
    assert caplog.messages[0].splitlines()[-1].startswith(f"    {type(error).__name__}")


def test_a_log_handler_that_raises_does_not_stop_delivery(bus):
    """Handlers are users' code, too."""
    received, logger = [], logging.getLogger("hotconf.reload")

    def refuse(record):
        raise SystemExit("no logging today")

    bus.on_event(lambda event: 1 / 0)
    bus.on_event(received.append)
    logger.addFilter(refuse)
    try:
        publish(bus, CHANGED, None)
        wait_until(lambda: received == [CHANGED])
        wait_until(records.flush)
    finally:
        logger.removeFilter(refuse)


def test_a_slow_callback_delays_neither_the_publisher_nor_the_streams(bus):
    """While a callback blocks, publishing returns and streams are served; later callbacks come later."""
    gate, received, stream = Gate(), [], bus.subscribe()
    bus.on_event(gate)
    bus.on_event(received.append)
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    assert gate.entered.wait(DEADLINE)
    assert [next(stream), next(stream)] == [CHANGED, UNCHANGED]
    assert received == []
    gate.released.set()
    wait_until(lambda: received == [CHANGED, UNCHANGED])


def test_callbacks_that_are_too_slow_lose_the_oldest_and_it_is_logged_once(bus, caplog):
    """1,024 events wait for the callbacks; more push out the oldest, counted for each callback."""
    gate, received = Gate(), []
    slow = bus.on_event(gate)
    quick = bus.on_event(received.append)
    publish(bus, success(0), None)
    assert gate.entered.wait(DEADLINE)
    publish_each(bus, map(success, range(1, CAPACITY + 4)))
    assert (slow.dropped, quick.dropped) == (3, 3)
    gate.released.set()
    wait_until(lambda: len(received) == CAPACITY + 1)
    assert [event.generation for event in received] == [0, *range(4, CAPACITY + 4)]
    wait_until(lambda: caplog.messages)
    assert len(caplog.messages) == 1


def test_a_closed_callback_is_not_called_any_more(bus):
    """Closing drops what waits for it, also when it does so itself, and the others go on."""
    gate, received, once = Gate(), [], []
    bus.on_event(gate)
    handle = bus.on_event(received.append)

    def only_once(event):
        once.append(event)
        own.close()

    own = bus.on_event(only_once)
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    assert gate.entered.wait(DEADLINE)
    handle.close()
    gate.released.set()
    wait_until(lambda: len(gate.events) == 2)
    bus.close()
    assert (received, once) == ([], [CHANGED])


def test_a_callback_may_subscribe_others(bus):
    """The newcomer gets the events from the next one on."""
    received, invited = [], threading.Event()

    def invite(event):
        host.close()
        bus.on_event(received.append)
        invited.set()

    host = bus.on_event(invite)
    publish(bus, CHANGED, None)
    assert invited.wait(DEADLINE)
    publish(bus, UNCHANGED, None)
    wait_until(lambda: received == [UNCHANGED])


def test_closing_drops_callbacks_that_have_not_begun_and_waits_for_the_one_that_has(bus):
    """Once `close()` was called nothing more begins; when it returned, the running callback is done."""
    gate, received = Gate(), []
    bus.on_event(gate)
    bus.on_event(received.append)
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    assert gate.entered.wait(DEADLINE)
    threading.Timer(0.02, gate.released.set).start()
    bus.close()
    assert (gate.events, received) == ([CHANGED], [])
    assert not [thread for thread in threading.enumerate() if "hotconf" in thread.name]


def test_closing_waits_only_so_long_and_names_who_is_late(bus, caplog):
    """A callback that does not return cannot hold up the program's end, and is named in the log."""
    gate = Gate()
    bus.on_event(gate)
    publish(bus, CHANGED, None)
    assert gate.entered.wait(DEADLINE)
    bus.close(timeout_s=0.01)
    gate.released.set()
    assert "Gate" in caplog.text
    bus.close()


def test_a_callback_may_close_the_bus(bus):
    """It is not waited for by itself, and is the last to be called."""
    received = []

    def stop(event):
        bus.close()
        received.append("closed")

    bus.on_event(stop)
    bus.on_event(received.append)
    publish(bus, CHANGED, None)
    wait_until(lambda: received)
    bus.close()
    assert received == ["closed"]


@pytest.mark.parametrize("callback", ["no function", lambda: None])
def test_what_cannot_be_called_back_is_refused_at_once(bus, callback):
    """Better to say so where it is subscribed."""
    with pytest.raises(UsageError, match="callback"):
        bus.on_event(callback)
    with pytest.raises(UsageError, match="callback"):
        bus.on_change("a", callback)


@pytest.mark.parametrize("closed", ["subscriptions", "bus"])
def test_what_is_closed_keeps_no_callback_alive(bus, closed):
    """Closing one subscription after the other, or all of them."""

    class Owner:
        def callback(self, *args):
            pass

    owner = Owner()
    alive = weakref.ref(owner)
    subscriptions = [bus.on_event(owner.callback), bus.on_change("a", owner.callback)]
    for each in subscriptions if closed == "subscriptions" else [bus]:
        each.close()
    del owner, subscriptions, each
    gc.collect()
    assert alive() is None


def test_nothing_keeps_the_delivered_event_alive(bus):
    """While the delivery waits it holds no event, no callback that was closed and no config."""
    received = threading.Event()

    class Named:
        pass

    payload = Named()
    alive = weakref.ref(payload)
    bus.on_event(lambda event: received.set())
    publish(bus, ReloadSuccess(1, (), (payload,)), None)
    bus.last = None
    del payload
    assert received.wait(DEADLINE)
    wait_until(lambda: gc.collect() >= 0 and alive() is None)


def test_when_no_thread_can_be_started_publishing_goes_on_and_tries_again(bus, monkeypatch):
    """A process out of threads does not fail a reload; what waits is delivered when there is a thread."""
    received = []

    def no_thread(*_):
        raise RuntimeError("can't start new thread")

    bus.on_event(received.append)
    with monkeypatch.context() as without:
        without.setattr(_thread, "start_new_thread", no_thread)
        publish(bus, CHANGED, None)
        assert "can't start new thread" in bus.delivery.worker.trouble
    publish(bus, UNCHANGED, None)
    wait_until(lambda: received == [CHANGED, UNCHANGED])


# Following a value


def test_on_change_gives_old_and_new_of_the_selected_value(bus):
    """Only when that value differs; a dotted key, a key path and a function name the same."""
    received, ended = [], []
    publish(bus, success(1), snapshot(1, server={"port": 1}, other=1))
    bus.on_change("server.port", lambda old, new: received.append(("dotted", old, new)))
    bus.on_change(("server", "port"), lambda old, new: received.append(("path", old, new)))
    bus.on_change(lambda config: config["server"]["port"], lambda old, new: received.append(("function", old, new)))
    bus.on_event(ended.append)
    publish(bus, success(2), snapshot(2, server={"port": 1}, other=2))
    wait_until(lambda: ended == [success(2)])
    publish(bus, success(3), snapshot(3, server={"port": 3}, other=2))
    wait_until(lambda: len(received) == 3)
    bus.close()
    assert received == [("dotted", 1, 3), ("path", 1, 3), ("function", 1, 3)]


def test_on_change_compares_types_too(bus):
    """1, 1.0 and true are different values."""
    received = []
    publish(bus, success(1), snapshot(1, a=1))
    bus.on_change("a", lambda old, new: received.append((old, new)))
    for generation, value in enumerate((1.0, True), 2):
        publish(bus, success(generation), snapshot(generation, a=value))
        wait_until(lambda: len(received) == generation - 1)  # noqa: B023
    assert repr(received) == "[(1, 1.0), (1.0, True)]"


def test_on_change_says_missing_for_what_is_not_there(bus):
    """MISSING stands for an absent value, on either side."""
    received = []
    publish(bus, success(1), snapshot(1))
    bus.on_change("a", lambda old, new: received.append((old, new)))
    for generation, config in enumerate(({"a": None}, {}), 2):
        publish(bus, success(generation), snapshot(generation, **config))
        wait_until(lambda: len(received) == generation - 1)  # noqa: B023
    assert received == [(MISSING, None), (None, MISSING)]


def test_before_the_first_config_the_old_value_is_missing(bus):
    """The first good config is a change from MISSING for those who want it, and for no other."""
    received, others = [], []
    bus.on_change("a", lambda old, new: others.append((old, new)))
    bus.on_change("a", lambda old, new: received.append((old, new)), initial=True)
    publish(bus, FAILED, None)
    publish(bus, success(1), snapshot(1, a=1))
    assert bus.flush(DEADLINE)
    assert (received, others) == ([(MISSING, 1)], [])
    publish(bus, success(2), snapshot(2, a=2))
    assert bus.flush(DEADLINE)
    assert (received, others) == ([(MISSING, 1), (1, 2)], [(1, 2)])


@pytest.mark.parametrize("event", [None, FAILED, success(1)])
def test_the_first_config_is_the_same_however_it_comes(bus, event):
    """By the start, recalled after a failure, or by the first good save."""
    received = []
    bus.on_change("a", lambda old, new: received.append(("unasked", old, new)))
    bus.on_change(("a",), lambda old, new: received.append(("before", old, new)), initial=True)
    publish(bus, event, snapshot(1, a=1))
    bus.on_change(lambda config: config["a"], lambda old, new: received.append(("after", old, new)), initial=True)
    bus.on_change("b", lambda old, new: received.append(("absent", old, new)), initial=True)
    assert bus.flush(DEADLINE)
    assert received == [("before", MISSING, 1), ("after", MISSING, 1)]


def test_a_follower_of_the_first_config_gets_the_newest(bus):
    """If it is late, one call spans all that happened."""
    gate, received = Gate(), []
    bus.on_event(gate)
    publish(bus, FAILED, None)
    assert gate.entered.wait(DEADLINE)
    bus.on_change("a", lambda old, new: received.append((old, new)), initial=True)
    for generation in (1, 2, 3):
        publish(bus, success(generation), snapshot(generation, a=generation))
    gate.released.set()
    assert bus.flush(DEADLINE)
    assert received == [(MISSING, 3)]


def test_the_first_config_outlives_an_overflow_of_events(bus):
    """It is no event, and no callback for events is called for it."""
    gate, received, events = Gate(), [], []
    bus.on_change("a", lambda old, new: received.append((old, new)), initial=True)
    bus.on_event(gate)
    publish(bus, FAILED, None)
    assert gate.entered.wait(DEADLINE)
    bus.on_event(events.append)
    publish(bus, None, snapshot(1, a=1))
    publish_each(bus, [CHANGED] * (CAPACITY + 1), bus.snapshot)
    gate.released.set()
    assert bus.flush(DEADLINE)
    assert received == [(MISSING, 1)]
    assert None not in gate.events
    assert set(events) == {CHANGED}


# Waiting


def test_flush_waits_for_all_that_was_published(bus):
    """Whatever is running, or waits; not for what comes later."""
    gate, events = Gate(), []
    bus.on_event(gate)
    bus.on_event(events.append)
    assert bus.flush(0)
    publish_each(bus, [CHANGED, UNCHANGED])
    assert gate.entered.wait(DEADLINE)
    assert not bus.flush(0)
    assert not bus.flush(0.01)
    flushed = []
    thread = threading.Thread(target=lambda: flushed.append((bus.flush(DEADLINE), list(events))))
    thread.start()
    gate.released.set()
    thread.join(DEADLINE)
    assert flushed == [(True, [CHANGED, UNCHANGED])]


def test_flush_waits_for_a_burst_that_is_queued_in_parts(bus):
    """The rest of it follows later, by the driver."""
    events = []
    bus.on_event(events.append)
    for _ in range(BURST + 10):
        publish(bus, CHANGED, None)
    assert not bus.flush(0.01)
    thread = threading.Thread(target=lambda: bus.flush(DEADLINE) and events.append("flushed"))
    thread.start()
    while not bus.drain():
        pass
    thread.join(DEADLINE)
    assert events == [*[CHANGED] * (BURST + 10), "flushed"]


def test_flush_waits_for_values_whose_event_was_dropped(bus):
    """An overflow moves followers to a later event: `flush` waits for that one."""
    gate, received = Gate(), []
    publish(bus, None, snapshot(1, a=1))
    bus.on_event(gate)
    bus.on_change("a", lambda old, new: received.append((old, new)))
    publish(bus, CHANGED, bus.snapshot)
    assert gate.entered.wait(DEADLINE)
    publish(bus, success(2), snapshot(2, a=2))
    began, flushed = threading.Event(), []

    def flush():
        began.set()
        flushed.append((bus.flush(DEADLINE), list(received)))

    thread = threading.Thread(target=flush)
    thread.start()
    assert began.wait(DEADLINE)
    wait_until(lambda: bus.delivery._awaited)
    publish_each(bus, [CHANGED] * (CAPACITY + 1), bus.snapshot)
    gate.released.set()
    thread.join(DEADLINE)
    assert flushed == [(True, [(1, 2)])]
    assert bus.flush(0)


def test_flush_in_a_callback_is_refused(bus):
    """It would wait for itself."""
    refused = []

    def callback(event):
        try:
            bus.flush(DEADLINE)
        except UsageError as error:
            refused.append(str(error))

    bus.on_event(callback)
    publish(bus, CHANGED, None)
    assert bus.flush(DEADLINE)
    assert "flush() cannot be called from a callback" in refused[0]


def test_closing_ends_a_flush(bus):
    """What was dropped was not delivered; on a closed bus the answer comes at once."""
    gate, flushed = Gate(), []
    bus.on_event(gate)
    publish_each(bus, [CHANGED, UNCHANGED])
    assert gate.entered.wait(DEADLINE)
    thread = threading.Thread(target=lambda: flushed.append(bus.flush(DEADLINE)))
    thread.start()
    wait_until(lambda: bus.delivery._awaited)
    bus.close(0)
    thread.join(DEADLINE)
    gate.released.set()
    assert flushed == [False]
    assert not bus.flush(None)


def test_flush_after_close_when_nothing_was_dropped(bus):
    """All was delivered."""
    bus.on_event(lambda event: None)
    publish(bus, CHANGED, None)
    assert bus.flush(DEADLINE)
    bus.close()
    assert bus.flush(None)


def test_a_callback_that_raises_does_not_stop_a_flush(bus, caplog):
    """Nor does one that ends its thread."""

    def faulty(event):
        raise SystemExit

    bus.on_event(faulty)
    publish(bus, CHANGED, None)
    assert bus.flush(DEADLINE)
    assert "faulty" in caplog.text


def test_get_waits_for_the_next_event(bus):
    """As `next()` does, but not longer than it may."""
    stream = bus.subscribe()
    with pytest.raises(TimeoutError):
        stream.get(0)
    with pytest.raises(TimeoutError):
        stream.get(timeout_s=0.01)
    publish(bus, CHANGED, None)
    publish(bus, UNCHANGED, None)
    assert stream.get(0) == CHANGED
    assert stream.get() == UNCHANGED
    timer = threading.Timer(0.02, publish, (bus, FAILED, None))
    timer.start()
    assert stream.get(DEADLINE) == FAILED
    timer.join(DEADLINE)
    publish(bus, CHANGED, None)
    bus.close()
    assert stream.get(0) == CHANGED
    with pytest.raises(UsageError, match="closed"):
        stream.get()


@pytest.mark.parametrize("timeout_s", [-1, float("nan"), float("inf"), "1", True])
def test_a_timeout_that_is_none_is_refused(bus, timeout_s):
    """It is a number of seconds."""
    with pytest.raises(UsageError, match="timeout_s"):
        bus.subscribe().get(timeout_s)


def test_subscribed_before_start_changes_are_against_the_config_of_the_start(bus):
    """The config that the start published silently is the baseline, not a change."""
    received = []
    bus.on_change("a", lambda old, new: received.append((old, new)))
    publish(bus, None, snapshot(1, a=1))
    publish(bus, success(2), snapshot(2, a=2))
    wait_until(lambda: received)
    assert received == [(1, 2)]


def test_a_late_follower_gets_what_it_last_saw_and_the_newest(bus):
    """While it blocks nothing is queued for it: one call spans all that happened, none is a repetition."""
    gate = Gate()
    publish(bus, None, snapshot(1, a=1))
    follower = bus.on_change("a", gate)
    publish(bus, success(2), snapshot(2, a=2))
    assert gate.entered.wait(DEADLINE)
    for generation in range(3, CAPACITY + 10):
        publish_each(bus, [success(generation)], snapshot(generation, a=generation))
    gate.released.set()
    wait_until(lambda: len(gate.events) == 2)
    bus.close()
    assert gate.events == [(1, 2), (2, CAPACITY + 9)]
    assert follower.dropped == 0


def test_a_follower_behind_a_slow_callback_gets_the_newest_at_once(bus):
    """It is not led through the states that it missed."""
    gate, received = Gate(), []
    publish(bus, None, snapshot(1, a=1))
    bus.on_event(gate)
    bus.on_change("a", lambda old, new: received.append((old, new)))
    for generation in (2, 3, 4):
        publish(bus, success(generation), snapshot(generation, a=generation))
    gate.released.set()
    wait_until(lambda: len(gate.events) == 3)
    bus.close()
    assert received == [(1, 4)]


def test_a_change_outlives_an_overflow_of_events(bus):
    """Even if the event that brought the change is dropped, its follower gets it."""
    gate, received = Gate(), []
    publish(bus, None, snapshot(1, a=1))
    bus.on_event(gate)
    bus.on_change("a", lambda old, new: received.append((old, new)))
    publish(bus, CHANGED, bus.snapshot)
    assert gate.entered.wait(DEADLINE)
    publish(bus, success(2), snapshot(2, a=2))
    publish_each(bus, [CHANGED] * (CAPACITY + 1), bus.snapshot)
    gate.released.set()
    wait_until(lambda: received == [(1, 2)])


def test_unchanged_never_calls_a_follower(bus):
    """A new snapshot of the same generation is no change, and no selector runs for it."""
    received, ended = [], []
    publish(bus, None, snapshot(1, a=1))
    bus.on_change(received.append, lambda old, new: received.append((old, new)))
    bus.on_event(ended.append)
    publish(bus, UNCHANGED, snapshot(1, a=1))
    publish(bus, FAILED, snapshot(1, a=1))
    wait_until(lambda: len(ended) == 2)
    assert received == []


def test_a_change_elsewhere_calls_no_follower(bus):
    """Neither of a value nor of a table that stays the same."""
    received = []
    publish(bus, None, snapshot(1, a=1, b=1))
    bus.on_change("a", lambda old, new: received.append((old, new)))
    bus.on_change("b", lambda old, new: received.append((old, new)))
    publish(bus, ReloadSuccess(2, (Change(("b",), 1, 2),), ()), snapshot(2, a=1, b=2))
    wait_until(lambda: received)
    assert received == [(1, 2)]


def test_a_selector_that_raises_is_logged_and_its_subscription_lives_on(bus, caplog):
    """The next config is compared with the value that it last saw."""
    received = []
    publish(bus, None, snapshot(1, a=1))
    bus.on_change(lambda config: config["a"], lambda old, new: received.append((old, new)))
    publish(bus, success(2), snapshot(2))
    wait_until(lambda: caplog.messages)
    publish(bus, success(3), snapshot(3, a=3))
    wait_until(lambda: received == [(1, 3)])
    assert "selector" in caplog.text
    assert "KeyError" in caplog.text
    assert len(caplog.records) == 1


def test_a_selector_that_cannot_read_the_baseline_has_seen_nothing(bus, caplog):
    """Then the old value is MISSING."""
    received = []
    publish(bus, None, snapshot(1))
    bus.on_change(lambda config: config["a"], lambda old, new: received.append((old, new)))
    publish(bus, success(2), snapshot(2, a=2))
    wait_until(lambda: received == [(MISSING, 2)])
    assert len(caplog.records) == 1


def test_a_follower_that_raises_has_seen_the_value(bus, caplog):
    """It is logged, and the next change is compared with the value that it was given."""
    received = []

    def faulty(old, new):
        received.append((old, new))
        raise ValueError

    publish(bus, None, snapshot(1, a=1))
    bus.on_change("a", faulty)
    for generation in (2, 3):
        publish(bus, success(generation), snapshot(generation, a=generation))
        wait_until(lambda: len(received) == generation - 1)  # noqa: B023
    assert received == [(1, 2), (2, 3)]
    assert "faulty" in caplog.text


def test_on_change_reads_attributes_as_well(bus):
    """Models are objects; their fields are keys."""
    received = []
    config = SimpleNamespace(port=1)
    bus.on_change(lambda config: config.port, lambda old, new: received.append((old, new)), initial=True)
    publish(bus, success(1), Snapshot(config, 1, "", datetime.now(UTC), (), {}))
    wait_until(lambda: received == [(MISSING, 1)])


@pytest.mark.parametrize("selector", ["", "a..b", 7, ["a"], (1.5,)])
def test_a_selector_that_names_nothing_is_refused_at_once(bus, selector):
    """A misspelt key path is the caller's fault and is raised where it was made."""
    with pytest.raises(UsageError):
        bus.on_change(selector, print)


# Processes


FORK = """
import os, sys, threading, time
from pathlib import Path
from hotconf.events import FileChanged, ReloadUnchanged
from hotconf.events import Notice
from hotconf.subscribers.bus import Bus

def names(events):
    return [event.path.name if isinstance(event, FileChanged) else "same" for event in events]

def publish(name):
    bus.notify(Notice(FileChanged(Path("/", name)), None, None))

def delivered(count):
    until = time.monotonic() + 60
    while len(events) < count and time.monotonic() < until:
        time.sleep(0.001)
    return names(events)

bus, events = Bus("fork"), []
stream, handle = bus.subscribe(), bus.on_event(events.append)
bus.on_change("a", print)
bus.notify(Notice(ReloadUnchanged("same"), None, None))
delivered(1)
holding, go_on = threading.Event(), threading.Event()
def hold():
    with bus.lock:
        holding.set()
        go_on.wait(60)
threading.Thread(target=hold).start()
assert holding.wait(60)
publish("held up")
child = os.fork()
if child == 0:
    tasks = Path("/proc/self/task")
    idle = not tasks.exists() or len(list(tasks.iterdir())) == 1
    events.clear()
    publish("y")
    own = bus.subscribe()
    publish("z")
    found = delivered(2), names(stream), names([next(own)])
    handle.close()
    stream.close()
    bus.close()
    os._exit(7 if idle and found == (["y", "z"], [], ["z"]) and list(own) == [] else 1)
status = os.waitpid(child, 0)[1]
go_on.set()
while not bus.drain():
    pass
print("child", os.waitstatus_to_exitcode(status), "parent", delivered(2), end="")
bus.close()
print("", names(stream))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_delivers_to_its_own():
    """Callbacks are kept, streams end, nothing else begins; even if a thread of the parent held the lock."""
    result = completed(FORK, ignore_warnings=True)
    assert (result.stdout, result.stderr) == ("child 7 parent ['same', 'held up'] ['same', 'held up']\n", "")


def test_the_bus_loads_neither_asyncio_nor_logging():
    """Programs that use neither do not pay for them."""
    code = "import sys, hotconf.subscribers.bus; print({'asyncio', 'logging'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout == "set()\n", result.stderr
