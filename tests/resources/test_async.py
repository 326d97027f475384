"""Async resources: one task each, from making to closing, in the loop that entered the watcher."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from hotconf import UsageError
from hotconf.resources import inloop
from hotconf.resources.calls import in_factory
from hotconf.resources.preparation import Made, Refused
from hotconf.resources.resource import Resource
from resources.making import Thing, Workshop
from waiting import wait_until

V = TypeVar("V")


class Tasks:
    """An async factory that notes what it does, and in which task."""

    def __init__(self, shop: Workshop, name: str) -> None:
        self.shop, self.name = shop, name
        self.tasks: list[object] = []

    async def __call__(self, value: object, *used: object) -> AsyncIterator[Thing]:
        thing = Thing(f"{self.name}{value}")
        self.shop.things.append(thing)
        await asyncio.sleep(0)
        self.tasks.append(asyncio.current_task())
        self.shop.said.append(f"make {thing.name}")
        assert in_factory()
        yield thing
        self.tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        self.shop.said.append(f"close {thing.name}")
        thing.closed += 1


def enter(shop: Workshop) -> None:
    """The running loop enters."""
    shop.keeper.enter(asyncio.get_running_loop(), threading.get_ident())


async def there(call: Callable[..., V], *given: object) -> V:
    """What a call returns that waits, outside of the loop."""
    return await asyncio.to_thread(call, *given)


def run(shop: Workshop, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop that has entered, and is left before it ends."""

    async def entered() -> None:
        enter(shop)
        try:
            await main()
        finally:
            assert await there(shop.close)

    asyncio.run(entered(), debug=True)


async def publish(shop: Workshop, value: object, *resources: Resource[Any]) -> None:
    """As the workshop does, without stopping the loop."""
    await there(shop.publish, value, *resources)


def test_one_task_from_making_to_closing(shop: Workshop) -> None:
    """So that task groups, cancel scopes and context variables work over the `yield`."""
    factory = Tasks(shop, "pool")
    pool = shop.resource("pool", factory)

    async def main() -> None:
        await publish(shop, 1, pool)
        async with pool.use() as thing:
            await publish(shop, 2, pool)
            assert (thing.name, thing.closed) == ("pool1", 0)
        await there(wait_until, lambda: thing.closed)
        assert not in_factory()

    run(shop, main)
    assert shop.said == ["make pool1", "make pool2", "close pool1", "close pool2"]
    one, two, again, last = factory.tasks
    assert one is again is not two
    assert two is last


def test_async_and_plain_ones_use_each_other(shop: Workshop) -> None:
    """In order of registration, and back."""
    first = shop.resource("a")
    second = shop.resource("b", Tasks(shop, "b"), uses=first)
    third = shop.resource("c", uses=second)

    async def main() -> None:
        await publish(shop, 1, first, second, third)

    run(shop, main)
    assert shop.said == ["make a1", "make b1", "make c1", "close c1", "close b1", "close a1"]


def test_a_coroutine(shop: Workshop) -> None:
    """What it returns is the object, and nobody closes it."""

    async def make(value: object) -> Thing:
        await asyncio.sleep(0)
        return Thing(str(value))

    pool = shop.resource("pool", make)

    async def main() -> None:
        await publish(shop, 1, pool)
        assert pool.current.name == "1"
        assert not inloop._tasks

    run(shop, main)


def failing(kind: type[BaseException]) -> Callable[[object], AsyncIterator[int]]:
    """A factory that raises."""

    async def make(value: object) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        raise kind("no")
        yield 1

    return make


