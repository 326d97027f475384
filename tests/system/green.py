"""Programs in which gevent or eventlet patched the standard library, before or after hotconf was imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from torture.extent import FULL

LONG_S = 60
PATCHES = {
    "none": ("", ""),
    "gevent": (
        "import gevent.monkey; gevent.monkey.patch_all()",
        "import gevent; spawn, nap = gevent.spawn, gevent.sleep",
    ),
    "eventlet": (
        "import eventlet; eventlet.monkey_patch()",
        "import eventlet; spawn, nap = eventlet.spawn, eventlet.sleep",
    ),
}
ORDERS = [("gevent", False), ("gevent", True), ("eventlet", False), *([("eventlet", True)] if FULL else [])]
"""Each library, and whether it patches after hotconf was imported."""


def run_green(source: str, name: str, *, late: bool, cwd: Path, timeout_s: float = LONG_S) -> str:
    """What the program prints; `spawn` and `nap` are those of the library. It must end by itself, and well."""
    patch, names = PATCHES[name]
    first = ["import hotconf.system.threads, hotconf.watcher", patch] if late else [patch, "import hotconf.watcher"]
    program = "\n".join([*first, names, dedent(source)])
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
