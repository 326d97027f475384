"""What `docs/architecture.md` says of the reload machine: the laws and the diagram, written from the code.

`cd tests && python -m docs.generated` puts the current ones between their markers.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from hotconf.engine import machine
from hotconf.engine.machine import TABLE
from hotconf.engine.protocol import PHASES, Closed, Idle

PAGE = Path(__file__).parents[2] / "docs/architecture.md"


def laws() -> str:
    """The terms and the laws, from the docstring of the machine."""
    _, terms, *rest = (machine.__doc__ or "").split("\n\n", 2)
    found = re.findall(r"^Law (\d+) +(.+(?:\n {8}.+)*)", rest[0], re.MULTILINE)
    lines = [textwrap.fill(" ".join(terms.split()), 118, break_on_hyphens=False), ""]
    for number, text in found:
        head = f"{number}. "
        whole = head + " ".join(text.split())
        lines.append(textwrap.fill(whole, 118, subsequent_indent=" " * len(head), break_on_hyphens=False))
    return "\n".join(lines)


def diagram() -> str:
    """The phases and what leads from one to another, as Mermaid. Inputs that keep the phase are not drawn."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Idle.__name__}"]
    for phase in PHASES:
        for to in PHASES:
            inputs = [given.__name__ for (at, given), rule in TABLE.items() if at is phase and to in rule.leads_to]
            if inputs and to is not phase:
                lines.append(f"    {phase.__name__} --> {to.__name__}: {', '.join(inputs)}")
    return "\n".join([*lines, f"    {Closed.__name__} --> [*]", "```"])


def generated(page: str) -> str:
    """The page with what is current between its markers. Raises ValueError if a marker is missing."""
    for name, block in (("laws", laws()), ("diagram", diagram())):
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        first = page.index(begin) + len(begin)
        page = page[:first] + block + page[page.index(end, first) :]
    return page


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
