"""An instance of a few lines, which says what the test wants: for the publisher's side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hotconf.fleet.errors import UnreachableError
from hotconf.fleet.etcd.access import Access
from hotconf.fleet.etcd.gateway import Gateway
from hotconf.fleet.etcd.requests import Pair, under
from hotconf.fleet.etcd.transport import Stream
from hotconf.fleet.protocol import transactions as acts
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import known
from hotconf.fleet.protocol.records import Document, Instance

Judge = Callable[[Document], str | None]


def accept(_document: Document) -> None:
    """Takes everything."""


class Simulated:
    """Follows what is current, and votes. `judge` returns why a document is refused."""

    def __init__(
        self, access: Access, keys: Keys, name: str, judge: Judge = accept, labels: dict[str, str] | None = None
    ) -> None:
        self.keys = keys
        self.name = name
        self.judge = judge
        self.labels = labels or {}
        self.votes = True
        """Whether it answers offers."""
        self.served: list[tuple[int, str]] = []
        """Epoch and version of all that it served."""
        self._gateway = Gateway(access)
        self._stream = Stream()
        self._lease = 0
        self._base = 0
        self._asked = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._lease = self._gateway.grant(60).id
        self._gateway.commit(acts.register(self.keys, self.name, "1", self._record("deferred"), self._lease))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.cut()
        self._thread.join()
        self._gateway.close()

    def _record(self, status: str, seen: int = 0, reason: str = "") -> Instance:
        epoch, version = self.served[-1] if self.served else (0, "")
        return Instance(version, epoch, status, seen, reason, "", "host", 1, self.labels)  # type: ignore[arg-type]

    def _run(self) -> None:
        found = self._gateway.get(under(self.keys.control))
        pairs = {pair.key: pair for pair in found.pairs}
        self._look(pairs)
        try:
            for seen in self._gateway.watch(self.keys.control, found.revision + 1, self._stream, silence_s=60):
                pairs |= {pair.key: pair for pair in seen.pairs}
                for key in seen.deleted:
                    pairs.pop(key, None)
                self._look(pairs)
        except UnreachableError:
            return

    def _look(self, pairs: dict[bytes, Pair]) -> None:
        current, base, offer, created = known(pairs.get(self.keys.current), pairs.get(self.keys.offer))
        if current is not None and base != self._base:
            self._base = base
            document = current.document_for(self.name, self.labels)
            reason = self.judge(document)
            if reason is None:
                self.served.append((current.epoch, document.version))
            record = self._record("ack" if reason is None else "nack", current.epoch, reason or "")
            self._gateway.commit(acts.record(self.keys, self.name, "1", record, self._lease))
        if offer is not None and created != self._asked and self.votes:
            self._asked = created
            refusal = self.judge(offer.document)
            self._gateway.commit(acts.vote(self.keys, self.name, "1", offer, created, self._lease, refusal))
