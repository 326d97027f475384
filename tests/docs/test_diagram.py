"""The diagram in the documentation is the table that the machine runs on."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_diagram_is_current() -> None:
    """What stands between the markers is what `docs/diagram.py` prints."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- diagram -->\n")
    block, end, _ = rest.partition("\n<!-- /diagram -->")
    assert end, "the markers are missing"
    diagram = runpy.run_path(str(DOCS / "diagram.py"))["diagram"]
    assert block == diagram()
