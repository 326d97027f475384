"""The driver: one thread for all watchers, which comes with the first, goes with the last, and stops for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hotconf.engine.protocol import Due
from hotconf.errors import UsageError
from hotconf.runtime import observers, process
from hotconf.runtime.driver import Driver
from hotconf.runtime.process import claim, release
from hotconf.runtime.supervision import Supervision
from hotconf.sources.base import FileSet
from hotconf.sources.files.paths import Member
from hotconf.system import threads as native
from hotconf.system.wait import NEVER, KernelWaiter, ThreadWaiter
from hotconf.watch import observer
from hotconf.watch.observer import Changes
from hotconf.watch.poll import Poll
from prefork import completed
from waiting import wait_until

FAR_NS = 3_600_000_000_000
ME = "this test"


class Driven:
    """A watcher, as the driver sees it: records what it is given."""

    def __init__(self, *, reconcile_ns: int = FAR_NS) -> None:
        self.reconcile_ns = reconcile_ns
        self.cache: Any = SimpleNamespace(files=FileSet.of(Path("/none")))
        self.driver: Driver | None = None
        self._deadline: int | None = None
        self.told: list[object] = []
        self.observers: list[Any] = []
        self.differs: tuple[Path, ...] = ()
        self.broken = False
        self.recovered = 0

    def supervise(self) -> bool:
        return False

    def recover(self) -> None:
        self.recovered += 1

    @property
    def deadline(self) -> int | None:
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: int | None) -> None:
        self._deadline = deadline
        if self.driver is not None:
            self.driver.expect(self, deadline)

    def feed(self, given: object) -> None:
        self.deadline = None
        self._tell(type(given))

    def touch(self, paths: tuple[Path, ...], now: int, detect_ns: int = 0, *, arrivals=None, polled=False) -> None:
        self._tell((*(path.name for path in paths), not polled))

    def observe(self, observer: object) -> None:
        self.observers.append(observer)

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        differs, self.differs = self.differs, ()
        then(differs)

    def _tell(self, what: object) -> None:
        if self.broken:
            raise RuntimeError("broken")
        self.told.append(what)


def threads() -> list[str]:
    """Our threads."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("hotconf"))


def descriptors() -> list[str]:
    """The descriptors of the process."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture(scope="module", autouse=True)
def server():
    """What runs the programs of tests keeps a descriptor from its first use on."""
    completed("")


@pytest.fixture(autouse=True)
def nothing_left():
    """No thread and no descriptor remains, whatever happened."""
    before = threads(), descriptors()
    yield
    assert (threads(), descriptors()) == before


class Exits:
    """The handlers that run when the process ends."""

    def __init__(self) -> None:
        self.handlers: list[tuple[object, ...]] = []

    def register(self, *handler: object) -> None:
        self.handlers.append(handler)

    def unregister(self, function: object) -> None:
        """As `atexit` does: all of this function, whatever their arguments."""
        self.handlers = [handler for handler in self.handlers if handler[0] is not function]


@pytest.fixture
def exits(monkeypatch):
    """What would run at the end."""
    exits = Exits()
    monkeypatch.setattr(process, "atexit", exits)
    monkeypatch.setattr(process._process, "_registered", True)  # once for the process, by whichever test is first
    return exits


@pytest.fixture
def driver():
    """A claimed driver."""
    driver = claim(ME)
    yield driver
    for owner in driver.owners:
        driver.call(lambda owner=owner: driver.leave(owner))
    release(ME, driver, 10)


@pytest.fixture
def main(tmp_path):
    """A file."""
    path = tmp_path / "config.toml"
    path.touch()
    return path


def join(driver: Driver, owner: Driven, name: str = "auto", *, watch: Path | None = None) -> observer.Observer:
    """Have `owner` join, and `watch` watched for it."""
    owner.driver = driver
    observer = driver.call(lambda: driver.observers.join(owner, name))
    driver.call(lambda: driver.reconcile.add(owner, time.monotonic_ns()))
    if watch is not None:
        driver.call(lambda: observer.arm(owner, FileSet.of(watch)))
    return observer


class Paused:
    """While entered, the driver's thread stands still between two inputs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._reached, self._ends = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._driver.post(lambda: (self._reached.set(), self._ends.wait(60)))
        assert self._reached.wait(60)

    def __exit__(self, *_: object) -> None:
        self._ends.set()


# Its life


