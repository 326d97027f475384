"""Following a publish: the statuses of all processes, kept up to date by a watch."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from hotconf import arguments
from hotconf.fleet.errors import CompactedError, DeniedError, UnreachableError
from hotconf.fleet.etcd.gateway import SILENCE_S, Gateway
from hotconf.fleet.etcd.transport import Stream
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.publishing import reading
from hotconf.fleet.publishing.reading import State
from hotconf.fleet.publishing.results import FleetStatus, Published, Waited

_AGAIN_S: Final = 0.5
"""The pause before a retry."""


class Guarded(NamedTuple):
    """The result of a guarded publish."""

    waited: Waited
    rolled_back: Published | None
    """The rollback, if too many processes refused."""


def follow(
    gateway: Gateway,
    keys: Keys,
    until: float,
    state: State | None = None,
    every_s: float = SILENCE_S,
    *,
    streams: Callable[[], Stream] = Stream,
    tell: Callable[[str | None], object] = lambda why: None,  # noqa: ARG005
) -> Iterator[tuple[State, set[tuple[str, str]] | None]]:
    """Yields the state, then again after each change, with the processes concerned (None after a reread).

    Ends at `until`, by the monotonic clock, or some milliseconds later, or when a stream from `streams` is cut.
    Yields at least every `every_s` seconds. `tell` is called with the reason when etcd becomes unreachable, and with
    None when it is reachable. Raises `UnreachableError` if an outage lasts, and the errors of refusals.
    """
    failed_at: float | None = None
    forbidden = False
    while True:
        stream = streams()
        try:
            if state is None:
                state = reading.read(gateway, keys)
                yield state, None
            failed_at = None
            tell(None)
            left = until - time.monotonic()
            if left <= 0:
                return
            watch = gateway.watch(keys.root, state.revision + 1, stream, silence_s=min(left, every_s))
            for seen in watch:
                forbidden = False
                yield state, state.apply(seen)
                if time.monotonic() >= until:
                    return
            yield state, set()
        except CompactedError:
            state = None
        except DeniedError:
            if forbidden:
                raise
            forbidden = True  # or its token has expired: the retry has a new one
        except UnreachableError as error:
            if stream.is_cut:
                return
            tell(str(error))
            failed_at = failed_at or time.monotonic()
            if time.monotonic() >= min(until, failed_at + 2 * SILENCE_S):
                raise
            time.sleep(_AGAIN_S)
            state = None


class Following(ABC):
    """Follows the statuses of instances."""

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys
        self._stream: Stream | None = None
        self._ended = False

    def states(self, tell: Callable[[str | None], object]) -> Iterator[State]:
        """Yields a copy of the state, then again after each change, until `end`. The status is computed only when it
        is read, because a thousand processes may answer within a second.

        `tell` is called, on this thread, with the reason when etcd becomes unreachable, and with None when it is
        reachable again.
        """
        watched = follow(self._gateway, self._keys, float("inf"), streams=self._cuttable, tell=tell)
        for state, _ in watched:
            yield replace(state, instances=dict(state.instances), votes=dict(state.votes))

    def end(self) -> None:
        """End `states`. Safe in any thread."""
        self._ended = True
        if self._stream is not None:
            self._stream.cut()

    def _cuttable(self) -> Stream:
        self._stream = Stream()
        if self._ended:
            self._stream.cut()
        return self._stream

    def statuses(self, timeout_s: float | None = None) -> Iterator[FleetStatus]:
        """Yields the status, then again after each change, for `timeout_s` seconds, or forever."""
        arguments.timeout(timeout_s)
        until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        before = None
        for state, concerned in follow(self._gateway, self._keys, until):
            asked = state.current, state.offer, state.pause
            if concerned is None or concerned or asked != before:
                yield state.status
            before = asked

    def wait(self, published: Published, timeout_s: float = 30.0) -> Waited:
        """Wait until every process has accepted or refused it, another version is current, or the time is up."""
        arguments.seconds("timeout_s", timeout_s, 0, arguments.LONGEST_S)
        return self._until(published, timeout_s, lambda waited: not waited.waited_for)

    def guard(self, published: Published, *, bake_s: float, max_nack: int = 0) -> Guarded:
        """Watch a publish for `bake_s` seconds; roll back as soon as more than `max_nack` processes refuse it."""
        arguments.seconds("bake_s", bake_s, 0, arguments.LONGEST_S)
        arguments.whole("max_nack", max_nack, 0)
        waited = self._until(published, bake_s, lambda so_far: len(so_far.refused) > max_nack)
        if waited.superseded or len(waited.refused) <= max_nack:
            return Guarded(waited, None)
        refused = ", ".join(member.name for member in waited.refused[:3])
        return Guarded(waited, self.rollback(note=f"refused by {refused}", expect=published))

    @abstractmethod
    def rollback(self, *, note: str, expect: Published) -> Published:
        """Make the version before it current."""

    def _until(self, published: Published, timeout_s: float, enough: Callable[[Waited], bool]) -> Waited:
        until = time.monotonic() + timeout_s
        waited: Waited | None = None
        open_: set[tuple[str, str]] = set()
        for state, concerned in follow(self._gateway, self._keys, until):
            said = state.known.current
            superseded = said is None or said.publish_id != published.publish_id
            if concerned is None or superseded:
                open_ = {who for who in state.instances if not _said(state, who, published)}
            elif not concerned:
                continue
            else:
                refused = any(who in state.instances and state.instances[who].status == "nack" for who in concerned)
                open_ = {who for who in open_ | concerned if not _said(state, who, published)}
                if open_ and not refused:  # of a thousand answers, only the last few need a look at all
                    continue
            waited = Waited(published, state.status, superseded)
            if superseded or enough(waited):
                return waited
        final = reading.read(self._gateway, self._keys)
        said = final.known.current
        return Waited(published, final.status, said is None or said.publish_id != published.publish_id)


def _said(state: State, who: tuple[str, str], published: Published) -> bool:
    """Whether that process has accepted or refused it, is gone, or will not answer before the fleet is resumed."""
    said = state.instances.get(who)
    if said is None or (state.pause is not None and said.status == "paused"):
        return True
    return said.seen >= published.epoch and said.status in ("ack", "nack")
