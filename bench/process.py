"""Processes under test: started afresh for each row, told what to do by lines of text, answering in JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[1]


class BrokenBenchError(Exception):
    """The bench itself went wrong; its figures mean nothing."""


@contextmanager
def compiled() -> Iterator[None]:
    """Within it, processes find all modules compiled, as those of an installed package are."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        os.environ["PYTHONPYCACHEPREFIX"] = name
        path = Path(name) / "config.toml"
        for which, how in (("user", "hand"), ("loose", "watcher"), ("speckit", "watcher")):
            once("bench.footprint", path, which, how)
        yield


def once(module: str, *arguments: object, python: str = sys.executable) -> Any:
    """What `module` prints as JSON when it is run in a fresh process."""
    command = [python, *_command(module, arguments)[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokenBenchError(f"{module} ended with status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


class Subject:
    """A running process under test. Between two questions its main thread sleeps in a read."""

    def __init__(self, module: str, *arguments: object, python: str = sys.executable) -> None:
        pipe = subprocess.PIPE
        command = [python, *_command(module, arguments)[1:]]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        self._answer()  # it is ready

    def ask(self, *words: object) -> Any:
        """Send a command, wait for the answer."""
        self.send(*words)
        return self._answer()

    def send(self, *words: object) -> None:
        """Send a command that is answered later; `receive` waits for it."""
        if self._process.stdin is None:
            raise BrokenBenchError("no pipe")
        print(*words, file=self._process.stdin, flush=True)

    def receive(self) -> Any:
        """The answer to what was sent."""
        return self._answer()

    @property
    def proc(self) -> Path:
        """Its directory under /proc."""
        return Path(f"/proc/{self._process.pid}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise BrokenBenchError("the process under test has died")
        return json.loads(line)


def _command(module: str, arguments: tuple[object, ...]) -> list[str]:
    # Not `-m`: runpy would import modules whose cost belongs to what is measured.
    return [sys.executable, "-c", f"from {module} import main; main()", *map(str, arguments)]
