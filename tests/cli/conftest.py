"""Commands as somebody runs them who has set nothing about colours."""

from __future__ import annotations

import pytest

from hotconf.logs import records
from waiting import wait_until


@pytest.fixture(autouse=True)
def no_colours_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has set about them is their own affair."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_records_of_others() -> None:
    """What an earlier test logged has reached its handlers."""
    wait_until(records.flush)
