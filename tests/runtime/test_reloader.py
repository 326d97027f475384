"""One watcher at work, with its real driver: what happens when much happens at once."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from hotconf.errors import UsageError
from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import ConfigError
from hotconf.runtime import process
from hotconf.runtime import reloader as module
from hotconf.runtime.driver import Driver
from hotconf.runtime.holds import Busy
from hotconf.runtime.reloader import Reloader
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.sources.base import Options
from hotconf.sources.files import paths, reading
from hotconf.subscribers.bus import Bus
from hotconf.system import worker
from hotconf.watch.inotify_observer import InotifyObserver
from prefork import completed
from waiting import wait_until

FAR_NS = 3_600_000_000_000
OFTEN_NS = 20_000_000


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    n: int = 0
    hot_reload: HotReloadSettings = HotReloadSettings()


class Gate:
    """A check that can be held up."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.entered = threading.Event()

    def __call__(self, config: Config) -> tuple[()]:
        self.entered.set()
        assert self.opened.wait(60)
        return ()

    def shut(self) -> None:
        """The next load waits in the check."""
        self.entered.clear()
        self.opened.clear()


class Watched:
    """A reloader with the events it emitted and the configs it published."""

    def __init__(self, main: Path, *, observer: str, reconcile_ns: int, window_ms: int, listeners=()) -> None:
        self.main = main
        self.gate = Gate()
        self.installed: list[int] = []
        self.before_install: Callable[[], object] = lambda: None
        self.generations: dict[int, set[int]] = {}
        self.bus: Bus[Config] = Bus("test")
        self.stream = self.bus.subscribe()
        source = Options(main, Schema(Config, checks=[self.gate]), PinnedSettings(debounce_ms=window_ms))
        how = {"observer": observer, "reconcile_ns": reconcile_ns, "listeners": listeners}
        self.reloader = Reloader(source, self.bus, self.install, **how)
        self.events: list[object] = []
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def install(self, snapshot) -> None:
        self.before_install()
        self.installed.append(snapshot.config.n)
        self.generations.setdefault(snapshot.generation, set()).add(snapshot.config.n)

    def _listen(self) -> None:
        self.events.extend(self.stream)

    def kinds(self) -> list[type]:
        return [type(event) for event in list(self.events)]

    def save(self, n: int) -> None:
        """As atomic writers do."""
        new = self.main.with_name("new~")
        new.write_text(f"n = {n}\n")
        new.rename(self.main)

    @property
    def n(self) -> int:
        return self.installed[-1]


@pytest.fixture
def main(tmp_path):
    """The main file."""
    path = Path(os.path.realpath(tmp_path)) / "config.toml"
    path.write_text("n = 1\n")
    return path


@pytest.fixture
def make(main):
    """Makes watchers, and closes them."""
    made: list[Watched] = []

    def make(*, observer="auto", reconcile_ns=FAR_NS, window_ms=20, start=True, listeners=()) -> Watched:
        watched = Watched(
            main, observer=observer, reconcile_ns=reconcile_ns, window_ms=window_ms, listeners=listeners
        )
        made.append(watched)
        if start:
            watched.reloader.start(require=True)
        return watched

    yield make
    for watched in made:
        watched.gate.opened.set()
        watched.reloader.close()
        watched.listener.join(60)
    wait_until(lambda: not ours())


def driver() -> Driver:
    """The one of this process."""
    used = process.current()
    assert used is not None
    return used


