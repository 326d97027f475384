"""`hotconf init`: a first configuration to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import echo
from hotconf.cli.env import naming_of, naming_options
from hotconf.cli.options import path_argument
from hotconf.cli.program import no_model, program_options
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.cli.program import Program
    from hotconf.sources.base import Options


@click.command(short_help="Write a commented configuration to start from.")
@path_argument
@naming_options
@program_options
def init(path: Path | None, prefix: str | None, nested: str | None, program: Program) -> None:
    """Write a first configuration to PATH, and create the directories that it needs: the schema's template, or else
    every field of the model with its meaning, type and default. Secrets, and fields without a default, are comments.

    Only its owner can read and write the file. A file that exists is never touched: exit status 2. Its JSON Schema
    is written next to it, for editors, as `hotconf schema --stamp` does. A PATH of .env, .env.NAME or NAME.env gets
    the variables that `hotconf env` lists, as comments.
    """
    from hotconf.cli.stamp import schema_path, stamp
    from hotconf.cli.template import write_new, write_template
    from hotconf.formats.registry import is_configuration
    from hotconf.sources.files.paths import absolute

    target = program.file(path)
    options = program.find(absolute(target))
    if options is None:
        raise no_model(absolute(target), checked=False)
    schema = options.schema
    if target.suffix == ".env" or target.name.split(".")[:2] == ["", "env"]:
        from hotconf.report.variables import as_dotenv, variables

        write_new(target, as_dotenv(variables(schema, naming_of(schema, prefix, nested, options.layers))))
        echo(f"Wrote {printable(str(target))}", err=True)
        return
    if prefix is not None or nested is not None:
        raise click.UsageError("--prefix and --nested are only for a .env file")
    missing = write_template(target, schema, options.form)
    language = "" if is_configuration(target) else f", in {options.form.name}"
    echo(f"Wrote {printable(str(target))}{language}", err=True)
    if missing := _still_missing(missing, options):
        echo(printable(f"Still to fill in: {', '.join(missing)}"), err=True)
    try:
        stamp(target, program)
    except (Refusal, UsageError, OSError) as error:
        # The configuration is there and valid: editors will do without.
        reason = error.message if isinstance(error, Refusal) else str(error)
        echo(printable(f"No schema for editors: {reason}"), err=True)
        return
    echo(f"Wrote {printable(str(schema_path(target)))}, for editors", err=True)


def _still_missing(keys: list[str], options: Options[Any]) -> list[str]:
    """Those of `keys` that no layer sets; all, if something else is wrong with what would be loaded."""
    if not (keys and options.layers):
        return keys
    from hotconf.cli.program import is_missing
    from hotconf.inspection.inspect import State, inspect
    from hotconf.keypath import parse

    found = inspect(options)
    if isinstance(found, State):
        return []
    missing = [problem.path for problem in found.problems if is_missing(problem)]
    return [key for key in keys if not missing or any(parse(key)[: len(each)] == each for each in missing)]
