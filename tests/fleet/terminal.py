"""A terminal as a reader of the pages has one: what is set stays set, and what runs in the background goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from docs.examples import ROOT
from docs.walk import FILE, STEP

LONGEST_S = 60.0
_END = "--- end of what it prints ---"
_MOMENT = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\bby \S+@\S+ at"), "by WHO at"),
    (re.compile(r"\(pid \d+\)( on \S+)?"), "(pid PID)"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://ETCD"),
    (re.compile(r"^    (web|proxy)-\d", re.MULTILINE), "    WHO"),
    (re.compile(r"^Waiting for .* Ctrl\+C to stop\.\n", re.MULTILINE), ""),
)
"""What differs each time: when, who, where, and which of the copies is the canary."""


class Terminal:
    """One shell in `directory`, from the first command to the last."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        named = {"PATH": path, "HOME": str(directory), "HOTCONF_LOG": "", "NO_COLOR": "1", "ETCDCTL_API": "3"}
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=named | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def type(self, command: str) -> str:
        """What it prints, on both of its outputs."""
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        late = Timer(LONGEST_S, self.end)
        late.start()
        shell.stdin.write(f"{command}\n{{ status=$?; echo '{_END}'; (exit $status); }} 2> /dev/null\n")
        shell.stdin.flush()
        said = ""
        while (line := shell.stdout.readline()) not in (f"{_END}\n", ""):
            said += line
        late.cancel()
        assert line, f"{command}: it does not end, or ended the shell: {said}"
        return said

    def end(self) -> None:
        """End everything that was started in it."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()

    def close(self) -> None:
        """The same, and it is not used any more."""
        self.end()
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def terminal(directory: Path, **environment: str) -> Iterator[Terminal]:
    """One that is closed in the end."""
    opened = Terminal(directory, environment)
    try:
        yield opened
    finally:
        opened.close()


def follow(page: str, at: Terminal, directory: Path, *replaced: tuple[str, str]) -> Iterator[tuple[str, str, str]]:
    """Do what `page` says, in order: yields each command, what it prints, and what the page says that it prints.

    `replaced`: what stands for something else on the reader's machine.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    for here, there in replaced:
        text = text.replace(here, there)
    for step in STEP.finditer(text):
        body = step["body"] or ""
        if step["run"]:
            at.type(step["run"])
        elif named := FILE.match(body):
            (directory / named[1]).write_text(body[named.end() :], encoding="utf-8")
        elif step["language"] == "console":
            for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
                yield command, timeless(at.type(command)), timeless(printed)


def timeless(said: str) -> str:
    """Without what differs each time."""
    for pattern, name in _MOMENT:
        said = pattern.sub(name, said)
    return said
