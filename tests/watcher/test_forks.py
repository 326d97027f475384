"""After a fork the parent goes on as if nothing had been, and the child follows the files by itself."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("no fork here", allow_module_level=True)

from doubles.inside import locks_of, reloader_of
from hotconf import Ending, FileChanged, HotReloadWatcher, ReloadDeferred, ReloadSuccess, UsageError
from hotconf.runtime import process
from hotconf.runtime.notifier import Caller
from hotconf.system import fork as forks
from hotconf.system import threads
from waiting import wait_until
from watcher.children import LONG_S, Told, ended, fork
from watcher.watched import FAR, App, Gate, ours, port, save

NATIVE = {"reconcile_s": 3600.0}
"""Nothing but events: the reconcile comes too late to help."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


me = threading.current_thread


def sees(watcher, number, *, deadline_s=LONG_S):
    """Wait until that is the port."""
    wait_until(lambda: watcher.config.server.port == number, deadline_s)


@pytest.fixture
def told():
    """A way for a child to say that it is there."""
    told = Told()
    yield told
    told.close()


def follower(watcher, told, number=9000):
    """Work for a child: say that it is there, and wait for the next save."""

    def work():
        told.tell()
        sees(watcher, number)
        watcher.close()
        assert not {thread.name for thread in threading.enumerate() if thread is not me()} & set(ours())

    return work


# When


@pytest.mark.parametrize("options", [NATIVE, {"observer": "poll", "reconcile_s": 0.05}], ids=["inotify", "poll"])
def test_both_see_the_next_save(path, watch, told, options):
    """A child that did nothing but wait follows, and so does the parent."""
    watcher, seen = watch(path, **options)
    child = fork(follower(watcher, told))
    told.wait()
    save(path, port(9000))
    seen.exactly("FileChanged config.toml", "ReloadSuccess 2")
    assert ended(child) == 0
    save(path, port(9001))
    sees(watcher, 9001)


def test_in_the_midst_of_a_round(path, watch):
    """What was settling in the parent settles in the child, too, with a round of its own."""
    watcher, seen = watch(path, debounce_ms=FAR, **NATIVE)
    save(path, port(9000))
    wait_until(lambda: seen.events)
    seen.events.clear()

    def work():
        wait_until(lambda: [type(event) for event in seen.events] == [FileChanged])
        assert isinstance(watcher.reload(), ReloadSuccess)

    assert ended(fork(work)) == 0
    assert seen.events == []
    assert isinstance(watcher.reload(), ReloadSuccess)
    wait_until(lambda: [type(event) for event in seen.events] == [ReloadSuccess])


def test_in_the_midst_of_a_load(path, watch, gate):
    """A check that runs in the parent runs on there; the child loads by itself."""
    checks = [lambda config: []]
    watcher, _ = watch(path, checks=[lambda config: checks[0](config)], **NATIVE)
    checks[0] = gate
    save(path, port(9000))
    assert gate.entered.wait(LONG_S)
    child = fork(lambda: (checks.__setitem__(0, lambda config: []), sees(watcher, 9000)))
    assert ended(child) == 0
    gate.released.set()
    sees(watcher, 9000)


def test_while_something_is_pending(path, watch):
    """What waited for another thread's work waits no longer in the child, where nobody would finish that work."""
    watcher, _ = watch(path, **NATIVE)
    held, over = threading.Event(), threading.Event()

    def work():
        with watcher.busy("import"):
            held.set()
            over.wait(LONG_S)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(LONG_S)
    save(path, port(9000))
    wait_until(lambda: watcher.pending)
    try:
        assert ended(fork(lambda: sees(watcher, 9000))) == 0
        assert watcher.config.server.port == 8000
    finally:
        over.set()
        thread.join()
    assert watcher.config.server.port == 9000


