"""`Timings`: where the time of a reload went."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a reload went, in milliseconds."""

    detect: float = 0.0
    """From the wake-up by the kernel to the change being known."""
    settle: float = 0.0
    """From the first change of the round to its end: the window and every pause of the writer."""
    read: float = 0.0
    parse: float = 0.0
    validate: float = 0.0
    """Merging, the model, the checks, freezing and comparing included."""
    swap: float = 0.0
    """Publishing the snapshot."""
    overhead: float = 0.0
    """From the end of the window (last change + debounce) until readers see the new config."""
