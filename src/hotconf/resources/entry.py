"""`Entry`: what is alive of one object; `Task`: one call of users' code that makes or closes it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hotconf.errors import UsageError
from hotconf.resources import forms
from hotconf.resources.calls import UNCHANGED, Outcome, run

if TYPE_CHECKING:
    import asyncio
    from weakref import ref

    from hotconf.resources.handle import Handle
    from hotconf.resources.resource import Resource
    from hotconf.system.worker import Worker

SECOND: Final = 1_000_000_000


class Entry:
    """What is alive of one object: from the call of its factory until it is closed."""

    __slots__ = ("left", "life", "lost", "needs", "reported", "resource", "retired_ns", "serial", "tether")

    def __init__(self, resource: Resource[Any], serial: int, needs: Handle[Any] | None) -> None:
        self.resource = resource
        self.serial = serial
        self.needs = needs
        """What it uses, which is not closed before it."""
        self.life: forms.Life | None = None
        self.tether: ref[Handle[Any]] | None = None
        """Whether anything needs it; None before it is made."""
        self.left = False
        """Whether it is in the hands of a thread that was left alone."""
        self.lost = False
        """Whether its event loop has ended."""
        self.retired_ns = 0
        self.reported = False

    @property
    def dead(self) -> bool:
        """Whether nothing needs it."""
        return not self.left and (self.tether is None or self.tether() is None)

    @property
    def name(self) -> str:
        """That of its factory."""
        return self.resource.recipe.name

    @property
    def order(self) -> tuple[int, int]:
        """What was registered last is closed first."""
        return self.resource.recipe.number, self.serial


class Task:
    """One call of users' code on a thread, which may be left alone with it."""

    __slots__ = ("_undecided", "began", "closing", "entry", "reported", "worker")

    def __init__(self, worker: Worker, entry: Entry, *, closing: bool) -> None:
        self.worker = worker
        self.entry = entry
        self.closing = closing
        self.began = time.monotonic_ns()
        self.reported = False
        """Whether it has failed by taking too long."""
        self._undecided = [None]

    def decide(self) -> bool:
        """Whether the caller is the first: the thread whose call has returned, or who leaves it alone with it."""
        try:
            self._undecided.pop()
        except IndexError:
            return False
        return True

    def interrupt(self) -> None:
        """Its object is no longer wanted."""
        life = self.entry.life
        if life is not None:
            life.interrupt()

    @property
    def late(self) -> bool:
        """Whether it takes longer than its resource allows."""
        return self.taken_ns > self.limit_s * SECOND

    @property
    def limit_s(self) -> float:
        """How long it may take."""
        life = self.entry.life
        return self.entry.resource.recipe.timeout_s + (0.0 if life is None else life.grace_s)

    @property
    def taken_ns(self) -> int:
        """How long it has taken so far."""
        return time.monotonic_ns() - self.began

    @property
    def text(self) -> str:
        """For people."""
        what = "closing" if self.closing else "the factory"
        return f"{what} {self.entry.name} has not returned for {self.taken_ns // SECOND} s"


def make(
    entry: Entry,
    value: Callable[[], object],
    loop: asyncio.AbstractEventLoop | None,
    lost: Callable[[Entry], object],
) -> Outcome:
    """Call the factory, and let it make the object of `entry`, which knows it from its first moment.

    `loop` is where async ones live; `lost` is called there when it ends.
    """
    outcome = run(value)
    if outcome.error is not None or outcome.value is UNCHANGED:
        return outcome
    needs = () if entry.needs is None else (entry.needs.value,)
    outcome = run(partial(entry.resource.recipe.factory, outcome.value, *needs))
    if outcome.error is not None:
        return outcome
    entry.resource.in_loop |= forms.is_async(outcome.value)
    try:
        entry.life = forms.life_of(outcome.value, loop, entry.resource.recipe.timeout_s, partial(lost, entry))
    except UsageError as error:
        return Outcome(error=error)
    return outcome if entry.life is None else entry.life.begin()


def drop(handles: list[Handle[Any]]) -> None:
    """These objects were replaced: whoever leases one is the last who needs it."""
    now = time.monotonic_ns()
    while handles:
        entry: Entry = handles.pop().entry
        if entry.life is not None:
            entry.retired_ns = now


def keep_for_ever(entry: Entry) -> None:
    """Let no generator of it be collected: Python would run its `finally` and `with` blocks, and so close what is the
    parent's.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(entry))