def test_while_this_thread_is_busy(path, watch):
    """What the thread that forks holds is held on both sides, until each lets go."""
    watcher, _ = watch(path, **NATIVE)

    def still_held():
        save(path, port(9000))
        wait_until(lambda: watcher.pending)
        assert watcher.pending.reasons == ("import",)

    with watcher.busy("import"):
        child = None

        def work():
            still_held()
            watcher.reload(force=True)
            assert watcher.config.server.port == 9000

        child = fork(work)
        assert ended(child) == 0
        wait_until(lambda: isinstance(watcher.last, ReloadDeferred))
    sees(watcher, 9000)


def test_holds_of_other_threads_are_dropped_with_a_warning(path, watch, tmp_path):
    """And the child is told which."""
    watcher, _ = watch(path, **NATIVE)
    held, over = threading.Event(), threading.Event()

    def hold():
        with watcher.busy("a long import"), watcher.busy("a long import"):
            held.set()
            over.wait(LONG_S)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(LONG_S)
    lines = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    handler = Kept()
    logging.getLogger("hotconf").addHandler(handler)
    try:
        child = fork(lambda: wait_until(lambda: [line.rpartition(": ")[2] for line in lines] == ["a long import"]))
        assert ended(child) == 0
    finally:
        logging.getLogger("hotconf").removeHandler(handler)
        over.set()
        thread.join()
    assert lines == []


def test_from_a_callback(path, watch, told):
    """The child of a callback is in the midst of it; its watcher tells others on a thread of its own."""
    watcher, _ = watch(path, **NATIVE)
    children, again = [], []

    @watcher.on_event
    def forks_once(event):
        if isinstance(event, ReloadSuccess) and not children:
            children.append(0)
            children[0] = fork(follower(watcher, told, 9001))

    watcher.on_change("server.port", lambda old, new: again.append(new))
    save(path, port(9000))
    told.wait()
    save(path, port(9001))
    sees(watcher, 9001)
    assert ended(children[0]) == 0
    wait_until(lambda: again[-1] == 9001)


def test_from_a_check(path, watch, told):
    """The child of a check follows once it calls the watcher; the load under way is not its own any more."""
    children = []

    def follow():
        assert watcher.stats
        follower(watcher, told, 9001)()

    def check(config):
        if config.server.port == 9000 and not children:
            children.append(0)
            children[0] = fork(follow)
        return []

    watcher, _ = watch(path, checks=[check], **NATIVE)
    save(path, port(9000))
    told.wait()
    save(path, port(9001))
    sees(watcher, 9001)
    assert ended(children[0]) == 0


def test_from_a_signal_handler_while_reload_waits(path, watch, gate):
    """The child comes back to a wait for a thread that is not there, and asks its own."""
    checks = [lambda config: []]
    watcher, _ = watch(path, checks=[lambda config: checks[0](config)], **NATIVE)
    parent, children = os.getpid(), []

    def handler(number, frame):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            children.append(os.fork())
        if os.getpid() != parent:
            checks[0] = lambda config: []

    before = signal.signal(signal.SIGUSR1, handler)
    checks[0] = gate
    save(path, port(9000))

    def interrupt():
        gate.entered.wait(LONG_S)
        # Not sooner: this very thread may be being started.
        wait_until(lambda: reloader_of(watcher).notifier.callers)
        os.kill(parent, signal.SIGUSR1)
        wait_until(lambda: children, LONG_S)
        gate.released.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    code = 1
    try:
        code = 0 if isinstance(watcher.reload(), Ending) and watcher.config.server.port == 9000 else 2
    finally:
        if os.getpid() != parent:
            os._exit(code)
        signal.signal(signal.SIGUSR1, before)
        thread.join()
    assert code == 0
    assert ended(children[0]) == 0


def test_whoever_asked_before_the_fork_is_let_go():
    """In the child nobody answers: the wait ends all the same, wherever the fork came between asking and waiting."""
    used = process.claim("this test")
    caller = Caller()

    def work():
        assert caller.wait(used) is None

    child = fork(work)
    process.release("this test", used, 10)
    assert ended(child) == 0


