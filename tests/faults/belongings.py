"""What a program may have open: one of each kind, and whether anything happened to it."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import termios
from pathlib import Path

from hotconf.system import linux


class Belongings:
    """Open files of every kind, as many times over as it takes to fill the numbers that were freed.

    Numbers, not objects: freeing an object would close a number that may belong to another file by then.
    """

    def __init__(self, directory: Path, times: int = 4) -> None:
        self._directory = directory
        self._numbers = [number for turn in range(times) for number in self._one_of_each(turn)]
        self._before = self._state()

    def _one_of_each(self, turn: int) -> list[int]:
        """Pipes first, then timers: a new order each turn, so that each kind gets each number."""
        makers = [self._file, self._pipe, self._timer, self._event, self._inotify, self._epoll, self._socket]
        turned = makers[turn % len(makers) :] + makers[: turn % len(makers)]
        return [number for make in turned for number in make(turn)]

    def _file(self, turn: int) -> list[int]:
        path = self._directory / f"mine-{turn}"
        path.write_text("mine")
        return [os.open(path, os.O_RDWR | os.O_APPEND)]

    def _pipe(self, _: int) -> list[int]:
        reader, writer = os.pipe()
        os.write(writer, b"mine")
        return [reader, writer]

    def _timer(self, _: int) -> list[int]:
        return [linux.timerfd_create(1, os.O_NONBLOCK)]

    def _event(self, _: int) -> list[int]:
        return [os.eventfd(3, os.EFD_NONBLOCK)]

    def _inotify(self, turn: int) -> list[int]:
        number = linux.inotify_init1(os.O_NONBLOCK)
        linux.inotify_add_watch(number, os.fsencode(self._directory), 0x100)
        (self._directory / f"seen-{turn}-{number}").touch()
        return [number]

    def _epoll(self, _: int) -> list[int]:
        return [linux.epoll_create1(0)]

    def _socket(self, _: int) -> list[int]:
        pair = socket.socketpair()
        pair[0].send(b"mine")
        return [each.detach() for each in pair]

    def _state(self) -> list[tuple[int, str, str, int, int]]:
        """What can be seen without touching it: kind, position, timer, counter, watches; what waits to be read."""
        found = []
        for number in self._numbers:
            try:
                link = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - it is no path
            except FileNotFoundError:
                found.append((number, "closed", "", -1, -1))
                continue
            size = os.stat(link).st_size if link.startswith("/") else -1  # noqa: PTH116
            found.append((number, link, Path(f"/proc/self/fdinfo/{number}").read_text(), size, _waiting(number)))
        return found

    def assert_intact(self) -> None:
        """Nothing was written, read, set, watched or closed."""
        touched = [(before, now) for before, now in zip(self._before, self._state(), strict=True) if before != now]
        assert not touched, touched


def _waiting(number: int) -> int:
    """So many bytes can be read."""
    waiting = array.array("i", [0])
    try:
        fcntl.ioctl(number, termios.FIONREAD, waiting)
    except OSError:
        return -1
    return waiting[0]
