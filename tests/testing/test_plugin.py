"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from testing.runs import PLUGIN, run_pytest

ROOT = Path(__file__).parents[2]

SERVICE = """
from pydantic import BaseModel

class App(BaseModel, frozen=True):
    n: int = 0

class Service:
    def __init__(self, watcher):
        self.n = watcher.config.n
        watcher.on_change("n", self.react)

    def react(self, old, new):
        self.n = new
"""

REACTS = """
import pytest
from service import App, Service

@pytest.mark.parametrize("number", range(1, 61))
def test_my_service_reacts(hotconf_watcher, number):
    handle = hotconf_watcher(App, "n = 0")
    service = Service(handle.watcher)
    handle.set(f"n = {number}")
    assert service.n == number
    handle.edit(n=number + 1)
    assert service.n == number + 1
"""

FAILS = """
import threading
import pytest
from hotconf import ConfigError, UsageError
from service import App, Service

left = []

def ours():
    return [thread.name for thread in threading.enumerate() if "hotconf" in thread.name]

def test_fails_with_everything_open(hotconf_watcher):
    first, second = hotconf_watcher(App, "n = 1"), hotconf_watcher(App, '{"n": 2}', format="json")
    left.extend([first, second])
    first.watcher.busy("for ever").__enter__()
    second.watcher.override({"n": 5}).__enter__()
    first.watcher.subscribe()
    assert first.config.n + second.config.n == 0

def test_fails_at_start(hotconf_watcher):
    left.append(hotconf_watcher(App, "n = 1", start=False))
    hotconf_watcher(App, "n = 'text'")

def test_nothing_is_left(hotconf_watcher):
    assert len(left) == 3
    assert ours() == []
    for handle in left:
        with pytest.raises(UsageError):
            handle.set("n = 3")
    assert hotconf_watcher(App, "n = 7").config.n == 7
"""


def test_the_plugin_is_an_entry_point() -> None:
    """As `pyproject.toml` declares it; what is installed is the same, or older than that."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"hotconf": PLUGIN}
    assert [each.value for each in entry_points(group="pytest11", name="hotconf")] in ([PLUGIN], [])


def test_tests_are_green_without_a_sleep_and_leave_nothing_behind(tmp_path: Path) -> None:
    """By two processes of xdist: sixty tests that a service reacts, beside some that fail with everything open."""
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "test_failing.py").write_text(FAILS)
    done = run_pytest(tmp_path, REACTS, "-p", "xdist.plugin", "-n", "2", "--dist", "loadfile")
    assert "2 failed, 61 passed" in done.stdout, done.stdout
    assert "assert (1 + 5) == 0" in done.stdout
    assert "ConfigError" in done.stdout


def test_the_plugin_costs_a_run_next_to_nothing(tmp_path: Path) -> None:
    """It is three modules, none of them pydantic's, until the fixture is used."""
    code = """
import pytest, sys
before = set(sys.modules)
import hotconf.testing.plugin
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["hotconf", "hotconf.testing", PLUGIN]