IMPORTING = """
import importlib.machinery, os, sys, threading, time
from pathlib import Path

importing, forked = threading.Event(), threading.Event()

class Slow(importlib.machinery.PathFinder):
    # The loader's thread takes its time over what it imports at the first change.
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "hotconf.config.diff" and threading.current_thread().name.startswith("hotconf"):
            importing.set()
            forked.wait(0.5)
        return None

sys.meta_path.insert(0, Slow)

from pydantic import BaseModel
from hotconf import HotReloadWatcher

class App(BaseModel, frozen=True):
    port: int

path = Path(sys.argv[1])
path.write_text("port = 8000")
watcher = HotReloadWatcher(path, App, debounce_ms=0, reconcile_s=3600)
watcher.start()
path.write_text("port = 9000")
assert importing.wait(30)
child = os.fork()
forked.set()
until = time.monotonic() + 30
while watcher.config.port != 9000 and time.monotonic() < until:
    time.sleep(0.01)
code = int(watcher.config.port != 9000)
if not child:
    os._exit(code)
sys.exit(code or os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_while_the_loader_imports(tmp_path):
    """Python does not mend the lock of a module that another thread was importing: nobody may be."""
    script = tmp_path / "importing.py"
    script.write_text(IMPORTING)
    done = subprocess.run([sys.executable, script, tmp_path / "config.toml"], check=False, timeout=120)
    assert done.returncode == 0


SLOWLY = """
import os, sys, time
from pathlib import Path
from hotconf import HotReloadWatcher, ReloadFailed
from hotconf.system.fork import LOCKS_S

class Slow:
    # A machine with a lot to do.
    def find_spec(self, name, path=None, target=None):
        if name == "hotconf.formats.toml.syntax":
            time.sleep(1.5 * LOCKS_S)

sys.meta_path.insert(0, Slow())
path = Path(sys.argv[1])
watcher = HotReloadWatcher(path, dict, debounce_ms=60_000, reconcile_s=3600)
watcher.start()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
path.write_text("port = [")
os._exit(not isinstance(watcher.reload(), ReloadFailed))
"""


def test_imports_that_take_longer_than_locks(path):
    """A fork waits for them: where a module was half imported, the child could never load a broken file."""
    command = [sys.executable, "-W", "ignore", "-c", SLOWLY, path]
    assert subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == 0


LATER = """
import ast, sys
from pathlib import Path
import hotconf.watcher

src = Path(hotconf.watcher.__file__).parent
others = {"cli", "fleet", "integrations", "report", "testing", "tui"}
files = [path for path in src.rglob("*.py") if path.relative_to(src).parts[0] not in others]
nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
inside = [node for function in functions for node in ast.walk(function)]
names = {node.module for node in inside if isinstance(node, ast.ImportFrom)}
names |= {each.name for node in inside if isinstance(node, ast.Import) for each in node.names}
print(*sorted(names - sys.modules.keys()))
"""
OF_CALLERS = {
    *("asyncio", "hotconf.config.validation.unset", "hotconf.history.writer", "hotconf.inspection.hidden"),
    *("hotconf.resources.inloop", "hotconf.resources.resource", "hotconf.runtime.applying.applying"),
    *("hotconf.runtime.applying.overriding", "hotconf.system.loops"),
    *("hotconf.subscribers.changes", "hotconf.subscribers.coroutines"),
}
"""What only the threads of the program import."""
OF_THE_FIRST_WATCHER = {
    *("logging", "hotconf.runtime.reporting.status", "hotconf.runtime.sourced.link"),
    "hotconf.sources.files.named_defaults",
}
"""They are imported where the watcher is made."""
OF_OTHERS = {
    "hotconf.config.decoding.located",
    *("hotconf.watch.watchdog_observer", "hotconf.sources.settings_class.layer", "dotenv.main", "dotenv.parser"),
}
"""They come with other packages, or with `WatchedFile`, which are imported where they are asked for, before there are
threads."""


def test_all_late_imports_are_known():
    """What threads import when they need it first is imported before a fork."""
    done = subprocess.run([sys.executable, "-c", LATER], check=True, capture_output=True, text=True, timeout=120)
    known = {*forks.LATE_IMPORTS, *forks.LATE_WITH, *chain.from_iterable(forks.LATE_WITH.values())}
    assert set(done.stdout.split()) - OF_CALLERS - OF_THE_FIRST_WATCHER - OF_OTHERS <= known


AMID = """
import os
from importlib import import_module
from hotconf.subscribers import bus
from hotconf.system import fork

