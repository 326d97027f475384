"""`hotconf explain`: why a value is what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import echo
from hotconf.cli.offers import complete
from hotconf.cli.options import json_option, state_dir_option
from hotconf.cli.program import profile_option, program_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program
    from hotconf.inspection.inspect import Inspection, State
    from hotconf.keypath import KeyPath
    from hotconf.report.explanation import Explanation
    from hotconf.sources.base import Options


@click.command(short_help="Show what each layer says about a value: the winner first.")
@click.argument("key", metavar="KEY", shell_complete=complete("keys"))
@click.argument("arguments", nargs=-1, metavar="[@N] [PATH]", shell_complete=complete("states"))
@json_option("One JSON object instead of text.")
@program_options
@profile_option
@state_dir_option("Where states are kept")
@click.pass_context
def explain(
    ctx: click.Context,
    key: str,
    arguments: tuple[str, ...],
    as_json: bool,
    program: Program,
    state_dir: Path | None,
) -> None:
    """Show the value of KEY, a dotted key such as server.port, and what each layer says about it: the one in effect
    first, then those that it overrides. For a table, show each value in it. KEY may also be a variable that sets one,
    such as APP_SERVER__PORT. PATH and @N are those of `hotconf show`.

    The values of layers are shown as they are written there, before validation. Secrets are masked. Warnings go to
    stderr. If the configuration is invalid, stderr says why, and the rest is explained all the same; what is wrong is
    shown as it is written, and marked.

    Exit status: 0 shown; 1 the configuration is invalid; 2 a file is missing, unreadable or too large, KEY does not
    exist, or wrong usage.
    """
    from hotconf.cli import states
    from hotconf.cli.verdict import status
    from hotconf.keypath import dotted
    from hotconf.report import explanation

    found, options = states.inspected(arguments, program, state_dir)
    path = _of_variable(key, options) or states.key_of(key, options.schema)
    explained = _explained(found, options, path)
    if explained is None:
        ctx.exit(status(found.problems))
    if as_json:
        import json

        echo(json.dumps(explanation.as_json(explained, path), indent=2))
    else:
        from hotconf.cli.paint import show

        show(explanation.as_text(explained) or dotted(path), "explanation", hanging=4)
    ctx.exit(status(found.problems))


def _explained(found: State[Any] | Inspection, options: Options[Any], path: KeyPath) -> list[Explanation] | None:
    """The values at `path`; None if nothing can be said, because the configuration is invalid."""
    from hotconf.errors import UsageError
    from hotconf.inspection.inspect import State
    from hotconf.report import explanation

    if isinstance(found, State):
        return explanation.explain(found.snapshot, options.schema, path)
    from hotconf.inspection.remains import remaining

    left = None if found.refused is None else remaining(options, found.refused)
    if left is None:
        return None
    try:
        return explanation.explain(left.snapshot, options.schema, path, left.written, left.unknown)
    except UsageError:
        if any(each.path[: len(path)] == path for each in found.problems):
            return None  # it is missing, which is said
        raise


def _of_variable(text: str, options: Options[Any]) -> KeyPath | None:
    """The key that the variable of that name sets in a layer of the program; None if it is none."""
    from hotconf.config.decoding.names import variable
    from hotconf.config.shape import shape_of
    from hotconf.sources.env import Env

    shape, name = shape_of(options.schema), text.removeprefix("$")
    if name in shape.keys:
        return None
    found = (
        variable(name, each.prefix, each.nested, shape, case_sensitive=each.case_sensitive)
        for each in options.layers
        if isinstance(each, Env) and (each.prefix or text != name)
    )
    return next((path for path in found if path is not None), None)
