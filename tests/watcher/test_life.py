"""Start, close, and what lies between: threads, descriptors, forks, signals, and users' code that misbehaves."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path

import pytest

from hotconf import FileChanged, HotReloadWatcher, Problem, ReloadSuccess, UsageError
from hotconf.runtime import runner
from waiting import wait_until
from watcher.watched import WINDOW_MS, App, Seen, port

CHANGED = "FileChanged config.toml"
CYCLES = 100
PATIENCE_S = 2.0
"""As long as `close()` says that it waits."""
LIMIT_S = 3.5
"""More than that, with room for a slow machine."""


def ours() -> list[str]:
    """The threads that hotconf runs."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("hotconf")]


def descriptors() -> dict[str, str]:
    """The open descriptors of this process."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found[descriptor.name] = str(descriptor.readlink())
        except FileNotFoundError:  # the one that the directory was listed through
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_remains():
    """After each test: no thread of ours."""
    yield
    wait_until(lambda: not ours())


class Gate:
    """Users' code that is stuck until it is let go: a callback or a check."""

    def __init__(self) -> None:
        self.entered, self.released, self.done = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, *_: object) -> list[Problem]:
        self.entered.set()
        self.released.wait(20)
        self.done.set()
        return []


@pytest.fixture
def gate():
    """Opened at the end, whatever happens."""
    gate = Gate()
    yield gate
    gate.released.set()


def stuck_on(gate: Gate, number: int = 9000):
    """A check that gets stuck on this port."""
    return lambda config: gate(config) if config.server.port == number else []


# Nothing remains


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_a_hundred_lives(path, observer):
    """Started, reloaded and closed a hundred times: no thread and no descriptor is left."""

    def live() -> None:
        with HotReloadWatcher(path, App, debounce_ms=0, observer=observer) as watcher, watcher.subscribe():
            watcher.on_event(lambda event: None)
            watcher.reload()

    live()
    before = descriptors()
    for _ in range(CYCLES):
        live()
    assert ours() == []
    assert descriptors() == before


def test_failed_starts_leave_nothing(tmp_path):
    """A start that raises gives everything back."""
    path = tmp_path / "config.toml"
    before = descriptors()
    for _ in range(20):
        with pytest.raises(Exception, match="does not exist"):
            HotReloadWatcher(path, App).start()
    assert ours() == []
    assert descriptors() == before


def test_a_dropped_watcher_that_was_never_started(path):
    """It is garbage like anything else."""
    watcher = HotReloadWatcher(path, App)
    ghost = weakref.ref(watcher)
    del watcher
    gc.collect()
    assert ghost() is None


def test_a_closed_watcher_is_not_kept(path):
    """Nothing of hotconf's holds on to a watcher that was closed."""
    watcher = HotReloadWatcher(path, App, debounce_ms=0)
    with watcher:
        watcher.on_event(print)
        watcher.reload()
    ghost = weakref.ref(watcher)
    del watcher
    gc.collect()
    assert ghost() is None


def test_one_thread_for_many(tmp_path):
    """Twenty watchers are driven by one thread, and share one loader."""
    watchers = []
    for n in range(20):
        path = tmp_path / f"{n}.toml"
        path.write_text(port(8000))
        watchers.append(HotReloadWatcher(path, App, debounce_ms=0))
        watchers[-1].start()
    assert ours() == ["hotconf-driver"]
    for watcher in watchers:
        watcher.path.write_text(port(9000))
    wait_until(lambda: all(watcher.config.server.port == 9000 for watcher in watchers))
    assert sorted(ours()) == ["hotconf-driver", "hotconf-loader"]
    for watcher in watchers:
        watcher.close()


def test_threads_come_with_what_needs_them(path):
    """Watching alone is one thread; loads and callbacks bring theirs."""
    with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
        assert ours() == ["hotconf-driver"]
        seen = Seen(watcher)
        path.write_text(port(9000))
        seen.ending()
        assert sorted(ours()) == ["hotconf callbacks config.toml", "hotconf-driver", "hotconf-loader"]