bus.Bus("fork")
registered = []
os.register_at_fork = lambda **hooks: registered.append(hooks)
for name in fork.LATE_IMPORTS:
    import_module(name)
print(registered)
"""


def test_what_is_imported_amid_a_fork_takes_no_part_in_it():
    """What registers then is called for the second half only: `logging` gives back a lock that was never taken."""
    done = subprocess.run([sys.executable, "-c", AMID], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n"


FIRST_YAML = r"""
import os, signal, sys, threading, time
from pathlib import Path
from pydantic import BaseModel
from hotconf import HotReloadSettings, HotReloadWatcher

class App(BaseModel, frozen=True):
    port: int = 0
    hot_reload: HotReloadSettings = HotReloadSettings()

searching = threading.Event()

class Slow:
    # A disk that takes its time to find the package.
    def find_spec(self, name, path=None, target=None):
        if name == "yaml":
            searching.set()
            time.sleep(0.1)

sys.meta_path.insert(0, Slow())
Path("conf.d").mkdir(exist_ok=True)
Path("config.toml").write_text('[hot_reload]\nwatch_paths = ["conf.d"]\n')
with HotReloadWatcher("config.toml", App, debounce_ms=0) as watcher:
    assert "yaml" not in sys.modules
    if not os.fork():
        os._exit(0)  # now nothing else is left to be imported
    os.wait()
    Path("conf.d/first.yaml").write_text("port: 1\n")
    assert searching.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(60)
        until = time.monotonic() + 20
        while watcher.config.port != 1 and time.monotonic() < until:
            time.sleep(0.01)
        os._exit(0 if watcher.config.port == 1 else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_while_the_first_yaml_is_being_imported(tmp_path):
    """A program with TOML only imports no YAML. A fork waits for it, or the child would wait for ever."""
    command = [sys.executable, "-c", FIRST_YAML]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.stdout == "0\n", done.stderr


def test_from_several_threads_in_a_storm(path, watch):
    """Whatever every thread is in the midst of; each child sees the last save."""
    watcher, _ = watch(path, debounce_ms=0, **NATIVE)
    children: list[int] = []

    def forks():
        children.extend(fork(lambda: sees(watcher, 9999)) for _ in range(5))

    threads = [threading.Thread(target=forks) for _ in range(4)]
    for thread in threads:
        thread.start()
    number = 9000
    while any(thread.is_alive() for thread in threads):
        number = 9000 + (number + 1) % 900
        save(path, port(number))
        watcher.reload(wait=False)
        with watcher.busy("x"):
            pass
    save(path, port(9999))
    sees(watcher, 9999)
    assert [ended(child) for child in children] == [0] * 20


def test_again_and_again(path, watch, told):
    """One fork after the other, with a save after each."""
    watcher, _ = watch(path, debounce_ms=0, **NATIVE)
    for number in range(9000, 9020):
        child = fork(follower(watcher, told, number))
        told.wait()
        save(path, port(number))
        assert ended(child) == 0
        sees(watcher, number)


def test_grandchildren(path, watch, told):
    """Four generations, all of which see the same save."""
    watcher, _ = watch(path, **NATIVE)

    def generation(left):
        def work():
            child = fork(generation(left - 1)) if left else 0
            told.tell()
            sees(watcher, 9000)
            assert not child or ended(child) == 0

        return work

    child = fork(generation(3))
    for _ in range(4):
        told.wait()
    save(path, port(9000))
    assert ended(child) == 0
    sees(watcher, 9000)


# What


def test_three_watchers_in_one_process(tmp_path, watch, told):
    """Each follows its own files, in the child as in the parent; the one that was closed stays closed."""
    watchers = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(port(8000))
        watchers.append(watch(tmp_path / name / "config.toml", **NATIVE)[0])
    watchers[2].close()

    def work():
        wait_until(lambda: ours() == ["hotconf-driver"])
        told.tell()
        sees(watchers[0], 9000)
        sees(watchers[1], 9001)
        assert watchers[2].watching == ()
        assert watchers[2].config.server.port == 8000

    child = fork(work)
    told.wait()
    save(watchers[0].path, port(9000))
    save(watchers[1].path, port(9001))
    save(watchers[2].path, port(9002))
    assert ended(child) == 0
    sees(watchers[0], 9000)
    sees(watchers[1], 9001)


def test_what_subscribers_have(path, watch, told):
    """Callbacks are kept, streams end. What the parent had still to tell it tells alone; but who follows a value gets
    the newest on both sides."""
    watcher, _ = watch(path, **NATIVE)
    gate, changes = Gate(), []
    watcher.on_event(gate)
    watcher.on_change("server.port", lambda old, new: changes.append((old, new)))
    stream = watcher.subscribe()
    save(path, port(9000))
    sees(watcher, 9000)
    assert gate.entered.wait(LONG_S)

    def work():
        assert list(stream) == []
        gate.released.set()
        wait_until(lambda: changes == [(8000, 9000)], LONG_S)
        told.tell()
        wait_until(lambda: changes == [(8000, 9000), (9000, 9001)], LONG_S)
        own = watcher.subscribe()
        watcher.reload()
        assert next(own)

    child = fork(work)
    told.wait()
    save(path, port(9001))
    sees(watcher, 9001)
    assert ended(child) == 0
    gate.released.set()
    assert isinstance(next(stream), FileChanged)


def test_streams_that_had_ended(path, watch):
    """Closed before the fork, ended by it, or ended two forks ago: they end, and close, without a wait."""
    watcher, _ = watch(path, **NATIVE)
    closed, open_ = watcher.subscribe(), watcher.subscribe()
    closed.close()

    def work():
        own = watcher.subscribe()

        def grandchild():
            for stream in (closed, open_, own):
                assert list(stream) == []
                stream.close()

        for stream in (closed, open_):
            assert list(stream) == []
            stream.close()
        assert ended(fork(grandchild)) == 0
        watcher.close()
        assert list(own) == []

    assert ended(fork(work)) == 0


def test_in_a_coroutine(path, watch):
    """A stream that a loop of the parent iterates has ended in the child, and that loop hears nothing of it."""
    watcher, _ = watch(path, **NATIVE)
    stream = watcher.subscribe()

    async def last():
        return [event async for event in stream]

    async def main():
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        child = fork(lambda: asyncio.run(others()))
        assert await asyncio.to_thread(ended, child) == 0
        assert not waiting.done()
        save(path, port(9000))
        assert isinstance(await waiting, FileChanged)

    async def others():
        assert await last() == []

    asyncio.run(main())


def test_a_watcher_that_was_not_started(path):
    """Made before the fork, with its callbacks, it can be started on either side."""
    watcher = HotReloadWatcher(path, App, debounce_ms=0, **NATIVE)
    events = []
    watcher.on_event(events.append)

    def work():
        with watcher:
            save(path, port(9000))
            sees(watcher, 9000)
            wait_until(lambda: events)

    assert ended(fork(work)) == 0
    with watcher:
        assert watcher.config.server.port == 9000


def test_hot_reload_that_is_off_stays_off(path, watch):
    """Until the child calls `reload()`."""
    watcher, _ = watch(path, **NATIVE)
    save(path, port(8000) + "[hot_reload]\nenabled = false\n")
    wait_until(lambda: not watcher.settings.enabled)

    def work():
        save(path, port(9000))
        assert isinstance(watcher.reload(), ReloadSuccess)
        save(path, port(9001))
        sees(watcher, 9001)

    assert ended(fork(work)) == 0


def test_a_child_can_close(path, watch):
    """Without waiting, twice, and without harm to the parent."""
    watcher, _ = watch(path, debounce_ms=FAR, **NATIVE)

    def work():
        assert watcher.get_config() is watcher.snapshot.config
        with watcher.busy("child"):
            pass
        watcher.close()
        watcher.close()
        assert not ours()
        with pytest.raises(UsageError):
            watcher.reload()

    assert ended(fork(work)) == 0
    save(path, port(9000))
    assert isinstance(watcher.reload(), ReloadSuccess)


def test_a_child_that_cannot_have_what_it_needs(path, watch, monkeypatch):
    """It keeps its config, can close, and says that it does not follow; started again, it does."""
    watcher, _ = watch(path, **NATIVE)

    def work():
        assert watcher.stats.observer == "none"
        with pytest.raises(UsageError):
            watcher.reload()
        monkeypatch.undo()
        watcher.start()
        save(path, port(9000))
        sees(watcher, 9000)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads.Thread, "start", refuse)
    child = fork(work)
    monkeypatch.undo()
    assert ended(child) == 0


