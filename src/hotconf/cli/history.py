"""`hotconf history`: the good states that are kept of a configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.offers import complete
from hotconf.cli.options import json_option, path_argument, state_dir_option
from hotconf.cli.places import has_home, kept_in
from hotconf.cli.program import program_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.cli.program import Program


@click.command(short_help="List the good states that were kept.")
@path_argument
@click.option("--key", metavar="KEY", shell_complete=complete("keys"), help="Every change of this value or table.")
@json_option("One JSON object per line instead of text.")
@program_options
@state_dir_option("Where states are kept")
def history(path: Path | None, key: str | None, as_json: bool, program: Program, state_dir: Path | None) -> None:
    """List the kept states of PATH, the newest first: number, time, files, size, and what changed.

    `hotconf run` keeps each state that was in force, and so does every program whose watcher has a state directory.
    `hotconf rollback` restores one. With --key, each change of one value is a line: the state that brought it, when,
    and the old and new value, as the current model reads the states. Secrets are masked.
    """
    from hotconf.cli.contact import patiently
    from hotconf.cli.wrap import terminal_cells
    from hotconf.report.history import json_lines, lines
    from hotconf.sources.files.paths import absolute
    from hotconf.text import printable, short_path

    given = program.path(path)
    main = patiently(partial(absolute, given), given)
    state_dir = program.state_dir(state_dir, main)
    if path is not None and state_dir is None and not has_home():
        echo(
            f"No state of {short_path(main)} is kept: there is no home directory, and --state-dir was not given",
            err=True,
        )
        return
    where, kept = patiently(partial(kept_in, state_dir, main), state_dir or given)
    if key is not None:
        from hotconf.cli.keyhistory import changes_of

        _show(changes_of(key, kept, program.options(main), as_json=as_json), as_json=as_json)
        return
    _show(json_lines(kept) if as_json else lines(kept, terminal_cells(stdout())), as_json=as_json)
    if not kept:
        echo(f"No state of {short_path(main)} is kept in {printable(str(where))}", err=True)


def _show(lines: Iterable[str], *, as_json: bool) -> None:
    from hotconf.cli.paint import painted

    for line in lines:
        echo(line if as_json else painted(line, stdout(), "history"), color=None if as_json else True)
