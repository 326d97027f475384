"""Prints the phases of the reload protocol as a Mermaid diagram, from the table that the machine runs on."""

from __future__ import annotations

import sys

from hotconf.engine.machine import TABLE
from hotconf.engine.protocol import Phase


def diagram() -> str:
    """The block that stands between the markers in `architecture.md`. Inputs that keep the phase are not drawn."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Phase.IDLE.value}"]
    for phase in Phase:
        for to in Phase:
            inputs = [given.__name__ for (at, given), rule in TABLE.items() if at is phase and to in rule.leads_to]
            if inputs and to is not phase:
                lines.append(f"    {phase.value} --> {to.value}: {', '.join(inputs)}")
    return "\n".join([*lines, f"    {Phase.CLOSED.value} --> [*]", "```"])


if __name__ == "__main__":
    sys.stdout.write(diagram() + "\n")
