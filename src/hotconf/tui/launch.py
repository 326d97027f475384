"""Launching the app: what surrounds it, so that whatever ends it leaves the terminal as it was and nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from hotconf.sources.files.paths import absolute
from hotconf.tui.app import HotconfApp
from hotconf.tui.colours.terminal import depth
from hotconf.tui.colours.themes import Choice
from hotconf.tui.operations.command import Command
from hotconf.tui.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.sources.base import Options

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S: Final = 20.0


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
            with _signals(app.end):
                app.run(mouse=mouse)
        finally:
            if command is not None:
                command.stop()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


@contextmanager
def _signals(end: Callable[..., None]) -> Iterator[None]:
    """Let the first signal `end` the app in an orderly way; a second one ends the process as it would without us."""

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 (the signature of handlers)
        if number == signal.SIGINT:
            end(interrupt=True)
            return
        restore()
        if _hung_up():
            _detach()
            # Whatever still waits for a terminal that is gone is not waited for.
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S)
        end()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        restore()


def _hung_up() -> bool:
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0)
    except termios.error:
        return True
    return False


def _detach() -> None:
    """Let what is written to the terminal that is gone go nowhere, instead of failing."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
