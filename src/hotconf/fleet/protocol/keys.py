"""Where everything of one fleet is in etcd.

    <prefix>/<name>/ctl/current    what is to be served         <prefix>/<name>/doc/<version>         its bytes
                    ctl/offer      what is being voted on                       log/<epoch>           all there was
                    ctl/pause      instances hold                               vote/<id>/<boot>      of each process
                                                                                instance/<id>/<boot>  of each process

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
"""Of an epoch: so keys are in its order."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the fleet `name`."""

    root: bytes
    """What all of them begin with; it ends in a slash."""

    @classmethod
    def of(cls, name: str, prefix: str = PREFIX) -> Keys:
        """Raises `UsageError` for a name or a prefix that cannot be."""
        allowed = "letters, digits, `.`, `_` and `-`, in parts separated by `/`"
        for argument, given, path in (("name", name, name), ("prefix", prefix, str(prefix).removeprefix("/"))):
            if not _is_path(path):
                raise arguments.wrong(argument, given, allowed)
        if taken := set(name.split("/")) & set(_OURS):
            raise arguments.wrong("name", name, f"one without the part {taken.pop()}, which is of each fleet")
        return cls(f"{prefix}/{name}/".encode())

    @property
    def control(self) -> bytes:
        """What instances watch."""
        return self.root + b"ctl/"

    @property
    def current(self) -> bytes:
        """What is to be served."""
        return self.root + b"ctl/current"

    @property
    def offer(self) -> bytes:
        """What is being voted on."""
        return self.root + b"ctl/offer"

    @property
    def pause(self) -> bytes:
        """While it is there, instances hold."""
        return self.root + b"ctl/pause"

    @property
    def documents(self) -> bytes:
        """All documents."""
        return self.root + b"doc/"

    def document(self, version: str) -> bytes:
        """The bytes of a version, which never change."""
        return self.documents + version.encode()

    @property
    def log(self) -> bytes:
        """All that ever was current, in order."""
        return self.root + b"log/"

    def entry(self, epoch: int) -> bytes:
        """What was current at that epoch."""
        return self.log + f"{epoch:0{_DIGITS}}".encode()

    @property
    def votes(self) -> bytes:
        """The votes of all processes."""
        return self.root + b"vote/"

    @property
    def instances(self) -> bytes:
        """The records of all processes."""
        return self.root + b"instance/"

    def vote(self, instance: str, boot: str) -> bytes:
        """That of one process."""
        return self.votes + f"{instance}/{boot}".encode()

    def instance(self, instance: str, boot: str) -> bytes:
        """The record of one process."""
        return self.instances + f"{instance}/{boot}".encode()


def _is_path(given: object) -> bool:
    return isinstance(given, str) and all(map(_PART.fullmatch, given.split("/")))


def check_instance(given: object) -> str:
    """The id of an instance. Raises `UsageError` for what cannot be one."""
    if not isinstance(given, str) or not _PART.fullmatch(given):
        raise arguments.wrong("instance", given, "letters, digits, `.`, `_` and `-`")
    return given