def test_all_watchers_share_one_driver():
    """inotify instances are scarce; the last watcher takes it along, and the next one starts another."""
    one, two = claim(1), claim(2)
    assert one is two
    wait_until(lambda: threads() == ["hotconf-driver"])
    release(1, one, 10)
    assert one.call(lambda: "still there") == "still there"
    release(2, two, 10)
    assert threads() == []
    three = claim(3)
    assert three is not one
    assert three.call(lambda: 1) == 1
    release(3, three, 10)


def test_claims_from_many_threads(exits):
    """Watchers are started and closed in parallel: nothing is left."""
    lives: list[int] = []

    def live():
        for _ in range(25):
            owner = Driven()
            driver = claim(owner)
            driver.call(lambda owner=owner, driver=driver: driver.observers.join(owner, "auto"))
            driver.loader_for(None).submit(lambda: None)
            driver.call(lambda owner=owner, driver=driver: driver.leave(owner))
            release(owner, driver, 10)
        lives.append(1)

    living = [threading.Thread(target=live) for _ in range(8)]
    for thread in living:
        thread.start()
    for thread in living:
        thread.join()
    assert len(lives) == 8
    assert (threads(), exits.handlers) == ([], [])


def test_the_exit_handler_of_the_next_driver_is_kept(exits, monkeypatch):
    """While the last watcher of one driver is being released another thread may start the next driver."""
    old = claim(1)
    assert len(exits.handlers) == 1
    new: list[Driver] = []
    finish = Driver.finish

    def claim_meanwhile(self, timeout_s):
        if not new:
            new.append(claim(2))
        finish(self, timeout_s)

    monkeypatch.setattr(Driver, "finish", claim_meanwhile)
    release(1, old, 10)
    assert len(exits.handlers) == 1
    release(2, new[0], 10)


def test_at_exit_the_watchers_are_closed(exits):
    """Those that are left."""
    closed: list[int] = []
    user = type("User", (), {"close": lambda self: closed.append(1)})()
    driver = claim(user)
    for (function,) in exits.handlers:
        function()
    assert closed == [1]
    release(user, driver, 10)