@pytest.mark.parametrize("kind", [ConnectionRefusedError, asyncio.CancelledError, TimeoutError, GeneratorExit])
def test_whatever_is_raised(shop: Workshop, kind: type[BaseException]) -> None:
    """It is a refusal; those made before are closed."""
    first, pool = shop.resource("a", Tasks(shop, "a")), shop.resource("pool", failing(kind))

    async def main() -> None:
        refused = await there(shop.outcome, 1, first, pool)
        assert isinstance(refused, Refused)
        assert type(refused.error) is kind
        assert refused.resource is pool

    run(shop, main)
    assert shop.said == ["make a1", "close a1"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_raised_for_the_program(shop: Workshop, kind: type[BaseException]) -> None:
    """Ctrl+C in a factory ends the loop, as anywhere else in it; its preparation is refused."""
    pool = shop.resource("pool", failing(kind))
    outcomes: list[list[Made | Refused]] = []

    async def main() -> None:
        enter(shop)
        outcomes.append(shop.prepare(1, pool)[0])
        await asyncio.Event().wait()

    with pytest.raises(kind):
        asyncio.run(main())
    refused = wait_until(lambda: outcomes[0])[0]
    assert isinstance(refused, Refused)
    assert type(refused.error) is kind


def test_it_is_cancelled_when_it_takes_too_long(shop: Workshop) -> None:
    """After its time: a refusal, and no thread is left alone."""
    said: list[str] = []

    async def slow(value: object) -> AsyncIterator[int]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            said.append("cancelled")
            raise
        yield 1

    pool = shop.resource("pool", slow, timeout_s=0.01)

    async def main() -> None:
        refused = await there(shop.outcome, 1, pool)
        assert isinstance(refused, Refused)
        assert refused.text == "pool could not be created: TimeoutError: it did not return within 0.01 s"
        await there(wait_until, lambda: said)
        assert shop.keeper.trouble is None

    run(shop, main)


def test_it_does_not_obey(shop: Workshop) -> None:
    """What it makes in spite of being cancelled is closed, and what it uses only after that."""
    gate = asyncio.Event()
    made = Tasks(shop, "slow")

    async def stubborn(value: object, used: object) -> AsyncIterator[Thing]:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                shop.said.append("cancelled")
        async for thing in made(value):
            yield thing

    base = shop.resource("a")
    pool = shop.resource("pool", stubborn, uses=base, timeout_s=0.01)

    async def main() -> None:
        await publish(shop, 1, base)
        refused = await there(shop.outcome, 1, base, pool)
        assert isinstance(refused, Refused)
        await there(wait_until, lambda: "cancelled" in shop.said)
        await publish(shop, 2, base)
        await there(wait_until, lambda: "close a1" in shop.said[3:])
        gate.set()
        await there(wait_until, lambda: shop.said.count("close a1") == 2)
        assert shop.said[-2:] == ["close slow1", "close a1"]

    run(shop, main)


def test_a_cancelled_preparation(shop: Workshop) -> None:
    """The task that is making is cancelled at once."""
    entered = asyncio.Event()
    said: list[str] = []

    async def slow(value: object) -> AsyncIterator[int]:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            said.append("cancelled")
        yield 1

    pool = shop.resource("pool", slow)

    async def main() -> None:
        outcomes, preparation = shop.prepare(1, pool)
        await entered.wait()
        shop.keeper.cancel(preparation)
        await there(wait_until, lambda: said)
        await there(shop.outcome, 1)
        assert outcomes == []

    run(shop, main)


def test_without_a_loop(shop: Workshop) -> None:
    """A refusal says what to do, and Python has nothing to complain about."""

    async def coroutine(value: object) -> int:
        return 1

    for factory in (coroutine, Tasks(shop, "pool")):
        refused = shop.outcome(1, shop.resource("pool", factory))
        assert isinstance(refused, Refused)
        assert "no event loop has entered the watcher" in refused.text
    shop.things.clear()
    gc.collect()


def test_the_loop_has_ended(shop: Workshop) -> None:
    """A refusal says so; in the next loop all is well."""
    pool = shop.resource("pool", Tasks(shop, "pool"))

    async def entered() -> None:
        enter(shop)

    asyncio.run(entered())
    refused = shop.outcome(1, pool)
    assert isinstance(refused, Refused)
    assert "its event loop has ended" in refused.text

    async def main() -> None:
        await publish(shop, 1, pool)

    run(shop, main)
    assert shop.said == ["make pool1", "close pool1"]


def test_lost_with_its_loop(shop: Workshop) -> None:
    """When its loop ends it is closed there, after the leases of the tasks that end, and is not current any more."""
    pool, plain = shop.resource("pool", Tasks(shop, "pool")), shop.resource("b")
    used: list[int] = []

    async def main() -> None:
        enter(shop)
        await publish(shop, 1, pool, plain)
        entered = asyncio.Event()

        async def use() -> None:
            async with pool.use() as thing:
                try:
                    entered.set()
                    await asyncio.Event().wait()
                finally:
                    for _ in range(10):
                        await asyncio.sleep(0)
                    used.append(thing.closed)

        main.task = asyncio.create_task(use())  # type: ignore[attr-defined]
        await entered.wait()

    asyncio.run(main())
    assert used == [0]
    assert shop.said == ["make pool1", "make b1", "close pool1"]
    for get in (lambda: pool.current, pool.use().__enter__):
        with pytest.raises(UsageError, match="belongs to an event loop that has ended"):
            get()
    with shop.published.pin() as view:
        assert view[plain].name == "b1"
        with pytest.raises(UsageError, match="this view has no pool"):
            _ = view[pool]

    async def again() -> None:
        await publish(shop, 2, pool)
        assert pool.current.name == "pool2"

    run(shop, again)


def test_a_lease_that_outlives_the_loop(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the loop waits for it, but not for ever."""
    monkeypatch.setattr(inloop, "LAST_S", 0.05)
    pool = shop.resource("pool", Tasks(shop, "pool"))
    lease = pool.use()

    async def main() -> None:
        enter(shop)
        await publish(shop, 1, pool)
        lease.__enter__()

    asyncio.run(main())
    assert shop.said == ["make pool1", "close pool1"]
    lease.__exit__(None, None, None)


def test_lost_before_it_was_published(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that ends between making and publishing leaves nothing current."""
    monkeypatch.setattr(inloop, "LAST_S", 0.05)
    pool = shop.resource("pool", Tasks(shop, "pool"))
    made: list[Made | Refused] = []

    async def main() -> None:
        enter(shop)
        made.append(await there(shop.outcome, 1, pool))

    asyncio.run(main())
    assert isinstance(made[0], Made)
    shop.keeper.retire(shop.published.publish(1, made[0]))
    with pytest.raises(UsageError, match="has ended"):
        _ = pool.current
    assert shop.said == ["make pool1", "close pool1"]


def test_in_a_forked_child(shop: Workshop) -> None:
    """It is not current there, until a loop of the child enters; the parent's is not touched."""
    pool = shop.resource("pool", Tasks(shop, "pool"))

    async def main() -> None:
        await publish(shop, 1, pool)
        assert shop.in_child(child) == repr(["make pool1", "make pool2", "close pool2"])
        assert pool.current.closed == 0

    def child() -> list[str]:
        with pytest.raises(UsageError, match="belongs to an event loop that has ended"):
            _ = pool.current

        async def again() -> None:
            await publish(shop, 2, pool)
            assert pool.current.name == "pool2"

        asyncio.events._set_running_loop(None)  # the fork was within a coroutine
        run(shop, again)
        return shop.said

    run(shop, main)
    assert shop.said == ["make pool1", "close pool1"]


@pytest.mark.parametrize("count", [0, 2])
def test_generators_that_do_not_yield_once(shop: Workshop, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """The error says so."""

    async def make(value: object) -> AsyncIterator[int]:
        for each in range(count):
            yield each

    pool = shop.resource("pool", make)

    async def main() -> None:
        outcome = await there(shop.outcome, 1, pool)
        if count:
            assert isinstance(outcome, Made)
            shop.keeper.discard(outcome)
            await there(wait_until, lambda: "it yielded twice" in caplog.text)
        else:
            assert isinstance(outcome, Refused)
            assert "ended without a yield" in outcome.text

    run(shop, main)
    assert shop.keeper.close_failures == count // 2


def test_closing_that_takes_too_long(shop: Workshop) -> None:
    """It is cancelled, counted, and nothing waits for it."""

    async def make(value: object) -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    pool = shop.resource("pool", make, timeout_s=0.05)

    async def main() -> None:
        await publish(shop, 1, pool)
        await publish(shop, 2, pool)
        await there(wait_until, lambda: shop.keeper.close_failures == 1)
        await there(wait_until, lambda: len(inloop._tasks) == 1)

    run(shop, main)


def test_a_loop_that_was_closed_without_notice(shop: Workshop) -> None:
    """Its tasks never end: that is a failure to close, and delays nobody."""
    pool = shop.resource("pool", Tasks(shop, "pool"))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # "Task was destroyed but it is pending!"

    async def main() -> None:
        enter(shop)
        await publish(shop, 1, pool)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert shop.close()
    assert shop.keeper.close_failures == 1
    shop.things.clear()