def test_watchers_with_different_observers(path, watch):
    """However each of them wants to hear of changes, they live side by side, and all of them hear."""
    pairs = [watch(path, observer=observer, reconcile_s=0.2) for observer in ("auto", "inotify", "watchdog", "poll")]
    native = [watch(path, observer=observer, reconcile_s=3600.0) for observer in ("auto", "inotify", "auto")]
    for number in (9000, 9001):
        path.write_text(port(number))
        wait_until(lambda number=number: all(w.config.server.port == number for w, _ in [*pairs, *native]))
    for watcher, _ in [*pairs, *native]:
        watcher.close()


def test_two_watchers_on_one_file(path, watch):
    """Each has its own window, its own events, its own life."""
    (one, seen_one), (two, seen_two) = watch(path), watch(path)
    path.write_text(port(9000))
    seen_one.exactly(CHANGED, "ReloadSuccess 2")
    seen_two.exactly(CHANGED, "ReloadSuccess 2")
    one.close()
    path.write_text(port(9001))
    seen_two.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert (one.config.server.port, two.config.server.port) == (9000, 9001)
    two.close()


def test_starting_from_many_threads(tmp_path):
    """Watchers started and closed by several threads at once."""
    path = tmp_path / "config.toml"
    path.write_text(port(8000))
    errors = []

    def live() -> None:
        try:
            for _ in range(20):
                with HotReloadWatcher(path, App, debounce_ms=0) as watcher:
                    watcher.reload()
        except Exception as error:  # noqa: BLE001 - raised where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


# Close


def test_after_close(path, watch, calm):
    """The config stays readable; nothing is told any more; what needs a running watcher is refused."""
    watcher, seen = watch(path)
    stream = watcher.subscribe()
    watcher.close()
    path.write_text(port(9000))
    calm()
    assert seen.events == []
    assert list(stream) == []
    assert watcher.config.server.port == 8000
    assert watcher.generation == 1
    assert watcher.watching == ()
    assert watcher.has_drift()
    with watcher.busy("late"):
        pass
    for late in (watcher.reload, watcher.start):
        with pytest.raises(UsageError):
            late()


def test_closed_before_it_was_started(path):
    """Over before it began."""
    watcher = HotReloadWatcher(path, App)
    watcher.close()
    with pytest.raises(UsageError):
        watcher.start()


