"""The soak, for a few seconds: the same that runs for half an hour in `make soak`."""

from __future__ import annotations

from torture.extent import FULL
from torture.soak import soak


def test_soak() -> None:
    """Random edits by several processes under readers: every settled state is seen, and nothing that is not whole."""
    figures = soak(60 if FULL else 4, "1")
    assert figures.faults == []
    assert figures.bursts > 0
    assert figures.looks > 0
    assert max(figures.descriptors) == min(figures.descriptors)
    assert max(figures.threads) == min(figures.threads)
