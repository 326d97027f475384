"""`hotconf fleet history`, `diff` and `show`: what was published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.program import program_options

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.cli.program import Program


@click.command(short_help="List what was published.")
@fleet_command
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="List at most this many.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def history(remote: Remote, limit: int, as_json: bool) -> None:
    """List the history of the fleet NAME, newest first: version, epoch, who, when, and the note."""
    from hotconf.cli.fleet.text import problem_lines, published_json, published_line

    with remote.open() as fleet:
        entries, strange = fleet.history(limit), fleet.unreadable(limit)
    for line in problem_lines(strange):
        echo(line, err=True)
    for entry in entries:
        echo(json.dumps(published_json(entry)) if as_json else published_line(entry))
    if not entries and not strange:
        echo("nothing is published yet", err=True)


@click.command(short_help="Compare two versions.")
@fleet_command
@click.argument("old")
@click.argument("new", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with both versions and the lines.")
@program_options
@click.pass_context
def diff(ctx: click.Context, remote: Remote, old: str, new: str | None, as_json: bool, program: Program) -> None:
    """Show how version NEW of the fleet NAME differs from version OLD, as a unified diff with secrets as …; without
    NEW the current version.

    Exit status: 0 the same; 1 different; 2 there is no such version, etcd cannot be reached or refuses, or wrong
    usage.
    """
    from hotconf.cli.fleet.judging import difference
    from hotconf.cli.paint import painted

    with remote.open() as fleet:
        before, after = fleet.show(old), fleet.show(new)
    titles = (f"{remote.name} version {before.version}", f"{remote.name} version {after.version}")
    lines = tuple(difference(remote.name, (before.data, before.format), (after.data, after.format), program, titles))
    if as_json:
        echo(json.dumps({"old": before.version, "new": after.version, "difference": list(lines)}))
    for line in () if as_json else lines:
        echo(painted(line, stdout(), "difference"), color=True)
    if lines:
        ctx.exit(1)


@click.command(short_help="Print a document.")
@fleet_command
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the version, its hash and the document.")
def show(remote: Remote, version: str | None, as_json: bool) -> None:
    """Print a document of the fleet NAME as it was published, by default the current one. Nothing in it is masked."""
    with remote.open() as fleet:
        shown = fleet.show(version)
    text = shown.data.decode("utf-8", "replace")
    if as_json:
        found = {"version": shown.version, "sha256": shown.sha256, "format": shown.format, "document": text}
        echo(json.dumps(found))
        return
    echo(text, nl=not text.endswith("\n"))