def test_closed_twice_and_by_several(path, watch):
    """Idempotent, from any thread."""
    watcher, _ = watch(path)
    threads = [threading.Thread(target=watcher.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    watcher.close()
    wait_until(lambda: not ours())


def test_closed_by_a_callback(path, watch):
    """A callback may close its watcher; it is the last one to be called."""
    watcher, seen = watch(path)
    closed = threading.Event()

    def stop(event: object) -> None:
        watcher.close()
        closed.set()

    watcher.on_event(stop)
    path.write_text(port(9000))
    assert closed.wait(10)
    assert seen.lines == [CHANGED]


def test_closed_by_a_check(path, watch):
    """A check may close the watcher that is loading; nothing comes of that load."""
    closed = threading.Event()

    def stop(config: App) -> list[Problem]:
        if config.server.port == 9000:
            watcher.close()
            closed.set()
        return []

    watcher, seen = watch(path, checks=[stop])
    path.write_text(port(9000))
    assert closed.wait(10)
    wait_until(lambda: not ours())
    assert watcher.config.server.port == 8000
    assert [line for line in seen.lines if line != CHANGED] == []


def test_closed_during_a_load(path, watch, gate, monkeypatch):
    """A check that is stuck: close waits a little for it, and then returns; the load comes to nothing."""
    monkeypatch.setattr(runner, "PATIENCE_S", 0.3)
    watcher, seen = watch(path, checks=[stuck_on(gate)])
    path.write_text(port(9000))
    assert gate.entered.wait(10)
    watcher.close()
    assert not gate.done.is_set()
    gate.released.set()
    assert gate.done.wait(10)
    wait_until(lambda: not ours())
    assert watcher.config.server.port == 8000
    assert [line for line in seen.lines if line != CHANGED] == []


def test_closed_while_reload_waits(path, watch, gate):
    """Who waits in `reload()` is told that there is nothing to wait for any more."""
    watcher, _ = watch(path, checks=[stuck_on(gate)], debounce_ms=60_000)
    errors = []

    def reload() -> None:
        try:
            watcher.reload()
        except UsageError as error:
            errors.append(error)

    path.write_text(port(9000))
    waiting = threading.Thread(target=reload)
    waiting.start()
    assert gate.entered.wait(10)
    closing = threading.Thread(target=watcher.close)
    closing.start()
    waiting.join(10)
    assert [str(error) for error in errors] == ["the watcher was closed while reload() waited"]
    gate.released.set()
    closing.join(10)


def test_closed_during_a_callback(path, watch, gate):
    """A callback that is stuck: close waits at most two seconds for it."""
    watcher, _ = watch(path)
    watcher.on_event(gate)
    path.write_text(port(9000))
    assert gate.entered.wait(10)
    began = time.monotonic()
    watcher.close()
    assert PATIENCE_S * 0.9 < time.monotonic() - began < LIMIT_S
    assert ours() == ["hotconf callbacks config.toml"]


def test_close_waits_for_a_callback(path, watch, gate):
    """A callback that comes to its end in time has ended when close returns."""
    watcher, _ = watch(path)
    watcher.on_event(gate)
    path.write_text(port(9000))
    assert gate.entered.wait(10)
    closing = threading.Thread(target=watcher.close)
    closing.start()
    wait_until(lambda: watcher._runner._closed)
    assert closing.is_alive()
    gate.released.set()
    closing.join(10)
    assert gate.done.is_set()
    assert ours() == []


def test_closed_in_an_open_round(path, watch, calm, caplog):
    """The window is running: it ends without an outcome, and the log says so."""
    watcher, seen = watch(path, debounce_ms=200)
    path.write_text(port(9000))
    wait_until(lambda: seen.lines == [CHANGED])
    with caplog.at_level(logging.INFO, "hotconf"):
        watcher.close()
    calm(300)
    assert seen.lines == [CHANGED]
    assert watcher.config.server.port == 8000
    assert "Closed with an open round" in caplog.text


def test_closed_while_something_is_pending(path, watch, caplog):
    """A deferred reload is dropped, and the log says so; releasing later does nothing."""
    watcher, seen = watch(path)
    with watcher.busy("agent"):
        path.write_text(port(9000))
        seen.ending()
        with caplog.at_level(logging.INFO, "hotconf"):
            watcher.close()
    assert watcher.config.server.port == 8000
    assert watcher.pending is None
    assert "Closed with a pending reload" in caplog.text


def test_closed_in_every_phase(path, calm):
    """Closed at any moment after a save: no error, nothing left, nothing told afterwards."""
    told = []
    for n in range(60):
        watcher = HotReloadWatcher(path, App, debounce_ms=3)
        seen = Seen(watcher)
        watcher.start()
        path.write_text(port(9000 + n))
        moment = time.monotonic_ns() + n * 200_000
        while time.monotonic_ns() < moment:
            pass
        watcher.close()
        told.append((seen, len(seen.events)))
        assert ours() == []
    calm()
    assert all(len(seen.events) == count for seen, count in told)


# Users' code in the way


def test_a_stuck_callback_holds_up_nobody(path, watch, gate):
    """Publishing and streams go on while a callback is stuck; it gets the rest in order when it is let go."""
    watcher, _ = watch(path, debounce_ms=0)
    told = []
    watcher.on_event(gate)
    watcher.on_event(told.append)
    stream = watcher.subscribe()
    for number in range(9000, 9005):
        path.write_text(port(number))
        wait_until(lambda number=number: watcher.config.server.port == number)
    assert gate.entered.is_set()
    assert not gate.done.is_set()
    assert told == []
    while not isinstance(event := next(stream), ReloadSuccess) or event.generation < 6:
        pass
    gate.released.set()
    wait_until(lambda: told and told[-1] == event)
    assert [event.generation for event in told if isinstance(event, ReloadSuccess)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(1), KeyboardInterrupt()])
def test_a_callback_that_raises(path, watch, caplog, error):
    """It is logged with its name; the others are told, and so is it the next time."""
    watcher, _ = watch(path)
    calls = []

    def unlucky(event: object) -> None:
        calls.append(event)
        raise error

    watcher.on_event(unlucky)
    later = Seen(watcher)
    path.write_text(port(9000))
    later.exactly(CHANGED, "ReloadSuccess 2")
    path.write_text(port(9001))
    later.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert len(calls) == 4
    assert "unlucky" in caplog.text


def test_a_callback_that_saves(path, watch, calm):
    """A callback that writes the file does not spin: its save is one more round, and then there is peace."""
    watcher, seen = watch(path)
    watcher.on_change("server.port", lambda old, new: path.write_text(port(9001)))
    path.write_text(port(9000))
    wait_until(lambda: watcher.config.server.port == 9001)
    calm()
    assert [line for line in seen.lines if line.startswith("ReloadSuccess")] == ["ReloadSuccess 2", "ReloadSuccess 3"]


def test_a_log_handler_that_raises(path, watch, monkeypatch):
    """An application's log handler is users' code too: it ends nothing."""

    class Unlucky(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no space left")

    handler = Unlucky()
    logger = logging.getLogger("hotconf")
    logger.addHandler(handler)
    try:
        watcher, seen = watch(path)
        for count, text in enumerate(("[broken", port(9000), "[broken", port(9001)), start=1):
            path.write_text(text)
            seen.ending(count)
        assert watcher.config.server.port == 9001
    finally:
        logger.removeHandler(handler)


def test_a_signal_handler_reloads(path, watch):
    """`reload(wait=False)` in a signal handler, as for SIGHUP, at any moment."""
    watcher, seen = watch(path, debounce_ms=60_000)
    previous = signal.signal(signal.SIGHUP, lambda *_: watcher.reload(wait=False))
    try:
        path.write_text(port(9000))
        signal.raise_signal(signal.SIGHUP)
        seen.ending()
        assert watcher.config.server.port == 9000
    finally:
        signal.signal(signal.SIGHUP, previous)


# Processes


def test_a_child_of_a_fork(path, watch):
    """After `fork` the child reads the config and closes, without waiting and without harm to the parent."""
    watcher, seen = watch(path)
    watcher.reload()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: that is what is tried here
        child = os.fork()
    if child == 0:
        good = False
        try:
            good = watcher.config.server.port == 8000 and watcher.get_config() is watcher.snapshot.config
            with watcher.busy("child"):
                pass
            watcher.close()
            watcher.close()
        finally:
            os._exit(0 if good else 1)
    assert exit_code(child) == 0
    path.write_text(port(9000))
    seen.exactly("ReloadUnchanged", CHANGED, "ReloadSuccess 2")
    watcher.close()


def test_a_watcher_of_the_childs_own(path, watch):
    """A child may start a watcher of its own, which works like any."""
    watcher, seen = watch(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        good = False
        try:
            with HotReloadWatcher(path, App, debounce_ms=0) as own:
                path.write_text(port(9000))
                wait_until(lambda: own.config.server.port == 9000)
                good = True
        finally:
            os._exit(0 if good else 1)
    assert exit_code(child) == 0
    seen.exactly(CHANGED, "ReloadSuccess 2")
    watcher.close()


def exit_code(child: int) -> int:
    """Wait for a child process."""
    found: list[int] = []

    def ended() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            found.append(os.waitstatus_to_exitcode(status))
        return bool(pid)

    try:
        wait_until(ended)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return found[0]


SCRIPT = """
import sys, threading
from hotconf import HotReloadWatcher
watcher = HotReloadWatcher(sys.argv[1], dict, debounce_ms=0)
{more}
watcher.start()
watcher.reload()
print(watcher.config["server"]["port"])
{end}
"""


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ("", ""),
        ("watcher.on_event(print)", ""),
        ("stream = watcher.subscribe()\nthreading.Thread(target=list, args=(stream,)).start()", "watcher.close()"),
        ("stream = watcher.subscribe()\nthreading.Thread(target=list, args=(stream,), daemon=True).start()", ""),
        ("", "raise SystemExit(0)"),
        ("watcher.busy('for ever').__enter__()", "import pathlib\npathlib.Path(sys.argv[1]).write_text('a = 1')"),
    ],
    ids=["bare", "callback", "stream", "daemon", "exit", "busy"],
)
def test_a_program_that_never_closes(path, more, end):
    """It ends when its main thread does, promptly, silently, with its own exit code."""
    done = run(SCRIPT.format(more=more, end=end), path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "8000" in done.stdout


def test_a_program_that_ends_while_a_callback_is_stuck(path):
    """It is waited for as in `close()`, and named."""
    more = "entered = threading.Event()\nwatcher.on_event(lambda event: entered.set() or threading.Event().wait())"
    done = run(SCRIPT.format(more=more, end="entered.wait()"), path)
    assert done.returncode == 0
    assert done.stderr == "__main__.<lambda> was still running 2 s after its watcher was closed\n"


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A program of its own, with every warning an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


# The object


def test_nothing_can_be_assigned(path, watch):
    """Assigning and deleting raise AttributeError, for known names and for others."""
    watcher, _ = watch(path)
    for name in ("config", "snapshot", "_runner", "anything"):
        with pytest.raises(AttributeError):
            setattr(watcher, name, None)
        with pytest.raises(AttributeError):
            delattr(watcher, name)
    assert watcher.config.server.port == 8000


def test_reading_is_a_slot():
    """`config` and `snapshot` are slots, and nothing on the class makes reading them dearer."""
    slot = type(HotReloadWatcher.__dict__["snapshot"])
    assert slot.__name__ == "member_descriptor"
    assert type(HotReloadWatcher.__dict__["config"]) is slot
    assert not any(name in vars(cls) for cls in HotReloadWatcher.__mro__[:-1] for name in ("__getattr__",))
    assert HotReloadWatcher.__getattribute__ is object.__getattribute__
    assert not hasattr(HotReloadWatcher.__new__(HotReloadWatcher), "__dict__")


def test_written_with_its_type(path):
    """`HotReloadWatcher[Model](...)` works like without."""
    with HotReloadWatcher[App](path, App) as watcher:
        assert watcher.config.server.port == 8000
        assert watcher.__orig_class__ == HotReloadWatcher[App]


def test_it_can_be_referred_to_weakly(path, watch):
    """Watchers and snapshots take weak references."""
    watcher, _ = watch(path)
    assert weakref.ref(watcher)() is watcher
    assert weakref.ref(watcher.snapshot)() is watcher.snapshot


def test_its_repr_says_which_it_is(path, watch):
    """The file and the generation; never the configuration."""
    watcher, _ = watch(path)
    assert repr(watcher) == f"<HotReloadWatcher {str(path)!r} generation 1>"


def test_an_old_config_is_let_go(path, watch):
    """When nobody holds it, an old snapshot does not stay in memory."""
    watcher, seen = watch(path)
    ghost = weakref.ref(watcher.snapshot)
    path.write_text(port(9000))
    seen.ending()
    path.write_text(port(9001))
    seen.ending(2)

    def gone() -> bool:
        gc.collect()
        return ghost() is None

    wait_until(gone)


def test_a_model_that_is_not_frozen(path, caplog):
    """One warning says which models readers could change."""
    from pydantic import BaseModel

    class Soft(BaseModel):
        server: dict[str, int]

    with caplog.at_level(logging.WARNING, "hotconf"), HotReloadWatcher(path, Soft, debounce_ms=0) as watcher:
        seen = Seen(watcher)
        path.write_text(port(9000))
        seen.ending()
    assert [record.getMessage() for record in caplog.records].count(
        "Not frozen, so that readers could change what all others see: test_a_model_that_is_not_frozen.<locals>.Soft"
    ) == 1


# asyncio


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
    thread.join(10)
    assert told == in_thread == seen.events
