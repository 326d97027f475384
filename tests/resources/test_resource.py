"""`current`, leases, overrides and views give the object of the published config, and say what is wrong otherwise."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import permutations

import pytest

from hotconf import NoConfigError, UsageError
from hotconf.resources.preparation import Refused
from hotconf.resources.resource import ResourceDecorator, shows_async
from resources.making import Thing, Workshop
from waiting import wait_until


def test_before_there_is_one(shop: Workshop) -> None:
    """`current` and `use()` say when it is made."""
    pool = shop.resource("pool")
    for get in (lambda: pool.current, pool.use().__enter__, partial(asyncio.run, pool.use().__aenter__())):
        with pytest.raises(UsageError, match=r"pool has not been made yet: the watcher makes it in start\(\)"):
            get()


def test_a_lease_in_async_code(shop: Workshop) -> None:
    """`async with` holds as `with` does, and a cancelled task lets go."""
    pool = shop.resource("pool")
    shop.publish(1, pool)

    async def main() -> None:
        entered = asyncio.Event()

        async def use() -> None:
            async with pool.use() as thing:
                assert thing.closed == 0
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(use())
        await entered.wait()
        shop.publish(2, pool)
        shop.publish(3, pool)
        assert "close pool1" not in shop.said
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        wait_until(lambda: "close pool1" in shop.said)

    asyncio.run(main())


def test_leases_that_are_dropped(shop: Workshop) -> None:
    """A lease ends with its last reference: a generator that is dropped, an exception on its way."""
    pool = shop.resource("pool")
    shop.publish(1, pool)

    def rows() -> Iterator[int]:
        with pool.use():
            yield 1
            yield 2

    dropped = rows()
    assert next(dropped) == 1
    with pytest.raises(ZeroDivisionError), pool.use():
        shop.publish(2, pool)
        _ = 1 / 0
    assert "close pool1" not in shop.said
    del dropped
    gc.collect()
    wait_until(lambda: "close pool1" in shop.said)


def test_a_lease_is_entered_once_at_a_time(shop: Workshop) -> None:
    """One lease in two `with` would let go too early; one after the other is fine."""
    pool = shop.resource("pool")
    shop.publish(1, pool)
    lease = pool.use()
    with lease, pytest.raises(UsageError, match=r"call use\(\) once for each"), lease:
        pass
    with lease as thing:
        assert thing is pool.current


def test_override(shop: Workshop) -> None:
    """Within it everybody gets the fake, also what is falsy; outside what is published, which goes on meanwhile."""
    pool = shop.resource("pool")
    with pool.override(Thing("early")):
        assert pool.current.name == "early"
    shop.publish(1, pool)
    with pool.override(Thing("outer")), shop.published.pin() as view:
        with pool.override(Thing("inner")), pool.use() as thing:
            assert thing.name == pool.current.name == view[pool].name == "inner"
            shop.publish(2, pool)
        assert pool.current.name == view[pool].name == "outer"
    assert pool.current.name == "pool2"
    with pool.override(None):  # type: ignore[arg-type]
        assert pool.current is None


def test_what_is_made_of_another_says_that_it_uses_it(shop: Workshop) -> None:
    """That is not made before it otherwise."""
    pool = shop.resource("pool")
    refused = shop.outcome(1, pool, shop.resource("client", lambda _: pool.current))
    assert isinstance(refused, Refused)
    assert refused.text.endswith("pool has not been made yet: give it as uses=")


def test_overrides_end_in_any_order(shop: Workshop) -> None:
    """The one that was entered last counts, and none is left behind."""
    pool = shop.resource("pool")
    shop.publish(1, pool)
    for ends in permutations(range(3)):
        fakes = [pool.override(Thing(str(number))) for number in range(3)]
        entered = list(range(3))
        for fake in fakes:
            fake.__enter__()
        for number in ends:
            assert pool.current.name == str(entered[-1])
            fakes[number].__exit__(None, None, None)
            entered.remove(number)
        assert pool.current.name == "pool1"


def test_a_view_is_of_one_generation(shop: Workshop) -> None:
    """What it shows stays and is not closed until it ends."""
    pool, client = shop.resource("pool"), shop.resource("client")
    shop.publish(1, pool, client)
    with shop.published.pin() as view:
        shop.publish(2, pool)
        assert (view.config, view[pool].name, view[client].name) == (1, "pool1", "client1")
        with shop.published.pin() as newer:
            assert (newer.config, newer[pool].name, newer[client].name) == (2, "pool2", "client1")
        assert view[pool].closed == 0
    wait_until(lambda: "close pool1" in shop.said)
    for use in (lambda: view.config, lambda: view[pool]):
        with pytest.raises(UsageError, match="a view is used within its `with`"):
            use()


def test_views_that_cannot_be(shop: Workshop) -> None:
    """Without a config, entered twice, of a resource that came later or is of another watcher, after the end."""
    with pytest.raises(NoConfigError), shop.published.pin():
        pass
    pool = shop.resource("pool")
    shop.publish(1, pool)
    later = shop.resource("later")
    with shop.published.pin() as view:
        with pytest.raises(UsageError, match="this view has no later"):
            _ = view[later]
        elsewhere = Workshop().resource("pool")
        with elsewhere.override(Thing("fake")), pytest.raises(UsageError, match="a resource of this watcher"):
            _ = view[elsewhere]
        with pytest.raises(UsageError, match="resource='pool': give a resource of this watcher"):
            _ = view["pool"]  # type: ignore[index]
        with pytest.raises(UsageError, match=r"call pin\(\) once"), view:
            pass
    shop.close()
    with pytest.raises(NoConfigError, match="closed"), shop.published.pin():
        pass


def test_a_view_in_async_code(shop: Workshop) -> None:
    """`async with` does the same."""
    pool = shop.resource("pool")
    shop.publish(1, pool)

    async def main() -> str:
        async with shop.published.pin() as view:
            return view[pool].name

    assert asyncio.run(main()) == "pool1"


def test_in_a_forked_child(shop: Workshop) -> None:
    """An inherited object is neither current nor closed, whatever ends; it is made anew on first use, or kept."""
    pool = shop.resource("pool")
    client = shop.resource("client", uses=pool)
    kept = shop.resource("kept", fork="keep")
    shop.publish(1, pool, client, kept)
    lease = pool.use()
    leased = lease.__enter__()

    def child() -> object:
        with shop.published.pin() as view:
            assert view[kept] is kept.current
            assert view[pool] is pool.current is not leased
        shop.publish(2, pool, client, kept)
        lease.__exit__(None, None, None)
        wait_until(lambda: "close pool1" in shop.said)
        return shop.close(), leased.closed, shop.said[3:]

    said = ["make pool1", "make client1", "make pool2", "make client2", "make kept2", "close client1", "close pool1"]
    assert shop.in_child(child) == repr((True, 0, [*said, "close kept2", "close client2", "close pool2"]))
    lease.__exit__(None, None, None)


def test_many_threads_use_it_first_in_a_forked_child(shop: Workshop) -> None:
    """All get the same, and it was made once."""
    pool = shop.resource("pool")
    client = shop.resource("client", uses=pool)
    shop.publish(1, pool, client)

    def child() -> object:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda number: (client, pool)[number % 2].current, range(8)))
        return len({id(each) for each in found}), shop.said[2:]

    assert shop.in_child(child) == repr((2, ["make pool1", "make client1"]))


def test_a_factory_that_fails_in_a_forked_child(shop: Workshop) -> None:
    """Who asked first gets its exception; the next one tries again."""
    tries: list[int] = []

    def flaky(value: object) -> int:
        tries.append(1)
        if len(tries) == 2:
            raise ConnectionRefusedError
        return len(tries)

    pool = shop.resource("pool", flaky)
    shop.publish(1, pool)

    def child() -> object:
        with pytest.raises(ConnectionRefusedError):
            _ = pool.current
        return pool.current, pool.current

    assert shop.in_child(child) == "(3, 3)"


def test_a_reload_while_it_is_made_in_a_child(shop: Workshop) -> None:
    """What was made of the config before is closed, and not published beside the new one."""
    reloads: list[int] = []
    make = shop.factory("pool")

    def factory(value: object) -> Iterator[Thing]:
        if reloads:
            shop.published.publish(reloads.pop())
        yield from make(value)

    pool = shop.resource("pool", factory)
    shop.publish(1, pool)

    def child() -> object:
        reloads.append(2)
        with shop.published.pin() as view:
            assert (view.config, view[pool].name) == (2, "pool2")
        assert pool.current.name == "pool2"
        assert shop.close()
        return [text for text in shop.said if text.startswith("make")], sorted(shop.said)[:2]

    made = ["make pool1", "make pool1", "make pool2"]
    assert shop.in_child(child) == repr((made, ["close pool1", "close pool2"]))


def test_registering() -> None:
    """A factory that cannot be called with what it gets is refused where it is registered."""
    register = ResourceDecorator[object](lambda factory: pytest.fail("registered"))
    with pytest.raises(UsageError, match=r"factory cannot be called as factory\(value\)"):
        register(lambda: 1)  # type: ignore[arg-type, misc]


def test_what_is_used_is_of_the_same_watcher(shop: Workshop) -> None:
    """Another watcher's is published and closed without regard to this one."""
    with pytest.raises(UsageError, match="client cannot use pool, which is of another watcher"):
        shop.resource("client", uses=Workshop().resource("pool"))


