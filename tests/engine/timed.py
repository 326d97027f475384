"""Timed cases for the machine: what is given at which instant, and what is done at which instant.

Instants are milliseconds. What depends on the machine's constants is written with their names: `"10 + P"` is 10 ms
and a pause, `"C + 10"` is 10 ms after the ceiling of a 300 ms window, `"5 + 20 * R"` is the rest after a load that
came back at 5 and took 20.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from doubles import Config, Content, VirtualDriver
from doubles.contents import candidate, recalled
from hotconf.engine import machine
from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.engine.debounce import MILLISECOND, Touched, ceiling_ns
from hotconf.engine.protocol import Close, Input, Loaded, Prepared, Register, Reload, State, Verified
from hotconf.problems import Problem

CONFIG, MORE = Path("/etc/app/config.toml"), Path("/etc/app/more.toml")

NEVER_LOADED: Final = State(300 * MILLISECOND, group=attrgetter("parent"))
QUIET: Final = NEVER_LOADED._replace(generation=1)
POLLED: Final = QUIET._replace(polled=True)
OFF: Final = QUIET._replace(enabled=False)
EAGER: Final = QUIET._replace(eager=True)
NO_WINDOW: Final = QUIET._replace(window_ns=0)


def good(content: Content) -> Valid[Config]:
    """What a load of a file that says `content` brings back, where `Content()` is published."""
    published = candidate({CONFIG: Content()})
    assert isinstance(published, Valid)
    found = candidate({CONFIG: content}, published)
    assert isinstance(found, Valid)
    return found


HALF: Final = good(Content(1, cut=1))._replace(shrank=(CONFIG,))
NEW, OTHER, SAME = good(Content(1)), good(Content(2)), good(Content())
TURNS_EAGER, STAYS_EAGER = good(Content(1, mode="eager")), good(Content(2, mode="eager"))
TURNS_OFF, SLOWER = good(Content(1, enabled=False)), good(Content(1, debounce_ms=1000))
WRONG: Final = candidate({CONFIG: Content(valid=False), MORE: None})
assert isinstance(WRONG, Invalid)
KEPT: Final = recalled({CONFIG: Content(1)})
EMPTY: Final = Invalid((Problem("The file is empty", kind="empty", file=CONFIG),), shrank=(CONFIG,))
TORN: Final = Unstable((CONFIG,), (Problem("The file is being written", kind="unstable", file=CONFIG),))


class Held(NamedTuple):
    """A hold begins."""

    now: int
    reason: str


class Freed(NamedTuple):
    """It ends."""

    now: int
    reason: str


Maker: TypeAlias = Callable[[int], Input | Held | Freed]
"""Makes the input of an instant."""
Instant: TypeAlias = float | str
Given: TypeAlias = Sequence[tuple[Instant, Maker]]
"""Inputs, each with its instant."""


def touch(
    *paths: Path, writing: bool = False, polled: bool = False, renamed: bool = False, closed: bool = False
) -> Maker:
    """Files changed; the main one, if none is named. They were renamed into place, or closed by their writer."""
    named = paths or (CONFIG,)
    whole, over = frozenset(named if renamed else ()), frozenset(named if renamed or closed else ())
    return lambda now: Touched(now, named, writing, polled, whole, over)


def loaded(
    number: int, found: Candidate[Config], cost_ms: int = 1, *, last_good: Valid[Config] | None = None
) -> Maker:
    """That load is done; `last_good` was kept of an earlier run."""
    return lambda now: Loaded(now, number, found, cost_ms * MILLISECOND, last_good)


def verified() -> Maker:
    """The sources were compared with what was read."""
    return Verified


def prepared(number: int, *problems: Problem) -> Maker:
    """That preparation is done, or failed."""
    return lambda now: Prepared(now, number, None if problems else "made", problems)


def register() -> Maker:
    """Something is made of the configuration."""
    return Register


def hold(reason: str = "gate") -> Maker:
    """Busy from now on."""
    return lambda now: Held(now, reason)


def release(reason: str = "gate") -> Maker:
    """No longer busy."""
    return lambda now: Freed(now, reason)


def reload(caller: int = 1, *, force: bool = False, silent: bool = False, revalidate: bool = False) -> Maker:
    """Someone asks."""
    return lambda now: Reload(now, caller, force, silent, revalidate)


def close() -> Maker:
    """The end."""
    return Close


STEADY: Final = tuple(f"C * {n} / 8" for n in range(8))
"""Instants up to the ceiling, less than a window apart."""


def ms(instant: Instant) -> float:
    """That instant, with the constants of now."""
    names = {"P": machine.PAUSE_NS / MILLISECOND, "C": ceiling_ns(300 * MILLISECOND) / MILLISECOND, "R": machine.REST}
    return float(eval(instant, {}, names)) if isinstance(instant, str) else instant


class Case(NamedTuple):
    """What is given, and what follows from it, as `Recorder.story` tells it."""

    name: str
    given: Given
    expected: str
    state: State = QUIET

    @property
    def story(self) -> str:
        """`expected` with the constants of now."""
        parts = (part.split(": ", 1) for part in self.expected.split("; "))
        return "; ".join(f"{ms(instant):g}: {what}" for instant, what in parts)


def played(state: State, given: Given, until: Instant = 20_000) -> VirtualDriver:
    """A machine that was given this, and its timer."""
    driver = VirtualDriver(state)
    for instant, make in given:
        given_then = make(round(ms(instant) * MILLISECOND))
        driver.clock.at(given_then.now, partial(_give, driver, given_then))
    driver.run(round(ms(until) * MILLISECOND))
    return driver


def _give(driver: VirtualDriver, given: Input | Held | Freed) -> None:
    match given:
        case Held(reason=reason):
            driver.hold(reason)
        case Freed(reason=reason):
            driver.release(reason)
        case _:
            driver.give(given)
