"""`hotconf fleet promote` and `hotconf fleet rollback`: make a published version current."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.refusal import confirm

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.fleet import Published

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
_note = click.option("--note", metavar="TEXT", default="", help="Why; kept in the history.")
_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@click.command(short_help="Serve everywhere what the canaries serve.")
@fleet_command
@_note
@_as_json
def promote(remote: Remote, note: str, as_json: bool) -> None:
    """Let all processes of the fleet NAME serve what its canaries serve.

    Exit status: 0 done; 1 something else became current meanwhile; 2 there are no canaries, etcd cannot be reached
    or refuses, or wrong usage.
    """
    with remote.open() as fleet:
        _say("promoted", fleet.promote(note=note), as_json=as_json)


@click.command(short_help="Go back to an earlier version.")
@fleet_command
@click.argument("version", required=False)
@_note
@click.option("--override", is_flag=True, help="Even while a publish is being voted on, which is dropped.")
@_yes
@_as_json
def rollback(remote: Remote, version: str | None, note: str, override: bool, yes: bool, as_json: bool) -> None:
    """Make VERSION current again in the fleet NAME; by default what was before the current one, and of canaries what
    the others serve. `hotconf fleet history` lists the versions.

    Exit status: 0 done; 1 not confirmed, or it is current already; 2 there is no such version, etcd cannot be reached
    or refuses, or wrong usage.
    """
    with remote.open() as fleet:
        if not yes:
            what = "what was before" if version is None else f"version {version}"
            confirm(f"Go back to {what}?")
        _say("rolled back", fleet.rollback(version, note=note, override=override), as_json=as_json)


def _say(what: str, published: Published, *, as_json: bool) -> None:
    from hotconf.cli.fleet.text import published_json, published_line

    if as_json:
        echo(json.dumps(published_json(published)))
    else:
        echo(f"{what}: {published_line(replace(published, action='publish'))}")
