"""Publishing that asks first: offer the document, collect votes, commit or abort.

All or nothing: every vote is a yes, in one comparison of all of them. With a quorum: enough votes were a yes when
they were counted, at one revision, and since then no vote was written and no process has joined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from hotconf.fleet.errors import FleetError, LeaseLostError, UnreachableError
from hotconf.fleet.etcd.gateway import Gateway, Lease, retried
from hotconf.fleet.etcd.requests import Txn
from hotconf.fleet.protocol import transactions
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known, known
from hotconf.fleet.protocol.records import Current, Offer
from hotconf.fleet.publishing import reading
from hotconf.fleet.publishing.following import follow
from hotconf.fleet.publishing.quorum import Quorum
from hotconf.fleet.publishing.reading import State
from hotconf.fleet.publishing.results import AbortedError, ConflictError, Member, Published
from hotconf.text import shortened

TTL_S: Final = 10
"""How long an offer lives after its publisher has died."""
GRACE_S: Final = 2.0
"""How long others may still answer once there is a quorum; those that do not load the document after the commit."""
_MOST_NAMED: Final = 5
_LONGEST_REASON: Final = 300


class Voting:
    """One offer, from its creation to its decision."""

    def __init__(
        self,
        gateway: Gateway,
        keys: Keys,
        state: State,
        offer: Offer,
        current: Current,
        quorum: Quorum | None = None,
    ) -> None:
        self._gateway = gateway
        self._keys = keys
        self._state = state
        self._offer = offer
        self._current = current
        self._quorum = quorum
        self._created = 0
        self._until = 0.0
        self._grace: float | None = None
        """When the commit is due, once there is a quorum."""

    def run(self, data: bytes, find: Callable[[Current], Current | None]) -> Published:
        """Returns what became current. Raises `AbortedError` or `ConflictError` if no process has changed
        anything.
        """
        if not self._state.votes:
            raise AbortedError("no process is registered, so none can vote: start one first, or use publish()")
        lease = self._gateway.grant(TTL_S)
        try:
            self._make(data, lease)
            return self._collect(lease, find)
        finally:
            # Whatever happens, no process is left waiting for a decision.
            with suppress(FleetError):
                self._gateway.revoke(lease)

    def _make(self, data: bytes, lease: Lease) -> None:
        def call() -> int:
            outcome = self._gateway.commit(transactions.offer(self._keys, self._offer, data, lease.id))
            if outcome.succeeded:
                return outcome.revision
            found = known(outcome.found[0].one, outcome.found[1].one)
            if created := self._mine(found):
                return created
            raise _lost_race(found)

        def find() -> int | None:
            state = reading.read(self._gateway, self._keys)
            return self._mine(state.known) or None

        self._created = retried(call, find)

    def _mine(self, found: Known) -> int:
        """The revision of our offer; 0 if it is gone."""
        mine = found.offer is not None and found.offer.publish_id == self._offer.publish_id
        return found.offered if mine else 0

    def _collect(self, lease: Lease, find: Callable[[Current], Current | None]) -> Published:
        self._until = time.monotonic() + self._offer.wait_s
        alive_at = time.monotonic()
        beat_s = lease.ttl_s / 3
        every_s = beat_s if self._quorum is None else GRACE_S / 4
        state: State | None = None
        for state, _ in follow(self._gateway, self._keys, self._until, every_s=every_s):
            if time.monotonic() - alive_at >= beat_s:
                with suppress(UnreachableError):
                    self._gateway.keep_alive(lease)
                    alive_at = time.monotonic()
            if (decided := self._decide(state, find)) is not None:
                return decided
        if state is not None and (decided := self._decide(state, find)) is not None:
            return decided
        raise self._abort(state)

    def _decide(self, state: State, find: Callable[[Current], Current | None]) -> Published | None:
        """What became current, if the offer is decided. Raises `AbortedError` if too many processes refuse."""
        if state.revision < self._created:
            return None
        if self._mine(state.known) != self._created:
            if (entry := find(self._current)) is not None:
                return Published.of(entry)
            raise _gone(state.known)
        if self._is_hopeless(state):
            raise self._abort(state)
        txn = self._to_commit(state)
        if txn is None:
            return None

        def call() -> bool:
            return self._gateway.commit(txn).succeeded or find(self._current) is not None

        done = retried(call, lambda: True if find(self._current) is not None else None)
        return Published.of(self._current) if done else None  # a process has joined, or taken back its yes

    def _is_hopeless(self, state: State) -> bool:
        refusals = self._count(state, "no")
        if self._quorum is None:
            return refusals > 0
        return len(state.votes) - refusals < self._quorum.needed(len(state.votes))

    def _to_commit(self, state: State) -> Txn | None:
        """The transaction that commits it; None if there are not enough votes yet."""
        arguments = self._keys, self._offer, self._created, self._current
        if self._quorum is None:
            unanimous = 0 < len(state.votes) == self._count(state, "yes")
            return transactions.commit(*arguments, state.strange_entries) if unanimous else None
        if not self._has_quorum(state, self._quorum):
            self._grace = None
            return None
        now = time.monotonic()
        self._grace = self._grace or now + GRACE_S
        if now < min(self._grace, self._until) and self._count(state, None):
            return None
        state = reading.read(self._gateway, self._keys)  # all votes at one revision
        if not self._has_quorum(state, self._quorum):
            return None
        return transactions.commit_counted(*arguments, state.revision, state.strange_entries)

    def _has_quorum(self, state: State, quorum: Quorum) -> bool:
        return self._count(state, "yes") >= quorum.needed(len(state.votes))

    def _count(self, state: State, answer: str | None) -> int:
        """How many have this vote on the offered version; None: have not voted on it."""
        version = self._offer.document.version
        return sum((vote.answer if vote.version == version else None) == answer for vote in state.votes.values())

    def _abort(self, state: State | None) -> FleetError:
        """Withdraw the offer; returns the error to raise."""

        def call() -> bool:
            return self._gateway.commit(transactions.abort(self._keys, self._created)).succeeded

        try:
            retried(call, lambda: None)
        except (UnreachableError, LeaseLostError) as error:
            why = f"it cannot be taken back now: it ends by itself in {TTL_S} s ({error})"
        else:
            why = ""
        if state is None:
            return AbortedError("; ".join(filter(None, ("the votes could not be read", why))))
        refused, missing = self._votes(state, "no"), self._votes(state, None)
        said = [*_refusals(refused)]
        if self._quorum is not None:
            total = len(state.votes)
            needed, counted = self._quorum.needed(total), self._count(state, "yes")
            said.insert(
                0, f"{counted} of {total} processes said yes, and {needed} have to (quorum {self._quorum.rule})"
            )
            said += [f"no answer from {_names(missing)}"] if missing else []
        elif not refused:
            who = _names(missing) if missing else "an instance that is gone meanwhile"
            said.append(f"no answer in {self._offer.wait_s:g} s from {who}")
        if not refused:  # perhaps it waits for the vote of no process
            said += map(str, state.unreadable[:_MOST_NAMED])
        return AbortedError("; ".join([*said, *([why] if why else [])]), refused, missing)

    def _votes(self, state: State, answer: str | None) -> tuple[Member, ...]:
        """The processes with this vote on the offered version; None: those that have not voted on it."""
        version = self._offer.document.version
        found = []
        for member in state.status.members:
            said = member.vote.answer if member.vote.version == version else None
            if said == answer:
                found.append(member)
        return tuple(found)


def _refusals(refused: tuple[Member, ...]) -> Iterator[str]:
    for each in refused[:_MOST_NAMED]:
        yield f"{each.name} refuses: {shortened(each.vote.reason, _LONGEST_REASON)}"
    if len(refused) > _MOST_NAMED:
        yield f"{len(refused) - _MOST_NAMED} more refuse"


def _names(members: tuple[Member, ...]) -> str:
    names = ", ".join(each.name for each in members[:_MOST_NAMED])
    return f"{names} and {len(members) - _MOST_NAMED} more" if len(members) > _MOST_NAMED else names


def _gone(found: Known) -> ConflictError:
    current = None if found.current is None else Published.of(found.current)
    what = "" if current is None else f"; version {current.version} is current (epoch {current.epoch})"
    return ConflictError(f"the offer was overridden, or has expired{what}", current, found.offer)


def _lost_race(found: Known) -> ConflictError:
    current = None if found.current is None else Published.of(found.current)
    what = "another offer is open" if found.offered else "something else became current meanwhile"
    return ConflictError(what, current, found.offer)
