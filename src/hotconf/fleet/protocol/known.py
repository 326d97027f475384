"""What decides whether a transaction succeeds: what is current, and what is offered."""

from __future__ import annotations

from typing import NamedTuple

from hotconf.fleet.etcd.requests import Pair
from hotconf.fleet.protocol.records import Current, Offer


class Known(NamedTuple):
    """What decides whether a transaction succeeds."""

    current: Current | None
    base: int
    """The revision at which that was written; 0: nothing is current."""
    offer: Offer | None
    offered: int
    """The revision at which that was created; 0: there is none."""


def known(current: Pair | None, offer: Pair | None) -> Known:
    """What decides whether a transaction succeeds."""
    said = None if current is None else Current.decode(current.key, current.value)
    asked = None if offer is None else Offer.decode(offer.key, offer.value)
    return Known(said, 0 if current is None else current.mod, asked, 0 if offer is None else offer.create)
