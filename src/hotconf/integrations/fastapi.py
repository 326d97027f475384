"""FastAPI: the watcher's lifespan, dependencies that pin one generation for each request, and a router.

    app = FastAPI(lifespan=lifespan(watcher))
    Config = Annotated[AppConfig, Depends(pinned(watcher))]

    @app.get("/")
    async def index(config: Config) -> str: ...

Starlette has no dependencies: see `hotconf.integrations.asgi`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary, ref

from pydantic import BaseModel

from hotconf.errors import NoConfigError, UsageError
from hotconf.events import ReloadDeferred, ReloadFailed, ReloadSuccess
from hotconf.integrations.asgi import TRY_AGAIN_LATER, Scope, lifespan
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import UNAVAILABLE, checked, held, place, running, view_of

with needs("fastapi"):
    from fastapi import APIRouter, HTTPException, Response, WebSocketException
    from fastapi.requests import HTTPConnection

if TYPE_CHECKING:
    from hotconf.events import Ending
    from hotconf.resources.published import Generation, Published, View
    from hotconf.watcher import HotReloadWatcher

__all__ = ["lifespan", "pinned", "router", "view"]

T = TypeVar("T")

REFUSED: Final = 409
DEFERRED: Final = 202


def pinned(watcher: HotReloadWatcher[T]) -> Callable[[HTTPConnection], AsyncIterator[T]]:
    """A dependency: the config, which is the same during the whole request and its background tasks, or WebSocket.

    Resources of that generation stay open until then. All dependencies of a request get the same generation, `view`
    and mounted applications included. Returns the same function for the same watcher, so
    `app.dependency_overrides[pinned(watcher)]` replaces it. Until there is a configuration, requests get a 503.
    """
    dependency: Callable[[HTTPConnection], AsyncIterator[T]] = _dependencies(checked(watcher))[0]
    return dependency


def view(watcher: HotReloadWatcher[T]) -> Callable[[HTTPConnection], AsyncIterator[View[T]]]:
    """A dependency: the view of the same generation as `pinned`: `view.config`, and `view[pool]` for resources."""
    dependency: Callable[[HTTPConnection], AsyncIterator[View[T]]] = _dependencies(checked(watcher))[1]
    return dependency


_made: Final[WeakKeyDictionary[HotReloadWatcher[Any], tuple[Any, Any]]] = WeakKeyDictionary()


def _dependencies(watcher: HotReloadWatcher[Any]) -> tuple[Any, Any]:
    """Both dependencies, on the hot path of each request. They hold no reference to the watcher: its cache holds
    them.
    """
    if watcher in _made:
        return _made[watcher]
    key, this = place(watcher), ref(watcher)
    source: Callable[[], Published[Any] | None] = _nothing

    def held(scope: Scope) -> Generation:
        nonlocal source
        generation, published = _held(_there(this()), scope)
        source = ref(published)
        return generation

    async def pinned(connection: HTTPConnection) -> AsyncIterator[Any]:
        scope = connection.scope
        generation = scope.get(key)
        if mine := generation is None:
            published = source()  # no Python call here: each would cost half a microsecond
            if published is None or published.forked or (generation := published.generation) is None:
                generation = held(scope)
            scope[key] = generation
        try:
            yield generation.config
        finally:
            if mine:
                del scope[key]

    async def view(connection: HTTPConnection) -> AsyncIterator[View[Any]]:
        scope = connection.scope
        mine = key not in scope
        if mine:
            scope[key] = held(scope)
        try:
            with view_of(_there(this()), scope[key]) as view:
                yield view
        finally:
            if mine:
                del scope[key]

    return _made.setdefault(watcher, (pinned, view))


def _nothing() -> None:
    """Before the first request."""


def _there(watcher: HotReloadWatcher[T] | None) -> HotReloadWatcher[T]:
    if watcher is None:
        raise UsageError("the watcher of this dependency no longer exists: keep a reference to it")
    return watcher


def _held(watcher: HotReloadWatcher[T], scope: Scope) -> tuple[Generation, Published[T]]:
    try:
        return held(watcher), watcher._applying().published
    except NoConfigError:
        if scope["type"] == "websocket":
            raise WebSocketException(TRY_AGAIN_LATER, UNAVAILABLE) from None
        raise HTTPException(503, UNAVAILABLE, {"Retry-After": "1"}) from None


class Status(BaseModel):
    """The health of the watcher, without values and messages, which may quote them."""

    health: Literal["ok", "pending", "degraded", "failed", "unwatched"]
    """As in `watcher.health()`."""
    since: datetime
    """UTC; when it took this status."""
    generation: int
    """The generation in force; 0 if there is none."""
    pid: int
    """The process that answered, in case of several workers."""


class Reloaded(Status):
    """How a reload ended."""

    outcome: Literal["success", "unchanged", "failed", "deferred"]


def router(watcher: HotReloadWatcher[Any]) -> APIRouter:
    """`GET /status` and `POST /reload`, without values. Mount it where only operators have access.

        app.include_router(router(watcher), prefix="/config", dependencies=[Depends(operator)])

    `/reload` loads the files now, and answers 200, 202 if the reload is deferred, or 409 if the files are not valid;
    the log has the problems. Both answer 503 if the watcher is not running.
    """
    checked(watcher)
    routes = APIRouter(tags=["configuration"])
    no_watcher: dict[int | str, dict[str, Any]] = {503: {"description": "The watcher is not running"}}

    @routes.get("/status", responses=no_watcher)
    async def status(response: Response) -> Status:
        """The health of this process's configuration."""
        if not running(watcher):
            response.status_code = 503
        return _status(watcher)

    outcomes: dict[int | str, dict[str, Any]] = {DEFERRED: {"model": Reloaded}, REFUSED: {"model": Reloaded}}

    @routes.post("/reload", responses={**no_watcher, **outcomes})
    async def reload(response: Response) -> Reloaded:
        """Load this process's configuration now."""
        try:
            ending = await watcher.areload()
        except UsageError:
            raise HTTPException(503, "the watcher is not running") from None
        outcome, response.status_code = _outcome(ending)
        return Reloaded(outcome=outcome, **_status(watcher).model_dump())

    return routes


def _status(watcher: HotReloadWatcher[Any]) -> Status:
    health = watcher.health()
    return Status(health=health.status, since=health.since, generation=watcher.generation, pid=os.getpid())


def _outcome(ending: Ending) -> tuple[Literal["success", "unchanged", "failed", "deferred"], int]:
    if isinstance(ending, ReloadFailed):
        return "failed", REFUSED
    if isinstance(ending, ReloadDeferred):
        return "deferred", DEFERRED
    return ("success" if isinstance(ending, ReloadSuccess) else "unchanged"), 200
