"""Real things made of a configuration, replaced under load: database, HTTP client, logging, TLS."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import shutil
import signal
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import httpx
import pytest

from hotconf import HotReloadWatcher, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.resources.resource import Resource
from prefork import Program
from waiting import wait_until
from watcher import test_certificates
from watcher.test_certificates import certificate, connect, mounted
from watcher.watched import Frozen, Seen, save

pairs = test_certificates.pairs
WORKERS: Final = 4
RELOADS: Final = 12
TIMEOUT_S: Final = 600
"""Of a factory that is cancelled long before."""


class App(Frozen):
    name: str = "0"
    other: int = 0


def text(name: object, other: int = 0) -> str:
    """A file."""
    return f"other = {other}\nname = '{name}'\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Valid."""
    path = tmp_path / "config.toml"
    path.write_text(text(0))
    return path


class Load:
    """Threads that work all the time, and what they met."""

    def __init__(self, request: Callable[[], str]) -> None:
        self.request = request
        self.failures: list[BaseException] = []
        self.answers: set[str] = set()
        self.count = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.add(self.request())
            except BaseException as error:  # noqa: BLE001 - counted
                self.failures.append(error)
                return
            self.count += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def goes_on(self) -> None:
        """Wait for some more requests."""
        before = self.count
        wait_until(lambda: self.failures or self.count >= before + 2 * WORKERS)


def reloaded_under_load(watcher: HotReloadWatcher[App], path: Path, load: Load) -> None:
    """Save again and again; each time readers go on, with what is new."""
    with load:
        for number in range(1, RELOADS + 1):
            save(path, text(number))
            wait_until(lambda number=number: watcher.config.name == str(number))
            load.goes_on()
    assert load.failures == []
    assert load.answers == {str(number) for number in range(RELOADS + 1)}


class Connections:
    """A pool of connections of any kind."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self.free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.all = [connect() for _ in range(2)]
        for each in self.all:
            self.free.put(each)

    @contextmanager
    def one(self) -> Iterator[Any]:
        """A connection that nobody else uses."""
        each = self.free.get(timeout=60)
        try:
            yield each
        finally:
            self.free.put(each)

    def close(self) -> None:
        """Whoever has one of them fails from now on."""
        for each in self.all:
            each.close()


def test_a_database_pool(path, tmp_path):
    """sqlite3: each configuration has a database of its own; no query fails, and every pool is closed."""
    closed: list[str] = []
    for number in range(RELOADS + 1):
        with sqlite3.connect(tmp_path / f"{number}.db") as made:
            made.execute("create table t (name)")
            made.execute("insert into t values (?)", [str(number)])
        made.close()
    with HotReloadWatcher(path, App, debounce_ms=10) as watcher:

        @watcher.resource("name")
        def pool(name: str) -> Iterator[Connections]:
            file = f"file:{tmp_path}/{name}.db?mode=ro"
            pool = Connections(lambda: sqlite3.connect(file, uri=True, check_same_thread=False))
            yield pool
            pool.close()
            closed.append(name)

        def query() -> str:
            with pool.use() as used, used.one() as connection:
                return str(connection.execute("select name from t").fetchone()[0])

        reloaded_under_load(watcher, path, Load(query))
        failed = watcher_refuses(watcher, path, "there is none")
        assert "unable to open database file" in failed.error
        assert query() == str(RELOADS)
    wait_until(lambda: len(closed) == RELOADS + 1)
    assert sorted(closed) == sorted({str(number) for number in range(RELOADS + 1)})


def watcher_refuses(watcher: HotReloadWatcher[App], path: Path, name: str) -> ReloadFailed:
    """Save what nothing can be made of."""
    save(path, text(name))
    failed = watcher.reload()
    assert isinstance(failed, ReloadFailed)
    assert failed.kind == "apply"
    return failed


class Shop(BaseHTTPRequestHandler):
    """Says what it is called by."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer."""
        said = self.path.strip("/").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nobody reads it."""

    connections: ClassVar[set[object]] = set()
    """Those that are open."""

    def setup(self) -> None:
        """A client connects."""
        self.connections.add(self)
        super().setup()

    def finish(self) -> None:
        """It has closed."""
        super().finish()
        self.connections.discard(self)


@pytest.fixture
def shop() -> Iterator[str]:
    """Its address. In the end no client has left a connection open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
            wait_until(lambda: not Shop.connections)
        finally:
            server.shutdown()
            serving.join()


def test_an_http_client(path, shop):
    """httpx: a client with kept connections. No request fails, and each client is closed once."""
    made: list[httpx.Client] = []
    closed: list[httpx.Client] = []
    with HotReloadWatcher(path, App, debounce_ms=10) as watcher:

        @watcher.resource("name")
        def client(name: str) -> Iterator[httpx.Client]:
            with httpx.Client(base_url=f"{shop}/{name}", trust_env=False, verify=False, timeout=60) as client:
                made.append(client)
                yield client
            closed.append(client)

        def get() -> str:
            with client.use() as used:
                return used.get("/").raise_for_status().text

        reloaded_under_load(watcher, path, Load(get))
        wait_until(lambda: len(closed) == RELOADS)
        assert not client.current.is_closed
    assert sorted(map(id, closed)) == sorted(map(id, made))
    assert all(each.is_closed for each in made)


