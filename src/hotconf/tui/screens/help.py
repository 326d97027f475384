"""Help: all keys."""

from __future__ import annotations

from typing import Final

from hotconf.tui.screens.sheet import Sheet
from hotconf.tui.view.rows import Row, Span

_KEYS: Final = (
    (
        "Look",
        (
            ("↑ ↓ k j", "move; PgUp, PgDn, Home and End too"),
            ("← → Space", "fold and open"),
            ("Enter", "details of an event or a value"),
            ("Tab", "the other list"),
            ("z", "one list on the whole screen, and back"),
            ("/", "search the configuration by key or value"),
            ("p", "all problems and warnings; n and N go from one to the next"),
            ("] [", "the next and the previous problem"),
            ("d", "differences between generations, and rollback"),
            ("l", "latency: where the time of a reload goes"),
        ),
    ),
    (
        "Act",
        (
            ("e", "edit the file, at the line under the cursor or of the problem"),
            ("y", "copy what is under the cursor"),
            ("r", "reload now, without waiting for the window"),
            ("f", "apply a queued reload now"),
        ),
    ),
    (
        "Be busy: reloads are queued meanwhile. These are rehearsals, nothing is run",
        (
            ("g", "start and finish a quality gate"),
            ("a", "start and finish an agent"),
            ("c", "start and finish a critical operation"),
        ),
    ),
    (
        "In the differences",
        (
            ("[ ]", "the older generation: another one"),
            ("{ }", "the newer generation: another one"),
            ("u", "unified, or side by side"),
            ("b", "roll back to the older one; you are asked first"),
        ),
    ),
    (
        "App",
        (
            ("t", "themes"),
            ("Ctrl+P", "all commands"),
            ("?", "this help"),
            ("Esc", "back"),
            ("q Ctrl+C", "quit"),
        ),
    ),
)


class Help(Sheet[None]):
    """Every key and what it does."""

    helped = False

    def heading(self) -> str:
        """The title."""
        return "Keys"

    def rows(self, width: int) -> tuple[Row, ...]:  # noqa: ARG002 (short enough for any)
        """Group by group."""
        found: list[Row] = []
        for number, (title, keys) in enumerate(_KEYS):
            if found:
                found.append(Row(("gap", number), ()))
            found.append(Row(("title", number), (Span(title, "strong"),)))
            found += [
                Row(("key", key), (Span(f"  {key:<12}", "accent"), Span(what)), copy=f"{key}  {what}")
                for key, what in keys
            ]
        return tuple(found)
