"""The group of the fleet's commands."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar, Final

import click

from hotconf.cli.group import Commands

_HOMES: Final = {
    "publish": "publish",
    "status": "status",
    "promote": "changing",
    "rollback": "changing",
    "history": "documents",
    "diff": "documents",
    "show": "documents",
    "prune": "prune",
    "pause": "holding",
    "resume": "holding",
    "agent": "agent",
}
"""In the order of the help: the module of each."""


class _Fleet(Commands):
    homes = MappingProxyType({name: f"hotconf.cli.fleet.{module}" for name, module in _HOMES.items()})
    prefix: ClassVar[str] = "fleet "


@click.group(cls=_Fleet, short_help="Publish to many machines, through etcd.")
def fleet() -> None:
    """Publish a configuration to many machines through etcd, and see which of them accept it.

    NAME is the fleet's, as in the programs' Etcd("shop/prod", …). Every command takes --endpoints, or
    HOTCONF_ETCD_ENDPOINTS, and for etcd with users HOTCONF_ETCD_USER and HOTCONF_ETCD_PASSWORD.
    """
