"""A process is registered in its fleet, by a vote and a record, while its lease is alive."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

from hotconf.fleet.errors import DeniedError, FleetError, LeaseLostError
from hotconf.fleet.etcd.gateway import Gateway, Lease
from hotconf.fleet.instance.machine import TTL_S, Said
from hotconf.fleet.protocol import transactions
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Instance

BEAT_S: Final = TTL_S / 3
"""The interval of renewals."""
ACK_S: Final = 0.4
"""An `ack` is written after a random part of this time: a thousand writes at once would delay processes that have yet
to apply the document.
"""
_IDLE_S: Final = 3600.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_HELD_S: Final = 5.0
_FORBIDDEN_S: Final = 15.0


class Membership:
    """The membership of one process. For one thread."""

    def __init__(self, gateway: Gateway, keys: Keys, instance: str, labels: Mapping[str, str]) -> None:
        self.instance = instance
        self.boot = token_hex(8)
        """Different in each process and fork: one yes never counts twice."""
        self.registered = False
        self._gateway = gateway
        self._keys = keys
        self._labels = dict(labels)
        self._lease: Lease | None = None
        self._written: Said | None = None
        self._next_s = time.monotonic()
        self._pause_s = _FIRST_PAUSE_S
        self._tell_s: float | None = None
        """When an `ack` is due to be written."""
        self._held_s = 0.0

    @property
    def lease(self) -> int:
        """The id of the lease; 0 if there is none."""
        return 0 if self._lease is None else self._lease.id

    @property
    def due_s(self) -> float:
        """When to call `beat` or `write` next, by the monotonic clock."""
        due_s = self._next_s if self._tell_s is None else min(self._next_s, self._tell_s)
        return max(due_s, self._held_s)

    def hold(self) -> None:
        """Nothing is written until `release`, or for five seconds: what follows a write that got no answer may get
        none either, and keep its thread waiting when there is something to serve.
        """
        self._held_s = time.monotonic() + _HELD_S

    def release(self) -> None:
        """etcd has been read since: it has a leader."""
        self._held_s = 0.0
        if self._pause_s > _FIRST_PAUSE_S:  # the last try failed
            self._next_s = min(self._next_s, time.monotonic())

    def beat(self, said: Said) -> bool:
        """Join the fleet, or renew the lease, if it is due. Returns whether etcd has answered.

        Raises `FleetError`; retry at `due_s`.
        """
        if time.monotonic() < max(self._next_s, self._held_s):
            return False
        self._next_s = time.monotonic() + self._pause_s * random.uniform(0.5, 1.5)  # noqa: S311 - it spreads load
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        try:
            if self._lease is None:
                self._lease = self._gateway.grant(TTL_S)
            elif self.registered:
                self._gateway.keep_alive(self._lease)
            if not self.registered:
                self._register(self._lease, said)
        except LeaseLostError:
            self.lose()
            self._next_s = time.monotonic()
            raise
        except DeniedError:
            self._next_s = time.monotonic() + _FORBIDDEN_S * random.uniform(0.5, 1.5)  # noqa: S311
            raise
        self._pause_s = _FIRST_PAUSE_S
        self._next_s = time.monotonic() + BEAT_S * random.uniform(0.9, 1.1)  # noqa: S311
        return True

    def _register(self, lease: Lease, said: Said) -> None:
        mine = self._keys, self.instance, self.boot, self._record(said), lease.id
        if not self._gateway.commit(transactions.register(*mine)).succeeded:
            # An earlier attempt succeeded, and its answer was lost; or the store was restored, with an earlier lease.
            self._gateway.commit(transactions.register(*mine, again=True))
        self.registered = True
        self._written = said

    def write(self, said: Said) -> bool:
        """Update the record, if it has changed; an `ack` may wait a little. Returns whether etcd has answered.

        Raises `LeaseLostError` if this process is no longer registered.
        """
        if not self.registered or said == self._written:
            self._tell_s = None
            return False
        now = time.monotonic()
        if now < self._held_s:
            return False
        if said.status == "ack" and self._tell_s is None:
            self._tell_s = now + random.uniform(0.25, 1) * ACK_S  # noqa: S311
        if self._tell_s is not None and said.status == "ack" and now < self._tell_s:
            return False
        self._tell_s = None
        record = self._record(said)
        txn = transactions.record(self._keys, self.instance, self.boot, record, self.lease)
        if not self._gateway.commit(txn).succeeded:
            self.lose()
            raise LeaseLostError("the vote of this process is gone")
        self._written = said
        return True

    def says(self, said: Said) -> bool:
        """Whether the record says that."""
        return self.registered and said == self._written

    def say_again(self) -> None:
        """The record may differ from what was written last."""
        self._written = None

    def lose(self) -> None:
        """The lease is gone: join again with a new one."""
        self.registered, self._lease, self._written, self._tell_s = False, None, None, None

    def leave(self) -> None:
        """Leave the fleet. If etcd cannot be reached, the lease expires."""
        if self._lease is not None:
            try:
                self._gateway.revoke(self._lease)
            except FleetError:
                return
            finally:
                self.lose()

    def _record(self, said: Said) -> Instance:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Instance(*said, at, socket.gethostname(), os.getpid(), self._labels)


class Observer(Membership):
    """No membership: no lease, no record, no vote."""

    @property
    def due_s(self) -> float:
        """Far in the future."""
        return time.monotonic() + _IDLE_S

    def beat(self, said: Said) -> bool:  # noqa: ARG002 - it says nothing
        """Nothing."""
        return False
