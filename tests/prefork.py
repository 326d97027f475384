"""Python programs in processes of their own, forked from one that has imported hotconf already.

A new interpreter takes 0.3 s of CPU to import hotconf and pydantic, 0.45 s with the app; a fork takes 20 ms. Tests of
the start itself, of what is imported when, of memory or of interpreter options start an interpreter.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import select
import socket
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_MOST_BYTES: Final = 1 << 20
_IMPORTED: Final = ("hotconf.watcher", "hotconf.cli.app", "hotconf.cli.check", "hotconf.cli.watch", "hotconf.tui.app")


MODULE: Final = "import runpy; runpy.run_module('{}', run_name='__main__', alter_sys=True)"
"""Code that runs a module, as `python -m` does."""


class Program(subprocess.Popen[Any]):
    """Runs as `python -c code arguments…` would; what else is given is for `Popen`, `preexec_fn` and users aside."""

    def __init__(self, code: str, *arguments: object, ignore_warnings: bool = False, **given: Any) -> None:
        self._warn = not ignore_warnings
        self._reply, self._replies = os.pipe()
        super().__init__(["-c", *map(str, arguments)], executable=code, **given)

    # `Popen` calls these to start the process and to wait for it: its parent is the server, which says how it ended.

    def _execute_child(
        self,
        args: Sequence[str],
        executable: str,
        preexec_fn: object,
        close_fds: object,
        pass_fds: Sequence[int],
        cwd: str | None,
        env: Mapping[str, str] | None,
        startupinfo: object,
        creationflags: object,
        shell: object,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        restore_signals: object,
        gid: object,
        gids: object,
        uid: object,
        umask: object,
        start_new_session: bool,
        process_group: object = -1,
    ) -> None:
        asked = {
            "code": executable,
            "arguments": args,
            "directory": str(Path(cwd or ".").absolute()),
            "environment": dict(os.environ if env is None else env),
            "session": start_new_session,
            "warn": self._warn,
        }
        streams = [own if given == -1 else given for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        socket.send_fds(_server(), [json.dumps(asked).encode()], [*streams, self._replies])
        os.close(self._replies)
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]
        self.pid = int(os.read(self._reply, 8))
        self._child_created = True

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags & os.WNOHANG and not select.select([self._reply], [], [], 0)[0]:
            return 0, 0
        status = int(os.read(self._reply, 8))
        os.close(self._reply)
        return self.pid, status

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def completed(
    code: str, *arguments: object, timeout: float = 60, check: bool = False, **given: Any
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end: its status, and what it wrote."""
    pipe = subprocess.PIPE
    with Program(code, *arguments, text=True, **{"stdout": pipe, "stderr": pipe, **given}) as program:
        try:
            out, err = program.communicate(timeout=timeout)
        except BaseException:
            program.kill()
            raise
    done = subprocess.CompletedProcess(["-c", *map(str, arguments)], program.returncode, out, err)
    if check:
        assert done.returncode == 0, (done.returncode, err)
    return done


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


# The server


def main() -> None:
    """Fork for each request, and be that program in the child."""
    server = socket.socket(fileno=int(sys.argv[1]))
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    asked = _serve(server)
    if asked is None:
        return
    sys.modules["__main__"] = program = ModuleType("__main__")
    exec(compile(asked["code"], "<string>", "exec"), vars(program))  # and the interpreter ends as it does


def _serve(server: socket.socket) -> dict[str, Any] | None:
    """A request, in the child; nothing when there are no more."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        for found in select.select([server, *running], [], [])[0]:
            if found is not server:
                pid, replies = running.pop(found)
                os.close(found)
                _, status = os.waitpid(pid, 0)
                _say(replies, status)
                os.close(replies)
                continue
            message, descriptors, _, _ = socket.recv_fds(server, _MOST_BYTES, 4)
            if not message:
                return None
            *streams, replies = descriptors
            pid = os.fork()
            if pid == 0:
                _become(asked := json.loads(message), streams)
                return asked
            for stream in streams:
                os.close(stream)
            _say(replies, pid)
            running[os.pidfd_open(pid)] = pid, replies


def _say(replies: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(replies, b"%8d" % number)


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    """What a new interpreter would have, instead of what the server has."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if asked["session"]:
        os.setsid()
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = asked["arguments"]
    sys.path[0] = ""
    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if not asked["warn"]:
        warnings.simplefilter("ignore")
    sys.stdin = sys.__stdin__ = _stream(0, "r", "strict")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", "backslashreplace")  # type: ignore[misc]


def _stream(number: int, mode: str, errors: str) -> io.TextIOWrapper:
    unbuffered = mode == "w" and bool(os.environ.get("PYTHONUNBUFFERED"))
    binary = open(number, mode + "b", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(
        binary,
        encoding=os.environ.get("PYTHONIOENCODING") or sys.getfilesystemencoding(),
        errors=errors,
        line_buffering=number == 2 or os.isatty(number),
        write_through=unbuffered,
    )


if __name__ == "__main__":
    main()
