"""The operations that are running, and the holds that make reloads wait for them."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from hotconf.tui.operations.operation import Operation

if TYPE_CHECKING:
    from hotconf.tui.session import BusyKind, Session

REASONS: Final[dict[BusyKind, str]] = {
    "gate": "quality gate",
    "agent": "agent",
    "critical": "critical operation",
}
"""As the watcher names what reloads wait for."""


def can_rehearse(config: object) -> bool:
    """Is `config` of the built-in schema, which is about gates and agents?"""
    # Asked of what is loaded: a configuration of that schema has loaded it.
    speckit = sys.modules.get("hotconf.speckit.config")
    return speckit is not None and isinstance(config, speckit.AppConfig)


class Operations:
    """Each operation holds reloads back from its start to its end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: dict[str, tuple[Operation, AbstractContextManager[None]]] = {}

    def __contains__(self, reason: str) -> bool:
        return reason in self._running

    @property
    def running(self) -> tuple[Operation, ...]:
        """In the order of their start."""
        return tuple(operation for operation, _ in self._running.values())

    def rehearse(self, kind: BusyKind, config: object, now: float) -> None:
        """Begin a rehearsal of `kind`."""
        # Here and not above: the first frame is drawn before the built-in schema is loaded.
        from hotconf.tui.operations.rehearsals import agent_steps, critical_steps, gate_steps

        steps = {
            "gate": lambda: gate_steps(config),
            "agent": lambda: agent_steps(config),
            "critical": critical_steps,
        }
        operation = Operation(REASONS[kind], now, steps[kind]())
        self._begin(operation, self._session.busy(kind))

    def run(self, reason: str, now: float) -> None:
        """Hold reloads back for something outside the app."""
        self._begin(Operation(reason, now), self._session.busy_with(reason))

    def finish(self, reason: str) -> None:
        """End it; if it was the last, a reload that waited is applied."""
        operation = self._running.pop(reason, None)
        if operation is not None:
            operation[1].__exit__(None, None, None)

    def finish_over(self, now: float) -> list[str]:
        """End the rehearsals that have come to their end; their reasons."""
        over = [operation.reason for operation in self.running if operation.over(now)]
        for reason in over:
            self.finish(reason)
        return over

    def _begin(self, operation: Operation, hold: AbstractContextManager[None]) -> None:
        if operation.reason in self._running:
            return
        hold.__enter__()
        self._running[operation.reason] = operation, hold
