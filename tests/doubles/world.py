"""`World`: files, a kernel, a loader and the machine between them, all simulated, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from doubles.contents import Config, Content, group
from doubles.disk import Disk
from doubles.driver import VirtualDriver, Witness
from doubles.loader import Loader
from doubles.observer import Observer
from doubles.preparer import Preparer
from hotconf.engine.candidate import Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import (
    Answer,
    Cancel,
    Close,
    Decide,
    Discard,
    Effect,
    Emit,
    Judge,
    Load,
    Loaded,
    Offer,
    Prepare,
    Publish,
    Refresh,
    Reload,
    State,
    Verify,
    Watching,
)
from hotconf.events import Ending


class World:
    """Everything around the machine. Nothing happens until time passes, but for what is called here."""

    def __init__(
        self,
        files: Mapping[Path, Content | None],
        *,
        window_ms: int = 300,
        native: bool = True,
        eager: bool = False,
        lag: int = 0,
        timer_first: bool = True,
        witness: Witness | None = None,
        last_good: Valid[Config] | None = None,
        prepares: bool = False,
    ) -> None:
        state = State(window_ms * MILLISECOND, polled=not native, eager=eager, prepares=prepares, group=group)
        self.driver = VirtualDriver(state, perform=self._perform, witness=witness, lag=lag, timer_first=timer_first)
        self.disk = Disk(files)
        self.observer = Observer(self.disk, self.driver, native=native)
        self.loader = Loader(self.driver.clock, self.disk, self._loaded, last_good=last_good)
        self.preparer = Preparer(self.driver)
        self.published: Valid[Config] | None = None
        self.generation = 0
        self.answers: dict[int, Ending | None] = {}
        self._callers = 0
        self.offers: dict[int, dict[Path, Content]] = {}
        """What was offered, by number."""
        self.verdicts: list[tuple[int, str]] = []

    @property
    def now(self) -> int:
        """The instant."""
        return self.driver.clock.now

    @property
    def state(self) -> State:
        """What the machine remembers."""
        return self.driver.state

    def run(self, ms: float) -> None:
        """Let so much time pass."""
        self.driver.run(self.now + round(ms * MILLISECOND))

    def save(self, *paths: Path, content: Content | None) -> None:
        """Replace files in one step each, all at the same instant."""
        for path in paths:
            self.disk.save(path, content)
        self.observer.noticed(paths)

    def publish(self, path: Path, content: Content | None) -> None:
        """A source that is no file says this from now on."""
        self.disk.publish(path, content)
        self.observer.published()

    def offer(self, path: Path, content: Content) -> int:
        """That source offers this."""
        number = len(self.offers) + 1
        self.offers[number] = {path: content}
        self.driver.give(Offer(self.now, number))
        return number

    def commit(self, number: int) -> None:
        """From now on it says so."""
        for path, content in self.offers[number].items():
            self.disk.publish(path, content)
        ready = self.state.offer is not None and self.state.offer.number == number and self.state.offer.candidate
        self.driver.give(Decide(self.now, number, commit=bool(ready)))
        if not ready:
            self.observer.published()

    def withdraw(self, number: int) -> None:
        """It was only an offer."""
        self.driver.give(Decide(self.now, number, commit=False))

    def write(self, path: Path, content: Content) -> None:
        """Write in place and keep the file open."""
        self.disk.write(path, content)
        self.observer.noticed([path])

    def finish(self, path: Path) -> None:
        """Close what `write` opened."""
        self.disk.finish(path)
        self.observer.noticed([path])

    def report(self, *, everything: bool) -> None:
        """From now on every change is reported, or none is, and the machine knows."""
        self.observer.native = everything
        self.driver.state = self.driver.state._replace(polled=not everything)

    def hold(self, reason: str) -> None:
        """Be busy."""
        self.driver.hold(reason)

    def release(self, reason: str) -> None:
        """Be busy no longer."""
        self.driver.release(reason)

    def reload(self, *, force: bool = False, silent: bool = False, revalidate: bool = False) -> int:
        """Ask for a load without a window; its answer comes to stand in `answers`."""
        self._callers += 1
        self.driver.give(Reload(self.now, self._callers, force, silent, revalidate))
        return self._callers

    def close(self) -> None:
        """The end."""
        self.driver.give(Close(self.now))
        self.preparer.end()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Load(number, offer=offer):
                self.loader.begin(number, self.offers.get(offer, {}))
            case Judge(number, verdict):
                self.verdicts.append((number, verdict))
            case Verify():
                self.observer.verify()
            case Prepare(number, good):
                self.preparer.begin(number, good)
            case Cancel(number):
                self.preparer.cancel(number)
            case Discard(prepared):
                self.preparer.discard(prepared)
            case Publish(good, generation, prepared=prepared):
                self.generation = generation
                self.preparer.publish(prepared)
                self.loader.before = self.loader.read
                self._publish(good)
            case Refresh(good) if self.published is not None:
                self._publish(good._replace(config=self.published.config))
            case Emit():
                self.loader.before = self.loader.read
            case Answer(callers, event):
                self.answers |= dict.fromkeys(callers, event)
            case Watching(on):
                self.observer.watch(on=on)

    def _publish(self, good: Valid[Config]) -> None:
        self.published = self.loader.published = good

    def _loaded(self, loaded: Loaded, versions: Mapping[Path, int]) -> None:
        self.observer.was_read(versions)
        self.driver.give(loaded)
