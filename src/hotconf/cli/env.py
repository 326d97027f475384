"""`hotconf env`: the environment variables of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.options import json_option
from hotconf.cli.program import program_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hotconf.cli.program import Program
    from hotconf.report.variables import Naming
    from hotconf.schema import Schema


def naming_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--prefix` and `--nested`."""
    prefix = click.option("--prefix", metavar="TEXT", help="The prefix of variables, such as APP_.")
    nested = click.option("--nested", metavar="TEXT", help="The separator between keys; __ by default.")
    return prefix(nested(command))


def naming_of(schema: Schema[Any], prefix: str | None, nested: str | None, layers: Iterable[object] = ()) -> Naming:
    """How variables are called: as the options say, or else as a `BaseSettings` class does, or an `Env` layer."""
    from hotconf.report.variables import Naming
    from hotconf.sources.env import Env

    model, config = schema.model, getattr(schema.model, "model_config", {})
    if "env_prefix" not in config:  # no BaseSettings
        layer = next((each for each in layers if isinstance(each, Env)), Env())
        return Naming(layer.prefix if prefix is None else prefix, layer.nested if nested is None else nested or None)
    fields = getattr(model, "model_fields", {})
    aliases = {field.alias for field in fields.values() if field.alias}
    aliases |= {field.validation_alias for field in fields.values() if isinstance(field.validation_alias, str)}
    return Naming(
        config["env_prefix"] if prefix is None else prefix,
        config.get("env_nested_delimiter") if nested is None else nested or None,
        bool(config.get("case_sensitive")),
        frozenset(aliases) if prefix is None else frozenset(),
    )


@click.command(short_help="List the environment variables that a program may read.")
@naming_options
@json_option("One JSON object instead of lines.")
@program_options
def env(prefix: str | None, nested: str | None, as_json: bool, program: Program) -> None:
    """List the environment variables of the model: name, type, default and meaning. A BaseSettings class or the Env
    layer of a program says what they are called; otherwise --prefix and --nested do.

    Defaults of secrets are not shown. Exit status: 0 listed; 2 wrong usage.
    """
    from hotconf.report import variables
    from hotconf.sources.base import ProfileLayer

    schema, layers = program.model(), program.layers()
    found = variables.variables(schema, naming_of(schema, prefix, nested, layers))
    for name in (each.env for each in layers if isinstance(each, ProfileLayer)):
        found += [variables.of_profile(name)] if name is not None else []
    if as_json:
        import json

        echo(json.dumps(variables.as_json(found), indent=2))
    else:
        from hotconf.cli.paint import show
        from hotconf.cli.wrap import terminal_cells

        show(variables.as_text(found, shorten=terminal_cells(stdout()) is not None), "variables", hanging=4)