def test_a_lock_that_cannot_be_had(path, watch, monkeypatch, told):
    """The fork goes on without it, and the child has new ones: nobody waits for ever."""
    watcher, _ = watch(path, **NATIVE)
    monkeypatch.setattr(forks, "LOCKS_S", 0.05)
    holding, go_on = threading.Event(), threading.Event()

    def hold():
        stepping, bus = locks_of(watcher)
        with stepping, bus:
            holding.set()
            go_on.wait(LONG_S)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(LONG_S)
    child = fork(follower(watcher, told))
    go_on.set()
    thread.join()
    told.wait()
    save(path, port(9000))
    sees(watcher, 9000)
    assert ended(child) == 0


# Descriptors


@LINUX
def test_descriptors_of_a_child(path, watch):
    """As many as the parent has, and its own: what is the parent's is closed."""
    watcher, _ = watch(path, **NATIVE)
    mine = kernel_files()

    def work():
        wait_until(lambda: watcher.stats.observer == "inotify")
        assert [name for _, name in kernel_files()] == [name for _, name in mine]
        watcher.close()
        assert kernel_files() == []

    assert ended(fork(work)) == 0
    assert kernel_files() == mine
    save(path, port(9000))
    sees(watcher, 9000)


@LINUX
def test_descriptors_after_exec(path, watch):
    """None is inherited by another program."""
    watch(path, **NATIVE)
    reading, writing = os.pipe()

    def work():
        os.dup2(writing, 1)
        os.execv("/bin/ls", ["ls", "-l", "/proc/self/fd"])

    child = fork(work)
    os.close(writing)
    with os.fdopen(reading) as file:
        listed = file.read()
    assert ended(child) == 0
    assert "pipe" in listed
    assert "inotify" not in listed
    assert "eventfd" not in listed
    assert "timerfd" not in listed


