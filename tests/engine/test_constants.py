"""The machine's constants may change: the timed cases follow."""

from __future__ import annotations

from types import ModuleType

import pytest

from engine import test_machine, test_machine_busy, test_machine_eager, test_machine_gone, test_machine_reload
from engine.timed import played
from hotconf.engine import debounce, machine
from hotconf.engine.debounce import MILLISECOND

TABLES = (test_machine, test_machine_busy, test_machine_eager, test_machine_gone, test_machine_reload)


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (machine, "PAUSE_NS", 3 * MILLISECOND),
        (machine, "PAUSE_NS", 5 * MILLISECOND),
        (machine, "REST", 3),
        (machine, "REST", 5),
        (debounce, "CEILING_WINDOWS", 4),
        (debounce, "CEILING_WINDOWS", 7),
    ],
)
def test_every_case_holds_with_another_constant(
    module: ModuleType, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No case is tied to the value that a constant happens to have."""
    monkeypatch.setattr(module, name, value)
    for table in TABLES:
        for case in table.CASES:
            assert played(case.state, case.given).recorder.story == case.story, case.name
