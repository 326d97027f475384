"""The process ends while users' code runs on our threads, within frames of C and Rust: it ends as it wants to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from prefork import completed
from torture.extent import FULL

PROGRAM = """
import logging, sys, threading, time
from pathlib import Path
from pydantic import BaseModel, field_validator
from hotconf import HotReloadWatcher

where, what, how = sys.argv[1:]
entered = threading.Event()

def never_ends():
    entered.set()
    while True:
        try:
            while True:
                one_pass()
        except BaseException:
            caught.append(1)
            if what != "catches all" or len(caught) > 3:
                raise

caught = []

def one_pass():
    if what == "sleeps":
        time.sleep(0.0005)
    elif what == "reads":
        path.read_text()
    else:
        sum(range(1000))

class Inner(BaseModel):
    n: int
    @field_validator("n")
    @classmethod
    def hang(cls, n):
        if n == -1:
            never_ends()
        return n

def in_rust():
    Inner(n=-1)

class Config(BaseModel, frozen=True):
    n: int
    @field_validator("n")
    @classmethod
    def hang(cls, n):
        if n == 2 and where == "validator":
            never_ends()
        return n

def check(config):
    if config.n == 2 and where == "check":
        in_rust()
    return ()

class Handler(logging.Handler):
    def emit(self, record):
        if where == "handler" and "raised" in record.getMessage():
            in_rust()

def told(event):
    if where == "callback":
        in_rust()
    raise ValueError

logging.getLogger("hotconf").addHandler(Handler())
path = Path("config.toml").resolve()
path.write_text("n = 1")
watcher = HotReloadWatcher(path, Config, checks=[check], debounce_ms=0)
watcher.start()
watcher.on_event(told)
path.write_text("n = 2")
assert entered.wait(60)
if how == "closed":
    watcher.close()
elif how == "raises":
    raise KeyError
if how != "ends":
    sys.exit(7)
"""
CODES = {"closed": 7, "raises": 1, "exits": 7, "ends": 0}
EVERY = list(
    product(("validator", "check", "callback", "handler"), ("sleeps", "spins", "reads", "catches all"), CODES)
)
SOME = [("validator", "sleeps", "ends"), ("callback", "catches all", "raises"), ("handler", "reads", "exits")]


@pytest.fixture
def fault(tmp_path: Path) -> Callable[[tuple[str, str, str]], str | None]:
    """Runs one case; what is wrong with its end."""

    def run(case: tuple[str, str, str]) -> str | None:
        root = tmp_path / "-".join(case)
        root.mkdir(exist_ok=True)
        done = completed(PROGRAM, *case, cwd=root, timeout=120)
        if done.returncode == CODES[case[2]]:
            return None
        return f"{case} ended with {done.returncode}: {done.stderr[-500:]}"

    return run


@pytest.mark.timeout(1200)
def test_it_ends_with_its_own_code(fault):
    """Not by a signal: an exception leads these threads out of C and Rust before the interpreter ends."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fault, 3 * EVERY if FULL else SOME))
    assert not [each for each in found if each]
