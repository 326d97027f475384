"""`python -m growth.worker`: measures one cell a line, each in a fork of its own, which may exceed its limits and
die.

In: `{"operation": …, "construct": …, "cpu_s": …, "within_s": …}`, or a `size`, which alone is measured then, instead
of both.
Out: `{"sizes": […], "seconds": […], "mib": […], "failure": …}`.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from growth.constructs import CONSTRUCTS
from growth.operations import OPERATIONS, Place

FIRST: Final = 3500
"""Bytes of the smallest size; 256 times as many are below the limit of a file."""
AGAIN: Final = 3
LONGEST_S: Final = 60
"""Of CPU; a cell that needs more has failed."""
MOST_MIB: Final = 2048


def measure(operation: str, name: str, cpu_s: float, within_s: float, tell: Any) -> None:
    """Double the size until that takes `cpu_s`, until it may not grow further, or until `within_s` is used up, files
    and watchers included. Suspicious results are measured again, then with a larger size, to rule out noise.
    """
    most = CONSTRUCTS[name].most
    sizes: list[int] = []
    least: dict[int, float] = {}

    def add(size: int, times: int) -> None:
        least[size] = min(least.get(size, LONGEST_S), *(_once(operation, name, size) for _ in range(times)))
        tell(sizes, least)

    while len(sizes) < 2 or (2 * sizes[-1] <= most and least[sizes[-1]] < cpu_s and time.process_time() < within_s):
        sizes.append(2 * sizes[-1] if sizes else FIRST)
        add(sizes[-1], 1)
    for _ in range(AGAIN):
        for _ in range(AGAIN):
            if is_fair(sizes, least):
                return
            for size in (sizes[0], *sizes[-2:]):
                add(size, 2)
        if 2 * sizes[-1] <= most:
            sizes.append(2 * sizes[-1])
            add(sizes[-1], 1)


def is_fair(sizes: list[int], least: dict[int, float]) -> bool:
    """Whether the largest size takes at most 2.6 times as long as half of it, beyond what any size takes.

    Less than 20 ms is noise of the machine.
    """
    if len(sizes) < 2:
        return True
    fixed, half, whole = (least[size] for size in (sizes[0], *sizes[-2:]))
    fixed = fixed if len(sizes) > 4 else 0
    return half - fixed < 0.02 or whole - fixed <= 2.6 * (half - fixed)


def _once(operation: str, name: str, size: int) -> float:
    with tempfile.TemporaryDirectory(dir=os.environ.get("GROWTH_DIR")) as directory:
        place = Place(Path(directory), CONSTRUCTS[name], size)
        with place.stack:
            thunk = OPERATIONS[operation](place)
            gc.collect()
            began = time.process_time()
            thunk()
            return time.process_time() - began


def _cell(asked: dict[str, Any], out: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_S, LONGEST_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MIB << 20, MOST_MIB << 20))

    def tell(sizes: list[int], least: dict[int, float]) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = {"sizes": sizes, "seconds": [least[size] for size in sizes], "mib": peak}
        os.write(out, json.dumps(told).encode() + b"\n")

    if "size" in asked:
        tell([asked["size"]], {asked["size"]: _once(asked["operation"], asked["construct"], asked["size"])})
    else:
        measure(asked["operation"], asked["construct"], asked["cpu_s"], asked["within_s"], tell)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 1
        try:
            _cell(asked, writing)
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, it is the answer
            import traceback

            os.write(writing, json.dumps({"failure": traceback.format_exc()[-3000:]}).encode() + b"\n")
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        lines = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    found: dict[str, Any] = {}
    for line in lines:
        found.update(json.loads(line))
    if os.WIFSIGNALED(status):
        found["failure"] = f"ended by {signal.Signals(os.WTERMSIG(status)).name} after {LONGEST_S} s of CPU"
    return found


def _warm_up() -> None:
    """What the first use costs is no growth: modules, schemas and patterns, in operations that start no thread."""
    for operation in ("load", "expand", "check text", "check github", "check sarif", "show", "diff", "plan"):
        _once(operation, "wrong values beside secrets", FIRST)
        _once(operation, "many tables", FIRST)


def main() -> None:
    """Answer until there is nothing more to read."""
    logging.getLogger("hotconf").addHandler(logging.NullHandler())
    logging.getLogger("hotconf").propagate = False
    _warm_up()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
