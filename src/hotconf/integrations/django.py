"""Django: the watcher starts with the project, and each request sees one generation.

    INSTALLED_APPS = ["hotconf.integrations.django.HotConf", …]
    MIDDLEWARE = ["hotconf.integrations.django.HotConfMiddleware", …]
    HOTCONF = "mysite.config.watcher"

The config is `pinned(request, watcher)` in a view, `request.hotconf.config` in a template, and `watcher.config`
elsewhere, for instance in commands. Nothing is copied to `django.conf.settings`, which caches.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hotconf.errors import NoConfigError, UsageError
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import UNAVAILABLE, held, running, view_of
from hotconf.watcher import HotReloadWatcher

with needs("django"):
    from django.apps import AppConfig
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.http import HttpRequest, HttpResponse
    from django.utils.module_loading import import_string

    # isort: split
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from hotconf.resources.published import View

T = TypeVar("T")

_VIEWS: Final = "_hotconf_views"
_RELOADING: Final = ("runserver", "runserver_plus")
_SERVES: Final = ("RUN_MAIN", "WERKZEUG_RUN_MAIN")
"""Set by the reloader in the process that serves."""


def pinned(request: HttpRequest, watcher: HotReloadWatcher[T]) -> T:
    """The config, which is the same during the whole request. Raises `UsageError` without the middleware."""
    return view(request, watcher).config


def view(request: HttpRequest, watcher: HotReloadWatcher[T]) -> View[T]:
    """The view of this request: `view.config`, and `view[pool]` for resources, which stay open until it ends."""
    views: dict[HotReloadWatcher[Any], View[Any]] | None = getattr(request, _VIEWS, None)
    if views is None:
        text = "this request has no configuration: add 'hotconf.integrations.django.HotConfMiddleware' to MIDDLEWARE"
        raise UsageError(text)
    if watcher not in views:
        raise UsageError(f"the watcher of {watcher.path.name} is not in the setting HOTCONF")
    return views[watcher]


class HotConf(AppConfig):  # type: ignore[misc] # Django is not typed
    """For `INSTALLED_APPS`: starts the watchers in the setting `HOTCONF`, unless they are running.

    They are closed when the process exits. Of the two processes of `runserver`, only the one that serves watches. The
    start raises `ConfigError` if the files are not valid; to start without a configuration, call
    `watcher.start(require=False)` where you create the watcher.
    """

    name = "hotconf.integrations.django"
    label = "hotconf"

    def ready(self) -> None:
        """Called by Django."""
        watchers = _watchers()
        if not _supervises():
            for watcher in watchers:
                if not running(watcher):
                    watcher.start()


class HotConfMiddleware:
    """For `MIDDLEWARE`, before all middleware that reads the configuration: pins a view of each watcher.

    Resources stay open until the response ends, streaming responses included. `request.hotconf` is the view of the
    first watcher. Until there is a configuration, requests get a 503.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._watchers = _watchers()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Called by Django."""
        if iscoroutinefunction(self):
            return self._answer(request)
        with ExitStack() as stack:
            response = self._enter(request, stack) or self._get_response(request)
            return _streaming(response, stack)

    async def _answer(self, request: HttpRequest) -> Any:
        with ExitStack() as stack:
            response = self._enter(request, stack) or await self._get_response(request)
            return _streaming(response, stack)

    def _enter(self, request: HttpRequest, stack: ExitStack) -> HttpResponse | None:
        """Pin the views; returns a response if there is no configuration."""
        try:
            views = {each: stack.enter_context(view_of(each, held(each))) for each in self._watchers}
        except NoConfigError:
            return HttpResponse(UNAVAILABLE, status=503, content_type="text/plain", headers={"Retry-After": "1"})
        setattr(request, _VIEWS, views)
        request.hotconf = next(iter(views.values()))
        return None


def _streaming(response: Any, stack: ExitStack) -> Any:
    """A streaming response holds the views until it ends or is closed."""
    if getattr(response, "streaming", False):
        stream = _AsyncStream if response.is_async else _Stream
        response.streaming_content = stream(response.streaming_content, stack.pop_all())
    return response


class _Stream:
    def __init__(self, content: Any, stack: ExitStack) -> None:
        self.content = content
        self.stack = stack

    def __iter__(self) -> Iterator[Any]:
        with self.stack:
            yield from self.content

    def close(self) -> None:
        """Called by Django, also if nothing was read."""
        self.stack.close()


class _AsyncStream:
    def __init__(self, content: Any, stack: ExitStack) -> None:
        self.content = content
        self.stack = stack

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self.stack:
            async for part in self.content:
                yield part

    def close(self) -> None:
        """Called by Django, also if nothing was read."""
        self.stack.close()


def _watchers() -> tuple[HotReloadWatcher[Any], ...]:
    """The watchers in the setting. Raises `ImproperlyConfigured`."""
    given: Any = getattr(settings, "HOTCONF", None)
    listed = list(given) if isinstance(given, list | tuple) else [given]
    watchers = [import_string(each.replace(":", ".")) if isinstance(each, str) else each for each in listed]
    if not watchers or not all(isinstance(each, HotReloadWatcher) for each in watchers):
        raise ImproperlyConfigured("HOTCONF must be a HotReloadWatcher, its dotted path, or a list of these")
    return tuple(watchers)


def _supervises() -> bool:
    """Whether this process is the reloader, which only restarts the one that serves."""
    reloads = len(sys.argv) > 1 and sys.argv[1] in _RELOADING and "--noreload" not in sys.argv
    return reloads and not any(os.environ.get(name) == "true" for name in _SERVES)
