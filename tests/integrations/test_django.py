"""Django: whatever a request does, it sees one generation; the watcher runs where requests are served."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("django")

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from hotconf import ConfigError, UsageError
from hotconf.integrations import django as integration
from hotconf.integrations.django import pinned, view
from integrations.shop import Open
from waiting import wait_until

if not settings.configured:
    settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="of tests",
        ROOT_URLCONF="shop_urls",
        MIDDLEWARE=["hotconf.integrations.django.HotConfMiddleware"],
        HOTCONF=[],
    )
    django.setup()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """A project whose views change the configuration in each request."""
    shop = Open(tmp_path)
    watcher = shop.watcher

    def index(request: Any) -> Any:
        first = pinned(request, watcher).number
        shop.change(watcher.config.number + 1)
        return JsonResponse(
            [first, shop.all_of_one(view(request, watcher)), request.hotconf.config.number], safe=False
        )

    async def awaited(request: Any) -> Any:
        first = pinned(request, watcher).number
        shop.save(watcher.config.number + 1)
        await watcher.areload()
        return JsonResponse([first, shop.all_of_one(view(request, watcher))], safe=False)

    def stream(request: Any) -> Any:
        def numbers() -> Iterator[str]:
            yield f"{shop.all_of_one(view(request, watcher))} "
            shop.change(watcher.config.number + 1)
            yield f"{shop.all_of_one(view(request, watcher))}"

        return StreamingHttpResponse(numbers())

    async def async_stream(request: Any) -> Any:
        async def numbers() -> AsyncIterator[str]:
            yield f"{shop.all_of_one(view(request, watcher))} "
            shop.save(watcher.config.number + 1)
            await watcher.areload()
            yield f"{shop.all_of_one(view(request, watcher))}"

        return StreamingHttpResponse(numbers())

    def error(request: Any) -> Any:
        raise LookupError(pinned(request, watcher).number)

    views = {"": index, "async": awaited, "stream": stream, "async_stream": async_stream, "error": error}
    module = ModuleType("shop_urls")
    module.urlpatterns = [path(name, function) for name, function in views.items()]
    module.watcher = watcher
    monkeypatch.setitem(sys.modules, "shop_urls", module)
    from django.urls import clear_url_caches

    clear_url_caches()
    with override_settings(HOTCONF="shop_urls.watcher"):
        yield shop
    watcher.close()


def start() -> None:
    """As Django does for an application of `INSTALLED_APPS`."""
    integration.HotConf.create("hotconf.integrations.django.HotConf").ready()


def test_a_request_sees_one_generation(shop: Open) -> None:
    """With what was made of it, which is closed when the request has ended."""
    start()
    client = Client(raise_request_exception=False)
    assert [client.get("/").json() for _ in range(2)] == [[1, 1, 1], [2, 2, 2]]
    assert client.get("/async").json() == [3, 3]
    assert client.get("/error").status_code == 500
    wait_until(lambda: [pool.number for pool in shop.pools if pool.open] == [4])


def test_so_does_a_stream(shop: Open) -> None:
    """Until it ends."""
    start()
    client = Client()
    assert client.get("/stream").getvalue() == b"1 1"
    unread = client.get("/stream")
    shop.change(9)
    assert [pool.number for pool in shop.pools if pool.open] == [2, 9]
    unread.close()
    wait_until(lambda: [pool.number for pool in shop.pools if pool.open] == [9])


def test_under_asgi(shop: Open) -> None:
    """In async views, and streams."""
    start()

    async def main() -> None:
        client = AsyncClient()
        assert (await client.get("/async")).json() == [1, 1]
        assert (await client.get("/")).json() == [2, 2, 2]
        parts = [part async for part in (await client.get("/async_stream")).streaming_content]
        assert b"".join(parts) == b"3 3"

    asyncio.run(main())
    wait_until(lambda: [pool.number for pool in shop.pools if pool.open] == [4])


def test_overrides(shop: Open) -> None:
    """`watcher.override` is what `override_settings` is for settings."""
    start()
    with shop.watcher.override({"number": 5}):
        assert Client().get("/").json() == [5, 5, 5]


def test_until_there_is_a_configuration(shop: Open) -> None:
    """Requests are answered with 503, if the project came up without one."""
    shop.save("'one'")
    shop.watcher.start(require=False)
    start()
    answer = Client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"], answer.content) == (
        503,
        "1",
        b"there is no configuration yet",
    )
    assert asyncio.run(AsyncClient().get("/")).status_code == 503
    shop.change(1)
    assert Client().get("/").json() == [1, 1, 1]


def test_an_invalid_file_prevents_the_start(shop: Open) -> None:
    """With its problems."""
    shop.save("'one'")
    with pytest.raises(ConfigError, match="expected integer"):
        start()


RUN = [
    (["manage.py", "runserver"], None, False),
    (["manage.py", "runserver", "8001"], "true", True),
    (["manage.py", "runserver", "--noreload"], None, True),
    (["manage.py", "migrate"], None, True),
    (["/usr/bin/gunicorn", "mysite.wsgi"], None, True),
    (["-c"], None, True),
]


@pytest.mark.parametrize(("arguments", "main", "starts"), RUN)
def test_the_reloader(
    shop: Open, arguments: list[str], main: str | None, starts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two processes of `runserver` only the one that serves watches."""
    monkeypatch.setattr(sys, "argv", arguments)
    if main is not None:
        monkeypatch.setenv("RUN_MAIN", main)
    start()
    assert shop.watcher.generation == starts


def test_two_watchers(shop: Open, tmp_path: Path) -> None:
    """Both are started, and pinned."""
    other = Open(tmp_path, "other.toml")
    with override_settings(HOTCONF=["shop_urls:watcher", other.watcher]):
        start()
        seen: list[int] = []

        def answer(request: Any) -> Any:
            seen.extend((pinned(request, shop.watcher).number, pinned(request, other.watcher).number))
            return HttpResponse()

        integration.HotConfMiddleware(answer)(django.http.HttpRequest())
    assert seen == [1, 1]
    other.watcher.close()


def test_what_is_missing(shop: Open, tmp_path: Path) -> None:
    """The middleware, or the watcher in the setting."""
    with pytest.raises(UsageError, match=r"add 'hotconf.integrations.django.HotConfMiddleware' to MIDDLEWARE"):
        pinned(django.http.HttpRequest(), shop.watcher)
    start()
    other = Open(tmp_path, "other.toml")

    def answer(request: Any) -> Any:
        return pinned(request, other.watcher)

    with pytest.raises(UsageError, match=r"watcher of other.toml is not in the setting HOTCONF"):
        integration.HotConfMiddleware(answer)(django.http.HttpRequest())


@pytest.mark.parametrize("given", [None, [], 5, ["shop_urls.urlpatterns"]])
def test_a_wrong_setting(shop: Open, given: Any) -> None:
    """Says what it is to be."""
    with override_settings(HOTCONF=given), pytest.raises(ImproperlyConfigured, match="HOTCONF must be a HotReload"):
        start()


def test_a_watcher_that_nobody_started(shop: Open) -> None:
    """Where the application is not installed."""
    with pytest.raises(UsageError, match="is not running"):
        Client().get("/")


def test_it_can_be_installed() -> None:
    """By the name that the documentation gives."""
    assert not apps.is_installed("hotconf.integrations.django")
    made = integration.HotConf.create("hotconf.integrations.django.HotConf")
    assert (made.label, made.path) == ("hotconf", str(Path(integration.__file__).parent))
