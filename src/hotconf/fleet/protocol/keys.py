"""The keys of one fleet in etcd.

    <prefix>/<name>/ctl/current    the current document         <prefix>/<name>/doc/<version>         its bytes
                    ctl/offer      the document in the vote                     log/<epoch>           the history
                    ctl/pause      instances change nothing                     vote/<id>/<boot>      of each process
                                                                                instance/<id>/<boot>  its record

Instances watch `ctl/` only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hotconf import arguments

PREFIX: Final = "/hotconf"
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_OURS: Final = ("ctl", "doc", "instance", "log", "vote")
_DIGITS: Final = 12
"""Epochs are padded to this many digits, so that keys sort by epoch."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the fleet `name`."""

    name: str
    root: bytes
    """Their common prefix, with a trailing slash."""

    @classmethod
    def of(cls, name: str, prefix: str = PREFIX) -> Keys:
        """Raises `UsageError` for an invalid name or prefix."""
        allowed = "letters, digits, `.`, `_` and `-`, in parts separated by `/`"
        for argument, given, path in (("name", name, name), ("prefix", prefix, str(prefix).removeprefix("/"))):
            if not _is_path(path):
                raise arguments.wrong(argument, given, allowed)
        if taken := set(name.split("/")) & set(_OURS):
            raise arguments.wrong("name", name, f"one without the part {taken.pop()}, which is reserved")
        return cls(name, f"{prefix}/{name}/".encode())

    @property
    def control(self) -> bytes:
        """The prefix that instances watch."""
        return self.root + b"ctl/"

    @property
    def current(self) -> bytes:
        """The current document."""
        return self.root + b"ctl/current"

    @property
    def offer(self) -> bytes:
        """The offered document, while there is one."""
        return self.root + b"ctl/offer"

    @property
    def pause(self) -> bytes:
        """While this key exists, instances change nothing."""
        return self.root + b"ctl/pause"

    @property
    def documents(self) -> bytes:
        """The prefix of all documents."""
        return self.root + b"doc/"

    def document(self, version: str) -> bytes:
        """The document of that version; it is never overwritten."""
        return self.documents + version.encode()

    @property
    def log(self) -> bytes:
        """The prefix of the history, in order."""
        return self.root + b"log/"

    def entry(self, epoch: int) -> bytes:
        """The history's entry of that epoch."""
        return self.log + f"{epoch:0{_DIGITS}}".encode()

    @property
    def votes(self) -> bytes:
        """The prefix of all votes."""
        return self.root + b"vote/"

    @property
    def instances(self) -> bytes:
        """The prefix of all records."""
        return self.root + b"instance/"

    def vote(self, instance: str, boot: str) -> bytes:
        """The vote of one process."""
        return self.votes + f"{instance}/{boot}".encode()

    def instance(self, instance: str, boot: str) -> bytes:
        """The record of one process."""
        return self.instances + f"{instance}/{boot}".encode()


def _is_path(given: object) -> bool:
    return isinstance(given, str) and all(map(_PART.fullmatch, given.split("/")))


def check_instance(given: object) -> str:
    """`given`, if it is a valid id of an instance. Raises `UsageError` otherwise."""
    if not isinstance(given, str) or not _PART.fullmatch(given):
        raise arguments.wrong("instance", given, "letters, digits, `.`, `_` and `-`")
    return given
