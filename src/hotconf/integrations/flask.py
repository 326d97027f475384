"""Flask: an extension whose `config` is the same for a whole request.

hotconf = HotConf(watcher)

def create_app() -> Flask:
    app = Flask(__name__)
    hotconf.init_app(app)
    return app

hotconf.config.greeting     # in a view
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from hotconf import arguments
from hotconf.errors import NoConfigError, UsageError
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import UNAVAILABLE, checked, held, place, running, view_of
from hotconf.system import threads

with needs("flask"):
    from flask import Flask, has_request_context, request
    from flask.cli import run_command
    from flask.helpers import get_debug_flag
    from werkzeug.exceptions import ServiceUnavailable
    from werkzeug.serving import is_running_from_reloader

if TYPE_CHECKING:
    from hotconf.resources.published import Generation, View
    from hotconf.watcher import HotReloadWatcher

T = TypeVar("T")


class HotConf(Generic[T]):
    """A watcher in Flask applications, typed as its config.

    `init_app` starts it, unless it is running; it is closed when the process ends. Where Flask's reloader runs, only
    the process that serves watches. A server that forks workers after the import (`gunicorn --preload`) may do so.
    """

    __slots__ = ("__orig_class__", "__weakref__", "_require", "_starting", "_watcher")

    def __init__(self, watcher: HotReloadWatcher[T], app: Flask | None = None, *, require: bool = True) -> None:
        """`require`: as for `start()`; if false, requests are answered with 503 until there is a configuration."""
        arguments.flag("require", require)
        self._watcher = checked(watcher)
        self._require = require
        self._starting = threads.lock()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Start the watcher for this application. Raises `ConfigError` as `start()` does.

        In a process that may only restart the one that serves (`flask run --debug`, or a script that calls `app.run`)
        the first request, or the first use of `config`, starts it.
        """
        app.extensions.setdefault("hotconf", []).append(self)
        app.teardown_request(self._release)
        if not _supervises(app):
            self._start()

    @property
    def config(self) -> T:
        """The config: in a request the same until it ends, elsewhere that of now.

        Until there is one, requests are answered with 503; elsewhere `NoConfigError` is raised.
        """
        config: T = self.view.config if has_request_context() else self._held().config
        return config

    @property
    def view(self) -> View[T]:
        """One generation of everything for this request: `view.config`, and `view[pool]`, not closed meanwhile.

        Streams need `stream_with_context` for that. Raises `UsageError` outside of requests.
        """
        if not has_request_context():
            raise UsageError("there is no request here: use `with watcher.pin() as view:`")
        key = place(self._watcher)
        view: View[T] | None = request.environ.get(key)
        if view is None:
            try:
                generation = self._held()
            except NoConfigError:
                raise ServiceUnavailable(UNAVAILABLE, retry_after=1) from None
            view = request.environ[key] = view_of(self._watcher, generation).__enter__()
        return view

    def _release(self, _error: BaseException | None) -> None:
        view: View[T] | None = request.environ.pop(place(self._watcher), None)
        if view is not None:
            view.__exit__(None, None, None)

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


def _supervises(app: Flask) -> bool:
    """Whether this process may be one that only restarts the one that serves."""
    if is_running_from_reloader():
        return False
    context: Any = click.get_current_context(silent=True)
    if context is not None and context.command is run_command:
        reload: bool | None = context.params.get("reload")
        return get_debug_flag() if reload is None else reload
    return app.import_name == "__main__"
