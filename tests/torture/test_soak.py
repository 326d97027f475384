"""The soak, for a few seconds: the same that runs for half an hour in `make soak`."""

from __future__ import annotations

import os

from torture.extent import FULL
from torture.harness import FAULTS, Tell
from torture.soak import soak


def test_soak(tell: Tell) -> None:
    """Random edits by several processes under readers: every settled state is seen, and nothing that is not whole."""
    figures = soak(60 if FULL else 4, os.environ.get("HOTCONF_SEED", "1"))
    tell("Soak", [kind for kind in FAULTS if any(fault.startswith(kind) for fault in figures.faults)])
    assert figures.faults == []
    assert figures.bursts > 0
    assert figures.looks > 0
    for held in (figures.descriptors, figures.threads):
        assert min(held[len(held) // 2 :]) == min(held)  # what is being read at that moment is open, and no leak
