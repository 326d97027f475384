"""A number is used or closed only while it stands for what we opened."""

from __future__ import annotations

import errno
import gc
import os
import sys
import time
from functools import partial
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the kernel's files are Linux's", allow_module_level=True)

from hotconf.system import linux
from hotconf.system.descriptors import CLOSED, EPOLL, INOTIFY, TIMER, ClosedError, Descriptor

MAKERS = {
    TIMER: partial(linux.timerfd_create, time.CLOCK_MONOTONIC, os.O_CLOEXEC),
    EPOLL: partial(linux.epoll_create1, os.O_CLOEXEC),
    INOTIFY: partial(linux.inotify_init1, os.O_CLOEXEC),
}
KINDS = pytest.mark.parametrize("kind", MAKERS)


def is_open(number: int) -> bool:
    """Whether the number stands for anything."""
    return os.path.lexists(f"/proc/self/fd/{number}")


def numbers() -> list[str]:
    """All that are open, and that of the listing."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def refuse(code: int):
    """A call that fails."""

    def call(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return call


@KINDS
def test_ours_is_used_and_closed(kind):
    """Once, however often it is called."""
    descriptor = Descriptor(kind, MAKERS[kind])
    number = descriptor.number
    assert descriptor.ours
    descriptor.close()
    assert not is_open(number)
    assert not descriptor.ours
    descriptor.close()


@KINDS
@pytest.mark.parametrize("theirs", [*MAKERS, "file", "nothing"])
def test_a_number_that_stands_for_another_file_is_left_alone(kind, theirs):
    """Another one of the same kind, too."""
    descriptor = Descriptor(kind, MAKERS[kind])
    number = descriptor.number
    os.close(number)
    if theirs != "nothing":
        made = os.open(os.devnull, os.O_RDONLY) if theirs == "file" else MAKERS[theirs]()
        assert made == number
    assert not descriptor.ours
    with pytest.raises(ClosedError, match=CLOSED):
        _ = descriptor.number
    descriptor.close()
    assert is_open(number) == (theirs != "nothing")
    if theirs != "nothing":
        os.close(number)


def test_one_of_ours_in_the_place_of_another_is_known():
    """The next one made has another mark."""
    first = Descriptor(TIMER, MAKERS[TIMER])
    os.close(first.number)
    second = Descriptor(TIMER, MAKERS[TIMER])
    assert not first.ours
    first.close()
    assert second.ours
    second.close()


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS])
def test_where_nothing_can_be_marked_the_kind_decides(monkeypatch, code):
    """Whether setting the mark is refused, or reading it."""
    with monkeypatch.context() as patch:
        patch.setattr(linux, "fcntl", refuse(code))
        descriptor = Descriptor(TIMER, MAKERS[TIMER])
        assert descriptor.ours
    assert descriptor.ours
    os.close(descriptor.number)
    assert not descriptor.ours
    marked = Descriptor(TIMER, MAKERS[TIMER])
    with monkeypatch.context() as patch:
        patch.setattr(linux, "fcntl", refuse(code))
        assert marked.ours
    marked.close()


def test_where_there_is_no_proc_the_mark_decides(monkeypatch):
    """In a chroot, for instance. With neither, nothing is taken for ours."""
    descriptor = Descriptor(TIMER, MAKERS[TIMER])
    number = descriptor.number
    monkeypatch.setattr(linux, "readlink", refuse(errno.ENOENT))
    assert descriptor.number == number
    with monkeypatch.context() as patch:
        patch.setattr(linux, "fcntl", refuse(errno.EPERM))
        assert not descriptor.ours
    descriptor.close()
    assert not is_open(number)


def test_a_fork_copies_the_mark():
    """The child closes its copy; the parent's stays."""
    descriptor = Descriptor(TIMER, MAKERS[TIMER])
    child = os.fork()
    if child == 0:
        number = descriptor.number
        descriptor.close()
        os._exit(int(is_open(number)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert descriptor.ours
    descriptor.close()


def test_what_cannot_be_told_from_others_is_not_kept_open(monkeypatch):
    """Neither marked nor known by its kind: it is closed, and the refusal raised."""
    before = numbers()
    with monkeypatch.context() as patch:
        patch.setattr(linux, "fcntl", refuse(errno.EPERM))
        patch.setattr(linux, "readlink", refuse(errno.ENOENT))
        with pytest.raises(OSError, match="not permitted"):
            Descriptor(TIMER, MAKERS[TIMER])
    gc.collect()
    assert numbers() == before
