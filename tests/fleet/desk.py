"""A real `Fleet` at a store in memory: what it reads may be old, and its requests and answers may be lost."""

from __future__ import annotations

from collections.abc import Callable

from fleet.store import Store
from hotconf.fleet import Fleet, ReplyLostError
from hotconf.fleet.etcd.requests import Found, Get, Outcome, Txn
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.publishing.following import Following


class Line:
    """A gateway to the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.old: Store | None = None
        """What the next read sees."""
        self.lost: list[bool] = []
        """The next writes get no answer; whether each is done."""
        self.meanwhile: Callable[[], object] | None = None
        """What happens before it is noticed that an answer is lost."""

    def get(self, get: Get) -> Found:
        """Read keys."""
        return self.store.get(get)

    def commit(self, txn: Txn) -> Outcome:
        """Do a transaction."""
        if all(isinstance(op, Get) for op in txn.then):
            store, self.old = self.old or self.store, None
            return store.commit(txn)
        if not self.lost:
            return self.store.commit(txn)
        if self.lost.pop():
            self.store.commit(txn)
        if self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            happen()
        raise ReplyLostError("no answer in time")

    def heal(self) -> None:
        """From now on it works."""
        self.old, self.lost, self.meanwhile = None, [], None


class Desk(Fleet):
    """A publisher."""

    def __init__(self, line: Line, keys: Keys) -> None:
        Following.__init__(self, line, keys)  # type: ignore[arg-type] # as much of a gateway as it uses
        self.name = self.by = "shop"
