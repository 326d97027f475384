"""Benchmarks of what takes nanoseconds, by pyperf: reads and publishing. `main` runs in the environment of the peers.

A read is what a user writes: the same loop around the text, with the object in a local variable, and the time that
the loop takes without the access is subtracted. It is measured in turns with the read of a plain slot that holds the
same object, and told as how many times as long: the speed of a shared machine changes from one second to the next,
and so meets both. Time is that of the reading thread's own clock of CPU: waiting for the interpreter's lock is not a
part of a read, and the writer beside it takes its own time.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from bench.peer import PEERS, SECTION, Slot
from bench.writer import Writer

INLINE = 100
SLOT = "a plain slot"
CONFIG = {"hotconf": "it.config", "dynamic-config-py": "it.current()"}
VALUE = {"hotconf": "it.config.model", "dynamic-config-py": "it.current().model", "dynaconf": "it.model"}
"""How the current configuration, and a value in it, is read. The recipes and pydantic-settings keep it in a slot."""
ALONE = "alone"
SURROUNDINGS = {ALONE: (1, False), "with a writer": (1, True), "by 4 threads, with a writer": (4, True)}
"""How many threads read, and whether the configuration is reloaded all the while."""
VALUE_WHERE = (ALONE, "by 4 threads, with a writer")
TORN = ("dynaconf",)
"""Those that cannot be read while they reload: their readers find nothing then, and raise."""
BLOCKS = {"dynaconf": 2}
"""Of `INLINE` reads, between two looks at the clock."""
SOME = 50
PAUSE_S = 0.005
"""Of the writer, between two reloads."""

Run: TypeAlias = Callable[[Any, int], float]


def main() -> None:
    """Everything."""
    _run("main", VALUE_WHERE)


def brief() -> None:
    """The same without values in the configuration with a writer."""
    _run("brief", (ALONE,))


def _run(name: str, value_where: tuple[str, ...]) -> None:
    """Run pyperf: it starts a process for each benchmark, which calls the function of that name again."""
    import pyperf

    runner = pyperf.Runner(program_args=("-c", program(name)), show_name=False)
    for what, texts in (("config", CONFIG), ("value", VALUE)):
        plain = texts["hotconf"]
        for where, (threads, writing) in SURROUNDINGS.items():
            if what == "value" and where not in value_where:
                continue
            runner.bench_time_func(
                f"{what}|{where}|{SLOT}", partial(_slot, plain, threads, writing), inner_loops=INLINE * SOME
            )
            for name in texts:
                if not (writing and name in TORN):
                    measure = partial(_times, name, texts[name], plain, threads, writing)
                    runner.bench_time_func(f"{what}|{where}|{name}", measure, metadata={"unit": "integer"})
    method = partial(_times, "hotconf", "it.get_config()", CONFIG["hotconf"], 1, False)
    runner.bench_time_func(f"method|{ALONE}|hotconf", method, metadata={"unit": "integer"})
    runner.bench_time_func(f"publish|{ALONE}|hotconf", _publish)


def program(name: str) -> str:
    """What Python is to run for the function of that name."""
    return f"from bench.micro import {name}; {name}()"


def _slot(text: str, threads: int, writing: bool, loops: int) -> float:
    """Seconds of the reads of a slot."""
    return _reads("hotconf", text, text, threads, writing, loops)[1] * loops


def _times(name: str, text: str, plain: str, threads: int, writing: bool, loops: int) -> float:
    """How many times as long as the read of a slot, for so many loops."""
    read, slot = _reads(name, text, plain, threads, writing, loops)
    return read / INLINE / BLOCKS.get(name, SOME) / (slot / INLINE / SOME) * loops


@cache
def _made(name: str) -> tuple[Any, Slot, Callable[[], object]]:
    """What is read, the slot, and what saves and reloads both; kept as long as the process."""
    writer = Writer(Path(tempfile.mkdtemp()), clean=True, section=SECTION.get(name, ""))
    peer = PEERS[name](writer.path, 60_000)
    held = peer if name in CONFIG else PEERS["watchdog + Timer"](writer.path, 60_000)
    slot = Slot()

    def renew() -> object:
        writer.save()
        ending = peer.reload()
        slot.config = held.read()
        return ending

    renew()
    return peer.it, slot, renew


def _reads(name: str, text: str, plain: str, threads: int, writing: bool, loops: int) -> tuple[float, float]:
    """Seconds of a turn of reads, and of one of reads of a slot, in one thread."""
    it, slot, renew = _made(name)
    stop = threading.Event()
    found: list[tuple[float, float]] = []

    def read() -> None:
        access, same, empty, void = compiled(text), compiled(plain), compiled("it"), compiled("it")
        blocks = BLOCKS.get(name, SOME)
        # Medians of short turns, so that the few that are disturbed do not count.
        turns = [(access(it, blocks) - empty(it, blocks), same(slot, SOME) - void(slot, SOME)) for _ in range(loops)]
        one, other = (statistics.median(column) for column in zip(*turns, strict=True))
        found.append((one, other))

    def write() -> None:
        while not stop.wait(PAUSE_S):
            renew()

    readers = [threading.Thread(target=read) for _ in range(threads)]
    others = [threading.Thread(target=write)] if writing else []
    for thread in (*others, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()
    if len(found) != threads:
        raise RuntimeError(f"{name}: a reader failed")
    one, other = (sum(column) / threads for column in zip(*found, strict=True))
    return max(one, 1e-12), max(other, 1e-12)


def compiled(text: str) -> Run:
    """A function that does it so many times `INLINE` times, and returns the seconds of CPU.

    One for each object that is read: the interpreter adapts a function to the class that it meets.
    """
    names: dict[str, Any] = {"clock": time.thread_time}
    body = f"{text}; " * INLINE
    exec(
        f"def run(it, blocks):\n began = clock()\n for _ in range(blocks):\n  {body}\n return clock() - began\n",
        names,
    )
    run: Run = names["run"]
    return run


def _publish(loops: int) -> float:
    """Seconds of so many swaps of the published configuration, by hotconf's own clock."""
    _, _, renew = _made("hotconf")
    found: list[Any] = [renew() for _ in range(min(loops, 20))]
    return float(sum(each.timings.swap for each in found)) / len(found) * loops / 1e3
