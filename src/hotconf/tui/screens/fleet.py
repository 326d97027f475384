"""The fleet: who runs what, live, and the history. Read-only."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from hotconf.fleet.typed import command_line, folded
from hotconf.tui.fleet import rows as fleet
from hotconf.tui.past.timeline import when
from hotconf.tui.screens.sheet import Sheet, SheetList
from hotconf.tui.view import comparison
from hotconf.tui.view.rows import WARNING, Row, Span
from hotconf.tui.widgets.bars import AlertBar, StatusBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime
    from typing import Any, TypeAlias

    from hotconf.fleet import Etcd, Published, Shown
    from hotconf.tui.fleet.watch import FleetWatch
    from hotconf.tui.messages import Chosen
    from hotconf.tui.view.comparison import File
    from hotconf.tui.view.status import Status

    Compare: TypeAlias = Callable[[Shown, Shown], tuple[File, ...]]
    Aside: TypeAlias = Callable[[Callable[[], Any], Callable[[Any], object]], None]

_LOOK_S: Final = 0.2
"""The shortest interval between redraws, however many processes answer."""
_WIDE: Final = 100


class FleetScreen(Sheet[None]):
    """The fleet that the program follows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "compare", "Diff", tooltip="what differs between this version and the current one"),
    ]

    def __init__(
        self,
        source: Etcd,
        compare: Compare,
        aside: Aside,
        now: Callable[[], datetime],
        watch: FleetWatch | None = None,
    ) -> None:
        """`compare` compares two documents; `aside` runs slow work on a thread. `watch`: for tests."""
        super().__init__()
        self._source = source
        self._compare = compare
        self._aside = aside
        self._now = now
        self._watch = watch or _watch(source, now)
        self._history: Sequence[Published] | str = ()
        self._read: tuple[int, str] | None = None
        """The current entry at the last read of the history."""

    def on_mount(self) -> None:
        """Follow the fleet while the screen is open."""
        super().on_mount()
        self._watch.start()
        self.set_interval(_LOOK_S, self._look)

    def on_unmount(self) -> None:
        """Stop following."""
        self._watch.end()

    def heading(self) -> str:
        """The name of the fleet, and during an outage since when its state may differ."""
        fact = self._watch.fact
        if fact.trouble is None:
            return f"Fleet {self._source.name}"
        as_of = f", as it was at {when(fact.at, self._today())}" if fact.status is not None else ""
        return f"Fleet {self._source.name} · {WARNING} not connected{as_of}"

    def show_status(self, status: Status) -> None:
        """With what is wrong with the program itself: this screen may stay open for long."""
        super().show_status(status)
        for bar, alerts in zip(self.query(StatusBar), self.query(AlertBar), strict=True):
            alerts.show((*status.alerts, *bar.overflow))

    def rows(self, width: int) -> tuple[Row, ...]:
        """The whole screen."""
        toggled = self.query_one(SheetList).toggled
        commands = tuple(self._commands())
        return fleet.rows(self._watch.fact, self._history, commands, toggled, width - 2, self._today())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 (Textual's)
        """Compare works on entries of the history only."""
        return action != "compare" or self._entry() is not None

    def on_highlighted(self) -> None:
        """Other rows may have other keys."""
        self.refresh_bindings()

    def on_chosen(self, message: Chosen) -> None:
        """Enter compares an entry, or folds."""
        message.stop()
        if self._entry() is not None:
            self.action_compare()
        else:
            self.query_one(SheetList).action_turn()

    def action_compare(self) -> None:
        """Compare the version under the cursor with the current one."""
        entry, status = self._entry(), self._watch.fact.status
        if entry is not None and status is not None and status.current is not None:
            new = status.current.version
            command = self._line("rollback", entry.version)
            read = partial(self._watch.documents, entry.version, new)
            self.app.push_screen(FleetDifference(entry.version, new, command, self._asked(read)))

    def _asked(self, read: Callable[[], tuple[Shown, Shown] | str]) -> Callable[[Callable[[Any], object]], None]:
        def work() -> tuple[File, ...] | str:
            found = read()
            return found if isinstance(found, str) else self._compare(*found)

        return partial(self._aside, work)

    def _look(self) -> None:
        if not self._watch.take():
            return
        status = self._watch.fact.status
        current = None if status is None else status.current
        entry = None if current is None else (current.epoch, current.publish_id)
        if entry is not None and entry != self._read:
            self._read = entry
            self._aside(self._watch.history, self._has_history)
        self.renew()

    def _has_history(self, history: Sequence[Published] | str) -> None:
        self._history = history
        if self.is_attached:
            self.renew()

    def _today(self) -> date:
        return self._now().astimezone().date()

    def _entry(self) -> Published | None:
        """The entry of the history under the cursor, if any."""
        row = self.query_one(SheetList).row
        if row is None or row.key[:1] != ("history",) or isinstance(self._history, str):
            return None
        return next((each for each in self._history if row.key[1:] == (each.epoch,)), None)

    def _commands(self) -> Iterator[fleet.Command]:
        status = self._watch.fact.status
        current = None if status is None else status.current
        if current is not None and current.canary is not None:
            yield fleet.Command(self._line("promote"), "all serve what the canaries serve")
            yield fleet.Command(self._line("rollback"), f"the canaries go back to version {current.stable}")
        elif current is not None:
            yield fleet.Command(self._line("rollback"), "go back to what was before")
        if status is not None and status.pause is not None:
            yield fleet.Command(self._line("resume"), "all go on")
        else:
            yield fleet.Command(self._line("pause"), "all keep what they have")
        yield fleet.Command(self._line("publish", "FILE"), "something new, after a look at the difference")

    def _line(self, command: str, *more: str) -> str:
        return command_line(self._source.reached, os.environ, command, *more)


class FleetDifference(Sheet[None]):
    """The difference between a version and the current one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next", tooltip="the next or the previous change"),
        Binding("N", "step(-1)", "Previous", tooltip="the next or the previous change"),
    ]

    def __init__(self, old: str, new: str, command: str, ask: Callable[[Callable[[Any], object]], None]) -> None:
        """`ask` is called with a callback for the difference. `command`: rolls back to the old version."""
        super().__init__()
        self._versions = old, new
        self._command = command
        self._ask = ask
        self._files: tuple[File, ...] | str = "Comparing…"

    def on_mount(self) -> None:
        """Read both documents."""
        super().on_mount()
        self._ask(self._compared)

    def heading(self) -> str:
        """Both versions."""
        old, new = self._versions
        return f"version {old} → version {new} (current)"

    def rows(self, width: int) -> tuple[Row, ...]:
        """The difference, with secrets masked, and the command for a rollback."""
        if isinstance(self._files, str):
            return (Row(("said",), (Span(self._files, "muted"),)),)
        found = comparison.rows(self._files, width - 2, as_unified=width < _WIDE)
        old, new = self._versions
        if old == new:
            return found
        said = Span("To go back, in a shell; y copies it:", "muted")
        lines = enumerate(folded(self._command, width - 4))
        how = (Row(("command", nth), (Span(line, "accent"),), depth=1, copy=self._command) for nth, line in lines)
        return Row(("command",), (said,), copy=self._command), *how, Row(("gap",), ()), *found

    def action_step(self, step: int) -> None:
        """The next or previous change, wrapping around."""
        self.query_one(SheetList).step(comparison.heads, step)

    def _compared(self, files: tuple[File, ...] | str) -> None:
        self._files = files
        if self.is_attached:
            self.renew()


def _watch(source: Etcd, now: Callable[[], datetime]) -> FleetWatch:
    """Imported late: most apps have no fleet."""
    from hotconf.fleet import Fleet
    from hotconf.tui.fleet.watch import FleetWatch

    return FleetWatch(lambda: Fleet(**source.reached), now)
