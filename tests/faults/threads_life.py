"""A life of one watcher, from start to exit, in a process of its own, while one of its threads fails."""

from __future__ import annotations

import _thread
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from hotconf import ConfigError, HotReloadWatcher, ReloadFailed
from hotconf.history.store import StateStore

PATIENT_S = 20.0
THREADS = ("hotconf-driver", "hotconf-loader", "hotconf callbacks", "hotconf log", "hotconf state")


class Death(BaseException):
    """What kills a thread."""


class Refusing:
    """The system gives no thread for some of the calls, which are counted."""

    def __init__(self, refuses: Callable[[int], bool]) -> None:
        self.calls = 0
        self.refuses = refuses
        self._start = _thread.start_new_thread
        _thread.start_new_thread = self  # type: ignore[assignment]

    def __call__(self, *given: Any) -> int:
        if getattr(given[0], "args", ()) and given[0].args[0].name == "hotconf-imports":
            return self._start(*given)  # without it a fork imports by itself
        self.calls += 1
        if self.refuses(self.calls):
            raise RuntimeError("can't start new thread")
        return self._start(*given)


class Killing:
    """The `number`-th line of ours that a thread of that name runs raises; lines are counted."""

    def __init__(self, name: str, number: int, error: type[BaseException]) -> None:
        self.lines = 0
        self.where = ""
        self._name, self._number, self._error = name, number, error
        threading.settrace(self._entered)

    def _entered(self, frame: FrameType, event: str, argument: object) -> Any:
        if not threading.current_thread().name.startswith(self._name):
            return None
        return self._line if "/hotconf/" in frame.f_code.co_filename else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self._number:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                raise self._error
        return self._line


class Life:
    """One life of a watcher. Whatever is wrong is an `AssertionError`."""

    def __init__(self, root: Path, *, reconcile_s: float = 0.1) -> None:
        self.root, self.path, self.states = root, root / "config.toml", root / "states"
        self.logged: list[str] = []
        self.troubles: set[str] = set()
        self.told: list[object] = []
        self.failures: list[ReloadFailed] = []
        self.reconcile_s = reconcile_s
        handler = logging.Handler()
        handler.emit = lambda record: self.logged.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("hotconf").addHandler(handler)
        logging.getLogger("hotconf").setLevel(logging.DEBUG)
        self.save(1)
        self.watcher = self.make()

    def make(self) -> HotReloadWatcher[dict[str, Any]]:
        """A watcher with everything that needs a thread."""
        watcher: HotReloadWatcher[dict[str, Any]] = HotReloadWatcher(
            self.path, dict, debounce_ms=0, reconcile_s=self.reconcile_s, state_dir=self.states
        )
        watcher.on_change("n")(lambda _, new: self.told.append(new))
        return watcher

    def save(self, number: int) -> None:
        """In one act."""
        new = self.root / "new"
        new.write_text(f"n = {number}\n")
        new.replace(self.path)

    @property
    def lost(self) -> bool:
        """Whether a callback was killed: it is not called twice, but reported as one that raised."""
        return any(hint in line for hint in ("raised Death", "raised MemoryError") for line in self.logged)

    @property
    def n(self) -> object:
        """What readers see."""
        return self.watcher.config["n"]

    def note(self) -> None:
        """Note what the watcher says of itself."""
        stats = self.watcher.stats
        self.troubles |= {each for each in (stats.trouble, stats.state_trouble) if each}

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait; the watcher's own word is noted meanwhile."""
        end = time.monotonic() + PATIENT_S
        while not condition():
            self.note()
            self.again()
            assert time.monotonic() < end, (
                f"{what}; n {self.n}, told {self.told}, {self.troubles}, {self.logged[-4:]}"
            )
            time.sleep(0.002)

    def again(self) -> None:
        """A killed load is reported as a failure; then the same is saved again."""
        last = self.watcher.last
        if isinstance(last, ReloadFailed) and last.kind == "internal" and last not in self.failures:
            self.failures.append(last)
            self.path.write_bytes(self.path.read_bytes() + b"# again\n")

    def start(self) -> bool:
        """Start; if that raises, it says why, and a second watcher starts."""
        try:
            self.watcher.start()
        except (ConfigError, RuntimeError, Death, MemoryError) as error:
            assert any(said in str(error) for said in ("thread", "Internal error")) or isinstance(
                error, Death | MemoryError
            ), error
            self.troubles.add(str(error))
            self.watcher.close()
            self.watcher = self.make()
            self.watcher.start()
            return False
        return True

    def live(self) -> None:
        """Every operation, in turn. In the end nothing is lost, no thread is left and no trouble remains."""
        self.start()
        self.save(2)
        self.until(lambda: self.n == 2, "a save was not seen")
        self.save(3)
        self.watcher.reload()
        self.until(lambda: self.n == 3, "a reload did not publish")
        with self.watcher.busy("test"):
            self.save(4)
            self.until(lambda: self.watcher.pending, "nothing was deferred")
            assert self.n == 3
        self.until(lambda: self.n == 4, "a release did not publish")
        self.save(5)
        self.until(lambda: self.n == 5, "a later save was not seen")
        self.fork()
        self.until(lambda: (self.told and self.told[-1] == 5) or self.lost, "the callback was not called")
        self.until(lambda: self.watcher.stats.trouble is None, "trouble remains")
        began = time.monotonic()
        self.watcher.close()
        assert time.monotonic() - began < PATIENT_S / 2, "close() took too long"
        left = [thread.name for thread in threading.enumerate() if thread.name in THREADS[:3]]
        assert not left, left
        lost = ("Internal error while a state was kept", "Internal error in HistoryWriter")
        if not any(
            text in line for text in lost for line in self.logged
        ):  # a loss that is reported is none in silence
            self.kept(5)

    def kept(self, number: int) -> None:
        """The newest state on disk."""
        _, record = next(StateStore(self.states, self.path).newest_first())
        assert record.files[0].content.splitlines()[0] == f"n = {number}".encode(), record  # type: ignore[union-attr]

    def fork(self) -> None:
        """A child sees saves, too."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.save(6)
                self.until(lambda: self.n == 6, "the child did not see a save")
                self.watcher.close()
                code = 0
            except AssertionError as error:
                sys.stderr.write(f"in the child: {error}\n")
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the child failed"
        self.save(5)
        self.until(lambda: self.n == 5, "a save after the fork was not seen")


def report(what: object) -> None:
    """To the test, as the last line."""
    sys.stdout.write(json.dumps(what))
    sys.stdout.flush()
