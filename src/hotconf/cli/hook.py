"""`Hook`: the command of `hotconf watch --exec`, which runs after each reload."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from hotconf.cli.echo import echo, stdout
from hotconf.events import ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged

if TYPE_CHECKING:
    from hotconf.events import ConfigReloadEvent
    from hotconf.watcher import HotReloadWatcher

_OUTCOMES: Final = (
    (ReloadSuccess, "success"),
    (ReloadUnchanged, "unchanged"),
    (ReloadFailed, "failed"),
    (ReloadDeferred, "deferred"),
)


class Printer(Protocol):
    """Says on stdout what happens."""

    def started(self, watcher: HotReloadWatcher[Any]) -> None:
        """The watch has begun."""

    def event(self, event: ConfigReloadEvent) -> None:
        """Something happened."""


class Hook:
    """Prints as `printer` does, then runs the command. It gets no value, only names."""

    def __init__(self, printer: Printer, command: str, *, to_stderr: bool) -> None:
        """`to_stderr`: what the command writes to stdout goes to stderr."""
        self._printer = printer
        self._command = command
        self._to_stderr = to_stderr
        self._watcher: HotReloadWatcher[Any] | None = None

    def started(self, watcher: HotReloadWatcher[Any]) -> None:
        """The watch has begun: nothing is run yet."""
        self._watcher = watcher
        self._printer.started(watcher)

    def event(self, event: ConfigReloadEvent) -> None:
        """Something happened."""
        self._printer.event(event)
        outcome = next((name for kind, name in _OUTCOMES if isinstance(event, kind)), None)
        if outcome is None or self._watcher is None:
            return
        stdout().flush()
        changes = event.changes if isinstance(event, ReloadSuccess | ReloadDeferred) else ()
        generation = event.generation if isinstance(event, ReloadSuccess) else self._watcher.generation
        facts = {
            "HOTCONF_OUTCOME": outcome,
            "HOTCONF_GENERATION": str(generation),
            "HOTCONF_KEYS": "\n".join(change.dotted for change in changes),
            "HOTCONF_PATH": os.fspath(self._watcher.path),
        }
        to = sys.stderr if self._to_stderr else stdout()
        environment = {**os.environ, **{name: text.replace("\0", "\ufffd") for name, text in facts.items()}}
        done = subprocess.run(  # noqa: S602 - the user's own command
            self._command, shell=True, stdin=subprocess.DEVNULL, stdout=to, env=environment, check=False
        )
        if done.returncode:
            echo(f"--exec: the command ended with status {done.returncode}", err=True)
