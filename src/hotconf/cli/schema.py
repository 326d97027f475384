"""`hotconf schema`: what an editor needs to know to help with a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.options import path_argument
from hotconf.cli.program import program_options
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.cli.program import Program


@click.command(short_help="Print the JSON Schema for editors; --stamp installs it.")
@path_argument
@click.option("--stamp", is_flag=True, help="Write it next to PATH, and refer to it at the top of PATH.")
@click.option("--force", is_flag=True, help="With --stamp, replace a schema of another model or program, too.")
@program_options
def schema(path: Path | None, stamp: bool, force: bool, program: Program) -> None:
    """Print the JSON Schema (draft 2020-12) of a configuration: every key with its type, limits, default and meaning.

    With --stamp it is written to NAME.schema.json next to PATH, and PATH gets the reference that editors look for:
    #:schema ./NAME.schema.json in TOML, # yaml-language-server: $schema=./NAME.schema.json in YAML, both at the top,
    and the key $schema in JSON. Doing so again brings the schema up to date. A schema of another model, a file that
    is not hotconf's, or a reference to another schema is only replaced with --force.

    Exit status: 0 done; 2 it could not be written, or wrong usage.
    """
    if not stamp:
        if path is not None or force:
            raise click.UsageError(f"{'--force' if path is None else 'PATH'} is only for --stamp")
        from hotconf.cli.paint import painted
        from hotconf.report.jsonschema import json_schema, may_set

        echo(
            painted(json_schema(program.model(), layered=may_set(program.layers())), stdout(), "document"),
            nl=False,
            color=True,
        )
        return
    from hotconf.cli.stamp import stamp as put

    written = put(program.file(path), program, force=force)
    for file in written:
        echo(f"Wrote {printable(str(file))}", err=True)
    if not written:
        echo("Already up to date", err=True)
