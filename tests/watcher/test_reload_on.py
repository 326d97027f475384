"""`watcher.reload_on(SIGHUP)`: a signal loads the files, and nothing else that handles it notices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from hotconf import ConfigError, HotReloadWatcher, ReloadDeferred, ReloadFailed, ReloadSuccess, UsageError
from hotconf.system.inert import INERT
from waiting import wait_until
from watcher.conftest import Watch
from watcher.watched import BROKEN, FAR, App, Gate, port, save

SIGNAL = signal.SIGHUP


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Whatever a test installs: the handler that was there is there again, by the test's own doing."""
    before = signal.getsignal(SIGNAL)
    yield
    after = signal.getsignal(SIGNAL)
    signal.signal(SIGNAL, before)
    assert after == before


def hang_up() -> None:
    """The handler runs before this returns."""
    signal.raise_signal(SIGNAL)


def quiet(watch: Watch, path: Path, **options: Any) -> tuple[HotReloadWatcher[Any], Any]:
    """A watcher whose window does not end: only the signal loads."""
    return watch(path, debounce_ms=FAR, **options)


def test_a_signal_loads_the_files(watch: Watch, path: Path) -> None:
    """What is emitted is what happened: success, failure, deferral."""
    watcher, seen = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    save(path, port(1))
    hang_up()
    assert isinstance(seen.ending(1), ReloadSuccess)
    assert watcher.config.server.port == 1
    save(path, BROKEN)
    hang_up()
    assert isinstance(seen.ending(2), ReloadFailed)
    save(path, port(2))
    with watcher.busy("a test"):
        hang_up()
        assert isinstance(seen.ending(3), ReloadDeferred)
    assert watcher.config.server.port == 2
    watcher.close()


def test_hot_reload_may_be_off(watch: Watch, path: Path) -> None:
    """A signal is asked for: it loads what is not watched."""
    watcher, _ = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    save(path, port(1) + "[hot_reload]\nenabled = false\n")
    hang_up()
    wait_until(lambda: not watcher.settings.enabled)
    save(path, port(3))
    hang_up()
    wait_until(lambda: watcher.config.server.port == 3)
    watcher.close()


def test_many_signals_share_loads(watch: Watch, path: Path, gate: Gate) -> None:
    """While one load is under way, all that come share the next; none is lost."""
    watcher, seen = quiet(watch, path, checks=[lambda config: gate(config) if config.server.port == 1 else []])
    watcher.reload_on(SIGNAL)
    save(path, port(1))
    hang_up()
    gate.entered.wait(60)
    save(path, port(2))
    for _ in range(1000):
        hang_up()
    gate.released.set()
    wait_until(lambda: watcher.config.server.port == 2)
    watcher.reload()
    assert watcher.flush(60)
    assert 2 <= len(seen.endings) <= 4
    watcher.close()


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, "handler", "asyncio"])
def test_what_was_there_is_called_and_restored(watch: Watch, path: Path, before: Any) -> None:
    """The handler of somebody else, with the same arguments; no handler, and ignoring, are just restored."""
    called: list[int] = []
    if before == "handler":
        before = lambda number, frame: called.append((number, frame is not None))  # noqa: E731
    elif before == "asyncio":
        from asyncio.unix_events import _sighandler_noop as before
    original = signal.signal(SIGNAL, before)
    watcher, _ = quiet(watch, path)
    with watcher.reload_on(SIGNAL) as handle:
        assert not handle.closed
        save(path, port(1))
        hang_up()
        wait_until(lambda: watcher.config.server.port == 1)
    assert handle.closed
    assert signal.getsignal(SIGNAL) is before or signal.getsignal(SIGNAL) == before
    watcher.reload_on(SIGNAL)
    watcher.close()
    assert signal.getsignal(SIGNAL) == before
    assert called == ([(SIGNAL, True)] if called else [])
    signal.signal(SIGNAL, original)


def test_an_exception_of_a_handler_before_goes_through(watch: Watch, path: Path) -> None:
    """It is raised where the signal came, after the reload was requested."""

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    original = signal.signal(SIGNAL, leave)
    watcher, seen = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    save(path, port(1))
    with pytest.raises(KeyboardInterrupt):
        hang_up()
    assert isinstance(seen.ending(1), ReloadSuccess)
    watcher.close()
    signal.signal(SIGNAL, original)


def test_twice_is_once(watch: Watch, path: Path) -> None:
    """The same handle; nothing is chained to itself."""
    watcher, seen = quiet(watch, path)
    handle = watcher.reload_on(SIGNAL)
    installed = signal.getsignal(SIGNAL)
    assert watcher.reload_on(SIGNAL) is handle
    assert signal.getsignal(SIGNAL) is installed
    handle.close()
    again = watcher.reload_on(SIGNAL)
    assert again is not handle
    save(path, port(1))
    hang_up()
    seen.ending(1)
    watcher.close()
    assert again.closed


