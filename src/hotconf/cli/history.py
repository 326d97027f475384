"""`hotconf history`: the good states that are kept of a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import path_argument, state_dir_option
from hotconf.cli.places import default_path, states_in


@click.command(short_help="Show the good states that are kept.")
@path_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
@state_dir_option("Where the states are kept; .hotconf in the configuration's directory unless given.")
def history(path: Path | None, as_json: bool, state_dir: Path | None) -> None:
    """Show the states of PATH that are kept, the newest first: number, when, files, size, what changed.

    `hotconf run` keeps each state that was in force, and so does every program whose watcher has a state directory.
    `hotconf rollback` goes back to one.
    """
    from hotconf.report.history import json_lines, lines
    from hotconf.runtime.log import shown
    from hotconf.runtime.paths import absolute
    from hotconf.runtime.state import States
    from hotconf.text import printable

    main = absolute(path or default_path())
    states = States(states_in(state_dir), main)
    kept = list(states.newest_first())
    for line in (json_lines if as_json else lines)(kept):
        echo(line)
    if not kept:
        echo(f"No state of {shown(main)} is kept in {printable(str(states.path.parent))}", err=True)
