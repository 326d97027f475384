"""Loopback proxies in front of a server: the network between, which can be cut, slow, or swallow everything."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

Gate: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Returns when these bytes may pass."""

_SERVER = re.compile(rb"(?i)\r\nx-server-from: *([0-9a-f]+)")
_TURNS = 5
"""Of the loop, at the end: a connection accepted just before has its task in a later one, and closes in the next."""


class Proxy:
    """Passes connections on to `port`. It may be cut (closed and refused), or swallow what is sent."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.port = 0
        self.connections = 0
        """How many were accepted."""
        self._open = asyncio.Event()
        self._answers = asyncio.Event()
        self._cut = False
        self._delay_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        self._do(self._set(open_=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """Where clients find it, if the server speaks plain text."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections pass through it now."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Close all connections, and every new one."""
        self._cut = True
        self._do(self._set(open_=True))
        self._do(self._close_all())

    def slow(self, seconds: float) -> None:
        """From now on every answer is late by so much."""
        self._delay_s = seconds

    def swallow(self) -> None:
        """Drop all data from now on, silently."""
        self._cut = False
        self._do(self._set(open_=False))

    def swallow_answers(self) -> None:
        """From now on everything arrives at the server, and nothing comes back."""
        self._cut = False
        self._do(self._set(open_=True, answers=False))

    def heal(self) -> None:
        """Pass everything on again. What was swallowed meanwhile is late, as after a stop of the network."""
        self._cut = False
        self._do(self._set(open_=True))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _set(self, *, open_: bool, answers: bool = True) -> None:
        (self._open.set if open_ else self._open.clear)()
        (self._answers.set if open_ and answers else self._answers.clear)()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        mine = {writer}
        self._writers |= mine
        try:
            if self._cut:
                return
            await self._open.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
            mine.add(back)
            self._writers.add(back)
            requests, answers = self._gates()
            await asyncio.gather(self._pass(reader, back, requests), self._pass(there, writer, answers))
        except (OSError, asyncio.CancelledError):  # asyncio of Python 3.11 reports a handler that was cancelled
            return
        finally:
            self._writers -= mine
            for each in mine:
                each.transport.abort()

    def _gates(self) -> tuple[Gate, Gate]:
        """What the requests and the answers of a connection wait for."""
        return lambda _: self._open.wait(), self._answered

    async def _answered(self, _data: bytes) -> None:
        await asyncio.sleep(self._delay_s)
        await self._answers.wait()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await gate(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for _ in range(_TURNS):  # one accepted just before: cancelled before it begins, its socket would stay open
            await asyncio.sleep(0)
        await self._set(open_=True)
        mine = asyncio.current_task()
        for _ in range(_TURNS):
            await self._close_all()
            rest = [task for task in asyncio.all_tasks() if task is not mine]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            await asyncio.sleep(0)


class PeerProxy(Proxy):
    """In front of the port of a server of etcd at which the other servers reach it: each of them may be cut off.

    A connection is of one server, which says in its requests who it is: readable only in plain text.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._from: defaultdict[bytes, asyncio.Event] = defaultdict(self._passing)

    def lose(self, server: str) -> None:
        """Swallow what that one sends to it, and what it answers."""
        self._do(self._let(server, pass_=False))

    def find(self, server: str) -> None:
        """Pass it on again."""
        self._do(self._let(server, pass_=True))

    @staticmethod
    def _passing() -> asyncio.Event:
        event = asyncio.Event()
        event.set()
        return event

    async def _let(self, server: str, *, pass_: bool) -> None:
        event = self._from[server.encode()]
        (event.set if pass_ else event.clear)()

    def _gates(self) -> tuple[Gate, Gate]:
        at = self._open  # until it says who it is: a probe does not

        async def requests(data: bytes) -> None:
            nonlocal at
            if (server := _SERVER.search(data)) is not None:
                at = self._from[server[1]]
            await at.wait()

        async def answers(_data: bytes) -> None:
            await at.wait()

        return requests, answers
