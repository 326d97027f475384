"""The laws and the diagram in the documentation are those of the machine."""

from __future__ import annotations

import re

from docs.generated import PAGE, generated, laws
from hotconf.engine import machine


def test_page_is_current() -> None:
    """What stands between the markers is generated: `make docs` puts it there."""
    page = PAGE.read_text(encoding="utf-8")
    assert generated(page) == page


def test_every_law_is_there() -> None:
    """The laws are numbered without a gap, and the page has each word of them."""
    _, said = (machine.__doc__ or "").split("\n\n", 1)
    assert re.sub(r"^Law (\d+) +", r"\1. ", said, flags=re.MULTILINE).split() == laws().split()
    numbers = re.findall(r"^(\d+)\. ", laws(), re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, said.count("\nLaw ") + 1))
