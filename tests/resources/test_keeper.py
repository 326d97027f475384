"""The keeper makes all or none, and closes each object once, in order, when nothing needs it any more."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hotconf import UsageError
from hotconf.resources.keeper import MOST_STUCK, OVERDUE_NS
from hotconf.resources.preparation import Made, Refused
from resources.making import LONG_S, Thing, Workshop, threads
from waiting import wait_until


def test_what_is_made_is_published_and_replaced(shop: Workshop) -> None:
    """The new object is made before the old one is closed."""
    pool = shop.resource("pool")
    shop.publish(1, pool)
    assert pool.current.name == "pool1"
    shop.publish(2, pool)
    assert pool.current.name == "pool2"
    shop.settled("make pool1", "make pool2", "close pool1")


def test_nothing_is_started_without_work(shop: Workshop) -> None:
    """A watcher whose resources were never made has no thread."""
    shop.resource("pool")
    assert not threads()


def test_order(shop: Workshop) -> None:
    """Made in order of registration; closed in reverse, also if they were made at different times."""
    first, second, third = (shop.resource(name) for name in "abc")
    shop.publish(1, first, second, third)
    shop.publish(2, first)
    shop.settled("make a1", "make b1", "make c1", "make a2", "close a1")
    shop.close()
    shop.settled("make a1", "make b1", "make c1", "make a2", "close a1", "close c1", "close b1", "close a2")


def test_all_or_none(shop: Workshop) -> None:
    """If one cannot be made, those made before it are closed, the last first, and those after it are not tried."""

    def refuse(value: object) -> Iterator[Thing]:
        raise ConnectionRefusedError("port 5432")
        yield Thing()

    first, second = shop.resource("a"), shop.resource("b")
    third, fourth = shop.resource("c", refuse), shop.resource("d")
    refused = shop.outcome(1, first, second, third, fourth)
    assert isinstance(refused, Refused)
    assert refused.resource is third
    assert refused.text == "c could not be created: ConnectionRefusedError: port 5432"
    shop.settled("make a1", "make b1", "close b1", "close a1")


@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, MemoryError]
)
@pytest.mark.parametrize("where", ["called", "made", "selected"])
def test_whatever_is_raised(shop: Workshop, kind: type[BaseException], where: str) -> None:
    """Any exception is a refusal, and the thread goes on."""

    def called(value: object) -> object:
        raise kind

    def made(value: object) -> Iterator[object]:
        raise kind
        yield

    def value() -> object:
        raise kind

    before = shop.resource("a")
    pool = shop.resource("pool", made if where == "made" else called)
    if where == "selected":
        from hotconf.resources.preparation import Wanted

        outcomes: list[Made | Refused] = []
        shop.keeper.prepare([Wanted(before, lambda: 1), Wanted(pool, value)], outcomes.append)
        refused = wait_until(lambda: outcomes)[0]
    else:
        refused = shop.outcome(1, before, pool)
    assert isinstance(refused, Refused)
    expected = RuntimeError if kind is StopIteration and where == "made" else kind
    assert type(refused.error) is expected
    shop.publish(2, before)
    assert before.current.name == "a2"


def test_a_failure_keeps_nothing_alive(shop: Workshop) -> None:
    """Who keeps the exception of a factory, as the watcher does, holds no lease with it."""

    def refuse(value: object, used: Thing) -> None:
        raise ValueError(value)

    pool = shop.resource("pool")
    client = shop.resource("client", refuse, uses=pool)
    shop.publish(1, pool)
    kept = shop.outcome(2, client)
    assert isinstance(kept, Refused)
    shop.publish(3, pool)
    shop.settled("make pool1", "make pool3", "close pool1")


def test_uses(shop: Workshop) -> None:
    """A dependant gets the new object of what it uses, and is closed before it, even if it was leased for longer."""
    pool = shop.resource("pool")
    client = shop.resource("client", uses=pool)
    seen: list[object] = []

    def plain(value: object, used: object) -> object:
        seen.append(used)
        return value

    number = shop.resource("number", plain, uses=client)
    shop.publish(1, pool, client, number)
    assert seen == [client.current]
    lease, other = client.use(), number.use()
    with other:
        with lease:
            shop.publish(2, pool, client, number)
            assert shop.keeper.supervise(time.monotonic_ns())
        shop.publish(3, number)
        shop.publish(4, number)
        assert "close client1" not in shop.said
    wait_until(lambda: "close pool1" in shop.said)
    assert shop.said[-2:] == ["close client1", "close pool1"]


def test_what_it_uses_was_not_made(shop: Workshop) -> None:
    """A refusal says which."""
    pool = shop.resource("pool")
    client = shop.resource("client", uses=pool)
    refused = shop.outcome(1, client)
    assert isinstance(refused, Refused)
    assert "which it uses, was not made" in refused.text


def test_a_lease_delays_closing(shop: Workshop) -> None:
    """Until the last one ends; newer generations are closed meanwhile."""
    pool = shop.resource("pool")
    shop.publish(1, pool)
    with pool.use() as old, pool.use() as same:
        assert old is same
        shop.publish(2, pool)
        shop.publish(3, pool)
        wait_until(lambda: "close pool2" in shop.said)
        assert old.closed == 0
    wait_until(lambda: old.closed == 1)


def test_discarded(shop: Workshop) -> None:
    """What was prepared and is not wanted is closed, the last first."""
    first, second = shop.resource("a"), shop.resource("b")
    made = shop.outcome(1, first, second)
    assert isinstance(made, Made)
    shop.keeper.discard(made)
    shop.settled("make a1", "make b1", "close b1", "close a1")
    assert len(made) == 0


class Gate:
    """A factory that waits."""

    def __init__(self, shop: Workshop) -> None:
        self.entered, self.open = threading.Semaphore(0), threading.Event()
        self._shop = shop

    def __call__(self, value: object, *used: object) -> Iterator[Thing]:
        self.entered.release()
        assert self.open.wait(LONG_S)
        yield from self._shop.factory("slow")(value)

    def closing(self, value: object) -> Iterator[Thing]:
        """It waits when it is closed."""
        thing = Thing("hanging")
        self._shop.things.append(thing)
        yield thing
        self.entered.release()
        assert self.open.wait(LONG_S)
        thing.closed += 1


@pytest.fixture
def gate(shop: Workshop) -> Iterator[Gate]:
    """It is open at the end."""
    made = Gate(shop)
    yield made
    made.open.set()


def test_cancelled(shop: Workshop, gate: Gate) -> None:
    """What comes later is closed, and nobody gets an outcome."""
    first, slow, last = shop.resource("a"), shop.resource("slow", gate), shop.resource("c")
    outcomes, preparation = shop.prepare(1, first, slow, last)
    assert gate.entered.acquire(timeout=LONG_S)
    shop.keeper.cancel(preparation)
    gate.open.set()
    shop.settled("make a1", "make slow1", "close slow1", "close a1")
    shop.publish(2, first)
    assert outcomes == []


def test_preparations_come_first(shop: Workshop, gate: Gate) -> None:
    """What is to be closed waits for them; waiting is not part of anyone's time."""
    pool, slow = shop.resource("pool"), shop.resource("slow", gate)
    shop.publish(1, pool)
    shop.prepare(1, slow)
    assert gate.entered.acquire(timeout=LONG_S)
    made, _ = shop.prepare(2, pool)
    shop.keeper.retire(shop.published.withdraw())
    gate.open.set()
    wait_until(lambda: made)
    assert shop.said[:3] == ["make pool1", "make slow1", "make pool2"]


