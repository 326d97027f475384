"""Raises at the points where CPython runs signal handlers, one after the other, each in a forked child.

Run as `python -m torture.points OPERATION SHARE SEED`: prints the number of places, and what broke at which of them.

CPython looks for a signal after it entered a function, after a call, and at a jump backward. A trace function raises
in front of the instruction that follows, in our modules and in `threading`. Before each try the child has a watcher;
after it the next save must be seen, `reload()` and `close()` return, and nothing be left.
"""

from __future__ import annotations

import dis
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from pydantic import BaseModel

import hotconf
from hotconf import HotReloadWatcher

LIMIT_S: Final = 10
"""How long a child may take. One that only waits takes less than one."""
SOON_S: Final = 4
OURS: Final = (str(Path(hotconf.__file__).parent) + os.sep, threading.__file__)


class Config(BaseModel, frozen=True):
    v: int = 0


class Raised(BaseException):
    """What the signal handler raises."""


class Tracer:
    """Counts the points, and raises at one of them."""

    def __init__(self, raise_at: int = 0) -> None:
        self.places = 0
        self.where = ""
        self._raise_at = raise_at
        self._delivers: dict[CodeType, dict[int, bool]] = {}
        self._before: dict[FrameType, bool] = {}
        """Whether the latest instruction of a frame was one after which signal handlers run."""

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            if self._before.get(frame):
                self._at(frame)
            self._before[frame] = self._delivers_at(frame.f_code, frame.f_lasti)
        elif event == "return":
            self._before.pop(frame, None)
        return self

    def _at(self, frame: FrameType) -> None:
        self.places += 1
        if self.places == self._raise_at:
            name = frame.f_code.co_filename.removeprefix(OURS[0])
            self.where = f"{name}:{frame.f_lineno} {frame.f_code.co_qualname}"
            sys.settrace(None)
            self._before.clear()  # frames hold what is to be freed
            raise Raised

    def _delivers_at(self, code: CodeType, at: int) -> bool:
        found = self._delivers.get(code)
        if found is None:
            found = {each.offset: _delivers(each) for each in dis.get_instructions(code)}
            self._delivers[code] = found
        return found[at]

    def run(self, operation: Callable[[], object]) -> bool:
        """Do it. Whether it raised."""
        sys.settrace(self)
        try:
            operation()
        except Raised:
            return True
        finally:
            sys.settrace(None)
        return False


