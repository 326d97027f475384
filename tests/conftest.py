"""What all rooms' tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from doubles.inside import forget_stops
from hotconf.logs import records
from torture.extent import examples
from waiting import wait_until

# Here, before any room imports another's: their assertions explain themselves.
pytest.register_assert_rewrite("torture.harness", "watcher.watched")

# CI systems ask for colours, and so do some people; tests that want them say so.
for name in ("FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)

# A shell ignores these for what it starts in the background, as nohup does, and children inherit that.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# A slow machine is slow, and nothing else.
settings.register_profile(
    "patient",
    settings.default,
    deadline=None,
    max_examples=examples(200, 50),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The tests themselves are no garbage: no collection searches them, and no fork copies them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def whole_budget() -> None:
    """The budget of a stop is the process's: what hung in the test before must not be charged to this one."""
    forget_stops()


class Logged:
    """pytest's `caplog`, read once all records have arrived."""

    def __init__(self, inner: pytest.LogCaptureFixture) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        _flush()
        return getattr(self._inner, name)


def _flush() -> None:
    wait_until(lambda: records.flush() and not records.at_work())


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Logged:
    """Records arrive on a thread of their own; those that other tests left are none of this one."""
    _flush()
    caplog.clear()
    return Logged(caplog)


@pytest.fixture
def untraced() -> None:
    """For exceptions at any moment: they may strike in coverage's tracer, whose lock is then held for ever."""
    if sys.gettrace() is not None:
        pytest.skip("a tracer is active: exceptions at any moment would break it")
