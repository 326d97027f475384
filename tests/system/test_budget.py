"""The budget of a stop."""

from __future__ import annotations

import threading

from hotconf.system import budget
from hotconf.system.budget import BUDGET_S, TimeBudget


def test_waits_that_overlap_spend_the_budget_once(monkeypatch):
    """Ten watchers that are closed at once, each for 0.3 s, leave the next one more than ten times 0.3 s would."""
    now = [100.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    shared, granted, all_wait, go = TimeBudget(), [], threading.Barrier(11), threading.Event()

    def wait(_: float) -> None:
        all_wait.wait(60)
        go.wait(60)

    threads = [threading.Thread(target=shared.wait, args=(wait,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    all_wait.wait(60)
    now[0] += 0.3
    go.set()
    for thread in threads:
        thread.join(60)
    shared.wait(granted.append)
    assert abs(granted[0] - (BUDGET_S - 0.3)) < 1e-6
    now[0] += 0.5
    shared.wait(granted.append)
    assert granted[1] > granted[0]