def test_two_watchers_have_one_handler(watch: Watch, path: Path, tmp_path: Path) -> None:
    """Closed in any order: the signal is handled for the other, and restored after the last."""
    second = tmp_path / "second.toml"
    second.write_text(port(1))
    for first_closed in (0, 1):
        watchers = [quiet(watch, each)[0] for each in (path, second)]
        handles = [each.reload_on(SIGNAL) for each in watchers]
        watchers[first_closed].close()
        assert [each.closed for each in handles] == [first_closed == 0, first_closed == 1]
        left = watchers[1 - first_closed]
        generation = left.generation
        save(left.path, port(100 + left.config.server.port))
        hang_up()
        wait_until(lambda left=left, generation=generation: left.generation == generation + 1)
        left.close()


def test_a_handler_that_is_installed_over_it(watch: Watch, path: Path) -> None:
    """One that calls ours goes on to; one that does not needs another call. Ours is not restored over either."""
    calls: list[str] = []
    original = signal.signal(SIGNAL, lambda *_: calls.append("first"))
    first = signal.getsignal(SIGNAL)
    watcher, seen = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    ours = signal.getsignal(SIGNAL)

    def over(number: int, frame: Any) -> None:
        calls.append("over")
        ours(number, frame)

    signal.signal(SIGNAL, over)
    save(path, port(1))
    hang_up()
    seen.ending(1)
    assert calls == ["over", "first"]

    watcher.reload_on(SIGNAL)  # again, over that: it must not turn in circles
    calls.clear()
    save(path, port(2))
    hang_up()
    seen.ending(2)
    assert calls == ["over", "first"]

    watcher.close()
    assert signal.getsignal(SIGNAL) is over
    calls.clear()
    hang_up()
    assert calls == ["over", "first"]
    assert first is not over
    signal.signal(SIGNAL, original)


def test_closed_in_another_thread(watch: Watch, path: Path) -> None:
    """Only the main thread restores: with the next signal, which is then handled as before."""
    ended: list[int] = []
    original = signal.signal(SIGNAL, lambda *_: ended.append(1))
    watcher, _ = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    thread = threading.Thread(target=watcher.close)
    thread.start()
    thread.join()
    hang_up()
    assert ended == [1]
    watcher, _ = quiet(watch, path)
    watcher.reload_on(SIGNAL)  # takes over what the other one could not restore
    watcher.close()
    hang_up()
    assert ended == [1, 1]
    signal.signal(SIGNAL, original)


def test_closed_in_another_thread_the_default_is_the_default(path: Path) -> None:
    """A program that would end by the signal before does so after."""
    code = f"""
        import signal, threading
        from hotconf import HotReloadWatcher
        watcher = HotReloadWatcher({str(path)!r}, dict[str, object])
        watcher.start()
        watcher.reload_on(signal.SIGHUP)
        closing = threading.Thread(target=watcher.close)
        closing.start()
        closing.join()
        signal.raise_signal(signal.SIGHUP)
        print("survived")
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGHUP, b"")


def test_what_cannot_be(watch: Watch, path: Path) -> None:
    """Off the main thread, for what is no signal, and for what the system does not let anybody handle."""
    watcher, _ = quiet(watch, path)
    for wrong in ("SIGHUP", 0, 1000, True, None):
        with pytest.raises(UsageError, match=r"^signum=.*: give a signal, such as signal\.SIGHUP"):
            watcher.reload_on(wrong)
    with pytest.raises(UsageError, match="SIGKILL cannot be handled"):
        watcher.reload_on(signal.SIGKILL)
    said: list[str] = []

    def elsewhere() -> None:
        try:
            watcher.reload_on(SIGNAL)
        except UsageError as error:
            said.append(str(error))

    for _ in range(2):  # also where a handler is there already
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        watcher.reload_on(SIGNAL)
    assert (
        said
        == [
            "handlers of signals are installed by the main thread: call reload_on() there, or call "
            "watcher.reload(wait=False) in a handler of your own"
        ]
        * 2
    )
    watcher.close()
    with pytest.raises(UsageError, match="this watcher is closed"):
        watcher.reload_on(SIGNAL)


class Signalled(BaseModel, frozen=True):
    n: int = 0

    @field_validator("n")
    @classmethod
    def _signal(cls, n: int) -> int:
        if n == 1:
            HERE[0].write_text("n = 2")
            hang_up()
        return n


HERE: list[Path] = []


def test_a_signal_during_the_start_is_not_lost(path: Path) -> None:
    """Registered before it: what the load at start may have missed is loaded after it."""
    path.write_text("n = 1")
    HERE[:] = [path]
    watcher = HotReloadWatcher(path, Signalled, debounce_ms=FAR)
    watcher.reload_on(SIGNAL)
    with watcher:
        wait_until(lambda: watcher.config.n == 2)


def test_before_the_start_and_after_a_failed_one(path: Path) -> None:
    """A signal does nothing then; a start that fails restores what was there."""
    before = signal.getsignal(SIGNAL)
    path.write_text(BROKEN)
    watcher = HotReloadWatcher(path, App)
    watcher.reload_on(SIGNAL)
    hang_up()
    with pytest.raises(ConfigError):
        watcher.start()
    assert signal.getsignal(SIGNAL) == before


def test_a_command_that_looks_at_a_program_installs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing a program must not change how the command is ended."""
    monkeypatch.setattr(INERT, "on", True)
    before = signal.getsignal(SIGNAL)
    watcher = HotReloadWatcher(path, App)
    assert watcher.reload_on(SIGNAL).closed
    assert signal.getsignal(SIGNAL) == before


