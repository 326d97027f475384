"""`hotconf fleet prune`: delete what is old."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.refusal import Refusal, confirm

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote


@click.command(short_help="Delete old entries of the history.")
@fleet_command
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(2, 1000),
    default=100,
    show_default=True,
    help="How many entries of the history stay.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def prune(remote: Remote, keep: int, yes: bool, as_json: bool) -> None:
    """Delete all but the newest entries of the history of the fleet NAME, and the documents that only these name. No
    rollback to them is possible afterwards.

    The current version, one on offer, and versions that a process serves stay; so does the highest, because no number
    is used twice. You see what will be deleted, and are asked to confirm, unless --yes is given. Nothing else deletes
    anything: publishing does not.

    Exit status: 0 deleted, or nothing to delete; 1 not confirmed, or others kept publishing; 2 nothing is published
    there, etcd cannot be reached or refuses, or wrong usage.
    """
    from hotconf.cli.fleet.text import counted, pruned_json, pruned_text

    with remote.open() as fleet:
        old = fleet.prune(keep, dry_run=True)
        if not (old.epochs or old.entries_left):
            raise Refusal(f"nothing is published in {remote.name}")
        if old.epochs or old.versions:
            if not yes:
                echo(f"To be deleted: {pruned_text(old)}", err=True)
                confirm("They cannot be gone back to any more. Go on?")
            old = fleet.prune(keep, before=max(old.epochs, default=0) + 1)
    if as_json:
        echo(json.dumps(pruned_json(old)))
    elif old.epochs or old.versions:
        left = f"{counted(old.entries_left, 'entry')} and {counted(old.documents_left, 'document')}"
        echo(f"deleted: {pruned_text(old)}; left: {left}")
    else:
        echo(f"nothing to delete: the history has {counted(old.entries_left, 'entry')}, and {keep} stay")
