"""Signals that the program blocks reach it, not our threads, and child processes inherit no mask of ours."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="masks are read in /proc")

PROGRAM = """
import json, logging, os, signal, subprocess, sys, threading, time
from pathlib import Path
from hotconf import HotReloadWatcher
from waiting import wait_until

masks, gate = {}, threading.Event()

def mask(path):
    return next(int(line.split()[1], 16) for line in Path(path).open() if line.startswith("SigBlk"))

def child(name):
    run = subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, text=True, check=True)
    masks[name] = int(run.stdout.split()[1], 16)  # the latest

class Handler(logging.Handler):
    def emit(self, record):
        child("handler")

def check(config):
    if config["n"] > 1:
        child("check")
    return ()

def told(event):
    child("callback")
    if watcher.config["n"] == 3:
        gate.wait()
    raise ValueError  # for the log

logging.getLogger("hotconf").addHandler(Handler())
path = Path("config.toml")

def save(n):
    path.write_text(f"n = {n}")
    wait_until(lambda: watcher.config["n"] == n)

path.write_text("n = 1")
watcher = HotReloadWatcher(path, dict, checks=[check], debounce_ms=0, state_dir="states")
watcher.start()
watcher.on_event(told)
save(2)
wait_until(lambda: {"check", "callback", "handler"} <= set(masks))
before = dict(masks)

waited = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGRTMIN + 5}
signal.pthread_sigmask(signal.SIG_BLOCK, waited)
main = mask(f"/proc/self/task/{os.getpid()}/status")
masks.clear()
save(3)
wait_until(lambda: main == masks.get("check") == masks.get("callback"))  # the callback waits
tasks = Path("/proc/self/task")
others = lambda: [mask(each) for each in tasks.glob("*/status") if str(os.getpid()) != each.parent.name]
blocked = lambda numbers: all(found >> number - 1 & 1 for found in others() for number in numbers)
wait_until(lambda: blocked(waited))  # a handler may still run as the main thread was when it began
got = 0
for _ in range(50):
    for number in waited:
        os.kill(os.getpid(), number)
        time.sleep(0)
        got += signal.sigtimedwait({number}, 10).si_signo == number
gate.set()
wait_until(lambda: main == masks.get("handler"))
wait_until(lambda: blocked({*waited, signal.SIGINT}))
faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
wait_until(lambda: not any(found >> number - 1 & 1 for found in others() for number in faults))
watcher.close()
print(json.dumps({"got": got, "of": 50 * len(waited), "before": before, "main": main}))
"""


def test_blocked_signals_reach_who_waits_for_them(tmp_path, pytestconfig):
    """Whatever our threads do. Children of checks, callbacks and handlers block what the main thread does."""
    tests = str(pytestconfig.rootpath / "tests")
    command = [sys.executable, "-c", f"import sys; sys.path.append({tests!r})\n{PROGRAM}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["got"] == found["of"]
    assert found["main"]
    assert found["before"] == {"callback": 0, "check": 0, "handler": 0}