def test_a_forked_child_has_its_own(watch: Watch, path: Path) -> None:
    """The handler is inherited, and loads in the child; the parent hears nothing of it."""
    watcher, seen = quiet(watch, path)
    watcher.reload_on(SIGNAL)
    save(path, port(1))
    child = os.fork()
    if not child:
        try:
            hang_up()
            wait_until(lambda: watcher.config.server.port == 1)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert seen.endings == []
    watcher.close()


@pytest.mark.parametrize("closed", ["watcher", "handle"])
def test_closing_in_a_forked_child(watch: Watch, path: Path, closed: str) -> None:
    """There the signal is handled as before, and in the parent as ever."""
    heard: list[int] = []
    original = signal.signal(SIGNAL, lambda *_: heard.append(1))
    watcher, seen = quiet(watch, path)
    handle = watcher.reload_on(SIGNAL)
    child = os.fork()
    if not child:
        try:
            (watcher if closed == "watcher" else handle).close()
            hang_up()
            os._exit(0 if heard == [1] and handle.closed and "_Link" not in repr(signal.getsignal(SIGNAL)) else 2)
        except BaseException:  # noqa: BLE001 - whatever it is
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    save(path, port(1))
    hang_up()
    assert isinstance(seen.ending(1), ReloadSuccess)
    watcher.close()
    signal.signal(SIGNAL, original)


LOOP = """
import asyncio, os, signal, sys
from pathlib import Path
from hotconf import HotReloadWatcher

path = Path(sys.argv[1])

async def main():
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, heard.set)
    async with HotReloadWatcher(path, dict[str, int], debounce_ms=60_000) as watcher:
        watcher.reload_on(signal.SIGHUP)
        events = watcher.subscribe()
        path.write_text("n = 2")
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
        await heard.wait()
        async for event in events:
            if type(event).__name__ == "ReloadSuccess":
                break
        print(watcher.config["n"])
    heard.clear()
    os.kill(os.getpid(), signal.SIGHUP)
    await heard.wait()
    print(loop.remove_signal_handler(signal.SIGHUP))

if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_beside_the_handler_of_an_event_loop(path: Path, loop: str) -> None:
    """`loop.add_signal_handler` before it: the loop's callback is called, too, during and after."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    path.write_text("n = 1")
    command = [sys.executable, "-W", "error", "-c", LOOP, str(path), loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "2\nTrue\n"), done.stderr


SERVED = """
import os, signal
from pathlib import Path
from hotconf import HotReloadSettings, HotReloadWatcher

watcher = HotReloadWatcher("config.toml", dict[str, int], settings=HotReloadSettings(enabled=False))
watcher.start()
watcher.reload_on(signal.SIGHUP)

@watcher.on_change("n")
def write(old, new):
    Path(f"{os.getpid()}.new").write_text(str(new))
    Path(f"{os.getpid()}.new").replace(f"{os.getpid()}.n")

write(None, watcher.config["n"])

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(watcher.config["n"]).encode()]
"""


def test_beside_gunicorn(tmp_path: Path) -> None:
    """A worker loads when it gets the signal; the master goes on replacing its workers by it, as gunicorn says."""
    (tmp_path / "served.py").write_text(SERVED)
    (tmp_path / "config.toml").write_text("n = 1")
    (tmp_path / "settings.py").write_text('bind = "127.0.0.1:0"\nworkers = 1\ncontrol_socket_disable = True\n')

    def worker(n: int, *, not_in: set[int] = frozenset()) -> int | None:
        texts = {int(each.stem): each.read_text() for each in tmp_path.glob("*.n")}
        return next((pid for pid, text in texts.items() if text == str(n) and pid not in not_in), None)

    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "gunicorn", "-c", "settings.py"]
        master = subprocess.Popen([*command, "served:application"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        first = wait_until(lambda: worker(1))
        (tmp_path / "config.toml").write_text("n = 2")
        os.kill(first, signal.SIGHUP)
        wait_until(lambda: worker(2) == first)
        master.send_signal(signal.SIGHUP)
        assert wait_until(lambda: worker(2, not_in={first})) != first
        assert master.poll() is None
    finally:
        master.terminate()
        assert master.wait(60) == 0, (tmp_path / "log").read_text()