def overdue(shop: Workshop, count: int = 1) -> None:
    """Supervise until so many threads were left alone, and another one runs."""

    def supervised() -> bool:
        shop.keeper.supervise(time.monotonic_ns())
        return len(threads()) > count

    wait_until(supervised)


def test_a_factory_that_does_not_return(shop: Workshop, gate: Gate) -> None:
    """Its preparation is refused, others go on, and what it makes in the end is closed by its own thread."""
    first = shop.resource("a")
    slow = shop.resource("slow", gate, timeout_s=0.01)
    outcomes, _ = shop.prepare(1, first, slow)
    overdue(shop)
    refused = wait_until(lambda: outcomes)[0]
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, TimeoutError)
    assert refused.text.endswith("TimeoutError: it did not return within 0.01 s")
    wait_until(lambda: "close a1" in shop.said)
    shop.publish(2, first)
    assert shop.unstuck == 0
    gate.open.set()
    wait_until(lambda: shop.unstuck)
    assert shop.said == ["make a1", "close a1", "make a2", "make slow1", "close slow1"]
    assert outcomes == [refused]
    assert shop.keeper.trouble is None


def test_closing_that_does_not_return(shop: Workshop, gate: Gate) -> None:
    """It counts as a failure, and others are made and closed meanwhile; what it uses waits for it."""
    pool = shop.resource("pool")
    slow = shop.resource("slow", lambda value, used: gate.closing(value), uses=pool, timeout_s=0.01)
    other = shop.resource("b")
    shop.publish(1, pool, slow, other)
    shop.publish(2, pool, slow)
    assert gate.entered.acquire(timeout=LONG_S)
    overdue(shop)
    assert shop.keeper.close_failures == 1
    shop.publish(3, other)
    wait_until(lambda: "close b1" in shop.said)
    assert "close pool1" not in shop.said
    gate.open.set()
    wait_until(lambda: "close pool1" in shop.said)
    assert shop.unstuck == 1


