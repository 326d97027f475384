"""`hotconf diff`: which values differ between two configurations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.options import PATH, schema_option, state_dir_option
from hotconf.cli.places import default_path

if TYPE_CHECKING:
    from hotconf.schema import Schema


@click.command(short_help="Compare the values of two configurations.")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@schema_option
@state_dir_option("Where the states are kept; .hotconf in the configuration's directory unless given.")
@click.pass_context
def diff(
    ctx: click.Context, old: Path, new: Path, as_json: bool, schema: Schema[Any], state_dir: Path | None
) -> None:
    """Compare two configurations by their values, not by their text. OLD and NEW are each like PATH of the other
    commands: a main file, with the files that its watch_paths name. Or @N: state N of the other file, or without one
    of the default PATH, as `hotconf history` shows it.

    Each value that differs is a line on stdout, KEY: OLD → NEW; below stands how a reload would tell it. A value
    that is a default is equal to the same value written. Secrets are masked. Problems go to stderr.

    Exit status: 0 the same, 1 different, 2 one of them is not valid or cannot be read, or wrong usage.
    """
    from hotconf.cli import states

    named = partial(states.named, schema=schema, history_of=_history(old, new), state_dir=state_dir)
    before = named(old)
    after = named(new, against=None if isinstance(before, tuple) else before.snapshot)
    if isinstance(before, tuple) or isinstance(after, tuple):
        states.tell((*_errors(before), *_errors(after)))
        ctx.exit(states.UNKNOWN)
    from hotconf.report.comparison import differences, differences_json

    if as_json:
        import json

        click.echo(json.dumps(differences_json(after), indent=2))
    elif after.changes:
        click.echo(differences(after.changes, after.summary))
    else:
        click.echo("No value differs", err=True)
    ctx.exit(int(bool(after.changes)))


def _history(*arguments: Path) -> Path:
    """Whose history is meant by `@N`."""
    from hotconf.cli.states import number_of

    return next((path for path in arguments if number_of(path) is None), None) or default_path()


def _errors(found: object) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else ()
