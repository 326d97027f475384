"""The example for gunicorn, started as it says, with requests all the time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from torture.extent import FULL
from waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "gunicorn"
LONG_S = 60
REQUESTS = 10_000 if FULL else 400
CLIENTS = 4
STATES = {"en": "hello", "fr": "bonjour"}
OPTIONS = [[], ["--worker-class=gthread", "--threads=4"], ["--worker-class=gevent"]]


class Server:
    """`gunicorn app:application` in a copy of the example."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root / "example"
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns("__pycache__"))
        self.log = root / "log"
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "gunicorn",
            "--bind=127.0.0.1:0",
            "--no-control-socket",
            *options,
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*command, "app:application"], cwd=self.root, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it listens."""
        wait_until(lambda: "Listening at" in self.log.read_text() or self.process.poll() is not None, LONG_S)
        [self.address] = re.findall(r"Listening at: (http://\S+)", self.log.read_text())

    def ask(self) -> tuple[str, str, int]:
        """The language, the greeting, and the process of an answer."""
        with urllib.request.urlopen(self.address, timeout=LONG_S) as response:
            greeting, _, process = response.read().decode().partition(" from process ")
            return response.headers["Content-Language"], greeting, int(process)

    def save(self, language: str) -> None:
        """Another state, in one step."""
        (self.root / "new").write_text(f'greeting = "{STATES[language]}"\nlanguage = "{language}"\n')
        (self.root / "new").replace(self.root / "config.toml")


@pytest.fixture(params=OPTIONS if FULL else OPTIONS[:1], ids=str)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """At work; it ends well."""
    server = Server(tmp_path, *request.param)
    try:
        server.wait()
        yield server
        server.process.terminate()
        assert server.process.wait(LONG_S) == 0, server.log.read_text()
    finally:
        server.process.kill()
        server.process.wait()


def test_every_worker_answers_with_the_new_state_under_load(server: Server) -> None:
    """No request fails, none has two generations, and both workers follow each save."""
    answers: Counter[tuple[str, str]] = Counter()
    failures: list[BaseException] = []

    def request() -> None:
        for _ in range(REQUESTS // CLIENTS):
            try:
                language, greeting, _process = server.ask()
            except OSError as error:
                failures.append(error)
            else:
                answers[language, greeting] += 1

    clients = [threading.Thread(target=request) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for language in ("fr", "en", "fr"):
        server.save(language)
        seen: set[int] = set()

        def both_have(language: str = language, seen: set[int] = seen) -> bool:
            found, _, process = server.ask()
            if found == language:
                seen.add(process)
            return len(seen) == 2

        wait_until(both_have, LONG_S)
    for client in clients:
        client.join()
    assert failures == []
    assert set(answers) <= set(STATES.items())
    assert sum(answers.values()) == REQUESTS