def test_a_driver_that_cannot_have_its_descriptors(monkeypatch):
    """It polls until there are some, and then hears like any other; whoever insists on the kernel is told."""

    owner = Driven(reconcile_ns=10_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(observers, "best_waiter", lambda: ThreadWaiter("epoll_create1: Too many open files"))
        driver = claim(ME)
        with pytest.raises(UsageError, match="epoll_create1: Too many open files"):
            join(driver, Driven(), "inotify")
        assert join(driver, owner).name == "poll"
        assert not owner.observers
    wait_until(lambda: owner.observers)
    assert owner.observers[0].name == "inotify"
    assert driver.call(threading.get_native_id)
    release(ME, driver, 10)


def test_a_driver_that_cannot_have_its_thread(monkeypatch):
    """Whoever starts is told, and the next one can try again."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(native.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            claim(ME)
        release(ME, None, 10)
    release(ME, claim(ME), 10)


def test_a_child_of_a_fork_starts_its_own():
    """Even if the lock was held at the fork; the parent's driver goes on."""
    code = """
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from hotconf.runtime import process as module
parent = module.claim(1)
((_, lock),) = module._process.locks()
with lock:
    child = os.fork()
if child == 0:
    own = module.claim(1)
    ok = own is not parent and own.call(threading.get_native_id) not in (None, threading.get_native_id())
    module.release(1, own, 10)
    os._exit(0 if ok and threading.active_count() == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert parent.call(lambda: 5) == 5
module.release(1, parent, 10)
"""
    completed(code, check=True)


def test_without_files_it_sleeps_until_it_is_woken(driver, main, monkeypatch):
    """Not even for the loss of a descriptor, for it needs none; with files it looks for that, too."""
    waits: list[tuple[int, bool]] = []
    wait = observers.Observers.wait

    def noted(self, deadline: int, *, files: bool) -> None:
        waits.append((deadline, files))
        wait(self, deadline, files=files)

    monkeypatch.setattr(observers.Observers, "wait", noted)
    without, other = Driven(), Driven()
    without.cache.files = FileSet((Member(Path("/(etcd)/shop"), "virtual"),))
    join(driver, without)
    wait_until(lambda: waits and waits[-1] == (NEVER, False))
    slept = len(waits)
    assert driver.call(lambda: "woken") == "woken"
    wait_until(lambda: waits[slept:] and waits[-1] == (NEVER, False))
    without.deadline = time.monotonic_ns() + 10_000_000
    driver.wake()
    wait_until(lambda: without.told == [Due])
    join(driver, other, watch=main)
    wait_until(lambda: waits[-1][1])
    main.write_text("x")
    wait_until(lambda: other.told)
    driver.call(lambda: driver.leave(other))
    wait_until(lambda: waits[-1] == (NEVER, False))


# Actions


def test_actions_run_in_order_on_the_drivers_thread(driver):
    """Whoever posts them."""
    done: list[tuple[int, str]] = []
    for number in range(100):
        driver.post(lambda number=number: done.append((number, threading.current_thread().name)))
    driver.call(lambda: None)
    assert done == [(number, "hotconf-driver") for number in range(100)]


def test_a_call_returns_and_raises_what_the_action_does(driver):
    """In the thread of the caller; from the driver's own thread it does not wait for itself."""

    def fail():
        raise UsageError("no")

    assert driver.call(lambda: driver.call(lambda: 7)) == 7
    with pytest.raises(UsageError, match="no"):
        driver.call(fail)
    assert driver.call(lambda: 8) == 8


def test_an_action_that_raises_stops_nobody(driver, caplog):
    """It is a fault of ours, and is told as one."""

    def fail():
        raise RuntimeError("ours")

    driver.post(fail)
    assert driver.call(lambda: 1) == 1
    assert "Internal error in the driver" in caplog.text


def test_an_action_that_lacked_memory_is_repeated_once(driver, caplog):
    """It may have been lost half done; what fails again is given up."""
    done: list[str] = []

    def fail(name: str, times: int) -> None:
        done.append(name)
        if done.count(name) <= times:
            raise MemoryError

    driver.post(lambda: fail("once", 1))
    wait_until(lambda: done.count("once") == 2)
    assert driver.call(lambda: 1) == 1
    assert done.count("once") == 2
    assert "The thread hotconf-driver failed and was resumed" in caplog.text


def test_a_driver_that_fails_goes_on(monkeypatch, caplog):
    """It is reported, its watchers recover, and callers get an answer although the fault remains."""
    driver, owner = claim(ME), Driven()
    join(driver, owner)
    monkeypatch.setattr(Driver, "_deadline", lambda self: 1 / 0)
    driver.wake()
    assert driver.call(lambda: "works") == "works"
    wait_until(lambda: owner.recovered)
    monkeypatch.undo()
    assert driver.call(lambda: "works") == "works"
    driver.call(lambda: driver.leave(owner))
    release(ME, driver, 10)
    assert "The thread hotconf-driver failed and was resumed" in caplog.text


def test_a_thread_that_died_is_restarted_by_the_next_call(monkeypatch, caplog):
    """The new one does what was posted, and its watchers recover; that is reported."""
    driver, owner, done = claim(ME), Driven(), []
    join(driver, owner)
    with monkeypatch.context() as patch:
        patch.setattr(Driver, "turn", lambda self: 1 / 0)
        patch.setattr(Supervision, "failed", lambda self, error: 1 / 0)
        driver.wake()
        wait_until(lambda: not driver.alive)
    driver.post(lambda: done.append(1))
    wait_until(lambda: done == [1])
    assert owner.recovered
    assert driver is claim(ME)
    assert driver.call(lambda: "works") == "works"
    driver.call(lambda: driver.leave(owner))
    release(ME, driver, 10)
    assert "The thread hotconf-driver died and is replaced" in caplog.text


def test_a_call_after_the_end_is_refused():
    """Nobody would run it: waiting would be for ever."""
    driver = claim(ME)
    release(ME, driver, 10)
    with pytest.raises(UsageError, match="closed"):
        driver.call(lambda: 1)
    driver.post(lambda: None)
    driver.wake()


def test_calls_during_the_end_return():
    """Each either runs or is refused; none hangs."""
    for _ in range(20):
        driver = claim(ME)
        outcomes: list[object] = []

        def call(driver=driver, outcomes=outcomes):
            try:
                while True:
                    outcomes.append(driver.call(lambda: 1))
            except UsageError as error:
                outcomes.append(error)

        callers = [threading.Thread(target=call) for _ in range(4)]
        for thread in callers:
            thread.start()
        wait_until(lambda outcomes=outcomes: outcomes)
        release(ME, driver, 10)
        for thread in callers:
            thread.join(60)
            assert not thread.is_alive()


# Hearing


def test_changes_reach_their_owners(driver, main):
    """Each its own, at once."""
    one, two = Driven(), Driven()
    join(driver, one, watch=main)
    join(driver, two, watch=main.with_name("other.toml"))
    main.write_text("x")
    wait_until(lambda: one.told)
    assert set(one.told) == {("config.toml", True)}
    assert two.told == []


def test_who_leaves_the_choice_to_us_shares_the_observer(driver, main):
    """inotify instances are scarce: `auto` and `inotify` are one."""
    assert join(driver, Driven(), "auto", watch=main) is join(driver, Driven(), "inotify", watch=main)


def test_two_observers_are_both_noticed(driver, main):
    """One watcher leaves the choice to us, another asks for something else."""
    one, two = Driven(), Driven()
    assert join(driver, one, "auto", watch=main) is not join(driver, two, "watchdog", watch=main)
    for number in range(3):
        one.told.clear()
        two.told.clear()
        main.write_text(str(number))
        wait_until(lambda: one.told and two.told)


@pytest.mark.parametrize("name", ["auto", "inotify", "watchdog", "poll"])
def test_each_observer_can_be_asked_for(driver, main, name):
    """And is the one for the next owner that asks for it."""
    observer = join(driver, Driven(), name)
    assert observer.name == ("inotify" if name == "auto" else name)
    assert join(driver, Driven(), name) is observer


def test_watchdog_wakes_the_driver(driver, main):
    """It has no descriptor to wait for."""
    owner = Driven()
    join(driver, owner, "watchdog", watch=main)
    main.write_text("x")
    wait_until(lambda: ("config.toml", True) in owner.told)


def test_an_observer_that_cannot_be_had(driver, monkeypatch):
    """Asked for by name it is refused; else polling has to do, and says why."""

    def refuse(*_):
        raise OSError(24, "inotify_init1: Too many open files")

    monkeypatch.setattr("hotconf.watch.inotify_observer.Inotify", refuse)  # the module's own name for it
    with pytest.raises(UsageError, match="inotify_init1: Too many open files"):
        join(driver, Driven(), "inotify")
    owner = Driven()
    observer = join(driver, owner, "auto")
    assert isinstance(observer, Poll)
    assert str(observer.trouble(owner)).startswith("inotify is unavailable: inotify_init1: Too many open")


def test_a_suspicion_is_followed_by_a_comparison(driver, main):
    """Whatever differs is told; if nothing does, nobody is bothered."""
    owner = Driven()
    join(driver, owner, watch=main)
    directory = main.parent
    directory.rename(directory.with_name("away"))
    driver.call(lambda: None)
    assert owner.told == []
    owner.differs = (main,)
    directory.with_name("away").rename(directory)
    wait_until(lambda: owner.told)
    assert owner.told == [("config.toml", True)]


def test_one_broken_owner_stops_no_other(driver, main, caplog):
    """Whether it fails over a change, the clock or a comparison: the others are served in the same turn."""
    broken, sound = Driven(reconcile_ns=10_000_000), Driven(reconcile_ns=10_000_000)
    join(driver, broken, watch=main)
    join(driver, sound, watch=main)
    broken.broken = True
    with Paused(driver):
        main.write_text("x")
        for owner in (broken, sound):
            owner.deadline = time.monotonic_ns()
            owner.differs = (main.with_name("other.toml"),)
    wait_until(lambda: {("config.toml", True), Due, ("other.toml", False)} <= set(sound.told))
    assert broken.told == []
    assert "RuntimeError: broken" in caplog.text
    broken.broken = False
    main.write_text("y")
    wait_until(lambda: broken.told)


def test_changes_and_loads_come_before_the_clock(driver, main):
    """What the kernel has to tell may be a change of what is about to be published."""
    owner = Driven()
    join(driver, owner, watch=main)
    with Paused(driver):
        main.write_text("x")
        owner.deadline = time.monotonic_ns()
        driver.post(lambda: owner.told.append("posted"))
    wait_until(lambda: Due in owner.told)
    # The pause was in the midst of a turn: what was posted meanwhile still belongs to it, and so does what changed.
    assert owner.told.index("posted") < owner.told.index(Due)
    assert owner.told.index(("config.toml", True)) < owner.told.index(Due)


def test_a_change_is_noticed_before_a_deadline_of_the_same_moment(driver, main):
    """Both are ready when the thread wakes."""
    owner = Driven()
    observer = join(driver, owner, watch=main)
    main.write_text("x")
    driver.call(lambda: owner.told.clear())
    owner.told.clear()

    def both():
        # The next turn finds events and a deadline that has passed.
        main.write_text("y")
        owner.deadline = 1
        driver.turn()

    driver.call(both)
    assert owner.told[0] == ("config.toml", True)
    assert owner.told[-1] is Due
    assert observer.notifies


def test_a_deadline_is_kept(driver):
    """Also one that is set from another thread while the driver sleeps."""
    owner = Driven()
    join(driver, owner)
    owner.deadline = time.monotonic_ns() + 20_000_000
    driver.wake()
    wait_until(lambda: owner.told == [Due])


def test_who_has_left_is_told_nothing(driver, main):
    """Neither changes nor the clock; and nothing is watched for it."""
    owner, other = Driven(), Driven()
    observer = join(driver, owner, watch=main)
    join(driver, other, watch=main)
    driver.call(lambda: driver.leave(owner))
    owner.deadline = 1
    main.write_text("x")
    wait_until(lambda: other.told)
    assert owner.told == []
    assert observer.trouble(owner) is None
    driver.call(lambda: driver.leave(owner))


# Comparing


def test_what_nobody_told_of_is_found_and_the_way_is_watched_anew(driver, main, monkeypatch):
    """Events may be missing: the files are watched anew before the change is reported, so the load sees them all."""
    owner = Driven(reconcile_ns=10_000_000)
    observer = join(driver, owner, watch=main)
    monkeypatch.setattr(type(observer), "rearm", lambda self, owner: owner.told.append("rearm"))
    owner.differs = (main,)
    wait_until(lambda: owner.told)
    driver.call(lambda: None)
    assert owner.told == ["rearm", ("config.toml", False)]


def test_looks_that_are_dear_are_rare(driver):
    """A tree that takes long to look at does not keep a processor busy, nor the other watchers waiting."""
    dear, cheap = Driven(reconcile_ns=10_000_000), Driven(reconcile_ns=10_000_000)
    looks = {dear: 0, cheap: 0}

    def look(owner: Driven, cost_s: float) -> tuple[Path, ...]:
        looks[owner] += 1
        until = time.thread_time() + cost_s
        while time.thread_time() < until:
            pass
        return ()

    dear.compare = lambda then: then(look(dear, 0.05))
    cheap.compare = lambda then: then(look(cheap, 0.0))
    join(driver, dear)
    join(driver, cheap)
    wait_until(lambda: looks[cheap] >= 100)  # a second at the least
    assert looks[dear] <= looks[cheap] / 10


def test_who_is_not_watching_is_not_compared(driver):
    """Hot reload is off: nobody wakes the process."""
    owner = Driven(reconcile_ns=10_000_000)
    join(driver, owner)
    driver.call(lambda: driver.reconcile.drop(owner))
    owner.differs = (Path("/x"),)
    assert driver.call(driver._deadline) == driver._supervision.due
    assert owner.told == []
    driver.call(lambda: driver.reconcile.add(owner, time.monotonic_ns()))
    driver.wake()
    wait_until(lambda: owner.told == [("x", False)])


def test_a_busy_neighbour_does_not_wake_the_process(driver, main, monkeypatch):
    """The log beside the configuration is written all the time."""
    waits: list[int] = []
    real = KernelWaiter.wait
    monkeypatch.setattr(KernelWaiter, "wait", lambda self, *args: waits.append(1) or real(self, *args))
    owner = Driven()
    join(driver, owner, watch=main)
    with main.with_name("debug.log").open("w") as log:
        driver.call(lambda: None)
        waits.clear()
        for _ in range(1000):
            log.write("busy\n")
            log.flush()
        driver.call(lambda: None)
        assert len(waits) <= 2  # the one that the call ended, and the next
    assert owner.told == []


def test_an_observer_that_fails_stops_no_other(driver, main, monkeypatch, caplog):
    """Another one goes on hearing, and the reconcile goes on for both."""
    one, two = Driven(reconcile_ns=10_000_000), Driven()
    join(driver, one, "watchdog", watch=main)
    join(driver, two, "inotify", watch=main)

    def fail(self, may_block) -> dict[Any, Changes]:
        raise RuntimeError("broken")

    monkeypatch.setattr("hotconf.watch.watchdog_observer.WatchdogObserver.read", fail)
    main.write_text("x")
    wait_until(lambda: two.told)
    one.differs = (main,)
    wait_until(lambda: ("config.toml", False) in one.told)
    monkeypatch.undo()  # or the log never rests
    assert "Internal error in the driver" in caplog.text