def _delivers(instruction: dis.Instruction) -> bool:
    name = instruction.opname
    if name == "RESUME":
        return instruction.arg is not None and instruction.arg & 3 < 2  # not during an `await`
    return name.startswith("CALL") or ("JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name)


class Case:
    """A watcher in a child, and what is done to it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "config.toml"
        self.path.write_text("v = 1\n")
        self.broken: list[str] = []
        sys.unraisablehook = lambda given: self.broken.append(f"unraisable: {given.exc_value!r}")
        self._threads, self._descriptors = _threads(), _descriptors()
        self.watcher = self._made()

    def _made(self) -> HotReloadWatcher[Config]:
        return HotReloadWatcher(self.path, Config, debounce_ms=0)

    def save(self, v: int) -> None:
        new = self.path.with_name("new~")
        new.write_text(f"v = {v}\n")
        new.rename(self.path)

    def prepare(self, name: str) -> Callable[[], object]:
        """Prepare for `name`, and return what performs it."""
        watcher = self.watcher
        if name == "start":
            return watcher.start
        watcher.start()
        if name == "close":
            return watcher.close
        if name == "reload":
            return watcher.reload
        if name == "subscribe":
            return lambda: watcher.subscribe().close()
        if name == "next":
            stream = watcher.subscribe()
            self._later = threading.Timer(0.05, self.save, (5,))
            self._later.start()
            return lambda: next(stream)
        if name == "fork":
            _fork()  # the first one imports
            return _fork
        if name == "follow":
            return lambda: watcher.on_change("v", lambda old, new: None).close()
        self.busy = watcher.busy("x")
        if name == "hold":
            return self.busy.__enter__
        if name == "hold async":
            return lambda: _run(self.busy.__aenter__())
        if name == "pass":
            return lambda: _pass(self.busy)
        self.busy.__enter__()
        self.save(5)
        self._expect("the save is pending", lambda: watcher.pending is not None)
        return _leave(self.busy) if name == "release" else lambda: _run(self.busy.__aexit__(None, None, None))

    def judge(self, name: str) -> None:
        """After the exception."""
        watcher = self.watcher
        if name == "start":
            watcher.close()
            self._expect_nothing_left()
            self.watcher = watcher = self._made()
            watcher.start()
        if name == "next":
            self._later.join()
        if name.startswith("release"):
            self._expect("what was pending is published", lambda: watcher.config.v == 5)
        if name != "close":
            told: list[object] = []
            watcher.on_event(told.append)
            self.save(7)
            self._expect("the next save is seen", lambda: watcher.config.v == 7)
            self._expect("callbacks are called", lambda: bool(told))
            self._expect("nothing is pending", lambda: watcher.pending is None)
            watcher.reload()
        watcher.close()
        self._expect_nothing_left()

    def _expect_nothing_left(self) -> None:
        self._expect("no thread is left", lambda: _threads() == self._threads)
        self._expect("no descriptor is left", lambda: _descriptors() == self._descriptors)

    def _expect(self, what: str, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + SOON_S
        while not condition():
            if time.monotonic() > until:
                self.broken.append(f"not so: {what}")
                return
            time.sleep(0.002)


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _pass(busy: hotconf.watcher.Busy) -> None:
    with busy:
        pass


def _leave(busy: hotconf.watcher.Busy) -> Callable[[], object]:
    return lambda: busy.__exit__(None, None, None)


def _run(coroutine: Any) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 (names only)


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            found.append(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")  # noqa: PTH115
        except OSError:  # that of the listing itself
            continue
    return sorted(found)


def places(name: str, directory: Path) -> int:
    """How many there are in this operation."""
    return int(_in_a_child(directory, lambda case: str(_count(case, name)))[0])


def _count(case: Case, name: str) -> int:
    tracer = Tracer()
    tracer.run(case.prepare(name))
    case.watcher.close()
    return tracer.places


def broken_at(name: str, place: int, directory: Path) -> list[str]:
    """What is wrong after an exception there; empty if it was not reached."""
    return _in_a_child(directory, lambda case: "\n".join(_try(case, name, place)))


def _try(case: Case, name: str, place: int) -> list[str]:
    tracer = Tracer(place)
    raised = tracer.run(case.prepare(name))
    if name == "fork" and tracer.where:  # Python reports what hooks of a fork raise, and goes on
        raised = True
        case.broken.clear()
    if raised:
        case.judge(name)
    else:
        case.watcher.close()
    if tracer.where and not raised:
        case.broken.append("swallowed")
    return [f"{tracer.where}: {what}" for what in case.broken]


def _in_a_child(directory: Path, work: Callable[[Case], str]) -> list[str]:
    """The lines that `work` returns in a child; or how the child ended, if it did not end properly."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            signal.alarm(LIMIT_S)
            os.write(writer, work(Case(Path(tempfile.mkdtemp(dir=directory)))).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as told:
        lines = told.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == -signal.SIGALRM:
        lines.append("hangs")
    elif code:
        lines.append(f"ended with {code}")
    return lines


def chosen(count: int, share: float, seed: int) -> list[int]:
    """All places, or a share of them."""
    every = range(1, count + 1)
    return list(every) if share >= 1 else sorted(random.Random(seed).sample(every, max(1, round(share * count))))


def main(name: str, share: str, seed: str) -> None:
    """Try them, and print in JSON what broke."""
    with tempfile.TemporaryDirectory() as directory:
        count = places(name, Path(directory))
        tried = chosen(count, float(share), int(seed))
        broken = {place: broken_at(name, place, Path(directory)) for place in tried}
    found = {place: lines for place, lines in broken.items() if lines}
    print(json.dumps({"places": count, "tried": len(tried), "broken": found}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
