"""The fleet: a document in etcd that many machines follow, and the operations on it (extra `fleet`)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hotconf.fleet.errors import DeniedError as DeniedError
    from hotconf.fleet.errors import FleetError as FleetError
    from hotconf.fleet.errors import ReplyLostError as ReplyLostError
    from hotconf.fleet.errors import TooLargeError as TooLargeError
    from hotconf.fleet.errors import UnreachableError as UnreachableError
    from hotconf.fleet.etcd.access import TLS as TLS
    from hotconf.fleet.instance.source import Etcd as Etcd
    from hotconf.fleet.publishing.publisher import Fleet as Fleet
    from hotconf.fleet.publishing.results import AbortedError as AbortedError
    from hotconf.fleet.publishing.results import ConflictError as ConflictError
    from hotconf.fleet.publishing.results import FleetStatus as FleetStatus
    from hotconf.fleet.publishing.results import Member as Member
    from hotconf.fleet.publishing.results import Pruned as Pruned
    from hotconf.fleet.publishing.results import Published as Published
    from hotconf.fleet.publishing.results import Shown as Shown
    from hotconf.fleet.publishing.results import UnchangedError as UnchangedError
    from hotconf.fleet.publishing.results import Waited as Waited

_HOMES: Final = {
    "etcd.access": ("TLS",),
    "errors": ("DeniedError", "FleetError", "ReplyLostError", "TooLargeError", "UnreachableError"),
    "instance.source": ("Etcd",),
    "publishing.publisher": ("Fleet",),
    "publishing.results": (
        "AbortedError",
        "ConflictError",
        "FleetStatus",
        "Member",
        "Pruned",
        "Published",
        "Shown",
        "UnchangedError",
        "Waited",
    ),
}
"""Where each public name is defined, so that an instance imports nothing of the publisher."""
_NAMES: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AbortedError",
    "ConflictError",
    "DeniedError",
    "Etcd",
    "Fleet",
    "FleetError",
    "FleetStatus",
    "Member",
    "Pruned",
    "Published",
    "ReplyLostError",
    "Shown",
    "TLS",
    "TooLargeError",
    "UnchangedError",
    "UnreachableError",
    "Waited",
]


def __getattr__(name: str) -> Any:
    if (module := _NAMES.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
