"""ASGI: a lifespan for FastAPI and Starlette, and a middleware for any application.

app = FastAPI(lifespan=lifespan(watcher))      # or Starlette
app = HotConfMiddleware(app, watcher)          # anything
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

from hotconf import arguments
from hotconf.errors import NoConfigError
from hotconf.integrations.serving import UNAVAILABLE, checked, held, place, served, view_of

if TYPE_CHECKING:
    from hotconf.watcher import HotReloadWatcher

A = TypeVar("A")
S = TypeVar("S")

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

TRY_AGAIN_LATER: Final = 1013
"""The close code of a WebSocket."""


@overload
def lifespan(
    watcher: HotReloadWatcher[Any], *, require: bool = True
) -> Callable[[Any], AbstractAsyncContextManager[None]]: ...
@overload
def lifespan(
    watcher: HotReloadWatcher[Any], then: Callable[[A], AbstractAsyncContextManager[S]], *, require: bool = True
) -> Callable[[A], AbstractAsyncContextManager[S]]: ...
def lifespan(
    watcher: HotReloadWatcher[Any],
    then: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
    *,
    require: bool = True,
) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """A lifespan for FastAPI and Starlette that starts the watcher first and closes it last.

    `then`: your own lifespan, entered within; its state is passed on. It may be `lifespan(another_watcher)`.
    `require`: as in `start()`. A watcher that is already running is left running; one that several applications share
    is closed with the last of them. If the files are not valid, the application fails to start with `ConfigError`.
    """
    checked(watcher)
    arguments.flag("require", require)

    @asynccontextmanager
    async def around(app: Any) -> AsyncIterator[Any]:
        async with served(watcher, require=require):
            if then is None:
                yield None
            else:
                async with then(app) as state:
                    yield state

    return around


_STARTED: Final = "lifespan.startup.complete"


class HotConfMiddleware:
    """Runs the watcher during the application's lifespan, and pins one view of it for each request and WebSocket.

    The view is `scope["hotconf"]`, and in `scope["state"]`, so in Starlette it is `request.state.hotconf`. It has
    `.config`, and `[pool]` for resources. Until there is a configuration, requests get a 503. The application need
    not support lifespans. If the server does not, call `watcher.start()` yourself.
    """

    def __init__(
        self, app: App, watcher: HotReloadWatcher[Any], *, name: str = "hotconf", require: bool = True
    ) -> None:
        """`name`: the key of the view in the scope, in case of several watchers. `require`: as in `start()`."""
        arguments.flag("require", require)
        self._app = app
        self._watcher = checked(watcher)
        self._name = name
        self._require = require

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(scope, receive, send)
        elif kind in ("http", "websocket"):
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = self._watcher
        key = place(watcher)
        mine = key not in scope
        try:
            if mine:
                scope[key] = held(watcher)
        except NoConfigError:
            await _unavailable(scope["type"], send)
            return
        try:
            with view_of(watcher, scope[key]) as view:
                scope[self._name] = scope.setdefault("state", {})[self._name] = view
                await self._app(scope, receive, send)
        finally:
            if mine:
                del scope[key]

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        async with AsyncExitStack() as within:
            try:
                await within.enter_async_context(served(self._watcher, require=self._require))
            except BaseException as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            inner = _Inner(first, receive, send, within)
            await inner.run(self._app, scope)


class _Inner:
    """The application's own lifespan, within the watcher's. The application may not support lifespans."""

    def __init__(self, first: Message, receive: Receive, send: Send, within: AsyncExitStack) -> None:
        self._first: Message | None = first
        self._receive = receive
        self._send = send
        self._within = within
        self._answer = ""
        """The type of its latest message."""

    async def run(self, app: App, scope: Scope) -> None:
        """Run until the server shuts down."""
        try:
            await app(scope, self._next, self._pass_on)
        except Exception as error:
            if self._first is None:  # it supports lifespans
                if not self._answer:
                    await self._send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        if not self._answer:
            await self._pass_on({"type": _STARTED})
        if self._answer == _STARTED:  # the watcher runs until the server shuts down, whenever this returns
            await self._receive()
            await self._within.aclose()
            await self._send({"type": "lifespan.shutdown.complete"})

    async def _next(self) -> Message:
        first, self._first = self._first, None
        return await self._receive() if first is None else first

    async def _pass_on(self, message: Message) -> None:
        self._answer = message["type"]
        if self._answer.startswith("lifespan.shutdown."):
            await self._within.aclose()
        await self._send(message)


async def _unavailable(kind: str, send: Send) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": UNAVAILABLE})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": UNAVAILABLE.encode()})
