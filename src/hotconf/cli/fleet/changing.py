"""`hotconf fleet promote` and `hotconf fleet rollback`: make a published version current."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from hotconf.cli.echo import echo
from hotconf.cli.fleet import waiting
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.program import program_options
from hotconf.cli.refusal import Refusal, confirm

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.cli.program import Program
    from hotconf.fleet import Fleet, Published

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
_note = click.option("--note", metavar="TEXT", default="", help="Why; kept in the history.")
_expect = click.option("--expect", metavar="VERSION", help="Only if this version is current.")
_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@click.command(short_help="Serve everywhere what the canaries serve.")
@fleet_command
@_note
@_expect
@waiting.wait_options
@_as_json
def promote(remote: Remote, note: str, expect: str | None, wait: bool, timeout_s: float, as_json: bool) -> None:
    """Let all processes of the fleet NAME serve what its canaries serve.

    Exit status: 0 done, with --wait accepted by all; 1 something else became current meanwhile, or, with --wait, one
    refused or did not answer in time; 2 there are no canaries, etcd cannot be reached or refuses, or wrong usage.
    """
    with remote.open() as fleet:
        published = fleet.promote(note=note, expect=expect)
        _finish(remote, fleet, "promoted", published, timeout_s if wait else None, as_json=as_json)


@click.command(short_help="Go back to an earlier version.")
@fleet_command
@click.argument("version", required=False)
@_note
@_expect
@click.option("--override", is_flag=True, help="Even while a publish is being voted on, which is dropped.")
@waiting.wait_options
@_yes
@_as_json
@program_options
def rollback(
    remote: Remote,
    version: str | None,
    note: str,
    expect: str | None,
    override: bool,
    wait: bool,
    timeout_s: float,
    yes: bool,
    as_json: bool,
    program: Program,
) -> None:
    """Make VERSION current again in the fleet NAME; by default what was before the current one, and of canaries what
    the others serve. `hotconf fleet history` lists the versions.

    The difference to the current version is shown, with secrets as …, and you are asked to confirm, unless --yes is
    given. What is published meanwhile is not rolled back. With --yes give --expect, so that two who go back at the
    same time do not go back twice.

    Exit status: 0 done, with --wait accepted by all; 1 not confirmed, it is current already, something else is, or,
    with --wait, one refused or did not answer in time; 2 there is no such version, etcd cannot be reached or refuses,
    or wrong usage.
    """
    with remote.open() as fleet:
        seen = None if yes else _ask(fleet, version, expect, program)
        current, target = (expect, version) if seen is None else seen
        published = fleet.rollback(target, note=note, override=override, expect=current)
        _finish(remote, fleet, "rolled back", published, timeout_s if wait else None, as_json=as_json)


def _ask(fleet: Fleet, version: str | None, expect: str | None, program: Program) -> tuple[Published, str] | None:
    """Ask for confirmation. Returns the current publish and the version to go back to; None if it is refused."""
    from hotconf.cli.fleet.judging import show_difference
    from hotconf.errors import UsageError
    from hotconf.fleet import FleetError

    status = fleet.status()
    current = status.current
    target = fleet.before() if version is None else version
    if current is None and not status.nothing:
        confirm(f"What is current is not understood. Go back to version {target}?")
        return None
    if (
        current is None
        or (current.version == target and current.canary is None)
        or expect not in (None, current.version)
    ):
        return None
    try:
        show_difference(fleet, current.version, target, program)
    except (Refusal, FleetError, UsageError) as error:  # what is wrong must not be in the way of going back
        echo(f"The difference is not shown: {error}", err=True)
    confirm(f"Go back from version {current.version} to version {target}?")
    return current, target


def _finish(
    remote: Remote, fleet: Fleet, what: str, published: Published, timeout_s: float | None, *, as_json: bool
) -> None:
    """Print it, and with --wait its result; exits with 1 if not all processes accept it."""
    from hotconf.cli.fleet.text import published_json, published_line

    remote.done.update(published_json(published))
    done = remote.done if as_json else None
    if done is None:
        echo(f"{what}: {published_line(replace(published, action='publish'))}")
    fine = timeout_s is None or waiting.wait_for(remote, fleet, published, timeout_s, done)
    if done is not None:
        echo(json.dumps(done))
    elif timeout_s is None:
        waiting.hint(remote, "to see who accepts it", "status", "--watch")
    if not fine:
        raise Exit(1)
