"""`hotconf show`: what is in force, and where each value comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.offers import complete
from hotconf.cli.options import state_dir_option
from hotconf.cli.program import profile_option, program_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program


_KEY: Final = "Only this value or table, a dotted key such as cost.daily_limit_usd."


@click.command(short_help="Show the effective configuration and where each value was written.")
@click.argument("arguments", nargs=-1, metavar="[@N] [PATH]", shell_complete=complete("states"))
@click.option(
    "--key",
    metavar="KEY",
    shell_complete=complete("keys"),
    help=_KEY,
)
@click.option("--no-defaults", is_flag=True, help="Only values that a file sets.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["toml", "yaml", "json"]),
    help="The format to write; by default that of the main file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the origins.")
@program_options
@profile_option
@state_dir_option("Where states are kept")
@click.pass_context
def show(
    ctx: click.Context,
    arguments: tuple[str, ...],
    key: str | None,
    no_defaults: bool,
    form: str | None,
    as_json: bool,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Show the configuration that a program started with PATH would have: its files merged, its defaults filled in.
    With @N, show state N of PATH, as `hotconf history` lists it. A PATH of - is standard input.

    stdout is a valid configuration in the format of the main file, or in that of --format. A comment after each
    value says where it was written, FILE:LINE, and what that overrides, or that it is a default; and whether changing
    it needs a restart. JSON has no comments: --json has the origins. Secrets are masked. Warnings go to stderr.

    Exit status: 0 shown; 1 the configuration is invalid; 2 a file is missing, unreadable or too large, KEY does not
    exist, or wrong usage.
    """
    from functools import partial

    from hotconf.cli import states
    from hotconf.config.restarts.marks import needs_restart
    from hotconf.config.shape import shape_of
    from hotconf.formats.registry import named
    from hotconf.report.effective import Effective

    found, options = states.effective(ctx, arguments, program, state_dir)
    wanted = () if key is None else states.key_of(key, options.schema)
    restart = partial(needs_restart, shape_of(options.schema))
    effective = Effective(found.snapshot, wanted, written_only=no_defaults, restart=restart)
    if as_json:
        import json

        echo(json.dumps(effective.as_json(), indent=2))
    else:
        from hotconf.cli.paint import painted

        text = effective.as_text(named(form) or options.form)
        echo(painted(text, stdout(), "document"), nl=False, color=True)
