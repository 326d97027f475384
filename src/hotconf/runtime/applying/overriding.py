"""Entering and leaving overrides of a watcher, on the program's threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf import arguments
from hotconf.errors import NoConfigError, UsageError
from hotconf.events import ReloadFailed
from hotconf.keypath import KeyPath
from hotconf.problems import ConfigError
from hotconf.runtime.notifier import Edit
from hotconf.sources.override import prepared
from hotconf.system.exceptions import in_load

if TYPE_CHECKING:
    from hotconf.runtime.reloader import Reloader


class Overriding:
    """The overrides of one watcher."""

    __slots__ = ("_reloader",)

    def __init__(self, reloader: Reloader[Any]) -> None:
        self._reloader = reloader

    def enter(self, token: object, values: dict[KeyPath, Any], thread: int) -> None:
        """These values override all layers from now on; before the start, once it is started."""
        reloader, cycle, options = self._reloader, self._reloader.cycle, self._reloader.options
        cycle.refuse("override")
        options.schema.complete()
        edit = Edit(token, prepared(values, options.schema), thread)
        used = reloader.check()
        if cycle.closed:
            raise arguments.too_late("override")
        if used is None or reloader.inert:
            edit.done(options.overrides)
            reloader.layer_changed()  # it may have been started meanwhile
            return
        if reloader.snapshot is None:
            raise NoConfigError("there is no configuration yet that could be overridden")
        if used.here:
            raise UsageError("override() cannot wait here: this is the thread that would do it")
        used.post(partial(cycle.edit, edit))
        try:
            event = edit.wait(used)
        except BaseException:
            used.post(partial(cycle.edit, Edit(token)))
            raise
        if problems := event.problems if isinstance(event, ReloadFailed) else edit.problems:
            self.leave(token)  # a failure, which is a fault of ours, may come after it was entered
            raise ConfigError(problems)
        if token not in options.overrides:
            reloader.unanswered("override", used)
            self.enter(token, values, thread)

    def leave(self, token: object) -> None:
        """What was entered as `token` counts no longer. Waits until the rest is published; never raises."""
        reloader, cycle, overrides = self._reloader, self._reloader.cycle, self._reloader.options.overrides
        while (used := reloader.check()) is not None and not cycle.closed and not reloader.inert:
            edit = Edit(token)
            used.post(partial(cycle.edit, edit))
            if used.here or in_load() or ((made := cycle.applying) is not None and made.blocked()):
                return
            edit.wait(used)
            if token not in overrides or reloader.is_served_by(used):
                break
        overrides.leave(token)
