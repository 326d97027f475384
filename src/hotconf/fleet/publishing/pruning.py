"""Pruning: which entries of the history and which documents are no longer needed, and their deletion.

Rule 1: an entry is deleted before its document, so every document that the history names exists.
Rule 2: a document that was written after the current one stays: it is or was offered, and a publisher that has read
the state before may still publish a version with the same number. The highest version stays, because the next one
follows it.
Rule 3: deletions compare the current document and the offer with those of the decision; if they differ, decide again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from hotconf.fleet.errors import MalformedError
from hotconf.fleet.etcd.gateway import Gateway, retried
from hotconf.fleet.etcd.requests import Get, Pair, Txn, after, under
from hotconf.fleet.protocol import transactions
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known, stray, understood
from hotconf.fleet.protocol.records import Current
from hotconf.fleet.publishing import reading
from hotconf.fleet.publishing.reading import State
from hotconf.fleet.publishing.results import ConflictError, Pruned

MOST_OPERATIONS: Final = 128
"""etcd's limit for one transaction."""
_TRIES: Final = 10


class Old(NamedTuple):
    """What can be deleted, as long as current document and offer are those in `known`."""

    known: Known
    first: int
    """The lowest epoch that stays."""
    epochs: tuple[int, ...]
    versions: tuple[str, ...]
    kept: tuple[int, int]
    """The numbers of entries and documents that stay."""

    def transactions(self, keys: Keys, most: int = MOST_OPERATIONS) -> Iterator[Txn]:
        """The transactions that delete it, in order."""
        for doomed, entered in ((map(keys.entry, self.epochs), False), (map(keys.document, self.versions), True)):
            left = list(doomed)
            for start in range(0, len(left), most):
                first = self.first if entered else 0
                yield transactions.prune(keys, self.known, left[start : start + most], first)


def superfluous(state: State, kept: Sequence[Pair], log: Iterable[Pair], documents: Iterable[Pair]) -> Old:
    """What can be deleted. `kept`: the entries that stay, with their values; `log`: the keys of all entries."""
    if state.unreadable:
        raise MalformedError(f"nothing is deleted while {state.unreadable[0]}")
    current = state.known.current
    if strange := next((pair.key for pair in kept if understood(Current, pair) is None), None):
        raise MalformedError(f"nothing is deleted while {stray(strange)}")
    entries = [Current.decode(pair.key, pair.value) for pair in kept] + ([] if current is None else [current])
    needed = {document.version for each in entries for document in (each.document, each.stable)}
    needed |= {each.version for each in state.instances.values()}
    ages = {reading.number_of(state.keys, pair.key): pair.create for pair in documents}
    ages.pop(0, None)  # not written by hotconf
    needed.add(str(max(ages, default=0)))
    old = sorted(
        number for number, create in ages.items() if create <= state.known.base and str(number) not in needed
    )
    epochs = {reading.epoch_of(state.keys, pair.key) for pair in log} - {0}
    gone = sorted(epochs - {each.epoch for each in entries})
    first = min((each.epoch for each in entries), default=0)
    left = len(epochs) - len(gone), len(ages) - len(old)
    return Old(state.known, first, tuple(gone), tuple(map(str, old)), left)


def prune(gateway: Gateway, keys: Keys, keep: int, *, before: int | None, dry_run: bool) -> Pruned:
    """Delete all entries but the newest `keep`, and those from the epoch `before` on; then unneeded documents.

    Returns what was deleted, or would be.
    """
    newest = gateway.get(under(keys.log, newest=True, limit=keep, keys_only=True)).pairs
    first = reading.epoch_of(keys, newest[-1].key) if len(newest) == keep else 0
    first = first if before is None else min(first, before)
    deleted: list[bytes] = []
    for _ in range(_TRIES):
        old = _look(gateway, keys, first)
        if dry_run:
            return Pruned(old.epochs, old.versions, *old.kept)
        if _deleted(gateway, keys, old, deleted):
            epochs = [reading.epoch_of(keys, key) for key in deleted if key.startswith(keys.log)]
            documents = (key for key in deleted if key.startswith(keys.documents))
            versions = [str(reading.number_of(keys, key)) for key in documents]
            return Pruned(tuple(epochs), tuple(versions), *old.kept)
    raise ConflictError("others keep publishing: part of it is not deleted yet")


def _deleted(gateway: Gateway, keys: Keys, old: Old, deleted: list[bytes]) -> bool:
    """Delete it; false if current document or offer changed meanwhile. Adds the deleted keys to `deleted`."""
    for txn in old.transactions(keys):
        # Deleting again, after a lost answer, does no harm.
        if not retried(partial(_commit, gateway, txn), lambda: None):
            return False
        deleted += [op.key for op in txn.then]
    return True


def _commit(gateway: Gateway, txn: Txn) -> bool:
    return gateway.commit(txn).succeeded


def _look(gateway: Gateway, keys: Keys, first: int) -> Old:
    """What can be deleted now, keeping entries from the epoch `first` on."""
    kept = Get(keys.entry(first), after(keys.log))
    more = under(keys.log, keys_only=True), under(keys.documents, keys_only=True)
    state, found = reading.read_with(gateway, keys, kept, *more)
    return superfluous(state, *(each.pairs for each in found))
