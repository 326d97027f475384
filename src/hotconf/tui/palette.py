"""The command palette: everything that the app can do, by its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from hotconf.tui.operating import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.tui.app import HotconfApp


def commands(app: HotconfApp) -> Iterator[SystemCommand]:
    """What works now."""
    yield SystemCommand("Search", "Look for a key or a value", app.action_search)
    if app.history.snapshots:
        yield SystemCommand("Differences and rollback", "Compare generations, and go back", app.action_difference)
    yield SystemCommand("Edit", "Open the file in your editor", app.action_edit)
    if app.view.facts.started:
        yield SystemCommand("Latency", "Where the time of a reload goes", app.action_latency)
        yield SystemCommand("Reload", "Load the files now", partial(app.action_reload, False))
        yield from _busy(app)
    if app.view.facts.pending is not None:
        yield SystemCommand("Apply now", "Apply the queued reload", partial(app.action_reload, True))
    yield SystemCommand("Themes", "Choose the colours", app.action_change_theme)
    yield SystemCommand("Keys", "All keys", app.action_help)
    yield SystemCommand("Quit", "Leave the app", app.action_quit)


def _busy(app: HotconfApp) -> Iterator[SystemCommand]:
    for kind, reason in REASONS.items():
        if reason in app.operating:
            yield SystemCommand(f"Finish {reason}", "End the rehearsal", partial(app.action_finish, kind))
        else:
            yield SystemCommand(f"Start {reason}", "Rehearse it: reloads wait", partial(app.action_start, kind))
