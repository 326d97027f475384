"""Launching the app: what surrounds it, so that whatever ends it leaves the terminal as it was and nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from hotconf.sources.files.paths import absolute
from hotconf.tui.app import HotconfApp
from hotconf.tui.colours.terminal import depth
from hotconf.tui.colours.themes import Choice
from hotconf.tui.operations.command import Command
from hotconf.tui.outside.terminal import ASKED_S, Lasting, Watch
from hotconf.tui.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.sources.base import Options

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def launch(
    path: Path,
    options: Callable[[], Options[Any]],
    *,
    theme: str | None = None,
    mouse: bool = True,
    busy_while: str | None = None,
    welcome: str = "",
    state_dir: Path | None = None,
    read_only: bool = False,
    of_program: bool = False,
) -> int:
    """Run the app on `path` until the person leaves it or a signal ends it; the exit status.

    `options`, how it is loaded, is asked for when the first frame is up.
    `state_dir`: where the good states are kept; if `read_only`, by a running program, and not by the app.
    `of_program`: `options` are those of a program's own watcher.
    `busy_while`: a shell command that is started with the app; reloads wait until it ends. It is ended with the app.
    Raises whatever ended the app out of order.
    """
    command = Command(busy_while) if busy_while else None
    with closing(Session(absolute(path), options, state_dir, read_only=read_only, of_program=of_program)) as session:
        choice = Choice(depth(os.environ))
        app = HotconfApp(session, command=command, theme=theme, choice=choice, welcome=welcome)
        try:
            app.driver_class = Lasting
            with _endings(app.end, app.abandon):
                app.run(mouse=mouse)
        finally:
            if command is not None:
                command.stop()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


@contextmanager
def _endings(end: Callable[..., None], last: Callable[[], None]) -> Iterator[None]:
    """Let the first signal, or the loss of the terminal, `end` the app in an orderly way, if that does not take too
    long; a second signal ends the process as it would without us.
    """

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the signature of handlers)
        if number == signal.SIGINT:
            end(interrupt=True)
            return
        restore()
        watch.limit(ASKED_S)
        end()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    with Watch(end, last) as watch:
        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            restore()
