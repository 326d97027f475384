"""The control of an idle watcher: a process with a bare thread that stats one file every two seconds."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Final

EVERY_S: Final = 2


def main() -> None:
    """Argument: a path. Says that it is ready, then waits for the end of stdin."""
    path = sys.argv[1]

    def run() -> None:
        while True:
            os.stat(path)  # noqa: PTH116 - the system call, and no object around it
            time.sleep(EVERY_S)

    threading.Thread(target=run, daemon=True).start()
    print(json.dumps(None), flush=True)
    sys.stdin.read()
