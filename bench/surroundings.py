"""A process under test with one of the peers in it: asleep, beside busy threads, in a busy event loop.

`main` runs in the environment of the peers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.footprint import resident
from bench.peer import PEERS, Slot
from bench.plain import user

PATIENCE_S = 20.0
POLL_S = 50e-6


class Application:
    """What it does when it is told to; each public method is a command."""

    def __init__(self, name: str, path: str, window_ms: str) -> None:
        user()
        before = resident()
        began = time.perf_counter()
        self._peer = PEERS[name](Path(path), int(window_ms))
        self._started_ms = (time.perf_counter() - began) * 1e3
        self._added = resident() - before
        self._known = self._peer.read()
        self._refusals: list[int] = []
        self._listening = False
        with suppress(OSError):
            Path("/proc/self/timerslack_ns").write_text("1")

    def footprint(self) -> list[float]:
        """Bytes that it added to a process with pydantic and the model, milliseconds of import and start, threads."""
        return [self._added, self._started_ms, len(list(Path("/proc/self/task").iterdir()))]

    def look(self, begin: str) -> dict[str, int]:
        """Sleep until `begin`, then look until there is another config."""
        time.sleep(max(0, int(begin) - time.monotonic_ns()) / 1e9)
        return self._watch(POLL_S)

    def spin(self, others: str) -> dict[str, int]:
        """Do nothing but look, without a pause; beside so many other threads that never pause."""
        stop = threading.Event()
        threads = [threading.Thread(target=_burn, args=(stop,)) for _ in range(int(others))]
        for thread in threads:
            thread.start()
        found = self._watch(0)
        stop.set()
        for thread in threads:
            thread.join()
        return found

    def _watch(self, pause_s: float) -> dict[str, int]:
        read, old, end = self._peer.read, self._known, time.monotonic() + PATIENCE_S
        while (found := read()) is old and time.monotonic() < end:
            if pause_s:
                time.sleep(pause_s)
        return self._seen(time.monotonic_ns(), found)

    def _seen(self, at: int, found: Any) -> dict[str, int]:
        old, self._known = self._known, found
        return {"seen": at if found is not old else -1}

    def bare(self, deadline: str, others: str) -> dict[str, int]:
        """Spin, beside a thread that sleeps until `deadline` and stores one attribute: when is it seen?"""
        slot, stop = Slot(), threading.Event()
        slot.config = old = object()

        def store() -> None:
            time.sleep(max(0, int(deadline) - time.monotonic_ns()) / 1e9)
            slot.config = None

        threads = [threading.Thread(target=_burn, args=(stop,)) for _ in range(int(others))]
        for thread in (threading.Thread(target=store), *threads):
            thread.start()
        while slot.config is old:
            pass
        seen = time.monotonic_ns()
        stop.set()
        for thread in threads:
            thread.join()
        return {"seen": seen}

    def loop(self) -> dict[str, int]:
        """Run an event loop that always has a callback to run; each looks. When did one see another config?

        hotconf's own events are iterated in the loop meanwhile: `told` is when the end of the reload came.
        """
        return asyncio.run(self._loop())

    async def _loop(self) -> dict[str, int]:
        running = asyncio.get_running_loop()
        done: asyncio.Future[dict[str, int]] = running.create_future()
        read, old, end = self._peer.read, self._known, time.monotonic() + PATIENCE_S

        def look() -> None:
            found = read()
            if found is old and time.monotonic() < end:
                running.call_soon(look)
            else:
                done.set_result(self._seen(time.monotonic_ns(), found))

        telling = asyncio.create_task(self._told())
        await asyncio.sleep(0)  # it follows the events from now on
        running.call_soon(look)
        found = await done
        try:
            found["told"] = await asyncio.wait_for(telling, 1)
        except TimeoutError:
            found["told"] = -1
        return found

    async def _told(self) -> int:
        subscribe = getattr(self._peer.it, "subscribe", None)
        if subscribe is None:
            return -1
        with subscribe() as events:
            async for event in events:
                if type(event).__name__ == "ReloadSuccess":
                    return time.monotonic_ns()
        return -1

    def listen(self) -> bool:
        """Be told of saves that are refused, from now on; False if it cannot be."""
        if self._peer.on_refusal is not None and not self._listening:
            self._peer.on_refusal(lambda: self._refusals.append(time.monotonic_ns()))
            self._listening = True
        return self._listening

    def refusal(self) -> dict[str, int]:
        """When a save was refused, since the last question."""
        end = time.monotonic() + PATIENCE_S
        while not self._refusals and time.monotonic() < end:
            time.sleep(0.005)
        told = self._refusals[0] if self._refusals else -1
        self._refusals.clear()
        return {"seen": told}

    def reload(self) -> float:
        """Milliseconds of a reload by hand."""
        began = time.perf_counter()
        self._peer.reload()
        took = (time.perf_counter() - began) * 1e3
        self._known = self._peer.read()
        return took


def _burn(stop: threading.Event) -> None:
    while not stop.is_set():
        for _ in range(1000):
            pass


def main() -> None:
    """Obey the lines on stdin."""
    logging.getLogger().addHandler(logging.NullHandler())  # refusals are expected
    application = Application(*sys.argv[1:])
    _say(None)
    for line in sys.stdin:
        command, *arguments = line.split()
        _say(getattr(application, command)(*arguments))


def _say(answer: Any) -> None:
    print(json.dumps(answer), flush=True)