def ours() -> list[str]:
    """Our threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("hotconf")]


def in_threads(*works) -> None:
    """Run each in its own thread, until all are done; none may raise or hang."""
    failed: list[BaseException] = []

    def guarded(work) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []


# Many threads, and signals


def test_an_event_that_is_queued_late_is_queued_by_itself(make):
    """A caller held the lock of the subscribers for longer than the driver waits: no further change is needed."""
    watched = make()
    ((_, lock),) = watched.bus.locks()
    with lock:
        watched.save(2)
        wait_until(lambda: watched.n == 2)
        driver().call(lambda: None)  # the step that published it has ended
        assert ReloadSuccess not in watched.kinds()
    wait_until(lambda: ReloadSuccess in watched.kinds())


def test_without_events_the_files_are_compared_before_a_commit(make, main):
    """Polling may have missed a change of what is about to be published."""
    watched = make(observer="poll", window_ms=500)
    cycle, compared = watched.reloader.cycle, []
    real = cycle.compare
    cycle.compare = lambda then: (compared.append(watched.n), real(then))
    watched.save(2)
    driver().call(lambda: cycle.touch((main,), time.monotonic_ns()))
    wait_until(lambda: watched.n == 2)
    assert compared == [1]


def test_a_save_survives_a_fault_of_the_driver(make, monkeypatch):
    """The open round is lost; the files are compared."""
    watched = make(window_ms=500)
    watched.save(2)
    wait_until(lambda: FileChanged in watched.kinds())
    failed: list[int] = []

    def fail(self) -> None:
        failed.append(1)
        monkeypatch.undo()
        raise RuntimeError("a fault")

    monkeypatch.setattr(Driver, "turn", fail)
    driver().wake()
    wait_until(lambda: failed)
    wait_until(lambda: watched.n == 2)


def test_a_load_that_waits_for_others_does_not_begin_after_close(make, monkeypatch):
    """Its checks would run when nobody expects them any more."""
    monkeypatch.setattr(worker, "SLOW_NS", FAR_NS)
    first, closed = make(), make(window_ms=60_000)
    first.gate.shut()
    first.save(2)
    assert first.gate.entered.wait(60)
    closed.gate.entered.clear()
    asked = closed.reloader.reload(wait=False, force=False)
    driver().call(lambda: None)
    closed.reloader.close()
    first.gate.opened.set()
    wait_until(lambda: first.n == 2)
    first.save(3)
    wait_until(lambda: first.n == 3)
    assert asked is None
    assert not closed.gate.entered.is_set()


def test_a_reload_that_waits_survives_a_fault_of_the_driver(make, monkeypatch):
    """It is answered by a new load."""
    watched = make(window_ms=60_000)
    watched.gate.shut()
    watched.save(2)
    events: list[object] = []
    caller = threading.Thread(target=lambda: events.append(watched.reloader.reload(wait=True, force=False)))
    caller.start()
    assert watched.gate.entered.wait(60)
    failed: list[int] = []

    def fail(self) -> None:
        failed.append(1)
        monkeypatch.undo()
        raise RuntimeError("a fault")

    monkeypatch.setattr(Driver, "turn", fail)
    driver().wake()
    wait_until(lambda: failed)
    watched.gate.opened.set()
    caller.join(60)
    assert not caller.is_alive()
    assert isinstance(events[0], ReloadSuccess)
    assert watched.n == 2


def test_holds_releases_reloads_and_saves_from_many_threads(make):
    """Whatever the order: no deadlock, nothing is held in the end, and what is published is what the file says."""
    watched = make(window_ms=1)
    reloader = watched.reloader

    def hold() -> None:
        for number in range(50):
            with Busy(reloader, f"reason {number % 3}"):
                pass

    def reload() -> None:
        for number in range(20):
            reloader.reload(wait=number % 2 == 0, force=number % 3 == 0)

    def save() -> None:
        for number in range(2, 100):
            watched.save(number)

    in_threads(hold, hold, hold, reload, reload, save)
    wait_until(lambda: watched.n == 99)
    assert reloader.pending is None
    assert type(reloader.reload(wait=True, force=False)) is ReloadUnchanged

    def told() -> list[int]:
        return [event.generation for event in list(watched.events) if isinstance(event, ReloadSuccess)]

    wait_until(lambda: list(watched.generations) == [1, *told()])  # events are delivered later
    assert list(watched.generations) == list(range(1, len(told()) + 2))


def test_a_release_has_published_when_it_returns(make):
    """It waits for the driver, even if that is slow, and busy with other work first."""
    watched = make()
    reloader = watched.reloader
    hold = Busy(reloader, "x")
    hold.__enter__()
    watched.save(2)
    assert isinstance(reloader.reload(wait=True, force=False), ReloadDeferred)

    watched.before_install = lambda: threading.Event().wait(0.2)
    driver().post(lambda: threading.Event().wait(0.2))
    hold.__exit__(None, None, None)
    assert watched.n == 2


def test_nothing_is_committed_once_busy_was_entered(make):
    """An earlier step, even during its commit, has ended once `busy` is entered."""
    watched = make(window_ms=0)
    begun, goes_on = threading.Event(), threading.Event()

    def hold_up() -> None:
        begun.set()
        assert goes_on.wait(60)

    watched.before_install = hold_up
    watched.save(2)
    assert begun.wait(60)
    hold = Busy(watched.reloader, "x")
    entered = threading.Thread(target=hold.__enter__)
    entered.start()
    entered.join(0.1)
    assert entered.is_alive()
    goes_on.set()
    entered.join(60)
    assert watched.n == 2
    watched.save(3)
    wait_until(lambda: ReloadDeferred in watched.kinds())
    assert watched.n == 2
    hold.__exit__(None, None, None)
    assert watched.n == 3


def test_a_signal_handler_may_reload_while_its_thread_waits(make):
    """With `wait=False` and without: the handler runs during another call's wait."""
    watched = make()
    reloader = watched.reloader
    asked: list[object] = []

    def handle(*_: object) -> None:
        asked.append(reloader.reload(wait=False, force=False))
        asked.append(reloader.reload(wait=True, force=False) is not None)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        watched.gate.shut()
        watched.save(2)
        assert watched.gate.entered.wait(60)
        sender = threading.Thread(target=lambda: (os.kill(os.getpid(), signal.SIGUSR1), watched.gate.opened.set()))
        sender.start()
        reloader.reload(wait=True, force=False)
        sender.join()
        wait_until(lambda: len(asked) == 2)
        assert asked == [None, True]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_signals_at_any_moment(make):
    """Two hundred, while the main thread is busy and reloads; each comes when the last was handled."""
    watched = make(window_ms=1)
    reloader = watched.reloader
    handled: list[int] = []

    def handle(*_: object) -> None:
        reloader.reload(wait=False, force=False)
        handled.append(1)

    def pester() -> None:
        for number in range(200):
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda number=number: len(handled) > number)

    before = signal.signal(signal.SIGUSR1, handle)
    pest = threading.Thread(target=pester)
    pest.start()
    try:
        number = 1
        while pest.is_alive():
            number += 1
            watched.save(number)
            with Busy(reloader, "x"):
                reloader.reload(wait=True, force=False)
    finally:
        pest.join()
        signal.signal(signal.SIGUSR1, before)
    assert len(handled) == 200
    wait_until(lambda: watched.n == number)


