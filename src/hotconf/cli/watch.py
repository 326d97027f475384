"""`hotconf watch`: what happens to a configuration, as it happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.options import PATH, json_option, path_argument
from hotconf.cli.program import program_options
from hotconf.settings import MAX_DEBOUNCE_MS

if TYPE_CHECKING:
    from hotconf.cli.program import Program


@click.command(short_help="Print every change of a configuration, and its outcome.")
@path_argument
@json_option("One JSON object per line instead of text.")
@click.option(
    "--exec", "command", metavar="CMD", help="Run this shell command after each reload, whatever the outcome."
)
@program_options
@click.option(
    "--debounce-ms",
    type=click.IntRange(0, MAX_DEBOUNCE_MS),
    help="Reload after this long without a change; overrides the file.",
)
@click.option(
    "--state-dir",
    metavar="DIR",
    type=PATH,
    help="Keep each good state in DIR, and start on the last one if PATH is not valid; by default none is kept.",
)
def watch(
    path: Path | None,
    as_json: bool,
    command: str | None,
    program: Program,
    debounce_ms: int | None,
    state_dir: Path | None,
) -> None:
    """Watch PATH and the files that its watch_paths name, until Ctrl+C or SIGTERM. SIGHUP loads them at once.

    Events go to stdout, everything else to stderr. PATH need not exist or be valid yet. The log goes to debug.log in
    the configuration's directory ($CODE_HOME, else ~/.code) if that exists.

    The environment of --exec CMD has HOTCONF_OUTCOME (success, unchanged, failed or deferred), HOTCONF_PATH,
    HOTCONF_GENERATION and HOTCONF_KEYS (the keys that changed, one per line), but no values. Events wait for CMD.

    Exit status: 0 stopped on request; 2 stdout is not writable, or wrong usage.
    """
    from hotconf.cli.follow import follow

    main = program.path(path)
    follow(main, program, as_json=as_json, command=command, debounce_ms=debounce_ms, state_dir=state_dir)