@pytest.mark.parametrize("kind", ["generator", "coroutine", "async generator", "partial", "object", "plain"])
def test_which_need_a_loop(kind: str) -> None:
    """It is known before they are called."""

    def generator(value: object) -> Iterator[int]:
        yield 1

    async def coroutine(value: object) -> int:
        return 1

    async def several(value: object) -> object:
        yield 1

    class Made:
        async def __call__(self, value: object) -> int:
            return 1

    kinds = {"generator": generator, "coroutine": coroutine, "async generator": several, "plain": Thing}
    factory = {**kinds, "partial": partial(coroutine), "object": Made()}[kind]
    assert shows_async(factory) == (kind not in ("generator", "plain"))


def test_forms(shop: Workshop) -> None:
    """A plain value is published as it is, and nothing of it is closed."""

    class Closable:
        def close(self) -> None:
            raise AssertionError

        def __enter__(self) -> None:
            raise AssertionError

        __exit__ = __enter__  # type: ignore[assignment]

    class Pools:
        def make(self, value: object) -> Iterator[str]:
            yield f"bound {value}"

    thing, none = Closable(), shop.resource("none", lambda value: None)
    plain, bound = shop.resource("plain", lambda value: thing), shop.resource("bound", Pools().make)
    shop.publish(1, none, plain, bound)
    assert none.current is None
    assert plain.current is thing
    assert bound.current == "bound 1"
    shop.publish(2, none, plain, bound)
    assert shop.close()
    assert shop.keeper.close_failures == 0


