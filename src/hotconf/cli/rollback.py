"""`hotconf rollback`: the files get the bytes that they had in an earlier state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import StdoutError, echo, stdout
from hotconf.cli.offers import complete
from hotconf.cli.options import PATH, state_dir_option
from hotconf.cli.places import states_in
from hotconf.cli.program import program_options
from hotconf.cli.refusal import Refusal, confirm
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotconf.cli.program import Program
    from hotconf.history.restore import Restoration
    from hotconf.inspection.kept import Look
    from hotconf.schema import Schema


class _Number(click.IntRange):
    """The number of a state, which other commands call `@N`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text: Any = value.removeprefix("@") if isinstance(value, str) else value
        return super().convert(text, param, ctx)


@click.command(short_help="Restore the files of a kept state.")
@click.argument("number", type=_Number(1), shell_complete=complete("states"))
@click.argument("path", required=False, type=PATH)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--remove-new", is_flag=True, help="Delete fragments that the state does not have.")
@program_options
@state_dir_option("Where states are kept")
def rollback(
    number: int,
    path: Path | None,
    yes: bool,
    remove_new: bool,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Restore PATH and its fragments to state NUMBER, or @NUMBER, as `hotconf history` lists it.

    The difference is shown first, with secrets as …; then you are asked to confirm, unless --yes is given. All files
    are written or none, and none if one of them changes in the meantime. A program that watches them sees an ordinary
    save.

    Exit status: 0 done, or nothing to do; 1 not confirmed; 2 refused: there is no such state, it is no longer valid
    and --yes is given, files changed in the meantime, or wrong usage.
    """
    from hotconf.cli.contact import located, patiently
    from hotconf.history.restore import not_written, plan, restore
    from hotconf.inspection.kept import as_kept, on_disk, record_of

    given = program.path(path)
    main = located(given, program.find)
    options, where = program.options(main), program.state_dir(state_dir, main)
    if options.source is not None:
        raise not_written(options.source.name)
    schema = options.schema
    record = patiently(lambda: record_of(states_in(where), main, number, schema), where or given)
    then = as_kept(record, options)
    now = on_disk(options, [file.path for file in record.files if file.configures])
    planned = plan(then.snapshot, now.snapshot)
    _warn(number, then, yes=yes)
    if not _shown(number, then, now, planned, schema, remove_new=remove_new):
        return
    if not yes:
        confirm(f"Go back to state {number}?")
    written = restore(planned, remove_appeared=remove_new)
    echo(f"Back to state {number}: {_names(written)}", err=True)


def _warn(number: int, then: Look, *, yes: bool) -> None:
    if not then.errors:
        return
    from hotconf.problems import one_line

    reason = f"state {number} is no longer valid: {one_line(then.errors)}"
    if yes:
        raise Refusal(f"{reason}; run this without --yes to restore it anyway (or is another --schema meant?)")
    echo(f"{reason[0].upper()}{reason[1:]}", err=True)


def _shown(
    number: int, then: Look, now: Look, planned: Restoration, schema: Schema[Any], *, remove_new: bool
) -> bool:
    """Show what would be done; whether there is anything to do."""
    from hotconf.cli.paint import painted
    from hotconf.config.redaction.secret_keys import secret_keys
    from hotconf.report.difference import unified

    stays = () if remove_new else planned.appeared
    touched = replace(now.snapshot, files=tuple(file for file in now.snapshot.files if file.path not in stays))
    try:
        for line in unified(touched, then.snapshot, secret_keys=secret_keys(schema)):
            echo(painted(line, stdout(), "difference"), color=True)
    except StdoutError as error:  # the user may think that it was done
        raise Refusal("the difference could not be shown; nothing was written") from error
    if stays:
        echo(f"Not part of state {number}, but left alone: {_names(stays)}", err=True)
    if planned.writes or (planned.appeared and remove_new):
        return True
    echo(f"The files already match state {number}", err=True)
    return False


def _names(paths: Iterable[Path]) -> str:
    return printable(", ".join(path.name for path in paths))