def kernel_files() -> list[tuple[int, str]]:
    """The descriptors that are watches, wake-ups and timers."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append((int(entry.name), os.fspath(entry.readlink())))
    return sorted((pair for pair in found if pair[1].startswith("anon_inode:")), key=lambda pair: pair[1])


# Others who fork


def test_multiprocessing(path, watch):
    """Its processes follow, too."""
    watcher, _ = watch(path, **NATIVE)
    context = multiprocessing.get_context("fork")
    there = context.Barrier(3)

    def work():
        there.wait(LONG_S)
        sees(watcher, 9000)

    processes = [context.Process(target=work) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for process in processes:
            process.start()
    there.wait(LONG_S)
    save(path, port(9000))
    for process in processes:
        process.join(LONG_S)
    assert [process.exitcode for process in processes] == [0, 0]
    sees(watcher, 9000)


LATE_LOGGING = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from hotconf import HotReloadWatcher
watcher = HotReloadWatcher(sys.argv[1], dict, debounce_ms=0)
watcher.start()
watcher.subscribe()
import logging
class Slow(logging.Handler):
    def emit(self, record):
        print(record.getMessage(), flush=True)
handler = Slow()
logging.getLogger("hotconf").addHandler(handler)
held, over = threading.Event(), threading.Event()
def hold():
    with watcher.busy("x"), handler.lock:
        held.set()
        over.wait(60)
thread = threading.Thread(target=hold)
thread.start()
held.wait(60)
child = os.fork()
if child == 0:
    watcher.reload()
    watcher.close()
    os._exit(5)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
thread.join()
watcher.close()
"""


