"""`hotconf reload`: have all processes that watch a configuration load it now."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import json_option, path_argument, state_dir_option, timeout_option
from hotconf.cli.processes import Processes, counted
from hotconf.cli.program import app_options
from hotconf.cli.status import POLL_S

if TYPE_CHECKING:
    from hotconf.cli.program import Program
    from hotconf.status.reading import Standing


@click.command(short_help="Make all processes reload.")
@path_argument
@json_option("With --wait, one line of JSON per process instead of the table.")
@click.option("--wait", is_flag=True, help="Wait until all processes have reloaded, and show what they run.")
@timeout_option
@app_options
@state_dir_option("Where the processes write their status")
@click.pass_context
def reload(
    ctx: click.Context,
    path: Path | None,
    as_json: bool,
    wait: bool,
    timeout_s: float,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Make the processes whose watcher of PATH has a state directory reload now, without waiting for the debounce
    window. Those whose hot reload is off reload, too.

    The request is a file in the state directory: no signal is sent.

    Exit status: 0 requested, or with --wait done by all; 1 one refused the files, or did not reload in time; 2 there
    are no processes, or wrong usage.
    """
    from hotconf.cli.contact import patiently
    from hotconf.status.requests import ask
    from hotconf.text import short_path

    processes = Processes(program, path, state_dir)
    before = processes.standing()
    at = patiently(partial(ask, processes.state_dir, processes.main), processes.state_dir)
    if not wait:
        count = sum(map(len, before))
        echo(f"Asked {counted(count)} to reload {short_path(processes.main)}", err=True)
        return
    until = time.monotonic() + timeout_s
    while (late := _late(standing := processes.standing(), at)) and time.monotonic() < until:
        time.sleep(POLL_S)
    processes.show(standing, as_json=as_json)
    if late:
        echo(f"Not reloaded after {timeout_s:g} s: {', '.join(late)}", err=True)
    if late or standing.refused or standing.behind:
        ctx.exit(1)


def _late(standing: Standing, at: int) -> list[str]:
    """Who has not carried out the request of that instant, or has to wait for something busy."""
    every = (*standing.current, *standing.refused, *standing.behind)
    return [str(status.pid) for status in every if status.request < at or status.pending is not None]