def test_a_signal_handler_may_close_whoever_it_interrupts(make):
    """It runs while its thread subscribes, and waits for the driver, which has an event to deliver just then."""
    watched, other = make(window_ms=0), make()
    reloader = watched.reloader

    def handle(*_: object) -> None:
        watched.save(2)
        wait_until(lambda: watched.installed[-1] == 2)
        reloader.reload(wait=True, force=False)
        other.reloader.close()
        reloader.close()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with watched.bus.lock, other.bus.lock:  # as `subscribe` does
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not reloader.watching


def test_what_could_not_be_queued_is_queued_later(make):
    """In order, as soon as the lock is released."""
    watched = make(window_ms=0)
    with watched.bus.lock:
        for number in (2, 3):
            watched.save(number)
            assert watched.reloader.reload(wait=True, force=False) is not None
        assert watched.kinds() == []
    wait_until(lambda: watched.kinds().count(ReloadSuccess) >= 2)
    told = [event.generation for event in list(watched.events) if isinstance(event, ReloadSuccess)]
    assert told == sorted(told)


# Start and close


def test_only_one_of_many_starts_works(make):
    """From many threads at once."""
    watched = make(start=False)
    outcomes: list[str] = []

    def start() -> None:
        try:
            watched.reloader.start(require=True)
            outcomes.append("started")
        except UsageError:
            outcomes.append("refused")

    in_threads(*[start] * 6)
    assert sorted(outcomes) == ["refused"] * 5 + ["started"]