def test_forms_that_are_none(shop: Workshop) -> None:
    """A generator without a yield, one that is decorated, an iterator, which type checkers take for a generator."""

    def nothing(value: object) -> Iterator[int]:
        yield from ()

    async def awaited(value: object) -> AsyncIterator[int]:
        yield 1

    for factory, text in (
        (nothing, "it ended without a yield"),
        (lambda _: iter([1]), "it returned an iterator"),
        (contextmanager(shop.factory("pool")), "remove @contextmanager, "),
        (asynccontextmanager(awaited), "remove @asynccontextmanager, "),
    ):
        refused = shop.outcome(1, shop.resource("pool", factory))
        assert isinstance(refused, Refused)
        assert text in refused.text


def test_a_generator_that_yields_twice(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    """That is seen when it is closed; it is counted, said, and its `finally` runs."""

    def twice(value: object) -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            shop.said.append("finally")

    shop.publish(1, shop.resource("pool", twice))
    assert shop.close()
    assert shop.keeper.close_failures == 1
    assert shop.said == ["finally"]
    wait_until(lambda: "it yielded twice" in caplog.text)


def test_with_closes(shop: Workshop) -> None:
    """`with … as x: yield x` closes, and sees no exception."""
    seen: list[object] = []

    class Context:
        def __enter__(self) -> int:
            return 1

        def __exit__(self, *error: object) -> None:
            seen.append(error)

    def make(value: object) -> Iterator[int]:
        with Context() as number:
            yield number

    shop.publish(1, shop.resource("pool", make))
    assert shop.close()
    assert seen == [(None, None, None)]


DEV = """
import time
from resources.making import Workshop
from hotconf.logs import records
from hotconf.resources.keeper import OVERDUE_NS
from waiting import wait_until

shop = Workshop()
pool = shop.resource("pool")
shop.publish(1, pool)
lease = pool.use()
lease.__enter__()
view = shop.published.pin()
view.__enter__()
shop.publish(2, pool)
wait_until(lambda: not shop.keeper.at_work)
shop.keeper.supervise(time.monotonic_ns() + OVERDUE_NS)
wait_until(lambda: not shop.keeper._overdue)
lease.__exit__(None, None, None)
view.__exit__(None, None, None)
shop.close()
"""


def test_where_a_lease_was_taken() -> None:
    """`python -X dev` shows it, for leases and views."""
    paths = os.pathsep.join(sys.path)
    command = [sys.executable, "-X", "dev", "-c", DEV]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert "a lease of it has not ended, taken at <string>:12, <string>:14" in ended.stderr
