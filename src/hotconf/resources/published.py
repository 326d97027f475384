"""`Published`: which objects belong to the configuration that is published; `View`: one generation of everything.

Rule 1: objects are stored before the generation that they belong to, and that before `config`: who reads `config`,
then `current`, never gets an older object. Both ways only a view is of one generation.
Rule 2: only our own threads publish, under a lock in which no users' code runs. Readers take none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from hotconf.arguments import wrong
from hotconf.errors import NoConfigError, UsageError
from hotconf.resources.calls import in_factory
from hotconf.resources.handle import TRACED, Handle, caller
from hotconf.resources.preparation import Made, Refused, Wanted
from hotconf.resources.resource import Recipe, Resource
from hotconf.system import threads

if TYPE_CHECKING:
    from types import TracebackType

    from hotconf.resources.entry import Entry
    from hotconf.resources.keeper import Keeper

T = TypeVar("T")
R = TypeVar("R")


class Generation(NamedTuple):
    """A config, and what was made of it."""

    config: Any
    handles: Mapping[Resource[Any], Handle[Any]]


class Published(Generic[T]):
    """The resources of one watcher, in order of registration, and what is published of them."""

    __slots__ = ("__weakref__", "_keeper", "_lock", "closed", "forked", "generation", "resources")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        keeper.withdraw = self._lose
        self._lock = threads.lock()
        self.forked = False
        """Whether inherited objects are to be recreated."""
        self.closed = False
        self.generation: Generation | None = None
        self.resources: list[Resource[Any]] = []

    def register(self, recipe: Recipe) -> Resource[Any]:
        """A new resource, without an object as yet. Raises `UsageError` if it uses one of another watcher."""
        if recipe.uses is not None and recipe.uses not in self.resources:
            raise UsageError(f"{recipe.name} cannot use {recipe.uses.recipe.name}, which is of another watcher")
        resource: Resource[Any] = Resource(recipe, self._missing)
        self.resources.append(resource)
        return resource

    def take_over(self, resource: Resource[Any]) -> None:
        """One of a watcher that was closed, and is started again."""
        resource._missing = self._missing
        self.resources.append(resource)

    def unregister(self, resource: Resource[Any]) -> list[Handle[Any]]:
        """It could not be created at its registration. Returns what was made of it meanwhile, for `Keeper.retire`."""
        with self._lock:
            self.resources.remove(resource)
            return self._take(resource)

    def publish(self, config: T, made: Made | None = None) -> list[Handle[Any]]:
        """Make `config` and what was made of it current; what was made of it before stays. Store `config` after this.

        Returns the handles that were replaced, for `Keeper.retire`. To be called on threads of ours.
        """
        installed = [each for each in self.resources if each.recipe.installed and made and made.get(each)]
        replaced = self._swap(config, made)
        for resource in installed:
            resource.installed()
        return replaced

    def _swap(self, config: T, made: Made | None) -> list[Handle[Any]]:
        with self._lock:
            if self.closed:
                return list(made.take().values()) if made else []
            before = {} if self.generation is None else self.generation.handles
            if not made:
                self.generation = Generation(config, before)
                return []
            new = made.take()
            lost = [each for each, handle in new.items() if handle.entry.lost or each not in self.resources]
            for resource, handle in new.items():
                resource._handle = None if resource in lost else handle
            left = {each: handle for each, handle in {**before, **new}.items() if each not in lost}
            self.generation = Generation(config, left)
            return [before[resource] for resource in new if resource in before]

    def withdraw(self) -> list[Handle[Any]]:
        """The watcher is closed: nothing is current any more. Returns all handles, for `Keeper.close`."""
        with self._lock:
            self.closed = True
            handles = [resource._handle for resource in self.resources]
            for resource in self.resources:
                resource._handle = None
            self.generation = None
        for resource in self.resources:
            resource.installed()
        return [handle for handle in handles if handle is not None]

    def pin(self) -> View[T]:
        """A view of what is published when it is entered."""
        return View(self)

    # In a forked child

    def abandon(self) -> None:
        """Inherited objects are not current, except those that are kept."""
        self._lock = threads.lock()
        self.forked = True
        for resource in self.resources:
            if resource.recipe.fork == "remake":
                resource._handle = None
        if self.generation is not None:
            config, handles = self.generation
            kept = {resource: handle for resource, handle in handles.items() if resource.recipe.fork == "keep"}
            self.generation = Generation(config, kept)

    def has(self, resource: Resource[Any]) -> bool:
        """Whether something is published of it."""
        generation = self.generation
        return generation is not None and resource in generation.handles

    def remade_on_use(self, resource: Resource[Any]) -> bool:
        """Whether it is made on first use only: in a forked child."""
        return self._remakes(resource) and not self.has(resource)

    def complete(self) -> Generation:
        """What is published, after making what a fork has left out. Raises what a factory raises."""
        while True:
            generation = self.generation
            if generation is None:
                raise NoConfigError("there is no config yet" if not self.closed else "the watcher is closed")
            if not self.forked:
                return generation
            absent = [each for each in self.resources if self._remakes(each) and each not in generation.handles]
            if not absent:
                return generation
            for resource in absent:
                self._remake(resource)

    def make_in_loop(self) -> None:
        """Recreate what lives in an event loop, in another one. Raises what a factory raises."""
        for resource in self.resources:
            if resource.in_loop:
                with self._lock:
                    lost = self._take(resource)
                self._keeper.retire(lost)
                self._remake(resource)

    def _missing(self, resource: Resource[Any]) -> Handle[Any]:
        name = resource.recipe.name
        if self.closed:
            raise UsageError(f"{name} is closed with its watcher")
        if resource.in_loop and self.generation is not None:
            raise UsageError(f"{name} belongs to an event loop that has ended: enter the watcher in another one")
        if not self.forked or self.generation is None:
            instead = "give it as uses=" if in_factory() else "the watcher makes it in start()"
            raise UsageError(f"{name} has not been made yet: {instead}")
        self._remake(resource)
        return resource._held()

    def _remakes(self, resource: Resource[Any]) -> bool:
        return self.forked and resource.recipe.fork == "remake" and not resource.in_loop

    def _remake(self, resource: Resource[Any]) -> None:
        """Make it, and what it uses, of the published config; it may be that another thread was faster."""
        if in_factory():
            raise UsageError(f"{resource.recipe.name} is not made yet in this process: give it as uses=")
        while resource._handle is None and self.generation is not None:  # again if another config was published
            self._remake_once(resource)

    def _remake_once(self, resource: Resource[Any]) -> None:
        done = threads.Event()
        refused: list[Refused] = []
        made_of: list[Generation | None] = []

        def wanted() -> list[Wanted]:
            made_of.append(self.generation)
            return self._absent(resource, made_of[0])

        def then(outcome: Made | Refused) -> None:
            if isinstance(outcome, Refused):
                refused.append(outcome)
            else:
                self._keeper.retire(self._adopt(outcome, made_of[0]))
            done.set()

        self._keeper.prepare(wanted, then)
        if not self._keeper.wait(done):
            raise UsageError(f"{resource.recipe.name} is closed with its watcher")
        if refused:
            raise refused[0].error

    def _absent(self, resource: Resource[Any] | None, generation: Generation | None) -> list[Wanted]:
        """What is not made of a resource and of those that it uses, these first."""
        absent: list[Wanted] = []
        while resource is not None and generation is not None and resource._handle is None:
            absent.append(Wanted(resource, partial(resource.recipe.select, generation.config)))
            resource = resource.recipe.uses
        return absent[::-1]

    def _lose(self, entry: Entry) -> list[Handle[Any]]:
        """Its event loop ends: it is not current any more."""
        with self._lock:
            handle = entry.resource._handle
            return [] if handle is None or handle.entry is not entry else self._take(entry.resource)

    def _take(self, resource: Resource[Any]) -> list[Handle[Any]]:
        """It is not current any more."""
        handle, generation = resource._handle, self.generation
        if handle is None or generation is None:
            return []
        resource._handle = None
        left = {each: other for each, other in generation.handles.items() if other is not handle}
        self.generation = generation._replace(handles=left)
        return [handle]

    def _adopt(self, made: Made, of: Generation | None) -> list[Handle[Any]]:
        """Publish what is absent, if the config that it was made of is published. Returns the rest, to be closed."""
        with self._lock:
            generation, new, left = self.generation, made.take(), []
            for resource, handle in new.items():
                if generation is None or of is None or generation.config is not of.config or resource._handle:
                    left.append(handle)
                    continue
                resource._handle = handle
                generation = self.generation = generation._replace(handles={**generation.handles, resource: handle})
            return left


class View(Generic[T]):
    """One generation of the configuration and of all resources, which stay open while it is held.

    A context manager, in plain and in async code: `with watcher.pin() as view: view.config, view[pool]`.
    """

    __slots__ = ("__weakref__", "_config", "_handles", "_of", "_published", "where")

    def __init__(self, published: Published[T], of: Generation | None = None) -> None:
        """Of a generation that is held already, or of what is published when it is entered."""
        self._published = published
        self._of = of
        self._handles: Mapping[Resource[Any], Handle[Any]] | None = None

    @property
    def config(self) -> T:
        """The config. Raises `UsageError` outside of its `with`."""
        self._check()
        config: T = self._config
        return config

    def __getitem__(self, resource: Resource[R]) -> R:
        """What was made of it. Raises `UsageError` outside of its `with`, and for what is not in it."""
        if resource not in self._published.resources:
            raise wrong("resource", resource, "a resource of this watcher")
        handle = resource._fake or self._check().get(resource)
        if handle is None:
            raise UsageError(f"this view has no {resource.recipe.name}: it was not made when the view was entered")
        value: R = handle.value
        return value

    def _check(self) -> Mapping[Resource[Any], Handle[Any]]:
        if self._handles is None:
            raise UsageError("a view is used within its `with`: with watcher.pin() as view: …")
        return self._handles

    def __enter__(self) -> View[T]:
        if self._handles is not None:
            raise UsageError("this view is entered already: call pin() once for each `with`")
        if TRACED:
            self.where = caller()
        self._config, self._handles = self._of or self._published.complete()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handles = self._config = self._of = None

    async def __aenter__(self) -> View[T]:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handles = self._config = self._of = None
