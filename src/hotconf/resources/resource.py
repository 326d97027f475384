"""`Resource`: an object that is recreated when its part of the configuration changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, overload

from hotconf.arguments import function
from hotconf.resources.handle import Handle, Lease, lease
from hotconf.system import threads

R = TypeVar("R")
S = TypeVar("S")
U = TypeVar("U")

_faking: Final = threads.lock()
"""Held while fakes change."""

Installed: TypeAlias = "Callable[[Handle[Any] | None], object]"
Fork: TypeAlias = Literal["remake", "keep"]
"""What becomes of a resource in a forked child: it is recreated on first use, or the inherited object is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How a resource is made."""

    name: str
    """`module.function` of the factory, for people."""
    number: int
    """Its place in the order of registration."""
    select: Callable[[Any], Any]
    """What of the config it is made of. May be users' code."""
    factory: Callable[..., Any]
    """Called with what was selected, and the value of `uses`. Users' code."""
    uses: Resource[Any] | None = None
    """Is made before it, and closed after it."""
    fork: Fork = "remake"
    timeout_s: float = 30.0
    """How long making it may take, and closing it."""
    installed: Installed | None = None
    """Called with what has become current, before the config that it belongs to is visible; None: nothing any more.
    Of our own: it must not wait or raise.
    """


class Resource(Generic[R]):
    """The object that a factory creates from the current configuration. `watcher.resource()` returns it."""

    __slots__ = ("__weakref__", "_fake", "_fakes", "_handle", "_missing", "in_loop", "recipe")

    def __init__(self, recipe: Recipe, missing: Callable[[Resource[Any]], Handle[Any]]) -> None:
        """`missing` is called when there is nothing: it returns what it made, or raises `UsageError`."""
        self.recipe = recipe
        """How it is made: for hotconf itself."""
        self.in_loop = shows_async(recipe.factory)
        """Whether its object lives in an event loop; a factory may show that when it is called only."""
        self._missing = missing
        self._handle: Handle[R] | None = None
        """What is published; other modules of this package store it here."""
        self._fake: Handle[R] | None = None
        """What `override` puts over it: the last of `_fakes`."""
        self._fakes: tuple[Handle[R], ...] = ()

    @property
    def current(self) -> R:
        """The object of the configuration that is published. It may be closed as soon as that changes: see `use()`.

        Raises `UsageError` if there is none: before `start()`, after `close()`, or when the event loop that it lived
        in has ended. In a forked child it is recreated on first use, unless `fork="keep"`; that raises what the
        factory raises.
        """
        try:
            return (self._fake or self._handle).value  # type: ignore[union-attr] # None: see below
        except AttributeError:
            return self._held().value

    def use(self) -> Lease[R]:
        """A lease: `with pool.use() as connections:` (or `async with`). The object is not closed until it ends.

        It takes no lock and never waits, unless `current` has to create the object. Raises what `current` raises.
        """
        return lease(self)

    @contextmanager
    def override(self, fake: R) -> Iterator[None]:
        """For tests: within it `current`, `use()` and views return `fake`, in all threads. Nothing is closed.

        Contexts may overlap, and end in any order; the last one entered counts. Resources that use this one keep
        the object that they were created with.
        """
        handle = Handle(fake)
        with _faking:
            self._fakes = (*self._fakes, handle)
            self._fake = handle
        try:
            yield
        finally:
            with _faking:
                self._fakes = tuple(each for each in self._fakes if each is not handle)
                self._fake = self._fakes[-1] if self._fakes else None

    def installed(self) -> None:
        """It has become current, or no longer is: call whoever asked for that."""
        if self.recipe.installed is not None:
            self.recipe.installed(self._handle)

    def __repr__(self) -> str:
        return f"<Resource {self.recipe.name}>"

    def _held(self) -> Handle[R]:
        """What a lease holds now."""
        return self._fake or self._handle or self._missing(self)


def shows_async(factory: Callable[..., Any]) -> bool:
    """Whether it is seen, without calling it, that it makes something in an event loop."""
    import inspect  # imported here: it takes milliseconds

    while isinstance(factory, partial):
        factory = factory.func
    return any(
        test(each)
        for test in (inspect.isasyncgenfunction, inspect.iscoroutinefunction)
        for each in (factory, getattr(factory, "__call__", None))  # noqa: B004 - an object whose `__call__` is async
    )


Register: TypeAlias = Callable[[Callable[..., Any]], Resource[Any]]
"""Registers a factory, and makes it at once if the watcher is running."""


class ResourceDecorator(Generic[S]):
    """What `watcher.resource(selector)` returns: it takes the factory, and gives the resource in its place."""

    __slots__ = ("_register",)

    def __init__(self, register: Register) -> None:
        self._register = register

    @overload
    def __call__(self, factory: Callable[[S], AsyncIterator[R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S], Iterator[R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S], Coroutine[Any, Any, R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S], R], /) -> Resource[R]: ...
    def __call__(self, factory: Callable[[S], Any], /) -> Resource[Any]:
        """Register `factory`. Raises `UsageError` if it cannot be called with one value."""
        return self._register(function("factory", factory, "value", coroutine=True))


class DependentDecorator(Generic[S, U]):
    """What `watcher.resource(selector, uses=other)` returns: its factory gets the other's new value, too."""

    __slots__ = ("_register",)

    def __init__(self, register: Register) -> None:
        self._register = register

    @overload
    def __call__(self, factory: Callable[[S, U], AsyncIterator[R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S, U], Iterator[R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S, U], Coroutine[Any, Any, R]], /) -> Resource[R]: ...
    @overload
    def __call__(self, factory: Callable[[S, U], R], /) -> Resource[R]: ...
    def __call__(self, factory: Callable[[S, U], Any], /) -> Resource[Any]:
        """Register `factory`. Raises `UsageError` if it cannot be called with two values."""
        return self._register(function("factory", factory, "value, used", coroutine=True))