def test_closing_while_it_is_started(make, monkeypatch):
    """Whoever starts is told, rather than left with a watcher that has no configuration."""
    monkeypatch.setattr(module, "CLOSE_S", 0.1)
    watched = make(start=False)
    watched.gate.shut()
    raised: list[BaseException] = []

    def start() -> None:
        try:
            watched.reloader.start(require=True)
        except UsageError as error:
            raised.append(error)

    starter = threading.Thread(target=start)
    starter.start()
    assert watched.gate.entered.wait(60)
    watched.reloader.close()
    watched.gate.opened.set()
    starter.join(60)
    assert not starter.is_alive()
    assert len(raised) == 1
    wait_until(lambda: not ours())


def test_closing_before_it_has_joined_the_others(make, monkeypatch):
    """It does not join any more: nobody would take it out again."""
    other, watched = make(), make(start=False)
    claim = process.claim
    monkeypatch.setattr(process, "claim", lambda user: (claim(user), watched.reloader.close())[0])
    with pytest.raises(UsageError, match="closed"):
        watched.reloader.start(require=True)
    assert driver().owners == (other.reloader.cycle,)


def test_starts_and_closes_at_the_same_time(make):
    """Each start either works or is refused, and nothing is left of it."""
    for _ in range(30):
        watched = make(start=False)

        def start(watched=watched) -> None:
            try:
                watched.reloader.start(require=True)
            except UsageError:
                return

        in_threads(start, watched.reloader.close)
        watched.reloader.close()
    assert process.current() is None
    wait_until(lambda: not ours())


def test_an_interrupt_while_it_is_started(make, monkeypatch):
    """Ctrl-C ends the start, and leaves nothing behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    watched = make(start=False)
    monkeypatch.setattr(paths, "expand", interrupt)
    with pytest.raises(KeyboardInterrupt):
        watched.reloader.start(require=True)
    assert ours() == []


def test_a_failed_start_leaves_nothing(make, main):
    """Nor does it let itself be started again."""
    main.write_text("broken")
    watched = make(start=False)
    with pytest.raises(ConfigError):
        watched.reloader.start(require=True)
    wait_until(lambda: not ours())
    with pytest.raises(UsageError):
        watched.reloader.start(require=True)


def test_a_check_that_outlives_its_watcher_harms_nobody(make, monkeypatch):
    """When it ends at last, the descriptors of the driver are other people's."""
    monkeypatch.setattr(module, "CLOSE_S", 0.1)
    watched = make()
    watched.gate.shut()
    watched.save(2)
    assert watched.gate.entered.wait(60)
    watched.reloader.close()
    ends = [os.pipe() for _ in range(6)]
    watched.gate.opened.set()
    wait_until(lambda: not ours())
    for reader, writer in ends:
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 8)
        os.close(reader)
        os.close(writer)
    assert watched.installed == [1]


def test_many_watchers_are_closed_in_parallel(make):
    """All of one driver, which ends with the last."""
    watched = [make() for _ in range(10)]
    assert ours().count("hotconf-driver") == 1
    in_threads(*[each.reloader.close for each in watched])
    assert ours() == []


def test_a_child_of_a_fork_can_close(main):
    """Even if some thread of the parent was in the midst of a step: its lock is held for ever in the child."""
    code = """
import os, sys, threading, warnings
from pathlib import Path
from pydantic import BaseModel
from hotconf.subscribers.bus import Bus
from hotconf.runtime.holds import Busy
from hotconf.sources.base import Options
from hotconf.runtime.reloader import Reloader
from hotconf.schema import Schema

class Config(BaseModel):
    n: int

warnings.simplefilter("ignore", DeprecationWarning)
source = Options(Path(sys.argv[1]), Schema(Config))
reloader = Reloader(source, Bus("x"), lambda snapshot: None, observer="auto", reconcile_ns=10**12)
reloader.start(require=True)
held, ends = threading.Event(), threading.Event()

def hold():
    ((_, lock),) = reloader.locks()
    with lock:
        held.set()
        ends.wait(60)

holder = threading.Thread(target=hold)
holder.start()
held.wait(60)
child = os.fork()
if child == 0:
    reloader.close()
    with Busy(reloader, "x"):
        pass
    os._exit(0)
ends.set()
holder.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
reloader.close()
"""
    completed(code, main, check=True)


