"""Whatever is raised at any line or instruction, in the program or in the keeper's thread: all is closed, once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import hotconf.resources
from hotconf.resources.preparation import Made
from resources.making import LONG_S, Thing, Workshop, threads
from torture.extent import FULL
from waiting import wait_until

OURS = str(Path(hotconf.resources.__file__).parent)


class Death(BaseException):
    """Raised anywhere."""


class Tracer:
    """Raises at the n-th place in this package that a thread comes to; `passed` counts them."""

    def __init__(self, at: int, event: str) -> None:
        self._at, self._event = at, event
        self.passed = 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = self._event == "opcode"
        if event == self._event:
            self.passed += 1
            if self.passed == self._at:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                raise Death
        return self


@pytest.fixture
def untraced() -> Iterator[None]:
    """Whatever measures coverage goes on afterwards."""
    before, for_threads = sys.gettrace(), threading.gettrace()
    yield
    sys.settrace(before)
    threading.settrace(for_threads)  # type: ignore[arg-type]


def life_of_two(tracer: Tracer) -> tuple[Workshop, list[list[Any]]]:
    """Two resources are made, made anew, discarded and closed, while the keeper's thread is traced."""
    shop = Workshop()
    pool = shop.resource("pool")
    client = shop.resource("client", uses=pool)
    told: list[list[Any]] = []
    threading.settrace(tracer)
    for value in range(3):
        outcomes, _ = shop.prepare(value, *([pool, client] if shop.published.generation is None else [pool]))
        made = wait_until(lambda outcomes=outcomes: outcomes)[0]
        told.append(outcomes)
        if not isinstance(made, Made):
            continue
        if value == 1:
            shop.keeper.discard(made)
        else:
            shop.keeper.retire(shop.published.publish(value, made))
    return shop, told


@pytest.mark.usefixtures("untraced")
def test_the_keeper_dies_at_any_line() -> None:
    """Another thread goes on: what was made is published or closed, and who waits gets an answer."""
    step = 1 if FULL else 7
    at, wrong, tried = 0, [], 0
    while True:
        at += step
        tracer = Tracer(at, "line")
        shop, told = life_of_two(tracer)
        shop.close(LONG_S)
        threading.settrace(None)  # type: ignore[arg-type]
        wait_until(lambda: not threads())  # not before the last is closed: the log held the frames of what died
        counts = [thing.closed for thing in shop.things]
        same = all(each is outcomes[0] for outcomes in told for each in outcomes)
        whole = all(len(made) == 0 for outcomes in told for made in outcomes if isinstance(made, Made))
        if not (same and whole and set(counts) <= {1}):
            wrong.append((tracer.where, same, whole, counts))
        if not tracer.where:
            break
        tried += 1
    assert not wrong, "\n".join(map(str, wrong))
    assert tried > 150 // step


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("how", ["use", "pin", "current"])
def test_an_exception_at_any_instruction(how: str) -> None:
    """A lease that is interrupted while it begins or ends holds nothing afterwards."""
    shop = Workshop()
    pool = shop.resource("pool")

    def use() -> None:
        with pool.use() as thing:
            assert thing.closed == 0

    def pin() -> None:
        with shop.published.pin() as view:
            assert view[pool].closed == 0

    def current() -> None:
        assert pool.current.closed == 0

    work: Callable[[], None] = {"use": use, "pin": pin, "current": current}[how]
    at, left, value = 0, [], 0
    while True:
        at, value = at + 1, value + 1
        shop.publish(value, pool)
        old = pool.current
        tracer = Tracer(at, "opcode")
        before = sys.gettrace()
        try:
            sys.settrace(tracer)
            work()
        except Death:
            pass
        finally:
            sys.settrace(before)
        shop.publish(value + 1, pool)
        if not closes(shop, old):
            left.append(tracer.where)
        if not tracer.where:
            break
    assert left == []
    assert at > 5
    assert shop.close()
    assert {thing.closed for thing in shop.things} == {1}


def closes(shop: Workshop, thing: Thing) -> bool:
    """Whether it is closed by the time that the keeper has nothing to do."""
    wait_until(lambda: not shop.keeper.at_work)
    return thing.closed == 1 or bool(wait_until(lambda: not shop.keeper.at_work and thing.closed, 1))
