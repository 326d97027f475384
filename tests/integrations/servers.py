"""An example's server in real processes, under load, while its configuration is saved.

`python -m integrations.servers NAME [REQUESTS]` in `tests/` prints what came of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from waiting import wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
LONG_S = 120
SOCKET = "server.sock"
AT_ONCE = 8
"""Requests under way."""
SAVE_S = 0.4
"""Between saves: longer than the window of the examples."""
SAVES = 2
"""How many come at least, however fast the answers are."""

GUNICORN = f"-m gunicorn app:app --workers 2 --bind unix:{SOCKET} --graceful-timeout 20"
COMMANDS = {
    "uvicorn": ("fastapi", f"-m uvicorn app:app --uds {SOCKET}", 1),
    "uvicorn-workers": ("fastapi", f"-m uvicorn app:app --workers 2 --uds {SOCKET}", 2),
    "uvicorn-reload": ("fastapi", f"-m uvicorn app:app --reload --uds {SOCKET}", 1),
    "asgi": ("asgi", f"-m uvicorn app:app --workers 2 --uds {SOCKET}", 2),
    "flask-run": ("flask", "-m flask run --port 0", 1),
    "flask-debug": ("flask", "-m flask run --debug --port 0", 1),
    "flask-script": ("flask", "served.py", 1),
    "gunicorn-sync": ("flask", GUNICORN, 2),
    "gunicorn-gthread": ("flask", f"{GUNICORN} --worker-class gthread --threads 4", 2),
    "gunicorn-gevent": ("flask", f"{GUNICORN} --worker-class gevent", 2),
    "gunicorn-sync-preload": ("flask", f"{GUNICORN} --preload", 2),
    "gunicorn-gthread-preload": ("flask", f"{GUNICORN} --worker-class gthread --threads 4 --preload", 2),
    "gunicorn-gevent-preload": ("flask", f"{GUNICORN} --worker-class gevent --preload", 2),
    "runserver": ("django", "manage.py runserver 127.0.0.1:0", 1),
    "gunicorn-django": ("django", GUNICORN.replace("app:app", "mysite.wsgi"), 2),
    "uvicorn-django": ("django", f"-m uvicorn mysite.asgi:application --workers 2 --uds {SOCKET}", 2),
}
"""The example, how its server is started, and how many processes answer."""


class Server:
    """One of them at work, in a folder of its own."""

    def __init__(self, name: str, directory: Path) -> None:
        example, command, self.workers = COMMANDS[name]
        self.directory = directory / example
        shutil.copytree(EXAMPLES / example, self.directory, ignore=shutil.ignore_patterns("__pycache__"))
        if name == "flask-script":
            script = "from app import app\n\napp.import_name = '__main__'\napp.run(debug=True, port=0)\n"
            (self.directory / "served.py").write_text(script)
        self.log = directory / "log"
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command.split()],
                cwd=self.directory,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._socket = self.directory / SOCKET if SOCKET in command else None

    def client(self, **given: Any) -> httpx.AsyncClient:
        """A client of it, without reuse of connections, so that all workers have their turn."""
        limits = httpx.Limits(max_keepalive_connections=0)
        if self._socket is not None:
            transport = httpx.AsyncHTTPTransport(uds=str(self._socket), limits=limits)
            return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=LONG_S, **given)
        found = re.findall(r"(?:Running on|server at) (http://127\.0\.0\.1:[1-9]\d*)", self.log.read_text())
        return httpx.AsyncClient(base_url=found[-1], limits=limits, timeout=LONG_S, **given)

    def wait(self) -> None:
        """Until it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return asyncio.run(_get(self)).status_code == 200
            except (IndexError, httpx.TransportError):
                return False

        wait_until(answers, LONG_S)

    def save(self, number: int) -> None:
        """Two values that belong together, in one step."""
        path = self.directory / "config.toml"
        new = path.with_suffix(".new")
        new.write_text(f'greeting = "{number}"\nshelf = "{number}"\n')
        new.replace(path)

    @property
    def threads(self) -> int:
        """How many the process has that was started: only on Linux."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def stop(self) -> None:
        """As an operator does; what does not end is killed."""
        self.process.send_signal(signal.SIGINT if "flask" in str(self.process.args) else signal.SIGTERM)
        try:
            self.process.wait(LONG_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


async def _get(server: Server) -> httpx.Response:
    async with server.client() as client:
        return await client.get("/")


@contextmanager
def serving(name: str, directory: Path) -> Iterator[Server]:
    """A server that answers."""
    server = Server(name, directory)
    try:
        server.wait()
        yield server
    except BaseException as error:
        error.add_note(server.log.read_text()[-4000:])
        raise
    finally:
        server.stop()


@dataclass
class Outcome:
    """What came of a load."""

    answers: int = 0
    saves: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)
    """Answers with two generations."""
    back: int = 0
    """Answers with an older generation than an earlier one of the same process had, to a later request."""
    processes: Counter[int] = field(default_factory=Counter)
    latest: dict[int, int] = field(default_factory=dict)
    """The newest generation that each process had at the end."""


async def load(server: Server, requests: int) -> Outcome:
    """Requests, while saves go on; in the end, all processes until they have the last save, or time is up."""
    outcome = Outcome()
    over = asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        before = dict(outcome.latest)
        try:
            answer = await client.get("/")
        except httpx.HTTPError as error:
            outcome.errors[type(error).__name__] += 1
            return
        if answer.status_code != 200:
            outcome.errors[str(answer.status_code)] += 1
            return
        found = answer.json()
        outcome.answers += 1
        outcome.processes[found["process"]] += 1
        if found["greeting"] != found["shelf"]:
            outcome.torn.append(answer.text)
        number = 0 if found["greeting"] == "hello" else int(found["greeting"])
        outcome.back += number < before.get(found["process"], 0)
        outcome.latest[found["process"]] = max(number, outcome.latest.get(found["process"], 0))

    async def asking(client: httpx.AsyncClient) -> None:
        while outcome.answers + outcome.errors.total() < requests or outcome.saves < SAVES:
            await ask(client)

    async def saving() -> None:
        while not over.is_set():
            outcome.saves += 1
            server.save(outcome.saves)
            await asyncio.wait([asyncio.create_task(over.wait())], timeout=SAVE_S)

    async with server.client() as client:
        saves = asyncio.create_task(saving())
        await asyncio.gather(*(asking(client) for _ in range(AT_ONCE)))
        over.set()
        await saves
        until = time.monotonic() + LONG_S
        while time.monotonic() < until and not (
            len(outcome.latest) >= server.workers and set(outcome.latest.values()) == {outcome.saves}
        ):
            await ask(client)
            await asyncio.sleep(0.01)
    return outcome


def main() -> None:
    """By hand."""
    name, requests = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as directory, serving(name, Path(directory)) as server:
        begin = time.monotonic()
        outcome = asyncio.run(load(server, requests))
        print(name, f"{time.monotonic() - begin:.1f} s", outcome)


if __name__ == "__main__":
    main()