# Looking


def test_a_change_that_is_being_loaded_is_not_found_again(make):
    """While a load is under way what is known is older than it: one save is one round."""
    watched = make(observer="poll", reconcile_ns=OFTEN_NS)
    looks: list[int] = []
    watched.gate.shut()
    watched.save(2)
    assert watched.gate.entered.wait(60)
    real = watched.reloader.cycle.compare
    watched.reloader.cycle.compare = lambda then: looks.append(1) or real(then)
    wait_until(lambda: len(looks) >= 5)
    watched.gate.opened.set()
    wait_until(lambda: ReloadSuccess in watched.kinds())
    looks.clear()
    wait_until(lambda: len(looks) >= 5)
    assert watched.kinds() == [FileChanged, ReloadSuccess]
    assert watched.n == 2


def test_a_change_during_a_load_is_found_when_it_is_back(make):
    """What nobody told of, and what the load may have been too early for."""
    watched = make(observer="poll", reconcile_ns=OFTEN_NS)
    watched.gate.shut()
    watched.save(2)
    assert watched.gate.entered.wait(60)
    watched.save(3)
    watched.gate.opened.set()
    wait_until(lambda: watched.n == 3)
    wait_until(lambda: watched.kinds().count(ReloadSuccess) == len(watched.generations) - 1)


def test_a_reload_that_is_slow_opens_no_round(make):
    """What it reads is not a change afterwards."""
    watched = make(observer="poll", reconcile_ns=OFTEN_NS)
    watched.gate.shut()
    looks: list[int] = []
    real = watched.reloader.cycle.compare
    watched.reloader.cycle.compare = lambda then: looks.append(1)  # no poll between the save and the reload
    wait_until(lambda: looks)
    watched.save(2)
    watched.reloader.reload(wait=False, force=False)
    assert watched.gate.entered.wait(60)
    looks.clear()
    watched.reloader.cycle.compare = lambda then: looks.append(1) or real(then)
    wait_until(lambda: len(looks) >= 5)
    watched.gate.opened.set()
    wait_until(lambda: watched.events)
    looks.clear()
    wait_until(lambda: len(looks) >= 5)
    assert watched.kinds() == [ReloadSuccess]


def test_what_no_event_tells_of_is_found(make):
    """Also beside an observer that reports everything."""
    watched = make(observer="inotify", reconcile_ns=OFTEN_NS)
    cycle = watched.reloader.cycle
    driver().call(lambda: cycle.observation.observer.disarm(cycle))
    watched.save(2)
    wait_until(lambda: watched.n == 2)


def test_a_failure_that_passes_is_tried_again(make, main, monkeypatch):
    """No descriptor was left for a moment: nothing about the file has changed when there is one again."""
    watched = make(reconcile_ns=OFTEN_NS)
    real = os.open
    out: list[int] = [1]

    def refuse(path, *given, **named):
        if out and os.fspath(path) == os.fspath(main):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(path, *given, **named)

    monkeypatch.setattr(os, "open", refuse)
    watched.save(2)
    wait_until(lambda: ReloadFailed in watched.kinds())
    assert watched.kinds() == [FileChanged, ReloadFailed]
    out.clear()
    wait_until(lambda: watched.n == 2)


def test_a_young_file_that_changes_within_one_tick_of_the_clock(make, main, monkeypatch):
    """The same stamp and other bytes: content is compared until the stamp can be trusted."""
    monkeypatch.setattr(reading, "FRESH_NS", FAR_NS)
    watched = make(observer="poll", reconcile_ns=OFTEN_NS)
    stamp = watched.reloader.files.reads[main].stamp
    main.write_text("n = 2\n")
    monkeypatch.setattr(reading, "_identity", lambda found: stamp.identity)
    wait_until(lambda: watched.n == 2)