def test_an_async_http_client(path, shop):
    """The same in an event loop, where tasks hold their leases across what they await."""
    made: list[httpx.AsyncClient] = []

    async def main() -> None:
        watcher = HotReloadWatcher(path, App, debounce_ms=10)

        @watcher.resource("name")
        async def client(name: str) -> AsyncIterator[httpx.AsyncClient]:
            async with httpx.AsyncClient(
                base_url=f"{shop}/{name}", trust_env=False, verify=False, timeout=60
            ) as client:
                made.append(client)
                yield client

        answers: list[str] = []
        over = False

        async def requests() -> None:
            while not over:
                async with client.use() as used:
                    answers.append((await used.get("/")).raise_for_status().text)

        async with watcher, asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(requests())
            for number in range(1, RELOADS + 1):
                save(path, text(number))
                assert isinstance(await watcher.areload(), ReloadSuccess | ReloadUnchanged)
                while answers.count(str(number)) < WORKERS:
                    await asyncio.sleep(0.001)
            over = True

    asyncio.run(asyncio.wait_for(main(), 120))
    assert len(made) == RELOADS + 1
    assert all(each.is_closed for each in made)


def test_logging(path, tmp_path):
    """The handler of each configuration writes to its own file: no line is lost, none is written to a closed one."""
    logger = logging.Logger("shop")  # noqa: LOG001 - nobody else's
    raised: list[str] = []
    with HotReloadWatcher(path, App, debounce_ms=10) as watcher:

        @watcher.resource("name")
        def handler(name: str) -> Iterator[logging.Handler]:
            made = logging.FileHandler(tmp_path / f"{name}.log")
            made.handleError = lambda record: raised.append(record.getMessage())  # type: ignore[method-assign]
            yield made
            made.close()

        numbers = iter(range(10**9))
        lock = threading.Lock()
        written: list[int] = []

        def request() -> str:
            with watcher.pin() as view:
                with lock:
                    number = next(numbers)
                view[handler].handle(logger.makeRecord("shop", logging.INFO, "", 0, str(number), (), None))
                with lock:
                    written.append(number)
                return view.config.name

        reloaded_under_load(watcher, path, Load(request))
        last = handler.current
    assert raised == []
    wait_until(lambda: last.stream is None)  # type: ignore[attr-defined]
    lines = [int(line) for file in tmp_path.glob("*.log") for line in file.read_text().split()]
    assert sorted(lines) == sorted(written)
    assert len(list(tmp_path.glob("*.log"))) == RELOADS + 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_a_certificate(tmp_path, pairs):
    """The next connection has the new one, old ones go on; a key that does not fit is refused."""
    for name in ("tls.pem", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    mounted(tmp_path, pairs[0])
    (tmp_path / "config.toml").write_text("[tls]\ncert = 'tls.pem'\nkey = 'tls.key'\n")
    watcher = HotReloadWatcher(tmp_path / "config.toml", test_certificates.App, debounce_ms=10)

    @watcher.resource("tls")
    def context(tls: test_certificates.Tls) -> ssl.SSLContext:
        return test_certificates.context(tls)

    with watcher, serving(context) as port, connect(port) as first:
        for number, pair in enumerate(pairs):
            mounted(tmp_path, pair)
            wait_until(lambda number=number: watcher.generation == number + 1)
            with connect(port) as client:
                assert client.getpeercert(binary_form=True) == certificate(pair)
            first.sendall(b"still here")
            assert first.recv(100) == b"still here"
        unfit = tmp_path / "unfit"
        unfit.mkdir()
        shutil.copy(pairs[0] / "tls.pem", unfit)
        shutil.copy(pairs[1] / "tls.key", unfit)
        mounted(tmp_path, unfit)
        wait_until(lambda: isinstance(watcher.last, ReloadFailed))
        assert watcher.last.kind == "apply"
        assert watcher.generation == len(pairs)
        with connect(port) as client:
            assert client.getpeercert(binary_form=True) == certificate(pairs[-1])


@contextmanager
def serving(context: Resource[ssl.SSLContext]) -> Iterator[int]:
    """A server that echoes what it gets; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(plain: socket.socket) -> None:
        with plain, suppress(OSError), context.current.wrap_socket(plain, server_side=True) as secure:
            while said := secure.recv(100):
                secure.sendall(said)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=echo, args=[plain], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_database_that_refuses_to_connect(path):
    """Refused at the line of its key; the old pool answers on."""
    listener = socket.create_server(("127.0.0.1", 0))
    dead = socket.create_server(("127.0.0.1", 0))
    names = [f"{each.getsockname()[1]}" for each in (listener, dead)]
    dead.close()
    path.write_text(text(names[0]))
    with HotReloadWatcher(path, App, debounce_ms=10) as watcher:

        @watcher.resource("name")
        def pool(name: str) -> Iterator[socket.socket]:
            with socket.create_connection(("127.0.0.1", int(name)), timeout=60) as connection:
                yield connection

        served, _ = listener.accept()
        old = pool.current
        failed = watcher_refuses(watcher, path, names[1])
        assert failed.problems[0].line == 2
        assert "ConnectionRefusedError" in failed.error
        assert pool.current is old
        old.sendall(b"select 1")
        assert served.recv(100) == b"select 1"
        save(path, text(names[0], 1))
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert (pool.current, watcher.config.other) == (old, 1)
        served.close()
    listener.close()
    assert old.fileno() == -1


KILLED: Final = """
import sys
from pydantic import BaseModel
from hotconf import HotReloadWatcher

class App(BaseModel, frozen=True):
    name: str = "0"
    other: int = 0

watcher = HotReloadWatcher("config.toml", App, debounce_ms=10, state_dir="state")

@watcher.resource("name")
def pool(name):
    print("making", name, flush=True)
    if name == "slow":
        sys.stdin.read()
    yield name

watcher.start()
print("runs", watcher.config.name, watcher.stats.degraded, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_killed_during_a_preparation(path):
    """What is kept is whole: on a file that was broken meanwhile the next start is the last published state."""

    @contextmanager
    def running() -> Iterator[Program]:
        pipe = -1
        given = {"cwd": path.parent, "stdin": pipe, "stdout": pipe, "text": True}
        with Program(KILLED, **given) as program:
            try:
                yield program
            finally:
                with suppress(ProcessLookupError):
                    os.kill(program.pid, signal.SIGKILL)

    def said(program: Program, line: str) -> None:
        assert program.stdout is not None
        assert program.stdout.readline().strip() == line

    def kept(count: int) -> None:
        wait_until(lambda: len(list(path.parent.glob("state/*/*.state"))) >= count)

    for number in range(3):
        with running() as program:
            said(program, f"making {number}")
            said(program, f"runs {number} False")
            kept(number + 1)
            save(path, text("slow"))
            said(program, "making slow")
        save(path, "[broken")
        with running() as program:
            said(program, f"making {number}")
            said(program, f"runs {number} True")
            save(path, text(number + 1))
            said(program, f"making {number + 1}")
            kept(number + 2)
        save(path, text(number + 1))


def test_a_cancelled_start(path):
    """A task that is cancelled while it enters cancels the factory that is at work; what was made is closed."""
    said: list[str] = []

    async def main() -> None:
        began = asyncio.Event()
        watcher = HotReloadWatcher(path, App, debounce_ms=10)

        @watcher.resource("other")
        async def first(other: int) -> AsyncIterator[int]:
            yield other
            said.append("first closed")

        @watcher.resource("name", timeout_s=TIMEOUT_S)
        async def slow(name: str) -> AsyncIterator[str]:
            began.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                said.append("slow cancelled")
                raise
            yield name

        async def serve() -> None:
            async with watcher:
                said.append("entered")

        task = asyncio.create_task(serve())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while len(said) < 2:
            await asyncio.sleep(0.01)

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(main(), 120))
    assert time.monotonic() - began < TIMEOUT_S
    assert said == ["slow cancelled", "first closed"]


def test_a_factory_that_cancels_itself(path):
    """It is a refusal, and the server goes on."""

    async def main() -> None:
        watcher = HotReloadWatcher(path, App, debounce_ms=10)
        seen = Seen(watcher)

        @watcher.resource("name")
        async def client(name: str) -> AsyncIterator[str]:
            if name == "1":
                raise asyncio.CancelledError
            async with asyncio.timeout(60):
                yield name

        async with watcher:
            save(path, text(1))
            while not seen.endings:
                await asyncio.sleep(0.01)
            assert "CancelledError" in seen.endings[0].error
            assert (client.current, watcher.config.name) == ("0", "0")
            save(path, text(2))
            while client.current != "2":
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 120))


