"""`hotconf status`: what each process that watches a configuration runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hotconf.cli.options import json_option, path_argument, state_dir_option, timeout_option
from hotconf.cli.processes import Processes
from hotconf.cli.program import app_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program

POLL_S: Final = 0.05


@click.command(short_help="Show what each process runs.")
@path_argument
@json_option("One line of JSON per process instead of the table.")
@click.option("--wait", is_flag=True, help="Wait until all processes run the current files, or one refuses them.")
@timeout_option
@app_options
@state_dir_option("Where the processes write their status")
@click.pass_context
def status(
    ctx: click.Context,
    path: Path | None,
    as_json: bool,
    wait: bool,
    timeout_s: float,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Show the processes whose watcher of PATH has a state directory: what each runs, and its health.

    Exit status: 0 all run the current files; 1 at least one does not, or refused them; 2 there are none, or wrong
    usage.
    """
    processes = Processes(program, path, state_dir)
    until = time.monotonic() + timeout_s
    standing = processes.standing()
    while wait and standing.behind and not standing.refused and time.monotonic() < until:
        time.sleep(POLL_S)
        standing = processes.standing()
    processes.show(standing, as_json=as_json)
    if standing.behind or standing.refused:
        ctx.exit(1)
