"""FastAPI: whatever a request does, it sees one generation; the watcher lives as long as the application."""

import gc
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from weakref import ref

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

import httpx
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from hotconf import ConfigError, HotReloadWatcher, UsageError
from hotconf.integrations.asgi import HotConfMiddleware
from hotconf.integrations.fastapi import lifespan, pinned, router, view
from hotconf.resources.published import View
from integrations.shop import Open, Shop
from waiting import wait_until

PLANTED = 471147114711
"""Longer than any pid, and than what a time has without a break."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Open]:
    """Closed at the end, whatever happens."""
    shop = Open(tmp_path)
    yield shop
    shop.watcher.close()


def test_the_watcher_lives_with_the_application(shop: Open) -> None:
    """Started before the first request, closed with what was made of it, after the last."""
    app = FastAPI(lifespan=lifespan(shop.watcher))

    @app.get("/")
    async def index(config: Annotated[Shop, Depends(pinned(shop.watcher))]) -> int:
        return config.number

    with TestClient(app) as client:
        assert client.get("/").json() == 1
        shop.change(2)
        assert client.get("/").json() == 2
    assert shop.watcher.health().reason == "not started"
    assert not any(pool.open for pool in shop.pools)


def test_ones_own_lifespan_runs_within(shop: Open) -> None:
    """With a configuration, and its state reaches the requests."""
    steps: list[Any] = []

    @asynccontextmanager
    async def mine(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        steps.append(shop.watcher.config.number)
        yield {"mine": 7}
        steps.append(shop.watcher.health().status)

    app = FastAPI(lifespan=lifespan(shop.watcher, mine))

    @app.get("/")
    async def index(request: Request) -> int:
        return request.state.mine

    with TestClient(app) as client:
        assert client.get("/").json() == 7
    assert steps == [1, "ok"]


def test_an_invalid_file_prevents_the_start(shop: Open) -> None:
    """With its problems, as `start()` does."""
    shop.save("'one'")
    app = FastAPI(lifespan=lifespan(shop.watcher))
    with pytest.raises(ConfigError, match="expected integer"), TestClient(app):
        pass


def one_generation(shop: Open) -> FastAPI:
    """An application that changes the configuration in each request, and tells of all generations it saw."""
    app = FastAPI(lifespan=lifespan(shop.watcher))
    app.state.late = []
    config_of, view_of = pinned(shop.watcher), view(shop.watcher)

    def below(config: Annotated[Shop, Depends(config_of)]) -> int:
        shop.change(shop.watcher.config.number + 1)
        return config.number

    async def above(config: Annotated[Shop, Depends(pinned(shop.watcher), use_cache=False)]) -> int:
        return config.number

    @app.get("/")
    def index(
        first: Annotated[int, Depends(below)],
        config: Annotated[Shop, Depends(config_of)],
        everything: Annotated[View[Shop], Depends(view_of)],
        again: Annotated[int, Depends(above)],
    ) -> set[int]:
        return {first, config.number, shop.all_of_one(everything), again}

    @app.get("/stream")
    async def stream(
        first: Annotated[int, Depends(below)], everything: Annotated[View[Shop], Depends(view_of)]
    ) -> StreamingResponse:
        async def numbers() -> AsyncIterator[str]:
            yield f"{shop.all_of_one(everything)} "
            await shop.watcher.areload()
            yield f"{shop.all_of_one(everything)} {first}"

        return StreamingResponse(numbers())

    @app.get("/background")
    def background(
        first: Annotated[int, Depends(below)],
        everything: Annotated[View[Shop], Depends(view_of)],
        tasks: BackgroundTasks,
    ) -> int:
        tasks.add_task(lambda: app.state.late.append(shop.all_of_one(everything)))
        return first

    @app.get("/error")
    def error(first: Annotated[int, Depends(below)], everything: Annotated[View[Shop], Depends(view_of)]) -> int:
        app.state.late.append(shop.all_of_one(everything))
        raise LookupError(first)

    @app.websocket("/socket")
    async def socket(
        socket: WebSocket,
        config: Annotated[Shop, Depends(config_of)],
        everything: Annotated[View[Shop], Depends(view_of)],
    ) -> None:
        await socket.accept()
        async for _ in socket.iter_text():
            await socket.send_json([config.number, shop.all_of_one(everything)])

    return app


def test_a_request_sees_one_generation(shop: Open) -> None:
    """In dependencies of dependencies, without their cache, in threads, beside what was made of it."""
    with TestClient(one_generation(shop)) as client:
        assert client.get("/").json() == [1]
        assert client.get("/").json() == [2]


def test_so_do_streams_and_background_tasks(shop: Open) -> None:
    """What was made of it is open until they have ended, and closed after that."""
    app = one_generation(shop)
    with TestClient(app) as client:
        assert client.get("/stream").text == "1 1 1"
        assert client.get("/background").json() == 2
        assert app.state.late == [2]
        shop.change(9)
    assert [pool.number for pool in shop.pools if pool.open] == []


def test_an_exception_ends_it(shop: Open) -> None:
    """Nothing is held after it."""
    app = one_generation(shop)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/error").status_code == 500
        assert client.get("/").json() == [2]
    assert app.state.late == [1]


def test_a_web_socket_sees_one_generation(shop: Open) -> None:
    """As long as it is open."""
    with TestClient(one_generation(shop)) as client, client.websocket_connect("/socket") as socket:
        socket.send_text("")
        assert socket.receive_json() == [1, 1]
        shop.change(2)
        socket.send_text("")
        assert socket.receive_json() == [1, 1]
    assert not any(pool.open for pool in shop.pools)


def test_the_middleware_and_dependencies_agree(shop: Open) -> None:
    """Whoever asks first decides, in applications within the application, too."""
    within = FastAPI()

    @within.get("/")
    def index(request: Request, config: Annotated[Shop, Depends(pinned(shop.watcher))]) -> list[int]:
        return [request.state.hotconf.config.number, config.number]

    app = FastAPI()

    @app.middleware("http")
    async def change(request: Request, call_next: Any) -> Any:
        shop.save(request.state.hotconf.config.number + 1)
        await shop.watcher.areload()
        return await call_next(request)

    app.mount("/within", within)
    app.add_middleware(HotConfMiddleware, watcher=shop.watcher)
    with TestClient(app) as client:
        assert client.get("/within/").json() == [1, 1]
        assert client.get("/within/").json() == [2, 2]
    assert shop.watcher.health().reason == "not started"


def test_dependencies_can_be_replaced(shop: Open) -> None:
    """By the name they were given by: the same for the same watcher. The watcher needs no start then."""
    app = FastAPI()

    @app.get("/")
    def index(config: Annotated[Shop, Depends(pinned(shop.watcher))]) -> int:
        return config.number

    app.dependency_overrides[pinned(shop.watcher)] = lambda: Shop(number=5)
    assert TestClient(app).get("/").json() == 5


def test_values_can_be_overridden(shop: Open) -> None:
    """For tests, before the start and later."""
    app = one_generation(shop)
    with shop.watcher.override({"number": 8}), TestClient(app) as client:
        assert client.get("/").json() == [8]
        with shop.watcher.override({"number": 9}):
            assert client.get("/").json() == [9]


def test_two_watchers_in_one_application(tmp_path: Path) -> None:
    """Each has its own generations."""
    one, two = Open(tmp_path, "one.toml"), Open(tmp_path, "two.toml")
    app = FastAPI(lifespan=lifespan(one.watcher, lifespan(two.watcher)))

    @app.get("/")
    def index(
        first: Annotated[Shop, Depends(pinned(one.watcher))], second: Annotated[Shop, Depends(pinned(two.watcher))]
    ) -> list[int]:
        return [first.number, second.number]

    with TestClient(app) as client:
        two.change(2)
        assert client.get("/").json() == [1, 2]
    assert [each.watcher.health().reason for each in (one, two)] == ["not started"] * 2


def test_two_applications_with_one_watcher(shop: Open) -> None:
    """The first that begins starts it, the last that ends closes it."""
    with TestClient(one_generation(shop)) as first:
        with TestClient(one_generation(shop)) as second:
            assert second.get("/").json() == [1]
        assert first.get("/").json() == [2]
    assert shop.watcher.health().reason == "not started"


def test_a_watcher_that_runs_is_left_running(shop: Open) -> None:
    """Who started it closes it."""
    with shop.watcher:
        with TestClient(one_generation(shop)) as client:
            assert client.get("/").json() == [1]
        assert shop.watcher.health().status == "ok"


def test_a_watcher_that_nobody_started(shop: Open) -> None:
    """The error says what is missing."""
    with pytest.raises(UsageError, match=r"watcher of shop.toml is not running: .* `with TestClient"):
        TestClient(one_generation(shop)).get("/")


def test_until_there_is_a_configuration(shop: Open) -> None:
    """Requests that need one are answered with 503, others as ever; then all are."""
    shop.save("'one'")
    app = one_generation(shop)
    app.router.lifespan_context = lifespan(shop.watcher, require=False)
    app.include_router(router(shop.watcher), prefix="/config")
    with TestClient(app) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.json()) == (503, {"detail": "there is no configuration yet"})
        assert answer.headers["retry-after"]
        with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/socket"):
            pass
        assert closed.value.code == 1013
        assert client.get("/config/status").json()["health"] == "failed"
        shop.change(1)
        assert client.get("/").json() == [1]


def test_the_router(shop: Open) -> None:
    """How it is, and reloads on demand, by status codes that scripts can read."""
    app = FastAPI(lifespan=lifespan(shop.watcher))
    app.include_router(router(shop.watcher), prefix="/config")
    with TestClient(app) as client:
        assert client.get("/config/status").json()["generation"] == 1
        shop.save(2)
        answer = client.post("/config/reload")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "success")
        assert client.post("/config/reload").json()["outcome"] == "unchanged"
        shop.save(3)
        with shop.watcher.busy("a backup"):
            answer = client.post("/config/reload")
            assert (answer.status_code, answer.json()["outcome"], answer.json()["health"]) == (
                202,
                "deferred",
                "pending",
            )
        shop.save("'four'")
        answer = client.post("/config/reload")
        assert (answer.status_code, answer.json()["outcome"], answer.json()["health"]) == (409, "failed", "failed")
        assert answer.json()["generation"] == 3
        assert client.get("/config/reload").status_code == 405
    assert TestClient(app).get("/config/status").status_code == 503
    assert TestClient(app).post("/config/reload").status_code == 503


def test_no_endpoint_shows_a_value(tmp_path: Path) -> None:
    """Whatever is asked, whatever went wrong: neither keys of tables, nor values, nor texts about them."""
    path = tmp_path / "shop.toml"
    path.write_text("number = 1\n")
    watcher = HotReloadWatcher(path, Shop, debounce_ms=60_000)
    app = FastAPI(lifespan=lifespan(watcher))
    app.include_router(router(watcher))
    with TestClient(app) as client:
        said = ""
        for text in (f"number = {PLANTED}", "number = 'hunter2'", f"hunter2 = {PLANTED}", "[hunter2", ""):
            path.write_text(text)
            for answer in (client.post("/reload"), client.get("/status"), client.get("/status?values=1")):
                said += answer.text + str(answer.headers)
        said += client.get("/openapi.json").text
        assert {answer.status_code for answer in map(client.get, ("/", "/config", "/values"))} == {404}
    assert str(PLANTED) not in said
    assert "hunter2" not in said
    assert "number" not in said


def test_nothing_is_mounted_unasked(shop: Open) -> None:
    """The lifespan and the dependencies add no route."""
    before = {route.path for route in FastAPI().routes if hasattr(route, "path")}
    assert {route.path for route in one_generation(shop).routes if hasattr(route, "path")} - before == {
        "/", "/stream", "/background", "/error", "/socket",
    }  # fmt: skip


@pytest.mark.parametrize("given", ["shop.toml", None, FastAPI()])
def test_what_is_no_watcher(given: Any) -> None:
    """As for `FastAPI(lifespan=lifespan)`, which forgets to call it."""
    for function in (lifespan, pinned, view, router):
        with pytest.raises(UsageError, match=r"watcher.*: give a HotReloadWatcher"):
            function(given)


def test_dependencies_do_not_keep_the_watcher(tmp_path: Path) -> None:
    """An application that is dropped takes its watcher with it."""
    watcher = HotReloadWatcher(tmp_path / "shop.toml", Shop)
    gone = ref(watcher)
    dependency = pinned(watcher)
    assert pinned(watcher) is dependency
    del watcher
    gc.collect()
    assert gone() is None


async def _request(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.get(path)


def test_concurrent_requests_keep_their_own(shop: Open) -> None:
    """One that waits is not disturbed by those that come later."""
    import asyncio

    app, first, waiting = FastAPI(), asyncio.Event(), asyncio.Event()
    routes = APIRouter()

    @routes.get("/{step}")
    async def index(step: str, everything: Annotated[View[Shop], Depends(view(shop.watcher))]) -> list[int]:
        before = shop.all_of_one(everything)
        if step == "slow":
            waiting.set()
            await first.wait()
        return [before, shop.all_of_one(everything)]

    app.include_router(routes)

    async def main() -> list[Any]:
        async with shop.watcher:
            slow = asyncio.create_task(_request(app, "/slow"))
            await asyncio.wait_for(waiting.wait(), 60)
            answers = []
            for number in range(2, 5):
                shop.save(number)
                await shop.watcher.areload()
                answers.append((await _request(app, "/fast")).json())
            assert shop.pools[0].open
            first.set()
            return [*answers, (await slow).json()]

    assert asyncio.run(main()) == [[2, 2], [3, 3], [4, 4], [1, 1]]


def test_a_client_can_be_entered_again(shop: Open) -> None:
    """Each `with TestClient(app)` runs the lifespan: the watcher starts anew, with its resources and callbacks."""
    app = one_generation(shop)
    seen: list[Any] = []
    shop.watcher.on_change("number", lambda old, new: seen.append(new), initial=True)
    with TestClient(app) as client:
        assert client.get("/").json() == [1]
        assert shop.watcher.flush(60)
    shop.save(7)
    with shop.watcher.override({"number": 5}), TestClient(app) as client:
        assert client.get("/").json() == [5]
        assert shop.watcher.flush(60)
    with TestClient(app) as client:
        assert client.get("/").json() == [6]
        assert shop.watcher.flush(60)
        assert shop.watcher.generation == 2
    assert seen == [1, 2, 5, 6, 7]
    assert not any(pool.open for pool in shop.pools)
    shop.save("'one'")
    with pytest.raises(ConfigError), TestClient(app):
        pass
    shop.save(3)
    with TestClient(app) as client:
        assert client.get("/").json() == [3]
    shop.watcher.close()
    with pytest.raises(UsageError, match="can be started once"), TestClient(app):
        pass


def test_signals_outlast_a_lifespan(shop: Open) -> None:
    """`reload_on` is called once, in the main thread: the watcher that starts anew hears them, too."""
    heard: list[int] = []
    original = signal.signal(signal.SIGHUP, lambda *_: heard.append(1))
    try:
        handle = shop.watcher.reload_on(signal.SIGHUP)
        app = one_generation(shop)
        for number in (2, 3):
            shop.save(number - 1)
            with TestClient(app) as client:
                assert client.get("/").json() == [number - 1]
                shop.save(number * 10)
                signal.raise_signal(signal.SIGHUP)
                wait_until(lambda number=number: shop.watcher.config.number == number * 10)
            signal.raise_signal(signal.SIGHUP)  # nothing runs: what was there before is called
            assert not handle.closed
        shop.save("'one'")
        with pytest.raises(ConfigError), TestClient(app):
            pass
        assert not handle.closed
        assert shop.watcher.reload_on(signal.SIGHUP) is handle
        shop.save(4)
        with TestClient(app):
            shop.watcher.close()  # this is meant for good
            assert handle.closed
        signal.raise_signal(signal.SIGHUP)
        assert heard == [1] * 5
    finally:
        shop.watcher.close()
        signal.signal(signal.SIGHUP, original)


def test_async_resources_live_in_the_loop_of_each_lifespan(shop: Open) -> None:
    """They are made and closed there, and so run coroutines that are called back."""
    import asyncio

    steps: list[Any] = []
    loops: list[Any] = []

    @shop.watcher.resource("number")
    async def client(number: int) -> AsyncIterator[int]:
        loops.append(asyncio.get_running_loop())
        yield number * 10
        assert asyncio.get_running_loop() is loops[-1]
        steps.append(f"close {number}")

    async def follow(old: object, new: object) -> None:
        assert asyncio.get_running_loop() is loops[-1]
        steps.append(new)

    shop.watcher.on_change("number", follow, initial=True)
    app = FastAPI(lifespan=lifespan(shop.watcher))

    @app.get("/")
    async def index(everything: Annotated[View[Shop], Depends(view(shop.watcher))]) -> int:
        return everything[client]

    for number in (1, 2):
        shop.save(number)
        with TestClient(app) as http:
            assert http.get("/").json() == number * 10
            assert shop.watcher.flush(60)
    assert steps == [1, "close 1", 2, "close 2"]
    assert len(set(loops)) == 2
