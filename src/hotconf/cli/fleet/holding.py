"""`hotconf fleet pause` and `hotconf fleet resume`: between them, processes keep what they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet.remote import fleet_command

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote


@click.command(short_help="Let all processes keep what they have.")
@fleet_command
@click.option("--note", metavar="TEXT", default="", help="Why; shown by status.")
def pause(remote: Remote, note: str) -> None:
    """Let all processes of the fleet NAME keep what they have; what is published from now on waits for resume."""
    with remote.open() as fleet:
        fleet.pause(note)
    echo("paused", err=True)


@click.command(short_help="Go on after a pause.")
@fleet_command
def resume(remote: Remote) -> None:
    """Let all processes of the fleet NAME serve the current version."""
    with remote.open() as fleet:
        fleet.resume()
    echo("resumed", err=True)