def test_logging_that_was_locked_and_imported_late(path):
    """The child does not log before the locks of `logging` are mended, whoever registered first."""
    command = [sys.executable, "-W", "error", "-c", LATE_LOGGING, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    first, last = done.stdout.splitlines()
    assert first.endswith(": x")
    assert last == "child 5"


def test_no_import_of_logging():
    """To live on in a child costs nothing before there is a watcher."""
    code = "import sys, hotconf.watcher; print({'logging', 'multiprocessing', 'asyncio'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "set()\n", done.stderr


def test_children_of_callbacks_and_checks_end_as_others(path, watch):
    """Those of `multiprocessing` with 0, and those that call `sys.exit()` with its code."""
    codes = []

    def check(config):
        start()
        leave()
        return ()

    def start(*_):
        process = multiprocessing.get_context("fork").Process(target=int)
        process.start()
        process.join()
        codes.append(process.exitcode)
        return ()

    def leave(*_):
        child = os.fork()
        if child == 0:
            sys.exit(7)
        codes.append(ended(child))

    running = []
    watcher, _ = watch(path, checks=[lambda config: check(config) if running else ()], **NATIVE)
    running.append(watcher)  # not at the start, which belongs to this thread
    watcher.on_change("server.port", start)
    watcher.on_change("server.port", leave)
    save(path, port(9000))
    wait_until(lambda: len(codes) == 4)
    assert codes == [0, 7, 0, 7]


@pytest.mark.parametrize("how", ["waits", "returns", "raises"])
def test_a_child_that_a_check_forks_does_not_load(path, watch, tmp_path, how):
    """Neither while it works nor afterwards: the load would run the check again, which would fork again."""
    runs = tmp_path / "runs"
    runs.touch()
    children, started = [], []

    def check(_):
        if not started:
            return ()
        with runs.open("ab") as file:
            file.write(b"x")
        if runs.stat().st_size > 3:
            os._exit(9)
        child = os.fork()
        if child == 0:
            until = time.monotonic() + 0.5
            while how == "waits" and time.monotonic() < until and runs.stat().st_size == 1:
                time.sleep(0.01)
            if how == "raises":
                raise ValueError
            if how == "waits":
                os._exit(5)
        else:
            children.append(child)
        return ()

    watcher, _ = watch(path, checks=[check], **NATIVE)
    started.append(watcher)
    save(path, port(9000))
    wait_until(lambda: children)
    code = ended(children[0])
    assert code == (5 if how == "waits" else 0)
    wait_until(lambda: watcher.config.server.port == 9000)
    assert runs.read_bytes() == b"x"
