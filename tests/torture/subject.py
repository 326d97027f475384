"""The process under test: one watcher, told what to do by lines of JSON on stdin, tells on stdout what it sees.

Every snapshot that is published is told with the bytes that it was made from, so that a judge elsewhere can tell
whether there ever was such a state. Run as `python -m torture.subject`; what may happen to it, happens.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stalls
from doubles.inside import reloader_of
from doubles.recorder import described
from hotconf import ConfigReloadEvent, HotReloadWatcher, Snapshot
from torture.contents import SCHEMAS

_TIME, _TIME_NS = time.time, time.time_ns
_speaking = threading.Lock()
_logged: deque[str] = deque(maxlen=20)


def say(**what: object) -> None:
    """One line of JSON. Lines of several threads do not mix."""
    with _speaking:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


class Subject:
    """See the module: each public method is a command, its keywords the arguments."""

    def __init__(self) -> None:
        self.watcher: HotReloadWatcher[Any] | None = None
        self.held: list[int] = []
        self.readers_: list[Reader] = []
        self.stuck = threading.Event()

    def watch(self, path: str, schema: str, callbacks: list[str], **options: Any) -> None:
        """Start a watcher."""
        watcher = HotReloadWatcher(path, SCHEMAS[schema], **options)
        publisher = reloader_of(watcher).publisher
        install = publisher.install

        def publish(snapshot: Snapshot[Any]) -> None:
            install(snapshot)
            say(
                published=[[str(file.path), file.content.decode()] for file in snapshot.files],
                says=watcher.config.says,
            )

        publisher.install = publish
        self.stuck.clear()
        for name in callbacks:
            watcher.on_event(getattr(self, f"_{name}"))
        watcher.on_event(lambda event: say(event=described(event)))
        self.watcher = watcher
        watcher.start(require=False)

    def close(self) -> None:
        """Close it."""
        self.stuck.set()
        if self.watcher is not None:
            self.watcher.close()
        self.watcher = None

    def read(self, readers: int) -> None:
        """Start threads that read the configuration all the time."""
        self.readers_ = [Reader(self._running, self.stuck) for _ in range(readers)]

    def readers(self) -> list[dict[str, object]]:
        """What each of them saw."""
        return [{"looks": each.looks, "saw": each.saw, "wrong": each.wrong} for each in self.readers_]

    def reload(self) -> str:
        """How `reload()` ended."""
        return described(self._running.reload())

    def stats(self) -> dict[str, object]:
        """Which observer, and what troubles it."""
        stats = self._running.stats
        return {"observer": stats.observer, "trouble": stats.trouble}

    def states(self) -> dict[str, object]:
        """Whether what is published is a state that was kept, and why none are kept."""
        stats = self._running.stats
        return {"degraded": stats.degraded, "trouble": stats.state_trouble}

    def figures(self) -> dict[str, object]:
        """What this process holds."""
        descriptors = {}
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                descriptors[descriptor.name] = str(descriptor.readlink())
            except FileNotFoundError:  # the one that the directory was listed through
                continue
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        threads = sorted(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
        return {"descriptors": descriptors, "threads": threads, "resident": resident}

    def set_clock(self, by_s: int) -> None:
        """Set the clock on the wall, as all Python code of this process sees it, so far from what it was at first."""
        time.time = lambda: _TIME() + by_s
        time.time_ns = lambda: _TIME_NS() + by_s * 1_000_000_000

    def run(self, command: list[str]) -> int:
        """Run a program where this process is: in its namespaces, as its user. Its exit code."""
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=sys.stderr).returncode

    def exhaust(self) -> int:
        """Open descriptors until there are none left; how many."""
        soft = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 256)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        while True:
            try:
                self.held.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                return len(self.held)

    def relieve(self) -> None:
        """Close them."""
        while self.held:
            os.close(self.held.pop())

    def stalled(self) -> str:
        """What it logged last, and what its threads are doing."""
        return "\n".join([*_logged, stalls.report()])

    def fork(self, ending: str) -> int:
        """Fork; the child closes the watcher and ends, or becomes another program. Its exit code."""
        child = os.fork()
        if child == 0:
            try:
                if ending == "close":
                    self._running.close()
                elif ending == "exec":
                    os.execvp("true", ["true"])
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    # Callbacks

    def _raises(self, event: ConfigReloadEvent) -> None:
        raise RuntimeError(event)

    def _exits(self, event: ConfigReloadEvent) -> None:
        raise SystemExit(3)

    def _blocks(self, event: ConfigReloadEvent) -> None:
        self.stuck.wait(0.05)

    def _reloads(self, event: ConfigReloadEvent) -> None:
        if described(event).startswith("FileChanged"):
            self._running.reload()

    def _reenters(self, event: ConfigReloadEvent) -> None:
        with self._running.busy("a callback"), self._running.subscribe():
            self._running.on_change("first", lambda old, new: None).close()

    def _closes(self, event: ConfigReloadEvent) -> None:
        self._running.close()
        say(closed=True)

    @property
    def _running(self) -> HotReloadWatcher[Any]:
        if self.watcher is None:
            raise RuntimeError("no watcher")
        return self.watcher


class Reader:
    """A thread that looks again and again: what it saw last, and what it must not have seen."""

    def __init__(self, watcher: HotReloadWatcher[Any], over: threading.Event) -> None:
        self.looks = 0
        self.saw: list[int] = []
        self.wrong: list[str] = []
        self._watcher, self._over = watcher, over
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        generation = 0
        while not self._over.wait(0.002):
            snapshot, config = self._watcher.snapshot, self._watcher.config
            self.looks += 1
            self.saw = config.says
            if snapshot.generation < generation:
                self.wrong.append(f"generation {snapshot.generation} after {generation}")
            generation = snapshot.generation
            for says in (snapshot.config.says, config.says):
                if says[0::2] != says[1::2]:
                    self.wrong.append(str(says))
            del self.wrong[3:]


def main() -> None:
    """Do what is asked for, until there is nothing more to read."""
    handler = logging.Handler()
    handler.emit = lambda record: _logged.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("hotconf").addHandler(handler)
    subject = Subject()
    say(ready=os.getpid())
    for line in sys.stdin:
        asked = json.loads(line)
        command: Callable[..., object] = getattr(subject, asked.pop("do"))
        try:
            say(answer=command(**asked))
        except Exception as error:  # noqa: BLE001 - told to who asked
            say(refused=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
