"""`Applying`: what is made of one watcher's configuration is prepared, published and closed with it.

The machine, on the driver's thread, decides when; the keeper runs factories on a thread of its own, so that neither
loads nor other watchers wait for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final, Generic, TypeAlias, TypeVar

from hotconf.arguments import qualified_name
from hotconf.config.spelling import selected
from hotconf.config.walk import value_at
from hotconf.engine import protocol
from hotconf.engine.candidate import Valid
from hotconf.errors import UsageError
from hotconf.logs import log
from hotconf.problems import Problem
from hotconf.resources import reports
from hotconf.resources.keeper import Keeper
from hotconf.resources.preparation import Made, Preparation, Refused
from hotconf.resources.published import Published
from hotconf.resources.resource import Fork, Installed, Recipe, Resource, shows_async
from hotconf.runtime.applying.concern import concerned
from hotconf.runtime.applying.refusals import refusal
from hotconf.runtime.driver import Driver
from hotconf.runtime.publisher import Publisher
from hotconf.snapshot import Snapshot, Timings
from hotconf.sources.base import Options
from hotconf.subscribers.bus import checked_selector
from hotconf.system import threads
from hotconf.text import file_name

T = TypeVar("T")

Select: TypeAlias = Callable[[Any], object]

_INSTEAD: Final = {
    **{name: f"use await a{name}()" for name in ("start", "reload", "close", "rebuild")},
    "override": "use async with override(…)",
    "resource": "call it before the start, or in another thread",
}
_CLOSED: Final = "the watcher was closed meanwhile"


class Applying(Generic[T]):
    """The resources of one watcher. Used on the driver's thread, except where noted."""

    def __init__(
        self, options: Options[T], publisher: Publisher[T], feed: Callable[[protocol.Input], object]
    ) -> None:
        self.keeper = Keeper(file_name(options.path), unstuck=self._unstuck)
        self.published: Published[T] = Published(self.keeper)
        self.cause: BaseException | None = None
        """What the latest refusal came from."""
        self._options = options
        self._publisher = publisher
        self._feed = feed
        self._driver: Driver | None = None
        self._numbers = count()
        self._number = 0
        """The preparation under way; 0 for none."""
        self._preparation: Preparation | None = None
        self._rebuilding: set[Resource[Any]] = set()
        """What the next preparation makes, although nothing differs."""
        publisher.resources = self.published

    # Life

    def join(self, driver: Driver) -> None:
        """The watcher starts: from now on everything is prepared before it is published."""
        self._driver = driver
        if self._publisher.snapshot is not None and self.published.generation is None:
            self.published.publish(self._publisher.snapshot.config)
        self._anew()

    def blocked(self, *, closing: bool = False) -> Resource[Any] | None:
        """One that lives in an event loop of the calling thread, or will: who waits here waits for ever."""
        home = self.keeper.home
        if home is None or not home.is_here or (self.published.closed and not closing):
            return None
        concerned = self.keeper.alive if closing else self.published.resources
        return next((each for each in concerned if each.in_loop), None)

    def refuse_in_loop(self, method: str) -> None:
        """Raise `UsageError` in the thread of the event loop of async resources."""
        if (resource := self.blocked(closing=method == "close")) is not None:
            raise _blocking(method, resource.recipe.name)

    def abandon(self) -> None:
        """In a forked child: what was made is the parent's."""
        self.keeper.abandon()
        self.published.abandon()
        self._publisher.retired = []
        self._driver, self._number, self._preparation = None, 0, None
        self._rebuilding.clear()

    def close(self, timeout_s: float) -> bool:
        """Close what is not leased within `timeout_s`; the rest when its leases end. On any thread."""
        return self.keeper.close(self.published.withdraw(), timeout_s)

    @property
    def joined(self) -> bool:
        """Whether its watcher is started, and it with it."""
        return self._driver is not None

    @property
    def trouble(self) -> str | None:
        """What does not return."""
        return self.keeper.trouble

    def supervise(self) -> bool:
        """Repair its thread, and leave alone what hangs. Returns whether there is something to do."""
        return self.keeper.supervise(time.monotonic_ns())

    # For the machine

    def perform(self, request: protocol.Prepare | protocol.Cancel | protocol.Discard) -> None:
        """What it asks for."""
        match request:
            case protocol.Prepare():
                self._prepare(request)
            case protocol.Cancel(number):
                if self._preparation is not None and number == self._number:
                    self.keeper.cancel(self._preparation)
                self._number, self._preparation = 0, None
            case protocol.Discard(prepared):
                self.keeper.discard(prepared)

    def retire(self) -> None:
        """The ending was reported: close what was replaced."""
        if retired := self._publisher.retired:
            self._publisher.retired = []
            self.keeper.retire(retired)

    def renewal(self, resource: Resource[Any], phase: protocol.Phase) -> Valid[T] | None:
        """What to publish with `resource` made anew: what is published, or is about to be. None if nothing is."""
        snapshot, good = self._publisher.snapshot, self._publisher.good
        if snapshot is None or good is None or self.published.generation is None:
            return None
        self._rebuilding.add(resource)
        if isinstance(phase, protocol.Preparing) and phase.laid:  # with an override that was entered just now
            laid: Valid[T] = phase.candidate
            return laid
        return good._replace(
            config=snapshot.config,
            changes=(),
            summary=(f"{resource.recipe.name} was recreated",),
            unchanged=None,
            timings=Timings(),
            secrets=good.secrets or self._publisher.secrets.published,
        )

    def _prepare(self, request: protocol.Prepare) -> None:
        snapshot = self._publisher.snapshot
        good, number = request.candidate, request.number
        self._number = number
        wanted = concerned(
            self.published, None if snapshot is None else snapshot.config, good.config, anew=self._rebuilding
        )
        if wanted:
            then = partial(self._ended, number, good, time.monotonic_ns())
            self._preparation = self.keeper.prepare(wanted, then)
        else:
            self._post(partial(self._prepared, number, Made(), ()))

    def _post(self, action: Callable[[], object]) -> None:
        if self._driver is not None:
            self._driver.post(action)

    def _ended(self, number: int, good: Valid[Any], began: int, outcome: Made | Refused) -> None:
        """On the keeper's thread."""
        if isinstance(outcome, Made):
            outcome.took_ns = time.monotonic_ns() - began
            self._post(partial(self._prepared, number, outcome, ()))
        else:
            try:
                new = Snapshot(good.config, 0, good.digest, good.loaded_at, good.files, good.origins)
                problem = refusal(outcome, new, good.changes, self._options, self._publisher.secrets)
                reports.refused(outcome)
            except BaseException:  # noqa: BLE001 - lack of memory, or a fault of ours: the machine waits for an answer
                log.fault("reload", "Internal error while a refusal of %s was described", self._options.path)
                text = f"{type(outcome.error).__name__}; it cannot be described"
                problem = Problem(text, kind="apply", file=self._options.path)
            self.cause = outcome.error
            self._post(partial(self._prepared, number, None, (problem,)))

    def _prepared(self, number: int, made: Made | None, problems: tuple[Problem, ...]) -> None:
        if number == self._number:
            self._number, self._preparation = 0, None
            self._rebuilding.clear()
            self._feed(protocol.Prepared(time.monotonic_ns(), number, made, problems))
        elif made is not None:
            self.keeper.discard(made)

    def _unstuck(self) -> None:
        """On the keeper's thread: what hung has returned."""
        self._post(lambda: self._feed(protocol.Unstuck(time.monotonic_ns())))

    # On the program's threads

    def take_over(self, other: Applying[T]) -> None:
        """The resources of one that is closed are made here."""
        self._numbers = other._numbers
        for resource in other.published.resources:
            self.published.take_over(resource)

    def selecting(self, selector: object) -> Select:
        """What a selector selects. Raises `UsageError` if it is none, or the model has no such key."""
        known = checked_selector(selector, hint="")
        return known if callable(known) else partial(value_at, path=selected(known, self._options.schema))

    def register(
        self,
        select: Select,
        uses: Resource[Any] | None,
        fork: Fork,
        timeout_s: float,
        factory: Callable[..., Any],
        installed: Installed | None = None,
    ) -> Resource[Any]:
        """A new resource. If the watcher is running it is made at once. Raises what its factory raises."""
        number, name = next(self._numbers), qualified_name(factory)
        home = self.keeper.home
        if self._driver is not None and home and home.is_here and (shows_async(factory) or self.blocked()):
            raise _blocking("resource", name)
        resource = self.published.register(Recipe(name, number, select, factory, uses, fork, timeout_s, installed))
        driver = self._driver
        if driver is None:
            return resource
        try:
            driver.call(self._anew)
            self._make(resource, driver)
        except BaseException:
            driver.run(partial(self._unregister, resource))
            raise
        return resource

    def _anew(self) -> None:
        """There are other resources now: what is being prepared is prepared anew."""
        self._feed(protocol.Register(time.monotonic_ns()))

    def _unregister(self, resource: Resource[Any]) -> None:
        """It could not be created; perhaps a reload has made it all the same."""
        self.keeper.retire(self.published.unregister(resource))
        self._anew()

    def _make(self, resource: Resource[Any], driver: Driver) -> None:
        """Make it of what is published; once more if that changes meanwhile, unless a reload has made it then."""
        while not self.published.has(resource):
            snapshot = self._publisher.snapshot
            if self.published.closed:
                raise UsageError(_CLOSED)
            if snapshot is None:
                return
            outcome: list[Made | Refused] = []
            done = threads.Event()

            def then(ended: Made | Refused, outcome: list[Made | Refused] = outcome, done: Any = done) -> None:
                outcome.append(ended)
                done.set()

            self.keeper.prepare(concerned(self.published, None, snapshot.config, only=resource), then)
            if not self.keeper.wait(done):
                raise UsageError(_CLOSED)
            ended = outcome.pop()
            if isinstance(ended, Refused):
                raise ended.error
            if not driver.run(partial(self._install, resource, snapshot.config, ended)):
                self.keeper.discard(ended)
                raise UsageError(_CLOSED)

    def _install(self, resource: Resource[Any], config: object, made: Made) -> None:
        """Publish what was made of `config`, if that is still what is published."""
        snapshot = self._publisher.snapshot
        if snapshot is not None and snapshot.config is config and not self.published.has(resource):
            self.keeper.retire(self.published.publish(snapshot.config, made))
        else:
            self.keeper.discard(made)


def _blocking(method: str, name: str) -> UsageError:
    text = f"{method}() cannot wait here: it needs the event loop that this thread runs, for {name}"
    return UsageError(f"{text}; {_INSTEAD[method]}")
