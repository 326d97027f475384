"""The reload cycle of one watcher, on the driver's thread: changes are noticed, the machine steps, files are loaded
and watched. For the driver it is the `Driven`, for its observers the `Owner`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from hotconf.engine import machine, protocol
from hotconf.engine.candidate import Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.logs import log
from hotconf.runtime.driver import Driver
from hotconf.runtime.load import problems_of
from hotconf.runtime.loads import Finished, Laid, Loads
from hotconf.runtime.notifier import Caller, Edit, Notifier
from hotconf.runtime.observation import Observation
from hotconf.runtime.publisher import Publisher
from hotconf.runtime.rounds import Request, Rounds
from hotconf.sources.base import Options
from hotconf.sources.files.cache import Cache
from hotconf.subscribers.bus import Bus
from hotconf.system import threads
from hotconf.system.exceptions import refuse_in_load
from hotconf.watch.background import may_block
from hotconf.watch.observer import Arrivals, Observer, ObserverName

if TYPE_CHECKING:
    import asyncio

    from hotconf.history.writer import HistoryWriter
    from hotconf.resources.resource import Resource
    from hotconf.runtime.applying.applying import Applying
    from hotconf.runtime.reporting.reporter import Reporter
    from hotconf.system.worker import Worker

T = TypeVar("T")

_REST_NS: Final = 5_000_000
"""If not all events could be queued at once, the rest follows after this, so that callbacks can catch up."""
_AGAIN_NS: Final = 1_000_000_000
"""How often to check whether a hold has ended silently: a signal handler may have raised before that was reported."""


class Cycle(Generic[T]):
    """One running watcher: notices changes, steps its machine, has files loaded and watched."""

    def __init__(
        self,
        options: Options[T],
        cache: Cache,
        publisher: Publisher[T],
        notifier: Notifier,
        bus: Bus[T],
        history: HistoryWriter[T] | None,
        *,
        observer: ObserverName,
        reconcile_ns: int,
    ) -> None:
        self.cache = cache
        self.reconcile_ns = reconcile_ns
        window_ns, eager = publisher.settings.debounce_ms * MILLISECOND, publisher.settings.mode == "eager"
        state = protocol.State(window_ns, group=attrgetter("parent"), enabled=publisher.settings.enabled, eager=eager)
        self.rounds = Rounds(options.path, state, cache, publisher, notifier)
        self.loads = Loads(options, cache, publisher, history)
        self.observation = Observation(self, options, observer, cache)
        self.applying: Applying[T] | None = None
        """What is made of the config, if anything is."""
        self.loop: tuple[asyncio.AbstractEventLoop, int] | None = None
        """The event loop that entered the watcher, and its thread."""
        self._loop_lost = False
        """Whether that was in the parent of this process."""
        self.offered: Callable[[protocol.Load | protocol.Judge, Driver, Worker], None] | None = None
        """Loads and judges what its source offers, if it has one."""
        self.reporter: Reporter | None = None
        """Writes the status, if there is a state directory."""
        self.closed = False
        self._overrides = options.overrides
        self._path = options.path
        self._publisher = publisher
        self._notifier = notifier
        self._bus = bus
        self._history = history
        self._driver: Driver | None = None
        self._watched_late = False
        """Whether the files may have been loaded before they were watched."""
        self._comparison = 0
        """The number of the latest comparison that the machine asked for."""
        self._edits: deque[Edit] = deque()
        """Overrides to be entered and left, one after the other; the first is under way."""

    # Life

    def join(self, driver: Driver) -> None:
        """Watch the files. Raises `UsageError` if the requested observer is not available."""
        self._driver = driver
        self.observation.join(driver)
        self._watched_late = may_block(self)
        self._arm(_nothing)
        self._join_others(driver)

    def rejoin(self, driver: Driver, lost: tuple[Path, ...] | None) -> None:
        """In a forked child: watch the files, and touch those whose state is lost; the main file, if those are
        unknown. Overrides that were dropped count no longer.
        """
        self._driver = driver
        self.observation.rejoin(driver)
        self._join_others(driver)
        changed = () if lost is None else lost or (self._path,)
        self._arm(partial(self._armed, _nothing, changed))
        good = self._publisher.good
        if good is not None and good.made_of.overrides != self._overrides.tables:
            self.edit(Edit(None))

    def _join_others(self, driver: Driver) -> None:
        if self.applying is not None:
            self.applying.join(driver)
        if self.reporter is not None:
            self.reporter.join(driver)

    def leave(self, driver: Driver | None) -> None:
        """Emit nothing more, and watch nothing."""
        self.feed(protocol.Close(time.monotonic_ns()))
        while self._edits:
            self._edits.popleft().answer(None)
        if self.reporter is not None:
            self.reporter.leave()
        if driver is not None:
            driver.leave(self)

    def abandon(self) -> tuple[Path, ...] | None:
        """In a forked child: whatever is under way is the parent's. Returns what `rejoin` needs."""
        self.loads.forget()
        self._edits.clear()
        if count := self._overrides.abandon(threads.ident()):
            text = "In this child of a fork, overrides of other threads are dropped: %d of %s"
            log.warning("reload", text, count, self._path)
        self._notifier.abandon()
        if self.loop is not None:
            self.loop, self._loop_lost = None, True
        if self.applying is not None:
            self.applying.abandon()
        self._driver = self.observation.observer = None
        return self.rounds.reset()

    @property
    def loop_lost(self) -> bool:
        """Whether the event loop that entered has ended, or is one of the parent of this process."""
        return self._loop_lost or (self.loop is not None and self.loop[0].is_closed())

    def enter_loop(self, *, running: bool) -> bool:
        """From now on async resources live in the current event loop, unless another one has entered that goes on.

        Returns whether the watcher is `running`, and has lost the loop that it was started in. In a forked child the
        driver's thread may not have begun yet.
        """
        from hotconf.system.loops import running as current

        lost = self.loop_lost
        if lost or not running:
            self.loop, self._loop_lost = (current("async with"), threads.ident()), False
            self._bus.enter_loop(*self.loop)
            if self.applying is not None:
                self.applying.keeper.enter(*self.loop)
        return lost and running and not self.closed

    def refuse(self, method: str, *, waits: bool = True, handlers: bool = False) -> None:
        """Raise `UsageError` where a call of `method` that `waits` would wait for itself.

        With `handlers` signal handlers may call it anywhere.
        """
        refuse_in_load(method, handlers=handlers or not waits)
        if waits and self.applying is not None:
            self.applying.refuse_in_loop(method)

    # For the driver

    @property
    def watching(self) -> bool:
        """Whether the files are watched: not while hot reload is off."""
        return self.rounds.state.enabled and not self.closed

    def touch(
        self,
        paths: tuple[Path, ...],
        now: int,
        detect_ns: int = 0,
        *,
        arrivals: Arrivals | None = None,
        polled: bool = False,
    ) -> None:
        """These files changed. `arrivals`: of all files, if an event said so. `polled`: found by polling."""
        if self.watching and self.observation.observer is not None:
            self.rounds.detect_ns = detect_ns
            self.feed(self.observation.touched(now, paths, arrivals, polled=polled))

    def compare(self, then: Callable[[tuple[Path, ...]], object]) -> None:
        """Compare the files with what the last load read; call `then` with those whose change is not known yet."""
        self.observation.compare(then)

    def observe(self, observer: Observer) -> None:
        """Use `observer` from now on; if it is in use already, arm the files again."""
        self.observation.use(observer)
        self._arm(_nothing)

    def supervise(self) -> bool:
        """Repair its threads if they failed. Returns whether there is something to do."""
        keeping = self._history is not None and self._history.supervise()
        making = self.applying is not None and self.applying.supervise()
        return self._bus.delivery.worker.supervise() or keeping or making

    def recover(self) -> None:
        """After the driver failed: touch the main file, and request a new reload for waiting callers."""
        self.rounds.reset()
        self.touch((self._path,), time.monotonic_ns())
        for number in tuple(self._notifier.callers):
            self.feed(protocol.Reload(time.monotonic_ns(), number, revalidate=True))
        self._lay_next()

    # The machine

    def request(self, caller: Caller, *, force: bool, silent: bool = False, revalidate: bool = False) -> None:
        """Load the files without a window."""
        number = self._notifier.add(caller)
        self.feed(protocol.Reload(time.monotonic_ns(), number, force, silent, revalidate))

    def release(self) -> None:
        """A hold has ended: publish what is pending, unless a round is open."""
        self.feed(protocol.Release(time.monotonic_ns()))

    def edit(self, edit: Edit) -> None:
        """Enter or leave an override, after those before it."""
        if self.closed:
            edit.answer(None)
            return
        self._edits.append(edit)
        if len(self._edits) == 1:
            self._lay_next()

    def rebuild(self, resource: Resource[Any], caller: Caller) -> None:
        """Publish what is published once more, with this made anew."""
        applying, phase = self.applying, self.rounds.state.phase
        good = None if self.closed or applying is None else applying.renewal(resource, phase)
        if good is None:
            caller.answer(None)
        else:
            self.feed(protocol.Overlay(time.monotonic_ns(), self._notifier.add(caller), good, alone=True))

    def _lay_next(self) -> None:
        while self._edits and (driver := self._driver) is not None:
            edit = self._edits[0]
            if edit.changes(self._overrides):
                self.loads.overlay(edit, driver, self._loader(driver), partial(self._overlaid, edit))
                return
            self._edits.popleft().answer(None)  # it was left before, or never entered

    def _overlaid(self, edit: Edit, laid: Laid) -> None:
        """An override is laid over what was published; if that is another snapshot by now, once more."""
        if not self._edits or self._edits[0] is not edit:
            return
        if laid.published is not self._publisher.snapshot:
            self._lay_next()
            return
        self._edits.popleft()
        good = laid.candidate if isinstance(laid.candidate, Valid) else None
        if edit.table is not None and good is None:
            edit.problems = () if laid.candidate is None else problems_of(laid.candidate)
            edit.answer(None)
        else:
            edit.done(self._overrides)
            caller = self._notifier.add(edit)
            given = protocol.Overlay(time.monotonic_ns(), caller, good, laid.outdated, fallback=laid.fallback)
            self.feed(given)
        self._lay_next()

    def feed(self, given: protocol.Input) -> None:
        """Give the machine an input, and perform its effects."""
        requests = self.rounds.feed(given, native=self.observation.native)
        if (driver := self._driver) is None:
            self._bus.drain()
            return
        for request in requests:
            try:
                self._begin(request, driver)
            except Exception:  # noqa: BLE001 - a fault of ours
                log.fault("watch", "Internal error in a reload of %s", self._path)
                self.rounds.crash()
        queued = True
        try:
            queued = self._bus.drain()
        finally:  # whatever fails there, the machine gets its `Due`
            driver.expect(self, self._deadline(queued=queued))
            if self.applying is not None:
                self.applying.retire()
            if self.reporter is not None:
                self.reporter.look()

    def _deadline(self, *, queued: bool) -> int | None:
        """When the machine wants a `Due`, or when to check what is pending or not queued yet."""
        state = self.rounds.state
        if not queued:
            return time.monotonic_ns() + _REST_NS
        if state.pending is not None and state.round is None:
            return time.monotonic_ns() + _AGAIN_NS
        return machine.deadline(state)

    def _begin(self, request: Request, driver: Driver) -> None:
        match request:
            case protocol.Load(offer=0):
                self.loads.begin(request, driver, self._loader(driver), self._loaded)
            case protocol.Verify():
                driver.post(self._verify)
            case protocol.Watching():
                driver.post(partial(self._arm, _nothing) if request.on else self.observation.disarm)
            case protocol.Load() | protocol.Judge():
                if self.offered is not None:
                    self.offered(request, driver, self._loader(driver))
            case _ if self.applying is not None:
                self.applying.perform(request)

    def _loader(self, driver: Driver) -> Worker:
        """That of all watchers, unless the loads of this one may take long, or hang."""
        return driver.loader_for(self.cache.files.mounts.remote or (self if may_block(self) else None))

    # Files

    def _arm(self, then: Callable[[], object]) -> None:
        """Watch the files of the last load, then continue. Notices changes in between."""
        if self.watching:
            self.observation.arm(partial(self._armed, then))
        else:
            then()

    def _armed(self, then: Callable[[], object], changed: tuple[Path, ...]) -> None:
        if changed:
            self.touch(changed, time.monotonic_ns())
        then()

    def _loaded(self, load: Finished) -> None:
        """A load is back. Watch its files before the machine gets it."""
        if not self.rounds.awaits(load.number):
            load.done()
            return
        again = self.cache.done(load.result.files) or self._watched_late
        self._watched_late = False
        feed = partial(self._feed_loaded, load)
        try:
            self._arm(partial(self.compare, feed) if again else partial(feed, ()))
        except Exception:
            if self.rounds.awaits(load.number):
                feed(())  # or the machine would wait for this load forever
            raise

    def _feed_loaded(self, load: Finished, changed: tuple[Path, ...]) -> None:
        try:
            self._found(changed)
        finally:
            now, candidate = time.monotonic_ns(), load.result.candidate
            self.feed(protocol.Loaded(now, load.number, candidate, load.cost_ns, load.last_good))
            load.done()

    def _verify(self) -> None:
        self._comparison += 1
        self.compare(partial(self._verified, self._comparison))

    def _verified(self, number: int, changed: tuple[Path, ...]) -> None:
        self._found(changed)
        if number == self._comparison:  # an earlier comparison does not show what happened before this request
            self.feed(protocol.Verified(time.monotonic_ns()))

    def _found(self, changed: tuple[Path, ...]) -> None:
        """A comparison found that these changed, without an event."""
        if changed:
            self.touch(changed, time.monotonic_ns(), polled=True)


def _nothing() -> None:
    """Nothing follows."""
