"""Any ASGI application: the middleware runs the watcher within the lifespan, and pins a view for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hotconf import ConfigError, UsageError
from hotconf.integrations.asgi import HotConfMiddleware, Message, Receive, Scope, Send
from integrations.shop import Open


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Open]:
    """Closed at the end, whatever happens."""
    shop = Open(tmp_path)
    yield shop
    shop.watcher.close()


class Server:
    """What a server does with an application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[Message] = []
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._changed = asyncio.Event()

    async def start(self) -> str:
        """Begin its lifespan, and return what it answers."""
        self._life = asyncio.create_task(self.app({"type": "lifespan", "asgi": {}}, self._messages.get, self._send))
        return await self._tell("lifespan.startup")

    async def stop(self) -> str:
        """End it, and return what it answers."""
        answer = await self._tell("lifespan.shutdown")
        await self._life
        return answer

    async def _tell(self, kind: str) -> str:
        self._changed.clear()
        await self._messages.put({"type": kind})
        changed = asyncio.create_task(self._changed.wait())
        await asyncio.wait([changed, self._life], return_when=asyncio.FIRST_COMPLETED, timeout=60)
        changed.cancel()
        return str(self.sent[-1]["type"]) if self.sent else "nothing"

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self._changed.set()

    async def request(self, kind: str = "http", **more: Any) -> list[Message]:
        """What it answers."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app({"type": kind, "path": "/", **more}, self._messages.get, send)
        return sent


def served(shop: Open, *, lifespan: str = "takes part") -> tuple[HotConfMiddleware, list[Any]]:
    """An application without a framework, and what it saw."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if lifespan == "raises":
                raise ValueError("only http")
            if lifespan == "returns":
                return
            seen.append((await receive())["type"])
            seen.append(shop.watcher.config.number)
            if lifespan == "raises late":
                raise ValueError("no database")
            await send({"type": f"lifespan.startup.{'failed' if lifespan == 'fails' else 'complete'}"})
            if lifespan in ("fails", "is gone"):
                return
            seen.append((await receive())["type"])
            seen.append(shop.watcher.health().status)
            await send({"type": "lifespan.shutdown.complete"})
            return
        before = shop.all_of_one(scope["hotconf"])
        shop.save(before + 1)
        await shop.watcher.areload()
        seen.append([before, shop.all_of_one(scope["hotconf"]), shop.all_of_one(scope["state"]["hotconf"])])
        await send({"type": "sent"})

    return HotConfMiddleware(app, shop.watcher), seen


def test_it_runs_within_the_lifespan(shop: Open) -> None:
    """The application's own comes after the start, and ends before the close."""

    async def main() -> None:
        app, seen = served(shop)
        server = Server(app)
        assert await server.start() == "lifespan.startup.complete"
        await server.request()
        await server.request("websocket", state={"mine": 1})
        assert await server.stop() == "lifespan.shutdown.complete"
        assert seen == ["lifespan.startup", 1, [1, 1, 1], [2, 2, 2], "lifespan.shutdown", "ok"]
        assert shop.watcher.health().reason == "not started"
        assert not any(pool.open for pool in shop.pools)

    asyncio.run(main())


@pytest.mark.parametrize("lifespan", ["raises", "returns"])
def test_an_application_without_a_lifespan(shop: Open, lifespan: str) -> None:
    """Is served like others."""

    async def main() -> None:
        app, seen = served(shop, lifespan=lifespan)
        server = Server(app)
        assert await server.start() == "lifespan.startup.complete"
        await server.request()
        assert await server.stop() == "lifespan.shutdown.complete"
        assert seen == [[1, 1, 1]]
        assert shop.watcher.health().reason == "not started"

    asyncio.run(main())


