"""`Descriptions`: what is known of values, found out on another thread, one at a time, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.keypath import KeyPath
    from hotconf.snapshot import Snapshot
    from hotconf.tui.session import Session
    from hotconf.tui.view.configuration import Item
    from hotconf.tui.view.details import Description


class Descriptions:
    """Asks `session`, and says `arrived` when something more is known. For the thread of the app."""

    def __init__(self, session: Session, aside: Callable[..., None], arrived: Callable[[], None]) -> None:
        """`aside(work, then)` does the work on a thread, and then that with its result."""
        self._session, self._aside, self._arrived = session, aside, arrived
        self._snapshot: Snapshot[Any] | None = None
        self._known: dict[KeyPath, Description] = {}
        self._asked = False

    def of(self, snapshot: Snapshot[Any] | None, item: Item) -> Description | None:
        """What is known of `item`, a part of `snapshot`; None until that is found out, which `arrived` reports."""
        if snapshot is not self._snapshot:
            self._snapshot, self._known = snapshot, {}
        found = self._known.get(item.path)
        if found is None and snapshot is not None and not self._asked:
            self._asked = True
            self._aside(
                lambda: self._session.describe(snapshot, item.path, table=item.value is None),
                lambda description: self._keep(snapshot, item.path, description),
            )
        return found

    def _keep(self, snapshot: Snapshot[Any], path: KeyPath, description: Description) -> None:
        self._asked = False
        if snapshot is self._snapshot:
            self._known[path] = description
        self._arrived()  # which asks for what is wanted by now
