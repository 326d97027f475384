"""What a reader follows from one save to its callback: files, frames, and calls from one file to another.

    python -m bench.tracing [--list]

A configuration is saved by a rename, with a window of 100 ms; a warm-up comes first. Every call of a function of
hotconf's counts, on every thread, from before the save until the callback. A call counts as a switch if the nearest
caller of hotconf's on that thread is in another file. Traced twice: with one value, which shows the way that every
save takes, and with 8 KB of values, each of which is a call or more.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

import hotconf
from bench import config
from bench.plain import MODELS

HOME: Final = str(Path(hotconf.__file__).parent)
WARM_UP: Final = 3
PATIENCE_S: Final = 10.0


class Trace:
    """Counts while `on`. A profile function of all threads."""

    def __init__(self) -> None:
        self.on = False
        self.frames: Counter[tuple[str, str]] = Counter()
        self.switches: Counter[tuple[str, str]] = Counter()

    def __call__(self, frame: FrameType, what: str, _: Any) -> None:
        """As `sys.setprofile` calls it."""
        if not self.on or what != "call":
            return
        name = _file(frame)
        if name is None:
            return
        self.frames[name, frame.f_code.co_qualname] += 1
        caller = frame.f_back
        while caller is not None and _file(caller) is None:
            caller = caller.f_back
        if caller is not None and (before := _file(caller)) != name:
            self.switches[str(before), name] += 1


def _file(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename
    return name.removeprefix(HOME + "/") if name.startswith(HOME) else None


def small(version: int) -> bytes:
    """One value, which changes."""
    return f"size = {version}\n".encode()


def large(version: int) -> bytes:
    """8 KB, of which three values change."""
    return config.text(version, clean=True)


class Small(BaseModel):
    """The model of `small`."""

    model_config = ConfigDict(frozen=True)
    size: int


def traced(text: Callable[[int], bytes], schema: type[BaseModel]) -> Trace:
    """One save, traced."""
    trace, told = Trace(), threading.Event()
    threading.setprofile(trace)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.toml"
        path.write_bytes(text(0))
        with hotconf.HotReloadWatcher(path, schema, debounce_ms=100) as watcher:

            def callback(_old: object, _new: object) -> None:
                trace.on = False
                told.set()

            watcher.on_change(lambda config: config, callback)
            for version in range(1, WARM_UP + 2):
                told.clear()
                new = path.with_name("new")
                new.write_bytes(text(version))
                trace.on = version > WARM_UP
                new.replace(path)
                if not told.wait(PATIENCE_S):
                    raise SystemExit("a save was not followed by its callback")
    threading.setprofile(None)
    return trace


def main() -> None:
    """Print the counts; with `--list`, those of each function and each pair of files, too."""
    for what, text, schema in (("one value", small, Small), ("8 KB", large, MODELS["user"]())):
        trace = traced(text, schema)
        files = {name for name, _ in trace.frames}
        print(f"{what}: {len(files)} files, {trace.frames.total()} frames, {trace.switches.total()} switches")
        if "--list" in sys.argv[1:]:
            print(
                *(f"{count:5d}  {name}  {function}" for (name, function), count in sorted(trace.frames.items())),
                sep="\n",
            )
            print(
                *(f"{count:5d}  {before} -> {after}" for (before, after), count in trace.switches.most_common()),
                sep="\n",
            )


if __name__ == "__main__":
    main()
