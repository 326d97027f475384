"""The command palette: everything that the app can do, by its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from hotconf.tui.operations.running import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import App

    from hotconf.tui.operations.running import Operations
    from hotconf.tui.view.view import View


def commands(app: App[None], view: View, operations: Operations, *, has_history: bool) -> Iterator[SystemCommand]:
    """What works now."""

    def command(title: str, help_text: str, action: str) -> SystemCommand:
        return SystemCommand(title, help_text, partial(app.run_action, action))

    yield command("Search", "Look for a key or a value", "search")
    if has_history:
        yield command("Differences and rollback", "Compare generations, and go back", "difference")
    yield command("Problems", "All problems and warnings, and where they are", "problems")
    yield command("Edit", "Open the file in your editor", "edit")
    if view.facts.started:
        yield command("Latency", "Where the time of a reload goes", "latency")
        yield command("Reload", "Load the files now", "reload(False)")
        for kind, reason in REASONS.items():
            if reason in operations:
                yield command(f"Finish {reason}", "End the rehearsal", f"finish({kind!r})")
            else:
                yield command(f"Start {reason}", "Rehearse it: reloads wait", f"start({kind!r})")
    if view.facts.pending is not None:
        yield command("Apply now", "Apply the queued reload", "reload(True)")
    yield command("Themes", "Choose the colours", "change_theme")
    yield command("Keys", "All keys", "help")
    yield command("Quit", "Leave the app", "quit")
