"""A store that does what etcd does with our transactions, in memory; the tests compare the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hotconf.fleet.etcd.requests import Compare, Delete, Found, Get, Outcome, Pair, Put, Txn

Note: TypeAlias = Callable[[int, bytes, bytes | None], object]


class Store:
    """Keys with their revisions."""

    def __init__(self, note: Note = lambda revision, key, value: None) -> None:
        """`note` is called with each key that is written or deleted, and its value."""
        self.revision = 1
        self.pairs: dict[bytes, Pair] = {}
        self._note = note

    def get(self, get: Get) -> Found:
        """Read keys."""
        found = sorted(self._range(get.key, get.until), reverse=get.newest)
        if get.keys_only:
            found = [pair._replace(value=b"") for pair in found]
        return Found(self.revision, tuple(found[: get.limit or None]))

    def commit(self, txn: Txn) -> Outcome:
        """Do a transaction."""
        succeeded = all(map(self._holds, txn.conditions))
        operations = txn.then if succeeded else txn.otherwise
        if any(
            isinstance(op, Put) or (isinstance(op, Delete) and self._range(op.key, op.until)) for op in operations
        ):
            self.revision += 1
        found = []
        for op in operations:
            if isinstance(op, Get):
                found.append(self.get(op))
            elif isinstance(op, Put):
                old = self.pairs.get(op.key)
                create = self.revision if old is None else old.create
                self.pairs[op.key] = Pair(op.key, op.value, create, self.revision, op.lease)
                self._note(self.revision, op.key, op.value)
            else:
                self._delete([pair.key for pair in self._range(op.key, op.until)])
        return Outcome(succeeded, self.revision, tuple(found))

    def expire(self, lease: int) -> None:
        """End a lease."""
        gone = [pair.key for pair in self.pairs.values() if pair.lease == lease]
        self.revision += bool(gone)
        self._delete(gone)

    def copy(self) -> Store:
        """As it is now, for a publisher that reads too early."""
        made = Store()
        made.revision, made.pairs = self.revision, dict(self.pairs)
        return made

    def _delete(self, keys: list[bytes]) -> None:
        for key in keys:
            del self.pairs[key]
            self._note(self.revision, key, None)

    def _range(self, key: bytes, until: bytes) -> list[Pair]:
        if not until:
            return [self.pairs[key]] if key in self.pairs else []
        return [pair for name, pair in self.pairs.items() if key <= name < until]

    def _holds(self, compare: Compare) -> bool:
        found = self._range(compare.key, compare.until)
        if not found and compare.target == "VALUE":
            return False
        for pair in found or [Pair(compare.key, b"", 0, 0)]:
            have: int | bytes = {"CREATE": pair.create, "MOD": pair.mod, "VALUE": pair.value}[compare.target]
            want = compare.value
            order = (have > want) - (have < want)  # type: ignore[operator] # of the same type
            if order != {"EQUAL": 0, "GREATER": 1, "LESS": -1}[compare.result]:
                return False
        return True
