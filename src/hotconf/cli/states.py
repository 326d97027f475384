"""What the arguments of `diff`, `plan` and `show` stand for: a state of the configuration, or why there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.findings import as_text, findings
from hotconf.runtime.once import State, state_of
from hotconf.runtime.paths import absolute

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.runtime.inspection import Inspection
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot


def named(argument: Path, schema: Schema[Any], *, against: Snapshot[Any] | None = None) -> State[Any] | Inspection:
    """The state that `argument` names: the file at that path, with its fragments, as it is now.

    The one place that knows what an argument may mean. `against`: the state that it is compared with.
    """
    return state_of(absolute(argument), schema, against=against)


def tell(found: State[Any] | Inspection, argument: Path, schema: Schema[Any]) -> None:
    """Say on stderr what is wrong with what `argument` names, or odd about it: it is not what was asked for."""
    inspection = found.inspection if isinstance(found, State) else found
    told = list(findings(inspection, absolute(argument), argument))
    if told:
        click.echo(as_text(told, schema, sys.stderr), err=True, color=True)
