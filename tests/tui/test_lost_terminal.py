"""A terminal that vanishes takes the app along, in whatever way and at whatever moment."""

from __future__ import annotations

import os
import pty
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from hotconf.tui.outside import terminal
from prefork import Program
from tui.tty import Tty
from waiting import wait_until

LEADER = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
DEAF = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n"
APP = "from hotconf.cli import main; main()\n"


class Wire:
    """A terminal that can be taken away."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.master, (24, 80))
        os.set_blocking(self.master, False)
        self.shown = b""

    def read(self) -> bytes:
        """All that was shown so far."""
        try:
            while data := os.read(self.master, 65536):
                self.shown += data
        except OSError:  # nothing more, for now
            pass
        return self.shown

    def cut(self) -> None:
        """Take it away."""
        for end in ("master", "slave"):
            number, _ = getattr(self, end), setattr(self, end, -1)
            if number >= 0:
                os.close(number)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a valid configuration, and an editor that listens to nobody."""
    (tmp_path / "config.toml").write_text("[hot_reload]\ndebounce_ms = 100\n\n[cost]\ndaily_limit_usd = 10.0\n")
    (tmp_path / "editor").write_text("#!/bin/sh\ntrap '' TERM HUP\necho EDITING; while :; do sleep 0.1; done\n")
    (tmp_path / "editor").chmod(0o755)
    return tmp_path


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    """Two terminals, nearly always one too many."""
    wires = [Wire(), Wire()]
    yield wires
    for wire in wires:
        wire.cut()


@contextmanager
def started(home: Path, before: str, stdin: Wire, out: Wire) -> Iterator[Program]:
    """The app on these terminals, of which the test keeps only its own ends."""
    own = {"CODE_HOME": str(home), "XDG_STATE_HOME": str(home), "TERM": "xterm-256color", "VISUAL": f"{home}/editor"}
    streams = {"stdin": stdin.slave, "stdout": out.slave, "stderr": out.slave}
    process = Program(before + APP, "run", cwd=home, env={**os.environ, **own}, start_new_session=True, **streams)
    for wire in {stdin, out}:
        os.close(wire.slave)
        wire.slave = -1
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def shows(wire: Wire, text: bytes) -> None:
    """Wait for it."""
    wait_until(lambda: text in wire.read(), 60)


def gone(process: Program) -> int:
    """Wait for its end, long enough for a busy machine."""
    wait_until(lambda: process.poll() is not None, 60)
    return process.returncode


@pytest.mark.parametrize(
    ("before", "key"),
    [("", b""), (DEAF, b"?"), (LEADER + DEAF, b"")],
    ids=["no signal", "neither sent nor heard", "not heard"],
)
def test_without_a_signal_it_notices(home: Path, wires: list[Wire], before: str, key: bytes) -> None:
    """It ends as ever, and leaves no process behind that burns the processor."""
    wire = wires[0]
    with started(home, before, wire, wire) as process:
        shows(wire, b"daily_limit_usd")
        if key:
            os.write(wire.master, key)
            shows(wire, b"Main screen")
        wire.cut()
        assert gone(process) == 0


@pytest.mark.parametrize("which", [0, 1], ids=["stdin", "stdout"])
def test_half_of_it_is_enough(home: Path, wires: list[Wire], which: int) -> None:
    """The other half, which is still there, is as it was."""
    with started(home, "", *wires) as process:
        shows(wires[1], b"daily_limit_usd")
        wires[which].cut()
        assert gone(process) == 0
    if which == 0:
        shown = wires[1].read()
        for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h")):
            assert shown.rfind(off) > shown.rfind(on)


def test_one_that_is_gone_before_the_first_frame(home: Path, wires: list[Wire]) -> None:
    """It is noticed as soon as anybody looks."""
    late = (
        "import os, time, hotconf.tui.launch as l; real = l.launch\n"
        "def launch(*given, **named):\n"
        "    os.write(1, b'NOW')\n"
        "    while os.isatty(0): time.sleep(0.01)\n"
        "    return real(*given, **named)\n"
        "l.launch = launch\n"
    )
    wire = wires[0]
    with started(home, late, wire, wire) as process:
        shows(wire, b"NOW")
        wire.cut()
        assert gone(process) in (0, 1)


QUICK = "import hotconf.tui.outside.terminal as t, hotconf.tui.launch as l\nt.GONE_S = l.ASKED_S = 0.5\n"


def test_what_hangs_does_not_keep_it(home: Path, wires: list[Wire]) -> None:
    """An editor that listens to no signal: both are ended by force."""
    wire = wires[0]
    with started(home, QUICK, wire, wire) as process:
        shows(wire, b"daily_limit_usd")
        os.write(wire.master, b"e")
        shows(wire, b"EDITING")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        wire.cut()
        assert gone(process) == 1
    assert children
    wait_until(lambda: not any(Path(f"/proc/{each}/exe").exists() for each in children))


def test_a_signal_is_answered_in_time(home: Path) -> None:
    """Whatever hangs; the terminal, which is there, is as it was."""
    code = QUICK + "import time, hotconf.tui.app as a; a.HotconfApp.end = lambda *_, **__: None\n"
    with Slow("run", home=home, code=code) as tty:
        tty.shows("daily_limit_usd")
        tty.process.send_signal(signal.SIGTERM)
        assert tty.status() == 1
        assert tty.restored


class Slow(Tty):
    """The app after `code`."""

    def __init__(self, *arguments: object, home: Path, code: str) -> None:
        self._code = code
        super().__init__(*arguments, home=home)

    def _start(self, command: object, **given: object) -> Program:
        return Program(LEADER + self._code + APP, *command, **given)  # type: ignore[misc, arg-type]


def test_the_kernel_ends_what_python_cannot(home: Path) -> None:
    """If no thread of it runs any more, or none can be had."""
    code = QUICK + "t._ALARM_S = 0.0; t.Watch._end = lambda self: __import__('time').sleep(1000)\n"
    code += "import hotconf.tui.app as a; a.HotconfApp.end = lambda *_, **__: None\n"
    with Slow("run", home=home, code=code) as tty:
        tty.shows("daily_limit_usd")
        tty.process.send_signal(signal.SIGTERM)
        assert tty.status() == -signal.SIGALRM


def test_what_writes_to_it_does_not_end() -> None:
    """The thread of Textual's that does would leave all others waiting."""

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    sink = terminal._Sink(SimpleNamespace(write=fail, flush=fail, fileno=lambda: 7))
    sink.write("x")
    sink.flush()
    assert sink.fileno() == 7