def test_a_bus_that_fails_stops_no_round(make, monkeypatch):
    """Whatever happens to the events, the window ends, and the save is published."""
    watched = make()

    def fail():
        raise RuntimeError("injected")

    monkeypatch.setattr(watched.bus, "drain", fail)
    watched.save(2)
    wait_until(lambda: watched.n == 2)


# Watching


def test_a_fragment_that_appears_before_its_directory_is_watched(make, main, monkeypatch):
    """Between the load that lists a directory and the watch on it: nobody tells of it, so it is looked for."""
    (main.parent / "conf.d").mkdir()
    watched = make()
    real = InotifyObserver.arm

    def arm(self, owner, files):
        if files.folders:
            (main.parent / "conf.d" / "a.toml").write_text("n = 5\n")
        return real(self, owner, files)

    monkeypatch.setattr(InotifyObserver, "arm", arm)
    main.write_text("[hot_reload]\nwatch_paths = ['conf.d']\n")
    wait_until(lambda: watched.n == 5)


def test_a_fragment_that_changes_before_it_is_watched(make, main, monkeypatch):
    """The same for the file itself."""
    fragment = main.with_name("a.toml")
    fragment.write_text("n = 4\n")
    watched = make()
    real = InotifyObserver.arm

    def arm(self, owner, files):
        if len(files.members) == 2 and fragment.read_text() == "n = 4\n":
            fragment.write_text("n = 5\n")
        return real(self, owner, files)

    monkeypatch.setattr(InotifyObserver, "arm", arm)
    main.write_text("[hot_reload]\nwatch_paths = ['a.toml']\n")
    wait_until(lambda: watched.n == 5)


def test_an_observer_that_fails_loses_no_load(make, monkeypatch, caplog):
    """Who waits for it is answered, and the next change is noticed."""
    watched = make()

    def fail(self, owner, files):
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(InotifyObserver, "arm", fail)
        assert isinstance(watched.reloader.reload(wait=True, force=False), ReloadUnchanged)
    watched.save(2)
    wait_until(lambda: watched.n == 2)
    assert "broken" in caplog.text


def test_directories_that_appear_one_by_one_are_no_changes(make, tmp_path):
    """The file is as absent as before: nothing is told until it is there."""
    main = tmp_path / "a" / "b" / "config.toml"
    watched = Watched(main, observer="auto", reconcile_ns=FAR_NS, window_ms=20)
    watched.reloader.start(require=False)
    try:
        wait_until(lambda: watched.kinds() == [ReloadFailed])
        for directory in (main.parent.parent, main.parent):
            directory.mkdir()
            driver().call(lambda: None)
        main.write_text("n = 7\n")
        wait_until(lambda: watched.installed == [7])
        wait_until(lambda: ReloadSuccess in watched.kinds())
        assert watched.kinds() == [ReloadFailed, FileChanged, ReloadSuccess]
    finally:
        watched.reloader.close()


def test_the_way_is_found_again_by_looking(make, main):
    """A directory far up is moved and made anew: no event, but the reconcile finds it, and saves are noticed."""
    deep = main.parent / "x" / "y" / "z" / "config.toml"
    deep.parent.mkdir(parents=True)
    deep.write_text("n = 1\n")
    watched = Watched(deep, observer="inotify", reconcile_ns=OFTEN_NS, window_ms=1)
    watched.reloader.start(require=True)
    try:
        (main.parent / "x").rename(main.parent / "old")
        deep.parent.mkdir(parents=True)
        deep.write_text("n = 2\n")
        wait_until(lambda: watched.n == 2)
        watched.reloader.cycle.compare = lambda then: then(())  # from here on only events tell
        watched.save(3)
        wait_until(lambda: watched.n == 3)
    finally:
        watched.reloader.close()