def test_too_many_that_do_not_return(shop: Workshop, gate: Gate) -> None:
    """Then preparations are refused at once, until one returns."""
    slow = shop.resource("slow", gate, timeout_s=0.01)
    pool = shop.resource("pool")
    for count in range(1, MOST_STUCK + 1):
        shop.prepare(count, slow)
        assert gate.entered.acquire(timeout=LONG_S)
        overdue(shop, count)
    refused, _ = shop.prepare(9, pool)
    assert isinstance(refused[0], Refused)
    assert refused[0].resource is None
    assert refused[0].text.count("has not returned") == MOST_STUCK
    assert len(threads()) == MOST_STUCK + 1
    gate.open.set()
    wait_until(lambda: shop.unstuck == MOST_STUCK)
    shop.publish(10, pool)
    assert pool.current.name == "pool10"


def test_closing_that_raises(shop: Workshop) -> None:
    """It is counted, and the others are closed."""

    def failing(value: object) -> Iterator[int]:
        yield 1
        raise OSError(5, "closing")

    first, bad = shop.resource("a"), shop.resource("bad", failing)
    shop.publish(1, first, bad)
    shop.publish(2, first, bad)
    wait_until(lambda: "close a1" in shop.said)
    assert shop.keeper.close_failures == 1


def test_close_leaves_what_is_leased(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    """What is leased is closed when its lease ends, and named in the log; the rest is closed at once."""
    pool, other = shop.resource("pool"), shop.resource("b")
    shop.publish(1, pool, other)
    with pool.use():
        assert not shop.close()
        assert shop.said == ["make pool1", "make b1", "close b1"]
        wait_until(lambda: "is still leased" in caplog.text)
        with pytest.raises(UsageError, match="is closed with its watcher"):
            _ = pool.current
    shop.settled("make pool1", "make b1", "close b1", "close pool1")


def test_close_waits_no_longer(shop: Workshop, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """A factory that does not return delays `close` by its time only; what it makes is closed."""
    slow = shop.resource("slow", gate)
    outcomes, _ = shop.prepare(1, slow)
    assert gate.entered.acquire(timeout=LONG_S)
    assert not shop.close(0.01)
    wait_until(lambda: "has not returned for 0 s, and its watcher was closed" in caplog.text)
    gate.open.set()
    shop.settled("make slow1", "close slow1")
    assert outcomes == []


def test_one_that_does_not_close_keeps_no_other_from_closing(
    shop: Workshop, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """Within the time of `close` all others are closed, but what it uses; it goes on with a thread of its own."""
    base, other = shop.resource("base"), shop.resource("other")
    slow = shop.resource("slow", lambda value, used: gate.closing(value), uses=base)
    shop.publish(1, base, other, slow)
    assert not shop.close(2.0)
    assert shop.said == ["make base1", "make other1", "close other1"]
    wait_until(lambda: "Closing slow has not returned for" in caplog.text)
    gate.open.set()
    wait_until(lambda: shop.said[-1] == "close base1")
    assert shop.keeper.close_failures == 0


def test_what_a_factory_raises_that_was_left_alone(
    shop: Workshop, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """It says why that took so long: it is logged, and is no failure to close."""

    def failing(value: object) -> Iterator[Thing]:
        gate.entered.release()
        assert gate.open.wait(LONG_S)
        raise ConnectionError("timed out")
        yield Thing()

    outcomes, _ = shop.prepare(1, shop.resource("slow", failing, timeout_s=0.01))
    assert gate.entered.acquire(timeout=LONG_S)
    overdue(shop)
    assert isinstance(wait_until(lambda: outcomes)[0], Refused)
    gate.open.set()
    wait_until(lambda: "The factory slow has raised ConnectionError after 0 s" in caplog.text)
    wait_until(lambda: "ConnectionError: timed out" in caplog.text)
    assert shop.keeper.close_failures == 0


def test_groups_of_one(shop: Workshop) -> None:
    """A task group that fails is described by what failed in it."""
    inner = ExceptionGroup("in a task group", [ConnectionError("port 5432")])

    def failing(value: int) -> None:
        raise ExceptionGroup("in a task group", [inner] if value == 1 else [inner, ValueError("both")])

    pool = shop.resource("pool", failing)
    for value, text in ((1, "ConnectionError: port 5432"), (2, "ExceptionGroup: in a task group (2 sub-exceptions)")):
        refused = shop.outcome(value, pool)
        assert isinstance(refused, Refused)
        assert refused.text == f"pool could not be created: {text}"


@pytest.mark.parametrize("by", ["closing the watcher", "its time"])
def test_what_is_raised_by_closing_that_was_left_alone(
    shop: Workshop, gate: Gate, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """It is logged, however late, and one object counts once."""

    def failing(value: object) -> Iterator[Thing]:
        yield from gate.closing(value)
        raise OSError(5, "closing")

    slow = shop.resource("slow", failing, timeout_s=LONG_S if by == "closing the watcher" else 0.01)
    shop.publish(1, slow)
    if by == "closing the watcher":
        assert not shop.close(0.1)
    else:
        shop.keeper.retire(shop.published.withdraw())
        assert gate.entered.acquire(timeout=LONG_S)
        overdue(shop)
    gate.open.set()
    wait_until(lambda: "Closing slow raised OSError" in caplog.text)
    wait_until(lambda: not shop.keeper.alive)
    assert shop.keeper.close_failures == 1


def test_close_waits_for_what_it_left_alone(shop: Workshop, gate: Gate) -> None:
    """If that returns in time, everything is closed."""
    slow = shop.resource("slow", gate.closing)
    shop.publish(1, slow)
    opener = threading.Thread(target=lambda: wait_until(lambda: len(threads()) > 1) and gate.open.set())
    opener.start()
    assert shop.close(5.0)
    opener.join()


def test_nothing_is_made_after_close(shop: Workshop) -> None:
    """A preparation is refused."""
    pool = shop.resource("pool")
    assert shop.close()
    refused = shop.outcome(1, pool)
    assert isinstance(refused, Refused)
    assert refused.text == "UsageError: the watcher is closed"


def test_no_thread_can_be_had(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preparation is refused at once; later ones succeed."""
    from hotconf.system import threads as native

    pool = shop.resource("pool")

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    real: Callable[..., Any] = native.original
    with monkeypatch.context() as patch:
        patch.setattr(native, "original", lambda *name: refuse if name[1] == "start_new_thread" else real(*name))
        outcomes, _ = shop.prepare(1, pool)
    assert isinstance(outcomes[0], Refused)
    assert "can't start new thread" in outcomes[0].text
    shop.publish(2, pool)
    shop.settled("make pool2")


def test_a_lease_that_does_not_end_is_reported(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    """Once, a minute after its object was replaced; then nobody has to look any more."""
    pool = shop.resource("pool")
    shop.publish(1, pool)
    with pool.use():
        shop.publish(2, pool)
        wait_until(lambda: not shop.keeper.at_work)
        assert shop.keeper.supervise(time.monotonic_ns())
        assert not shop.keeper.supervise(time.monotonic_ns() + OVERDUE_NS)
        assert not shop.keeper.supervise(time.monotonic_ns() + OVERDUE_NS)
        wait_until(lambda: "a lease of it has not ended" in caplog.text)
        assert caplog.text.count("a lease of it has not ended") == 1
        assert "python -X dev shows where" in caplog.text


def test_a_factory_that_forks(shop: Workshop) -> None:
    """Its child goes on with its own work only: it closes nothing, tells nobody, and ends."""
    children: list[int] = []

    def make(value: object) -> Iterator[Thing]:
        child = os.fork()
        if child == 0:
            shop.keeper.abandon()
            shop.published.abandon()
        else:
            children.append(child)
        yield from shop.factory("forked")(value)

    first, pool = shop.resource("a"), shop.resource("pool", make)
    shop.publish(1, first, pool)
    assert os.waitpid(children[0], 0)[1] == 0
    assert pool.current.name == "forked1"


def test_a_fork_while_something_is_made(shop: Workshop, gate: Gate) -> None:
    """The child makes its own, and nothing of what was under way."""
    first, slow = shop.resource("a"), shop.resource("slow", gate)
    shop.publish(1, first)
    outcomes, _ = shop.prepare(1, slow)
    assert gate.entered.acquire(timeout=LONG_S)
    said = shop.in_child(
        lambda: (first.current.name, shop.outcome(3, first) and shop.close(), outcomes, shop.said[1:])
    )
    assert said == repr(("a1", True, [], ["make a1", "make a3", "close a3", "close a1"])), said
    gate.open.set()
    made = wait_until(lambda: outcomes)[0]
    assert isinstance(made, Made)
    shop.keeper.discard(made)
