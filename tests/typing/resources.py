"""How resources are seen by type checkers. Nobody runs this; mypy and pyright read it.

Each `type: ignore` stands where a mistake must be found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Any, assert_type

from hotconf import HotReloadWatcher
from hotconf.resources.published import Published, View
from hotconf.resources.resource import DependentDecorator, Resource, ResourceDecorator


class Database:
    """What is selected."""

    url: str = ""


class Pool:
    """What is made of it."""


class Client:
    """What is made of that."""


def forms(resource: ResourceDecorator[Database], untyped: ResourceDecorator[Any]) -> None:
    """Each form of a factory gives a resource of what it makes."""

    @resource
    def generator(database: Database) -> Iterator[Pool]:
        yield Pool()

    @resource
    def full_generator(database: Database) -> Generator[Pool, None, None]:
        yield Pool()

    @resource
    async def async_generator(database: Database) -> AsyncIterator[Pool]:
        yield Pool()

    @resource
    async def coroutine(database: Database) -> Pool:
        return Pool()

    @resource
    def plain(database: Database) -> Pool:
        return Pool()

    @resource
    def text(database: Database) -> str:
        return database.url

    @untyped
    def by_key(database: Database) -> Iterator[Pool]:
        yield Pool()

    @resource  # type: ignore[arg-type] # pyright: ignore
    def wrong(value: int) -> Pool:
        return Pool()

    assert_type(generator, Resource[Pool])
    assert_type(full_generator, Resource[Pool])
    assert_type(async_generator, Resource[Pool])
    assert_type(coroutine, Resource[Pool])
    assert_type(plain, Resource[Pool])
    assert_type(text, Resource[str])
    assert_type(by_key, Resource[Pool])


class Pools:
    """Bound methods are factories."""

    def make(self, database: Database) -> Iterator[Pool]:
        """As a function."""
        yield Pool()


def methods(resource: ResourceDecorator[Database], pools: Pools) -> None:
    """What is bound takes one value."""
    assert_type(resource(pools.make), Resource[Pool])
    resource(Pools.make)  # type: ignore[arg-type] # pyright: ignore


def dependants(resource: DependentDecorator[Database, Pool]) -> None:
    """With `uses=` a factory gets two values."""

    @resource
    def generator(database: Database, pool: Pool) -> Iterator[Client]:
        yield Client()

    @resource
    async def async_generator(database: Database, pool: Pool) -> AsyncIterator[Client]:
        yield Client()

    @resource
    async def coroutine(database: Database, pool: Pool) -> Client:
        return Client()

    @resource
    def plain(database: Database, pool: Pool) -> Client:
        return Client()

    assert_type(generator, Resource[Client])
    assert_type(async_generator, Resource[Client])
    assert_type(coroutine, Resource[Client])
    assert_type(plain, Resource[Client])


def made_by_a_watcher(watcher: HotReloadWatcher[Database]) -> Resource[Pool]:
    """What is selected is what a factory gets; by a key that is not known."""

    @watcher.resource(lambda database: database.url)
    def by_function(url: str) -> Pool:
        return Pool()

    @watcher.resource("url", uses=by_function, fork="keep", timeout_s=1)
    def by_key(url: str, pool: Pool) -> Iterator[Client]:
        yield Client()

    @watcher.resource(lambda database: database.url)  # type: ignore[arg-type] # pyright: ignore
    def wrong(url: int) -> Pool:
        return Pool()

    assert_type(by_function, Resource[Pool])
    assert_type(by_key, Resource[Client])
    watcher.resource("url", fork="never")  # type: ignore[call-overload] # pyright: ignore
    assert_type(watcher.rebuild(by_key), None)
    watcher.rebuild("by_key")  # type: ignore[arg-type] # pyright: ignore
    return by_function


async def made_in_a_loop(watcher: HotReloadWatcher[Database], pool: Resource[Pool]) -> None:
    """What waits has a form that is awaited."""
    async with watcher as entered, watcher.pin() as view:
        assert_type(entered, HotReloadWatcher[Database])
        assert_type(view[pool], Pool)
    assert_type(await watcher.arebuild(pool), None)
    await watcher.arebuild(Pool())  # type: ignore[arg-type] # pyright: ignore


def use(pool: Resource[Pool], published: Published[Database]) -> None:
    """What readers get."""
    assert_type(pool.current, Pool)
    with pool.use() as leased:
        assert_type(leased, Pool)
    with published.pin() as view:
        assert_type(view, View[Database])
        assert_type(view.config, Database)
        assert_type(view[pool], Pool)
    overridden: AbstractContextManager[None] = pool.override(Pool())
    with overridden:
        pass
    pool.override(Client())  # type: ignore[arg-type] # pyright: ignore
    pool.current = Pool()  # type: ignore[misc] # pyright: ignore


async def use_async(pool: Resource[Pool], published: Published[Database]) -> None:
    """The same in async code."""
    async with pool.use() as leased, published.pin() as view:
        assert_type(leased, Pool)
        assert_type(view[pool], Pool)


def is_callable(decorator: ResourceDecorator[Database]) -> Callable[[Callable[[Database], Pool]], Resource[Pool]]:
    """A decorator is a function."""
    return decorator
