"""Whatever raises in a step or an effect: one ending, waiting callers get an answer, the next save is seen, no
spinning.
"""

from __future__ import annotations

import pytest

from hotconf.engine import machine, protocol
from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess
from hotconf.runtime.holds import Busy
from hotconf.runtime.loads import Loads
from hotconf.runtime.notifier import Notifier
from hotconf.runtime.publisher import Publisher
from runtime.test_reloader import OFTEN_NS, Watched, driver, main, make
from waiting import wait_until

__all__ = ["main", "make"]  # fixtures

EFFECTS = {
    protocol.Load: (Loads, "begin"),
    protocol.Publish: (Publisher, "publish"),
    protocol.Refresh: (Publisher, "refresh"),
    protocol.Emit: (Notifier, "emit"),
    protocol.Answer: (Notifier, "answer"),
}
"""Who performs them."""


class Failing:
    """Makes the effects of one kind raise, so many times; counts the steps."""

    def __init__(self, monkeypatch, kind: type, times: int, *, after: bool = False) -> None:
        self.kind, self.left, self.after = kind, times, after
        self.steps = 0
        self.step = machine.step
        monkeypatch.setattr(machine, "step", self.stepped)
        if kind in EFFECTS:
            performer, method = EFFECTS[kind]
            perform = getattr(performer, method)
            monkeypatch.setattr(
                performer, method, lambda *args, **options: self.performed(lambda: perform(*args, **options))
            )

    def performed(self, perform) -> None:
        fails = self.left > 0
        if fails:
            self.left -= 1
        if not fails or self.after:
            perform()
        if fails:
            raise RuntimeError("injected")

    def stepped(self, state, given, holds):
        self.steps += 1
        if isinstance(given, self.kind) and self.left > 0:
            self.left -= 1
            raise MemoryError
        return self.step(state, given, holds)


def goes_on(watched: Watched, failing: Failing) -> None:
    """The next save is seen, a reload returns, and few steps were needed."""
    failing.left = 0
    watched.save(7)
    wait_until(lambda: watched.n == 7)
    assert watched.reloader.reload(wait=True, force=False) is not None
    assert watched.reloader.pending is None
    assert failing.steps < 60
    assert list(watched.generations) == list(range(1, len(watched.generations) + 1))
    assert all(len(configs) == 1 for configs in watched.generations.values())


def endings(watched: Watched) -> list[type]:
    """The events, without the changes."""
    return [kind for kind in watched.kinds() if kind is not FileChanged]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", EFFECTS, ids=lambda kind: kind.__name__)
def test_an_effect_that_raises_in_a_save(make, monkeypatch, kind, after):
    """During a round, before or after the effect was performed."""
    watched = make()
    failing = Failing(monkeypatch, kind, 1, after=after)
    watched.save(2)
    if kind in (protocol.Load, protocol.Publish):
        wait_until(lambda: endings(watched) == [ReloadFailed])
        (failure,) = (event for event in list(watched.events) if isinstance(event, ReloadFailed))
        assert failure.kind == "internal"
    else:
        wait_until(lambda: watched.n == 2)
    goes_on(watched, failing)


def test_a_load_that_raised_leaves_nobody_deaf(make, monkeypatch):
    """Also where changes are found by comparing: that load is not awaited any more."""
    watched = make(observer="poll", reconcile_ns=OFTEN_NS)
    failing = Failing(monkeypatch, protocol.Load, 1, after=True)
    watched.save(2)
    wait_until(lambda: endings(watched) == [ReloadFailed])
    goes_on(watched, failing)


@pytest.mark.parametrize("kind", [protocol.Load, protocol.Publish, protocol.Emit, protocol.Answer])
def test_an_effect_that_raises_in_a_reload(make, monkeypatch, kind):
    """Waiting callers get an answer, even if answering itself raises afterwards."""
    watched = make(window_ms=60_000)
    failing = Failing(monkeypatch, kind, 1, after=kind is protocol.Answer)
    watched.save(2)
    event = watched.reloader.reload(wait=True, force=False)
    assert type(event) is (ReloadFailed if kind in (protocol.Load, protocol.Publish) else ReloadSuccess)
    failing.left = 0
    watched.save(7)
    watched.reloader.reload(wait=True, force=False)
    assert watched.n == 7


@pytest.mark.parametrize("kind", EFFECTS, ids=lambda kind: kind.__name__)
def test_an_effect_that_always_raises(make, monkeypatch, kind):
    """The driver does not spin on it; when it works again all goes on."""
    watched = make()
    failing = Failing(monkeypatch, kind, 1_000_000)
    for number in range(2, 5):
        watched.save(number)
        driver().call(lambda: None)
    goes_on(watched, failing)


@pytest.mark.parametrize("given", [protocol.Touched, protocol.Due, protocol.Loaded], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("times", [1, 5])
def test_a_step_that_raises(make, monkeypatch, given, times):
    """Not even running out of memory during a step leaves a deadline due forever."""
    watched = make()
    failing = Failing(monkeypatch, given, times)
    watched.save(2)
    wait_until(lambda: failing.left < times)
    goes_on(watched, failing)


def test_a_release_whose_publishing_raises(make, monkeypatch):
    """What was pending has failed; leaving raises nothing."""
    watched = make()
    with Busy(watched.reloader, "x"):
        watched.save(2)
        wait_until(lambda: ReloadDeferred in watched.kinds())
        failing = Failing(monkeypatch, protocol.Publish, 1)
    wait_until(lambda: endings(watched) == [ReloadDeferred, ReloadFailed])
    assert watched.n == 1
    goes_on(watched, failing)
