"""Processes under test, as the torture sees them."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet.torture.history import Done, History, Process
from prefork import MODULE, Program

NAME: Final = "torture"
"""Of the fleet."""
PATIENCE_S: Final = 90.0


_GREEN: Final = """
import sys
from gevent import monkey
from gevent.fileobject import FileObject
monkey.patch_all()
sys.stdin = FileObject(0, "r")
"""
"""Before the program: its threads are greenlets."""


class Subject:
    """A process under test, and what it writes down."""

    def __init__(
        self,
        history: History,
        instance: str,
        network: str,
        zone: str,
        endpoints: str,
        state: str,
        log: str,
        *,
        green: bool = False,
    ) -> None:
        pipe = subprocess.PIPE
        arguments = [NAME, endpoints, instance, zone, state]
        self._log = Path(log)
        with self._log.open("ab") as errors:
            code = (_GREEN if green else "") + MODULE.format("fleet.torture.instance")
            self._program = Program(code, *arguments, stdin=pipe, stdout=pipe, stderr=errors, text=True)
        self.network = network
        self.process = Process(instance, self._program.pid, {"zone": zone})
        history.processes.append(self.process)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            at, what, number, label = json.loads(line)
            if what == "ended":
                self.process.ended = "closed"
            elif what != "started":
                self.process.done.append(Done(at, what, number, label))

    @property
    def faults(self) -> list[str]:
        """What it says that is a fault of its own."""
        words = ("Traceback", "internal error")
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(word in line for word in words)]

    def say(self, command: str) -> None:
        """Have it do that."""
        assert self._program.stdin is not None
        with suppress(BrokenPipeError):
            self._program.stdin.write(command + "\n")
            self._program.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            self._program.send_signal(number)

    def kill(self) -> None:
        """At once."""
        self.process.ended = self.process.ended or "killed"
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.join()

    def join(self) -> None:
        """Wait for its end."""
        self._program.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
