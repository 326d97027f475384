"""Connections of our own threads: what they send, and when."""

from __future__ import annotations

import _socket

import httpcore
import pytest

from hotconf.fleet.etcd import native


def test_a_request_is_one_packet() -> None:
    """Its head and its body are sent together, once the answer is awaited, and each byte once."""
    ours, theirs = _socket.socketpair()
    stream = native._Plain(ours)
    theirs.setblocking(False)
    for number in range(2):
        stream.write(b"head")
        stream.write(b"body")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        theirs.send(b"answer %d" % number)
        assert stream.read(100, 60) == b"answer %d" % number
        assert theirs.recv(100) == b"headbody"
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(100, 0.01)
    theirs.close()
    stream.write(b"to nobody")
    with pytest.raises(httpcore.ReadError):
        stream.read(100, 60)
    stream.close()
