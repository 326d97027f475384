"""Trials: each in a forked child with a time limit, several at once; what went wrong is what they raise or exceed."""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

LIMIT_S: Final = 30.0
"""The machine may be slow; a trial that works takes a fraction of a second."""
AT_ONCE: Final = 3


class Trial(NamedTuple):
    """What is tried; `work` raises if it goes wrong."""

    name: str
    work: Callable[[], object]


class _Child:
    def __init__(self, trial: Trial, limit_s: float) -> None:
        self.name = trial.name
        self._until = time.monotonic() + limit_s
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child has ended
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork
            self.pid = os.fork()
        if self.pid == 0:
            _work(trial, self._said.fileno())
        self.pidfd = os.pidfd_open(self.pid)

    def late(self) -> bool:
        return time.monotonic() > self._until

    def fault(self) -> str | None:
        """Wait for its end; what went wrong."""
        late = self.late()
        if late:
            os.kill(self.pid, signal.SIGABRT)  # it shows where its threads are
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")
        self._said.close()
        if status == 0:
            return None
        return f"{self.name}: {'took too long' if late else f'status {status}'}\n{said}"


def _work(trial: Trial, said: int) -> None:
    code = 1
    try:
        os.dup2(said, 2)
        said = os.dup2(said, 900)
        os.closerange(3, 900)
        faulthandler.enable(said)
        unraisable: list[Any] = []
        sys.unraisablehook = unraisable.append
        trial.work()
        assert not unraisable, unraisable
        code = 0
    except BaseException:  # noqa: BLE001 - the child ends here, whatever it is
        os.write(said, traceback.format_exc().encode())
        faulthandler.dump_traceback(said)
    finally:
        os._exit(code)


def faults_of(trials: Iterable[Trial], limit_s: float = LIMIT_S, at_once: int = AT_ONCE) -> list[str]:
    """Run all of them; what went wrong, one text each."""
    waiting, running, found = iter(trials), list[_Child](), list[str | None]()
    while True:
        while len(running) < at_once and (trial := next(waiting, None)) is not None:
            running.append(_Child(trial, limit_s))
        if not running:
            return [fault for fault in found if fault is not None]
        select.select([child.pidfd for child in running], [], [], 0.5)
        for child in list(running):
            if child.late() or select.select([child.pidfd], [], [], 0)[0]:
                running.remove(child)
                found.append(child.fault())


def result_of(work: Callable[[], Any]) -> Any:
    """What `work` returns in a forked child, as JSON has it."""
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        faults = faults_of([Trial("result", lambda: path.write_text(json.dumps(work())))])
        assert not faults, faults
        return json.loads(path.read_text())
