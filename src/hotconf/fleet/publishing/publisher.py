"""`Fleet`: publish to a fleet, and see what it runs.

Rule 1: a publish is a compare-and-swap: it never replaces a version that its publisher has not seen.
Rule 2: the epoch of a publish is higher than any before it, and than that of any process.
Rule 3: if the answer to an act is lost, its `publish_id` is looked up: nothing is done twice, and nothing is guessed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from types import TracebackType
from typing import Final, Self

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.fleet.errors import FleetError
from hotconf.fleet.etcd.access import TLS, access
from hotconf.fleet.etcd.gateway import Gateway, retried
from hotconf.fleet.etcd.requests import Get, Pair, Txn
from hotconf.fleet.protocol import transactions
from hotconf.fleet.protocol.keys import PREFIX, Keys
from hotconf.fleet.protocol.known import Known, Unreadable, known, misread, paused, stray, understood
from hotconf.fleet.protocol.records import HIGHEST, Action, Current, Document, Offer, Pause
from hotconf.fleet.publishing import checks, documents, pruning, reading
from hotconf.fleet.publishing.canaries import canary_of
from hotconf.fleet.publishing.following import Following
from hotconf.fleet.publishing.quorum import Quorum
from hotconf.fleet.publishing.reading import State
from hotconf.fleet.publishing.results import ConflictError, FleetStatus, Pruned, Published, Shown, UnchangedError
from hotconf.fleet.publishing.voting import Voting
from hotconf.formats.registry import FormatName
from hotconf.text import printable

_MOST_ENTRIES: Final = 1_000
_TRIES: Final = 3


class Fleet(Following):
    """A fleet in etcd, for its operator. For one thread at a time.

        with Fleet("shop/prod", "https://etcd1.example.com:2379") as fleet:
            published = fleet.publish(b"port = 8080")
            waited = fleet.wait(published, timeout_s=30)

    Every method raises `FleetError` if etcd refuses a request or cannot be reached: with `UnreachableError`, nothing
    was changed; with `ReplyLostError`, it is unknown whether the act happened.
    """

    def __init__(
        self,
        name: str,
        endpoints: str | Iterable[str],
        *,
        tls: TLS | ssl.SSLContext | None = None,
        user: str | None = None,
        password: str | Callable[[], str] | None = None,
        prefix: str = PREFIX,
        insecure: bool = False,
        by: str | None = None,
    ) -> None:
        """Arguments as for `Etcd`. `by`: who publishes; by default `user`, or that of the process, and the host."""
        reached = access(endpoints, tls=tls, user=user, password=password, insecure=insecure)
        super().__init__(Gateway(reached), Keys.of(name, prefix))
        self.name = name
        self.by = by if by is not None else _me(user)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._gateway.close()

    # Publishing

    def publish(
        self,
        data: bytes,
        *,
        format: FormatName = "toml",  # noqa: A002 (what users call it)
        note: str = "",
        canary: str | None = None,
        expect: str | None = None,
        override: bool = False,
    ) -> Published:
        """Make a document current. Returns at once; `wait` follows it.

        `canary`: the instances that serve it first: a number (`1`), a percentage (`10%`), or those with a label
        (`zone=eu`); all others stay on the stable version. `expect`: publish only if this version is current; empty:
        only if none is. `override`: abort an all-or-nothing publish that is being voted on.

        Raises `ConflictError` if another version is current, `UnchangedError` if this document is current already,
        `TooLargeError` above 1 MiB, and `UsageError` for an invalid document, or one that turns hot reload off.
        """
        self.check(data, format)
        publish_id = token_hex(8)

        def make(state: State) -> Current:
            document = Document(state.version, sha256(data).hexdigest(), format)
            checks.new(self._keys, state.known, document, expect)
            made = self._current(state, document, "publish", note, publish_id)
            chosen = None if canary is None else canary_of(canary, publish_id, state)
            return replace(made, canary=chosen)

        return self._act(make, data, override=override)

    def publish_all_or_nothing(
        self,
        data: bytes,
        *,
        format: FormatName = "toml",  # noqa: A002 (what users call it)
        note: str = "",
        expect: str | None = None,
        wait_s: float = 30.0,
    ) -> Published:
        """Make a document current once each process has validated it and prepared its resources.

        When this returns, every registered process has voted yes; each switches as soon as it reads the decision.
        Raises `AbortedError` if one refuses, or does not answer within `wait_s` seconds (1 to 3600): then no process
        has changed anything. Otherwise as `publish`.
        """
        return self._ask(data, format, note, expect, wait_s, None)

    def publish_with_quorum(
        self,
        data: bytes,
        quorum: str,
        *,
        format: FormatName = "toml",  # noqa: A002 (what users call it)
        note: str = "",
        expect: str | None = None,
        wait_s: float = 30.0,
    ) -> Published:
        """Make a document current once enough processes have validated it and prepared its resources.

        `quorum`: a number of processes (`50`), or a percentage of those registered (`90%`). Beyond it, votes are
        awaited for two seconds only: the others load the document after the commit, and those that refuse it keep
        what they have, so the fleet may be mixed then. Raises `AbortedError` as soon as too many refuse, or without a
        quorum within `wait_s` seconds (1 to 3600): then no process has changed anything. Otherwise as `publish`.
        """
        return self._ask(data, format, note, expect, wait_s, Quorum.of(quorum))

    def _ask(
        self, data: bytes, form: FormatName, note: str, expect: str | None, wait_s: float, quorum: Quorum | None
    ) -> Published:
        self.check(data, form)
        arguments.seconds("wait_s", wait_s, 1, 3600)
        state = reading.read(self._gateway, self._keys)
        checks.free(self._keys, state.known)
        document = Document(state.version, sha256(data).hexdigest(), form)
        checks.new(self._keys, state.known, document, expect)
        current = self._current(state, document, "publish", note, token_hex(8))
        rule = None if quorum is None else quorum.rule
        asked = Offer(document, current.epoch, state.known.base, wait_s, self.by, note, current.publish_id, rule)
        made = replace(current, all_or_nothing=quorum is None, quorum=rule)
        return Voting(self._gateway, self._keys, state, asked, made, quorum).run(data, self._find)

    def promote(self, *, note: str = "", expect: Published | str | None = None) -> Published:
        """Let all instances serve the canaries' version. Raises `UsageError` if there are no canaries. `expect`: only
        if this publish, or version, is current; `ConflictError` otherwise.
        """
        publish_id = token_hex(8)

        def make(state: State) -> Current:
            checks.expected(self._keys, state.known, expect)
            current = state.known.current
            if current is None or current.canary is None:
                raise UsageError(f"{self.name} has no canaries to promote")
            return self._current(state, current.document, "promote", note or current.note, publish_id)

        return self._act(make)

    def rollback(
        self,
        version: str | None = None,
        *,
        note: str = "",
        expect: Published | str | None = None,
        override: bool = False,
    ) -> Published:
        """Make an earlier version current: `version`, or the one before the current version; with canaries, the
        stable version. `expect`: only if this publish, or version, is still current; `ConflictError` otherwise.
        """
        publish_id = token_hex(8)

        def make(state: State) -> Current:
            checks.expected(self._keys, state.known, expect)
            current = state.known.current
            target = self._before(state) if version is None else self._version(version)
            if current is not None and current.canary is None and target == current.document:
                raise UnchangedError(f"version {target.version} is current already")
            return self._current(state, target, "rollback", note, publish_id)

        return self._act(make, override=override, rescues=True)

    def pause(self, note: str = "") -> None:
        """Pause all instances: what is published from now on waits for `resume`. Raises `ConflictError` if they are
        paused already.
        """
        made = Pause(self.by, _now(), note)

        def call() -> Pause:
            outcome = self._gateway.commit(transactions.pause(self._keys, made))
            return made if outcome.succeeded else paused(outcome.found[0].one) or made

        if (found := retried(call, lambda: None)) != made:
            note = f": {found.note}" if found.note else ""
            who = f", by {found.by} at {found.at}" if found.at else ""
            raise ConflictError(printable(f"{self.name} is paused already{who}{note}"))

    def resume(self) -> None:
        """Let all instances serve the current version again."""
        retried(lambda: self._gateway.commit(transactions.resume(self._keys)), lambda: None)

    def prune(self, keep: int = 100, *, before: int | None = None, dry_run: bool = False) -> Pruned:
        """Delete the history but for its newest `keep` entries (2 to 1000), and the documents that only deleted
        entries name.

        Documents that a process serves, an open offer and the highest version stay. `before`: keep entries from this
        epoch on, too. `dry_run`: delete nothing, and return what would be deleted.

        Safe while others publish: what becomes current meanwhile stays. Raises `ConflictError` if they keep
        publishing; part of it may be deleted then.
        """
        arguments.whole("keep", keep, 2, _MOST_ENTRIES)
        if before is not None:
            arguments.whole("before", before, 1)
        return pruning.prune(self._gateway, self._keys, keep, before=before, dry_run=dry_run)

    # Looking

    def before(self) -> str:
        """The version that `rollback` would make current. Raises `UsageError` if there is none."""
        return self._before(reading.read(self._gateway, self._keys)).version

    def history(self, limit: int = 50) -> tuple[Published, ...]:
        """The history, newest first."""
        arguments.whole("limit", limit, 1, _MOST_ENTRIES)
        return tuple(map(Published.of, self._entries(limit)))

    def show(self, version: str | None = None) -> Shown:
        """A document, by default the current one; with canaries, theirs. It may contain secrets."""
        if version is None:
            found = reading.read(self._gateway, self._keys).known
            if found.current is None:
                what = (
                    misread(self._keys, self._keys.current) if found.base else f"nothing is published in {self.name}"
                )
                raise FleetError(str(what))
            document = found.current.document
        else:
            document = self._version(version)
        kept = self._gateway.get(Get(self._keys.document(document.version))).one
        if kept is None or not document.matches(kept.value):
            raise FleetError(f"version {printable(document.version)} is no longer kept, or was changed")
        return Shown(document.version, document.sha256, document.format, kept.value)

    def status(self) -> FleetStatus:
        """The status now."""
        return reading.read(self._gateway, self._keys).status

    def unreadable(self, limit: int = 50) -> tuple[Unreadable, ...]:
        """The entries of the history that are not understood, and skipped, newest first."""
        arguments.whole("limit", limit, 1, _MOST_ENTRIES)
        return tuple(stray(pair.key, "skipped") for pair in self._log(limit) if understood(Current, pair) is None)

    # How

    def _act(
        self,
        make: Callable[[State], Current],
        data: bytes | None = None,
        *,
        override: bool = False,
        rescues: bool = False,
    ) -> Published:
        """Make what `make` returns current, unless something else became current meanwhile. `rescues`: what is not
        understood is replaced.
        """
        for _ in range(_TRIES):
            state = reading.read(self._gateway, self._keys)
            drops = override or (rescues and state.known.offer is None)
            if not drops:
                checks.no_offer(self._keys, state.known)
            if not (override or rescues):
                checks.free(self._keys, state.known)
            current, base = make(state), state.known.base
            strays = state.strange_entries
            txn = transactions.publish(self._keys, current, base, data, override=drops, strays=strays)
            after = self._commit(txn, current)
            if after is None:
                return Published.of(current)
            if after.base != base:
                raise checks.conflict(after)
            checks.no_offer(self._keys, after)
        raise FleetError(f"version {current.document.version} cannot be published: its document is not as expected")

    def _commit(self, txn: Txn, current: Current) -> Known | None:
        """None if it succeeded, else what is known now."""

        def call() -> tuple[Known | None]:
            outcome = self._gateway.commit(txn)
            if outcome.succeeded:
                return (None,)
            found = known(outcome.found[0].one, outcome.found[1].one)
            done = self._find(current) is not None  # by an earlier attempt, whose answer was lost
            return (None,) if done else (found,)

        return retried(call, lambda: (None,) if self._find(current) is not None else None)[0]

    def _find(self, current: Current) -> Current | None:
        """The entry of that act, if it happened."""
        entry = understood(Current, self._gateway.get(Get(self._keys.entry(current.epoch))).one)
        return entry if entry is not None and entry.publish_id == current.publish_id else None

    def _current(self, state: State, document: Document, action: Action, note: str, publish_id: str) -> Current:
        return Current(state.epoch, document, publish_id, self.by, _now(), note, action)

    def _entries(self, limit: int = _MOST_ENTRIES) -> list[Current]:
        """The history, newest first."""
        found = (understood(Current, pair) for pair in self._log(limit))
        return [entry for entry in found if entry is not None]

    def _log(self, limit: int) -> tuple[Pair, ...]:
        first, end = self._keys.entry(0), self._keys.entry(HIGHEST + 1)
        return self._gateway.get(Get(first, end, limit, newest=True)).pairs

    def _version(self, version: str) -> Document:
        """The document of that version. Raises `UsageError` if the history does not name it."""
        for entry in self._entries():
            for document in (entry.document, entry.stable):
                if document.version == version:
                    return document
        raise UsageError(f"{self.name} has no version {printable(str(version))}")

    def _before(self, state: State) -> Document:
        """The document before the current version; with canaries, the stable one."""
        current = state.known.current
        if current is not None and current.canary is not None:
            return current.canary.stable
        entries = [entry for entry in self._entries() if entry.stable.version in state.documents]
        if current is None and state.known.base and entries:  # it is not understood: what all serve
            return entries[0].stable
        first = None if current is None else current.document
        at = max((at for at, entry in enumerate(entries) if entry.document == first), default=None)
        for entry in entries[at:] if at is not None else ():  # as a canary it had what was before as stable
            if entry.stable != first:
                return entry.stable
        raise UsageError(f"{self.name} has no version before the current one")

    # Checks

    def check(self, data: object, form: FormatName) -> None:
        """Raises `TooLargeError`, or `UsageError` for an invalid document. Sends nothing."""
        documents.check(self.name, data, form)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _me(user: str | None) -> str:
    import getpass
    import socket

    try:
        user = user or getpass.getuser()
    except (OSError, KeyError):  # the system does not know this user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
