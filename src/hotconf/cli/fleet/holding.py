"""`hotconf fleet pause` and `hotconf fleet resume`: between them, processes keep what they have."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet import waiting
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.refusal import Refusal

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.fleet import Fleet, FleetStatus

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")


@click.command(short_help="Let all processes keep what they have.")
@fleet_command
@click.option("--note", metavar="TEXT", default="", help="Why; shown by status.")
@_as_json
def pause(remote: Remote, note: str, as_json: bool) -> None:
    """Let all processes of the fleet NAME keep what they have; what is published from now on waits for resume.

    Exit status: 0 done; 1 it is paused already; 2 there is no such fleet, etcd cannot be reached or refuses, or wrong
    usage.
    """
    from hotconf.cli.fleet.text import counted

    with remote.open() as fleet:
        _status(fleet)
        fleet.pause(note)
        status = fleet.status()
    if as_json:
        echo(json.dumps({"paused": None if status.pause is None else asdict(status.pause)}))
        return
    number = len(status.members)
    keep = "keeps what it has" if number == 1 else "keep what they have"
    echo(f"paused: {counted(number)} {keep}" if number else "paused: no process is registered")
    waiting.hint(remote, "to go on", "resume")


@click.command(short_help="Go on after a pause.")
@fleet_command
@_as_json
def resume(remote: Remote, as_json: bool) -> None:
    """Let all processes of the fleet NAME serve the current version.

    Exit status: 0 done, or it was not paused; 2 there is no such fleet, etcd cannot be reached or refuses, or wrong
    usage.
    """
    from hotconf.cli.fleet.text import published_line

    with remote.open() as fleet:
        before = _status(fleet)
        fleet.resume()
    if as_json:
        echo(json.dumps({"paused": None}))
    elif before.pause is None:
        echo("it was not paused")
    else:
        nothing = "nothing is published yet" if before.nothing else "current: not understood"
        now = nothing if before.current is None else published_line(before.current)
        echo(f"resumed: {now}")
        waiting.hint(remote, "to see who accepts it", "status", "--watch")


def _status(fleet: Fleet) -> FleetStatus:
    """The status, if there is such a fleet."""
    status = fleet.status()
    if status.nothing and not status.members and status.pause is None:
        raise Refusal(f"nothing is published in {fleet.name}, and no process is registered")
    return status
