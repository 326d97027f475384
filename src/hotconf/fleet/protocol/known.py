"""What the conditions of transactions compare: the current document and the offer."""

from __future__ import annotations

from typing import NamedTuple

from hotconf.fleet.etcd.requests import Pair
from hotconf.fleet.protocol.records import Current, Offer


class Known(NamedTuple):
    """The current document and the offer, as they were read."""

    current: Current | None
    base: int
    """The revision at which `current` was written; 0 if there is none."""
    offer: Offer | None
    offered: int
    """The revision at which `offer` was created; 0 if there is none."""


def known(current: Pair | None, offer: Pair | None) -> Known:
    """Decode both keys."""
    said = None if current is None else Current.decode(current.key, current.value)
    asked = None if offer is None else Offer.decode(offer.key, offer.value)
    return Known(said, 0 if current is None else current.mod, asked, 0 if offer is None else offer.create)
