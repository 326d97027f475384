"""tombi, as editors run it: its linter and its language server, without a network and without anybody's settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any

import pytest

DEADLINE_S = 60


def program() -> str:
    """The path of tombi. Without it the test is skipped, but fails in CI, where it is installed."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which("tombi", path=beside)
    if found is None and os.environ.get("CI"):
        pytest.fail("tombi is not installed")
    if found is None:
        pytest.skip("tombi is not installed")
    return found


def environment(home: Path) -> dict[str, str]:
    """Nobody's settings or cache."""
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    return {"PATH": os.environ["PATH"], "NO_COLOR": "1", "TOMBI_OFFLINE": "true", **dict.fromkeys(places, str(home))}


def lint(files: list[Path], home: Path) -> dict[str, list[dict[str, Any]]]:
    """What tombi has to say about each of `files`, by name."""
    report = home / "report.json"
    command = [program(), "lint", "--offline", "--no-cache", "--diagnostics-format", "json"]
    done = subprocess.run(
        [*command, "--diagnostics-file", str(report), *map(str, files)],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert report.exists(), done.stderr
    found: dict[str, list[dict[str, Any]]] = {file.name: [] for file in files}
    for diagnostic in json.loads(report.read_text()):
        found[Path(diagnostic["path"]).name].append(diagnostic)
    return found


class LanguageServer:
    """A client that knows as much of the protocol as is needed to ask for completions."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._stdin = stdin
        self._messages: Queue[dict[str, Any]] = Queue()
        self._last = 0
        self.listener = Thread(target=self._listen, args=(stdout,), daemon=True)
        self.listener.start()

    def request(self, method: str, **params: Any) -> Any:
        """The result of `method`."""
        self._last += 1
        self._send(id=self._last, method=method, params=params)
        while True:
            message = self._messages.get(timeout=DEADLINE_S)
            if "method" in message and "id" in message:  # it asks for something: nothing is known here
                self._send(id=message["id"], result=None)
            elif message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]

    def notify(self, method: str, **params: Any) -> None:
        """Say `method`; there is no answer."""
        self._send(method=method, params=params)

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stdin.flush()

    def _listen(self, stdout: IO[bytes]) -> None:
        while line := stdout.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = stdout.readline()
            body = stdout.read(length)
            if len(body) < length:  # it was ended in the middle
                return
            self._messages.put(json.loads(body))


@contextmanager
def language_server(home: Path) -> Iterator[LanguageServer]:
    """tombi's language server, ready for files in `home`."""
    process = subprocess.Popen(
        [program(), "lsp", "--offline", "--no-cache"],
        cwd=home,
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin
    assert process.stdout
    with process:
        server = LanguageServer(process.stdin, process.stdout)
        try:
            server.request("initialize", processId=os.getpid(), rootUri=home.as_uri(), capabilities={})
            server.notify("initialized")
            yield server
        finally:
            process.kill()
            server.listener.join(DEADLINE_S)
