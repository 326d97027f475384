"""Timed cases for the machine: what is given at which instant, and what is done at which instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from doubles import Config, Content, VirtualDriver
from doubles.contents import candidate, recalled
from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import Close, Input, Loaded, Looked, Reload, State, Touched
from hotconf.problems import Problem

CONFIG, MORE = Path("/etc/app/config.toml"), Path("/etc/app/more.toml")

QUIET: Final = State(300 * MILLISECOND, generation=1)
NEVER_LOADED: Final = State(300 * MILLISECOND)
POLLED: Final = State(300 * MILLISECOND, generation=1, native=False)
OFF: Final = State(300 * MILLISECOND, generation=1, enabled=False)
EAGER: Final = State(300 * MILLISECOND, generation=1, eager=True)
NO_WINDOW: Final = State(0, generation=1)


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
TORN: Final = Unstable((CONFIG,))


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
Given: TypeAlias = Sequence[tuple[float, Maker]]
"""Inputs, each with its instant in milliseconds."""


def touch(
    *paths: Path, writing: bool = False, sure: bool = True, placed: bool = False, closed: bool = False
) -> Maker:
    """Files changed; the main one, if none is named. They were renamed into place, or closed by their writer."""
    named = paths or (CONFIG,)
    whole, over = frozenset(named if placed else ()), frozenset(named if placed or closed else ())
    return lambda now: Touched(now, named, writing, sure, whole, over)


def loaded(job: int, found: Candidate[Config], cost_ms: int = 1, *, last_good: Valid[Config] | None = None) -> Maker:
    """That load is done; `last_good` was kept of an earlier run."""
    return lambda now: Loaded(now, job, found, cost_ms * MILLISECOND, last_good)


def looked() -> Maker:
    """The look is done."""
    return Looked


def hold(reason: str = "gate") -> Maker:
    """Busy from now on."""
    return lambda now: Held(now, reason)


def release(reason: str = "gate") -> Maker:
    """No longer busy."""
    return lambda now: Freed(now, reason)


def reload(ticket: int = 1, *, force: bool = False, silent: bool = False) -> Maker:
    """Someone asks."""
    return lambda now: Reload(now, ticket, force, silent)


def close() -> Maker:
    """The end."""
    return Close


class Case(NamedTuple):
    """What is given, and what follows from it, as `Recorder.story` tells it."""

    name: str
    given: Given
    expected: str
    state: State = QUIET


def played(state: State, given: Given, until_ms: float = 20_000) -> VirtualDriver:
    """A machine that was given this, and its timer."""
    driver = VirtualDriver(state)
    for ms, make in given:
        given_then = make(round(ms * MILLISECOND))
        driver.clock.at(given_then.now, partial(_give, driver, given_then))
    driver.run(round(until_ms * MILLISECOND))
    return driver


def _give(driver: VirtualDriver, given: Input | Held | Freed) -> None:
    match given:
        case Held(reason=reason):
            driver.hold(reason)
        case Freed(reason=reason):
            driver.release(reason)
        case _:
            driver.give(given)
