"""A workshop for each test; afterwards everything is closed once, and no thread is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resources.making import Workshop, threads
from waiting import wait_until


@pytest.fixture
def shop() -> Iterator[Workshop]:
    """Everything that it made is closed once."""
    made = Workshop()
    yield made
    assert made.close()
    wait_until(lambda: not threads())
    assert [(thing.name, thing.closed) for thing in made.things if thing.closed != 1] == []
