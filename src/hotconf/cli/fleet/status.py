"""`hotconf fleet status`: who runs what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet.remote import fleet_command

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote


@click.command(short_help="Show who runs what.")
@fleet_command
@click.option("--watch", is_flag=True, help="Again after each change, until Ctrl+C.")
@click.option("--all", "everyone", is_flag=True, help="List every process, however many there are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
@click.pass_context
def status(ctx: click.Context, remote: Remote, watch: bool, everyone: bool, as_json: bool) -> None:
    """Show the current version of the fleet NAME, which process runs what, and which refuse it, and why.

    Of more than 20 processes, those that need attention are listed, and the others counted, unless --all is given.

    Exit status: 0 all processes run what they should; 1 some do not, or a key is not understood; 2 there is no such
    fleet, etcd cannot be reached or refuses, or wrong usage.
    """
    from hotconf.cli.fleet.text import status_json, status_lines

    with remote.open() as fleet:
        for number, found in enumerate(fleet.statuses() if watch else [fleet.status()]):
            if as_json:
                echo(json.dumps(status_json(found)))
                continue
            if number:
                echo()
            for line in status_lines(found, everyone=everyone):
                echo(line)
    if found.nothing and not found.members:
        ctx.exit(2)  # perhaps another name was meant
    if not found.settled or found.of("nack") or found.unreadable:
        ctx.exit(1)
