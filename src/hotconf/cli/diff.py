"""`hotconf diff`: which values differ between two configurations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.offers import complete
from hotconf.cli.options import PATH, json_option, path_argument, state_dir_option
from hotconf.cli.program import profile_option, program_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program
    from hotconf.inspection.inspect import Inspection, State
    from hotconf.schema import Schema


@click.command(short_help="Compare the values of two configurations.")
@click.argument("old", shell_complete=complete("states"))
@click.argument("new", shell_complete=complete("states"))
@path_argument
@click.option("--path", "option", metavar="PATH", type=PATH, help="The same as the argument PATH.")
@json_option("One JSON object instead of text.")
@program_options
@profile_option
@state_dir_option("Where states are kept")
@click.pass_context
def diff(
    ctx: click.Context,
    old: str,
    new: str,
    path: Path | None,
    option: Path | None,
    as_json: bool,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Compare two configurations by their values, not by their text. OLD and NEW are each a main file, with the files
    that its watch_paths name; or @N, state N of PATH, as `hotconf history` lists it; or -, standard input, or a pipe
    such as <(git show HEAD:config.toml), in the place of PATH. PATH is by default the file that is compared with, or
    else the default PATH.

    Each value that differs is a line on stdout, KEY: OLD → NEW; the summary of a reload follows. A default equals the
    same value written out; what only takes effect after a restart is marked. Secrets are masked. Problems go to
    stderr.

    Exit status: 0 no difference; 1 different; 2 one of them is invalid or cannot be read, or wrong usage.
    """
    from hotconf.cli import states
    from hotconf.cli.verdict import UNKNOWN
    from hotconf.inspection.inspect import State
    from hotconf.sources.files.paths import absolute

    named = [each for each in (old, new) if states.number(each) is None]
    files = [Path(each) for each in named if states.piped(each) is None]
    path = path or option
    if path is not None and len(files) == 2:
        raise click.UsageError("PATH is only for @N, - and pipes: it names the configuration that they belong to")
    if len({id(program.options(absolute(each)).schema) for each in files}) > 1:
        raise click.UsageError("OLD and NEW have different models: choose one with --app or --schema")
    history = states.History(path or (files[0] if files else program.path(None)), state_dir)
    before = states.named(old, program, history=history)
    known = before.snapshot if isinstance(before, State) else None
    after = states.named(new, program, against=known, history=history)
    if not (isinstance(before, State) and isinstance(after, State)):
        for found, argument in ((before, old), (after, new)):
            if not isinstance(found, State):
                _refuse(found, argument, history.of, program)
        ctx.exit(UNKNOWN)
    _show(after, program.options(absolute(files[-1] if files else history.of)).schema, as_json)
    ctx.exit(int(bool(after.changes)))


def _refuse(found: Inspection, argument: str, of: Path, program: Program) -> None:
    from hotconf.cli import states
    from hotconf.cli.findings import show_problems
    from hotconf.sources.files.paths import absolute

    number = states.number(argument)
    if number is not None:
        echo(f"State {number} is no longer valid:", err=True)
    if number is None and states.piped(argument) is not None:
        show_problems(found, states.PIPED, program.options(absolute(of)).schema, absolute(of))
        return
    given = Path(argument) if number is None else of
    show_problems(found, given, program.options(absolute(given)).schema)


def _show(after: State[Any], schema: Schema[Any], as_json: bool) -> None:
    from hotconf.report.comparison import differences, differences_json, needing_restart

    restart = needing_restart(after, schema)
    if as_json:
        import json

        echo(json.dumps(differences_json(after, restart), indent=2))
    elif after.changes:
        from hotconf.cli.paint import show
        from hotconf.cli.wrap import terminal_cells

        show(differences(after.changes, after.summary, restart, cells=terminal_cells(stdout())), "changes")
    else:
        echo("No value differs", err=True)
