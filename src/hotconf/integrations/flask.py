"""Flask: an extension whose `config` is the same during a whole request.

hotconf = HotConf(watcher)

def create_app() -> Flask:
    app = Flask(__name__)
    hotconf.init_app(app)
    return app

hotconf.config.greeting     # in a view

A request keeps what it pinned until its response is closed and all contexts that used it are popped; Flask pops the
first one before a stream begins. Copies of a context and of the environment belong to the same request.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from hotconf import arguments
from hotconf.errors import NoConfigError, UsageError
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import UNAVAILABLE, checked, held, place, running, view_of
from hotconf.system import threads

with needs("flask"):
    from flask import Flask, has_request_context, request, request_tearing_down
    from flask.cli import run_command
    from flask.globals import request_ctx
    from flask.helpers import get_debug_flag
    from werkzeug.exceptions import ServiceUnavailable
    from werkzeug.serving import is_running_from_reloader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from hotconf.resources.published import Generation, View
    from hotconf.watcher import HotReloadWatcher

T = TypeVar("T")


class HotConf(Generic[T]):
    """A watcher in Flask applications, typed as its config.

    `init_app` starts it, unless it is running; it is closed when the process exits. With Flask's reloader, only the
    process that serves watches. Forking workers after the import (`gunicorn --preload`) works.
    """

    __slots__ = ("__orig_class__", "__weakref__", "_require", "_starting", "_watcher")

    def __init__(self, watcher: HotReloadWatcher[T], app: Flask | None = None, *, require: bool = True) -> None:
        """`require`: as in `start()`; if false, requests get a 503 until there is a configuration."""
        arguments.flag("require", require)
        self._watcher = checked(watcher)
        self._require = require
        self._starting = threads.lock()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Start the watcher for this application. Raises `ConfigError` as `start()` does.

        In a process that may be Flask's reloader (`flask run --debug`, or a script that calls `app.run`), the first
        request or the first use of `config` starts it.
        """
        app.extensions.setdefault("hotconf", []).append(self)
        app.wsgi_app = partial(self._serve, app.wsgi_app)  # type: ignore[method-assign]
        request_tearing_down.connect(self._leave, app)  # after all functions that tear down
        if not _supervises(app):
            self._start()

    @property
    def config(self) -> T:
        """The config: within a request, the same until its response is closed; elsewhere, the latest.

        Until there is one, requests get a 503; elsewhere, this raises `NoConfigError`.
        """
        config: T = self.view.config if has_request_context() else self._held().config
        return config

    @property
    def view(self) -> View[T]:
        """The view of this request: `view.config`, and `view[pool]` for resources, which stay open until it ends.

        In a stream, use `stream_with_context`. Raises `UsageError` outside a request.
        """
        if not has_request_context():
            raise UsageError("there is no request here: use `with watcher.pin() as view:`")
        return self._pinned(request.environ).view(hash(request_ctx), self._pin)

    def _pin(self) -> View[T]:
        try:
            generation = self._held()
        except NoConfigError:
            raise ServiceUnavailable(UNAVAILABLE, retry_after=1) from None
        return view_of(self._watcher, generation).__enter__()

    def _serve(
        self, app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Call the application; the request ends when the server closes the response."""
        pinned, call = self._pinned(environ), object()
        pinned.join(call)
        end = partial(pinned.leave, call)
        try:
            return _until_closed(app(environ, start_response), environ, end)
        except BaseException:
            end()
            raise

    def _leave(self, _app: Flask, **_error: Any) -> None:
        self._pinned(request.environ).leave(hash(request_ctx))

    def _pinned(self, environ: WSGIEnvironment) -> _Pinned[T]:
        key = place(self._watcher)
        pinned: _Pinned[T] | None = environ.get(key)
        return environ.setdefault(key, _Pinned()) if pinned is None else pinned

    def _held(self) -> Generation:
        if not running(self._watcher):
            self._start()
        return held(self._watcher)

    def _start(self) -> None:
        threads.acquire(self._starting)
        try:
            if not running(self._watcher):
                self._watcher.start(require=self._require)
        finally:
            self._starting.release()


class _Pinned(Generic[T]):
    """The view that a request has pinned, while it has users, which may be in several threads."""

    __slots__ = ("_lock", "_users", "_view")

    def __init__(self) -> None:
        self._lock = threads.lock()
        self._users: set[object] = set()
        self._view: View[T] | None = None

    def join(self, user: object) -> View[T] | None:
        """Use the view until `leave`. Returns it, if it is pinned."""
        threads.acquire(self._lock)
        try:
            self._users.add(user)
            return self._view
        finally:
            self._lock.release()

    def view(self, user: object, pin: Callable[[], View[T]]) -> View[T]:
        """The view; the first user pins it."""
        view = self.join(user)
        if view is not None:
            return view
        mine = pin()
        threads.acquire(self._lock)
        try:
            if self._view is None:
                self._view = mine
            return self._view
        finally:
            self._lock.release()

    def leave(self, user: object) -> None:
        """The last user releases the view. Idempotent."""
        threads.acquire(self._lock)
        try:
            self._users.discard(user)
            view = None if self._users else self._view
            if view is not None:
                self._view = None
        finally:
            self._lock.release()
        if view is not None:
            view.__exit__(None, None, None)


def _until_closed(body: Iterable[bytes], environ: WSGIEnvironment, end: Callable[[], None]) -> Iterable[bytes]:
    """`body`, which calls `end` when it has been closed."""
    closing = _Closing(body, end)
    files = environ.get("wsgi.file_wrapper")
    if isinstance(files, type) and isinstance(body, files):  # servers send it without iterating
        try:
            body.close = closing.close  # type: ignore[attr-defined]
        except AttributeError:
            return closing
        return body
    return closing


class _Closing:
    """Like werkzeug's `ClosingIterator`, but also if closing the body fails."""

    __slots__ = ("_close", "_end", "_next")

    def __init__(self, body: Iterable[bytes], end: Callable[[], None]) -> None:
        self._next = iter(body).__next__
        self._close: Callable[[], None] | None = getattr(body, "close", None)
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._next()

    def close(self) -> None:
        """Called by servers, even if nothing was read."""
        try:
            if self._close is not None:
                self._close()
        finally:
            self._end()


def _supervises(app: Flask) -> bool:
    """Whether this process may be the reloader, which only restarts the one that serves."""
    if is_running_from_reloader():
        return False
    context: Any = click.get_current_context(silent=True)
    if context is not None and context.command is run_command:
        reload: bool | None = context.params.get("reload")
        return get_debug_flag() if reload is None else reload
    return app.import_name == "__main__"
