"""A forked program is what a new interpreter would be, to itself and to who started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from prefork import Program, completed

PROGRAM = dedent("""
    import atexit, os, sys, threading
    atexit.register(print, "at exit")
    threading.Thread(target=lambda: print("a thread", threading.main_thread().join())).start()
    print(__name__, sys.argv, sys.path[:2], os.getcwd(), os.environ["WORD"])
    print(sys.stdin.read(), os.listdir("/proc/self/fd"), threading.active_count())
    print([each.encoding for each in (sys.stdin, sys.stdout, sys.stderr)], file=sys.stderr)
    sys.exit(7)
""")


def test_it_is_like_an_interpreter_of_its_own(tmp_path: Path) -> None:
    """Arguments, paths, environment, directory, streams, descriptors, threads, the end and its status."""
    how = {"cwd": tmp_path, "env": {**os.environ, "WORD": "é", "PYTHONPATH": str(tmp_path)}}
    command = [sys.executable, "-c", PROGRAM, "one", "2"]
    wanted = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **how)
    found = completed(PROGRAM, "one", 2, stdin=subprocess.DEVNULL, **how)
    assert (found.returncode, found.stdout, found.stderr) == (7, wanted.stdout, wanted.stderr)


@pytest.mark.parametrize("end", ["raise ValueError('it is wrong')", "import os; os.kill(os.getpid(), 9)"])
def test_it_ends_like_one(end: str) -> None:
    """By an exception or a signal."""
    command = [sys.executable, "-c", end]
    wanted = subprocess.run(command, capture_output=True, text=True, check=False)
    found = completed(end)
    assert found.returncode == wanted.returncode
    assert found.stderr.splitlines()[-1:] == wanted.stderr.splitlines()[-1:]


def test_it_can_be_waited_for_and_killed() -> None:
    """As any `Popen`."""
    with Program("input()", stdin=subprocess.PIPE) as program:
        assert program.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.01)
        program.kill()
        assert program.wait(60) == -9
        assert program.poll() == -9