@pytest.mark.parametrize("end", ["signal", "exception", "return"])
def test_a_server_in_a_loop(path, end):
    """As servers run: serve until a signal, drain what is under way, leave; each object is closed in its loop."""
    said: list[str] = []

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        watcher = HotReloadWatcher(path, App, debounce_ms=10)

        @watcher.resource("name")
        async def client(name: str) -> AsyncIterator[str]:
            async with asyncio.TaskGroup() as group:
                beat = group.create_task(asyncio.sleep(3600))
                yield name
                beat.cancel()
            assert asyncio.get_running_loop() is loop
            said.append(name)

        async def request() -> str:
            async with client.use() as used:
                await asyncio.sleep(0.005)
                assert used not in said
                return used

        async with watcher:
            for number in range(1, 6):
                save(path, text(number))
                while client.current != str(number):
                    await asyncio.gather(*(request() for _ in range(8)))
            under_way = [asyncio.create_task(request()) for _ in range(8)]
            await asyncio.sleep(0)
            if end == "exception":
                await asyncio.gather(*under_way)
                raise EOFError
            if end == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
                await stop.wait()
            assert set(await asyncio.gather(*under_way)) == {"5"}

    before = signal.getsignal(signal.SIGTERM)
    try:
        with suppress(EOFError):
            asyncio.run(asyncio.wait_for(main(), 120))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert sorted(said) == [str(number) for number in range(6)]