def test_an_application_that_returns_once_it_has_started(shop: Open) -> None:
    """Servers go on with it; so does the watcher."""

    async def main() -> None:
        app, seen = served(shop, lifespan="is gone")
        server = Server(app)
        assert await server.start() == "lifespan.startup.complete"
        await server.request()
        assert shop.watcher.health().status == "ok"
        assert await server.stop() == "lifespan.shutdown.complete"
        assert seen == ["lifespan.startup", 1, [1, 1, 1]]
        assert shop.watcher.health().reason == "not started"

    asyncio.run(main())


@pytest.mark.parametrize("lifespan", ["fails", "raises late"])
def test_an_application_that_fails_to_start(shop: Open, lifespan: str) -> None:
    """The server learns it, and the watcher is closed."""

    async def main() -> None:
        app, _ = served(shop, lifespan=lifespan)
        server = Server(app)
        assert await server.start() == "lifespan.startup.failed"
        [ended] = await asyncio.gather(server._life, return_exceptions=True)
        assert isinstance(ended, ValueError) == (lifespan == "raises late")
        assert shop.watcher.health().reason == "not started"

    asyncio.run(main())


def test_an_invalid_file_prevents_the_start(shop: Open) -> None:
    """The server logs its problems."""
    shop.save("'one'")

    async def main() -> None:
        app, seen = served(shop)
        server = Server(app)
        assert await server.start() == "lifespan.startup.failed"
        assert "shop.toml:1:10: Type mismatch" in server.sent[-1]["message"]
        with pytest.raises(ConfigError):
            await server._life
        assert seen == []

    asyncio.run(main())


def test_until_there_is_a_configuration(shop: Open) -> None:
    """Requests are answered with 503, WebSockets are closed: try again later."""
    shop.save("'one'")

    async def main() -> None:
        app, seen = served(shop, lifespan="raises")
        app = HotConfMiddleware(app._app, shop.watcher, require=False)
        server = Server(app)
        await server.start()
        begin, body = await server.request()
        assert (begin["status"], body["body"]) == (503, b"there is no configuration yet")
        [close] = await server.request("websocket")
        assert (close["type"], close["code"]) == ("websocket.close", 1013)
        shop.change(1)
        await server.request()
        assert seen == [[1, 1, 1]]
        await server.stop()

    asyncio.run(main())


def test_two_watchers(tmp_path: Path) -> None:
    """Each view has a name; the inner one comes up last."""
    one, two = Open(tmp_path, "one.toml"), Open(tmp_path, "two.toml")
    seen: list[Any] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append([one.all_of_one(scope["hotconf"]), two.all_of_one(scope["limits"])])

    async def main() -> None:
        server = Server(HotConfMiddleware(HotConfMiddleware(inner, two.watcher, name="limits"), one.watcher))
        await server.start()
        two.save(2)
        await two.watcher.areload()
        await server.request()
        await server.stop()
        assert seen == [[1, 2]]

    asyncio.run(main())


def test_a_watcher_that_nobody_started(shop: Open) -> None:
    """The server runs no lifespan, or the application is called by itself."""
    app, _ = served(shop)
    with pytest.raises(UsageError, match="is not running"):
        asyncio.run(Server(app).request())


def test_nothing_of_a_request_remains(shop: Open) -> None:
    """Servers keep the scope of a connection's last request: what was pinned is closed all the same."""

    async def main() -> None:
        app, _ = served(shop)
        scope: dict[str, Any] = {"type": "http", "path": "/"}
        async with shop.watcher:
            await app(scope, *[_nothing] * 2)
            assert await asyncio.to_thread(_closed, shop)
            with pytest.raises(UsageError, match="used within its `with`"):
                _ = scope["hotconf"].config

    asyncio.run(main())


async def _nothing(*_: Any) -> Message:
    return {}


def _closed(shop: Open) -> bool:
    from waiting import wait_until

    wait_until(lambda: not shop.pools[0].open)
    return True


def test_what_is_neither_request_nor_lifespan(shop: Open) -> None:
    """Is passed on."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": scope["type"]})

    assert asyncio.run(Server(HotConfMiddleware(app, shop.watcher)).request("other")) == [{"type": "other"}]
