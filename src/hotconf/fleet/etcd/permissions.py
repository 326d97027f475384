"""What a user's roles lack: etcd says that permission is denied, and not for which key.

Each key that a request needs is tried by itself, in the branch of a transaction that is never taken: etcd checks
permissions for both. So nothing is changed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from hotconf.fleet.errors import DeniedError, FleetError
from hotconf.fleet.etcd.requests import Compare, Get, Op, Put, Txn
from hotconf.text import printable

Kind: TypeAlias = Literal["read", "readwrite"]

_MANY: Final = 3
"""Of what lacks below one prefix: all of it is advised."""


class Grant(NamedTuple):
    """What a role has, or lacks: as `etcdctl role grant-permission ROLE --prefix=true` takes it."""

    kind: Kind
    prefix: bytes


def lacking(txn: Txn, tried: Callable[[Txn], object]) -> tuple[Grant, ...]:
    """The grants that are missing for it. `tried` does a transaction, and raises `DeniedError`."""
    needed: dict[tuple[bytes, bool], Op] = {}
    for each in (*txn.conditions, *txn.then, *txn.otherwise):
        op: Op = Get(each.key, each.until) if isinstance(each, Compare) else each
        # It is not to need what a lease has.
        needed.setdefault((_folder(op), isinstance(op, Get)), Put(op.key, b"") if isinstance(op, Put) else op)
    written = {folder for folder, reads in needed if not reads}
    denied = [folder for (folder, _), op in needed.items() if _is_denied(op, tried)]
    return _together(Grant("readwrite" if folder in written else "read", folder) for folder in dict.fromkeys(denied))


def advice(grants: Iterable[Grant]) -> str:
    """`its roles lack read on /a/ and /b/, readwrite on /c/ (etcdctl role grant-permission …)`."""
    by: dict[Kind, list[str]] = {}
    for grant in grants:
        by.setdefault(grant.kind, []).append(printable(grant.prefix.decode(errors="replace")))
    lacks = ", ".join(f"{kind} on {' and '.join(prefixes)}" for kind, prefixes in by.items())
    one = next(iter(by.items()))
    what = f"{one[0]} {one[1][0]}" if [len(prefixes) for prefixes in by.values()] == [1] else "KIND PREFIX"
    return f"its roles lack {lacks} (etcdctl role grant-permission ROLE --prefix=true {what})"


def _is_denied(op: Op, tried: Callable[[Txn], object]) -> bool:
    try:
        tried(Txn((), (), (op,)))
    except DeniedError:
        return True
    except FleetError:  # it is not known
        return False
    return False


def _folder(op: Op) -> bytes:
    """What a role is granted: all below."""
    return op.key[: op.key.rfind(b"/") + 1] or op.key


def _together(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """As one, where many lack the same below one prefix."""
    found = list(grants)
    for parent in {grant.prefix[: grant.prefix[:-1].rfind(b"/") + 1] for grant in found}:
        below = [grant for grant in found if grant.kind == "read" and grant.prefix.startswith(parent)]
        if len(below) >= _MANY:
            found = [Grant("read", parent), *(grant for grant in found if grant not in below)]
    return tuple(found)
