"""`hotconf explain`: why a value is what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import state_dir_option
from hotconf.cli.program import profile_option, program_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program


@click.command(short_help="Show what each layer says about a value: the winner first.")
@click.argument("key", metavar="KEY")
@click.argument("arguments", nargs=-1, metavar="[@N] [PATH]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@program_options
@profile_option
@state_dir_option("Where @N is kept; .hotconf in the configuration's directory unless given.")
@click.pass_context
def explain(
    ctx: click.Context,
    key: str,
    arguments: tuple[str, ...],
    as_json: bool,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Show the value of KEY, a dotted key such as server.port, and below it what each layer says about it: the one
    that counts first, then those that it overrides. Of a table, each value in it. PATH and @N are those of
    `hotconf show`.

    The values of layers are as they are written there, before validation. Secrets are masked. Warnings go to stderr.

    Exit status: 0 shown, 1 the configuration is not valid, 2 a file that is missing, unreadable or too large, a KEY
    that does not exist, or wrong usage.
    """
    from hotconf.cli import states
    from hotconf.keypath import dotted
    from hotconf.report import explanation

    found, options = states.effective(ctx, arguments, program, state_dir)
    schema = options.schema
    path = states.key_of(key, schema)
    explained = explanation.explain(found.snapshot, schema, path)
    if as_json:
        import json

        echo(json.dumps(explanation.as_json(explained, path), indent=2))
    else:
        echo(explanation.as_text(explained) or dotted(path))
