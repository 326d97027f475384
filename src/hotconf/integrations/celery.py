"""Celery: a watcher that runs in every process of a worker, with any pool.

watcher = HotReloadWatcher("config.toml", Config)
start_in_workers(watcher)                       # in the module with the tasks
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotconf.errors import UsageError
from hotconf.integrations.missing import needs
from hotconf.integrations.serving import checked, running
from hotconf.problems import ConfigError

with needs("celery"):
    from celery import signals

if TYPE_CHECKING:
    from hotconf import HotReloadWatcher


def start_in_workers(watcher: HotReloadWatcher[Any]) -> None:
    """Start and close the watcher with the worker. Other programs that import the tasks start nothing.

    If the files are not valid, the worker does not start, and says why; with a `state_dir`, it starts on the last
    good state. With a prefork pool, the watcher runs in each pool process and in the worker itself, so a process that
    is added or replaced while the files are broken starts with the configuration in force. Callbacks run in each of
    these processes. A watcher that is already running is left running.
    """
    lives = _Lives(checked(watcher))
    for name, signal, receiver in (
        ("worker", signals.worker_init, lives.begin),
        ("process", signals.worker_process_init, lives.begin),
        ("worker", signals.worker_shutdown, lives.end),
        ("process", signals.worker_process_shutdown, lives.end),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"hotconf.{name}.{id(watcher)}")


class _Lives:
    """Starts and closes the watcher in this process."""

    def __init__(self, watcher: HotReloadWatcher[Any]) -> None:
        self._watcher = watcher
        self._ours = False

    def begin(self, **_: object) -> None:
        """Before this process runs tasks. In a forked process, the watcher is already running."""
        if running(self._watcher):
            return
        try:
            self._watcher.start()
        except ConfigError as error:  # Celery logs what a receiver raises, and goes on; this ends the worker
            raise SystemExit(f"The configuration is not valid:\n{error}") from None
        except UsageError as error:
            raise SystemExit(str(error)) from None
        self._ours = True

    def end(self, **_: object) -> None:
        """After the last task of this process."""
        if self._ours:
            self._watcher.close()
