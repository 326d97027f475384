"""The state whose files a program that starts now would find missing: the commands report what it would report."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.contact import patiently
from hotconf.cli.echo import echo
from hotconf.cli.places import state_dir
from hotconf.sources.files.missing import NO_BASELINE
from hotconf.sources.files.paths import absolute
from hotconf.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.sources.base import Options
    from hotconf.sources.files.missing import Baseline


def baseline_of(options: Options[Any], given: Path | None) -> Baseline:
    """The newest state of the main file that is kept in the state directory `given`, else in that of `hotconf run`.

    A directory that does not answer is reported and ignored, as a program ignores it at start.
    """
    directory = given if given is not None else state_dir()
    silent = click.get_current_context().meta.setdefault(__name__, set())
    if directory is None or directory in silent:
        return NO_BASELINE
    try:
        where, exists = patiently(partial(_look, directory), directory, needed=False)
    except OSError as error:
        silent.add(directory)
        echo(printable(f"No states are considered: {directory}: {error.strerror}"), err=True)
        return NO_BASELINE
    if not exists:
        return NO_BASELINE
    from hotconf.inspection import kept  # imported only if there are states

    return kept.baseline_of(where, options)


def _look(directory: Path) -> tuple[Path, bool]:
    """Where it is, and whether there may be states."""
    where = absolute(directory)
    return where, os.path.exists(where)  # noqa: PTH110 - which says no where it may not look
