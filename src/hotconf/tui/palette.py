"""The command palette: everything that the app can do, by its name and with its key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand

from hotconf.tui.keys import declared
from hotconf.tui.operations.running import REASONS, can_rehearse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import App
    from textual.screen import Screen

    from hotconf.tui.operations.running import Operations


def commands(app: App[None], screen: Screen[Any], operations: Operations, config: object) -> Iterator[SystemCommand]:
    """What works now: what `screen` and the app have keys for, and the rehearsals that `config` has."""
    active = screen.active_bindings
    for binding in (*declared(type(screen)), *declared(type(app))):
        found = active.get(binding.key)
        if not binding.description or found is None or not found.enabled or found.binding.action != binding.action:
            continue
        yield SystemCommand(
            f"{binding.description} ({app.get_key_display(binding)})",
            _sentence(binding.tooltip),
            partial(app.run_action, binding.action, found.node),
        )
    for kind, reason in REASONS.items():
        if reason in operations:
            yield SystemCommand(f"Finish {reason}", "End the rehearsal", partial(app.run_action, f"finish({kind!r})"))
        elif can_rehearse(config):
            help_text = "Rehearse it: reloads wait meanwhile"
            yield SystemCommand(f"Start {reason}", help_text, partial(app.run_action, f"start({kind!r})"))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
