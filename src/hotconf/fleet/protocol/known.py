"""What the conditions of transactions compare: the current document and the offer.

Rule: what is not understood, because it was written by hand or by a later hotconf, is there, and says nothing. It
stops no process, no command that looks, and no way out; it is reported with its key, and with what to do about it.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

from hotconf.fleet.errors import MalformedError
from hotconf.fleet.etcd.requests import Pair
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Current, Offer, Pause, Record
from hotconf.text import printable, shortened

R = TypeVar("R", bound=Record)

_LONGEST: Final = 200


class Known(NamedTuple):
    """The current document and the offer, as they were read."""

    current: Current | None
    """None if there is none, or if it is not understood: then `base` is not 0."""
    base: int
    """The revision at which `current` was written; 0 if there is none."""
    offer: Offer | None
    """None if there is none, or if it is not understood: then `offered` is not 0."""
    offered: int
    """The revision at which `offer` was created; 0 if there is none."""


class Unreadable(NamedTuple):
    """A key whose value is not understood."""

    key: str
    advice: str

    def __str__(self) -> str:
        return f"{self.key} holds no record of a fleet: {self.advice}"


def known(current: Pair | None, offer: Pair | None) -> Known:
    """Decode both keys."""
    base, offered = 0 if current is None else current.mod, 0 if offer is None else offer.create
    return Known(understood(Current, current), base, understood(Offer, offer), offered)


def paused(pause: Pair | None) -> Pause | None:
    """The pause. Any value of its key is one: `resume` ends it."""
    return None if pause is None else understood(Pause, pause) or Pause(note="its record is not understood")


def understood(kind: type[R], pair: Pair | None) -> R | None:
    """The record; None if there is none, or if it is not understood."""
    try:
        return None if pair is None else kind.decode(pair.key, pair.value)
    except MalformedError:
        return None


def unreadable(keys: Keys, *control: Pair | None) -> tuple[Unreadable, ...]:
    """Those of the keys below `ctl/` that are not understood."""
    kinds = {keys.current: Current, keys.offer: Offer, keys.pause: Pause}
    found = (pair for pair in control if pair is not None and understood(kinds[pair.key], pair) is None)
    return tuple(misread(keys, pair.key) for pair in found)


def misread(keys: Keys, key: bytes) -> Unreadable:
    """One of them."""
    return Unreadable(shown(key), _advice(keys, key))


def stray(key: bytes, what: str = "ignored") -> Unreadable:
    """A key that can be deleted without harm."""
    return Unreadable(shown(key), f"{what}; `etcdctl del {shown(key)}` deletes it")


def shown(key: bytes) -> str:
    """A key, printable."""
    return shortened(printable(key.decode(errors="replace")), _LONGEST)


def _advice(keys: Keys, key: bytes) -> str:
    publish, rollback = f"hotconf fleet publish {keys.name} FILE --override", f"hotconf fleet rollback {keys.name}"
    if key == keys.current:
        return f"processes keep what they serve; `{publish}` or `{rollback}` replaces it"
    if key == keys.offer:
        return f"nobody votes on it; `{publish}` or `{rollback}` drops it"
    return f"it counts as a pause; `hotconf fleet resume {keys.name}` ends it"
