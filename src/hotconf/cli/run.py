"""`hotconf run`: the terminal app; until it is there, what `watch` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.options import path_argument, schema_option
from hotconf.cli.places import default_path
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.schema import Schema


@click.command(short_help="Watch your configuration live; write a first one if there is none.")
@path_argument
@schema_option
def run(path: Path | None, schema: Schema[Any]) -> None:
    """Watch PATH live.

    Without a PATH, and if there is no configuration yet, a commented one is written first. This version has no
    terminal app yet: it tells events as lines, as `hotconf watch` does.
    """
    from hotconf.cli.follow import follow

    click.echo("There is no terminal app in this version yet: watching instead.", err=True)
    target = path or default_path()
    if path is None and not os.path.lexists(target) and schema.template is not None:
        from hotconf.cli.template import write_template

        write_template(target, schema)
        click.echo(f"There was no configuration: wrote {printable(str(target))}", err=True)
    follow(target, schema)
