"""After a publish, promotion or rollback: wait for it, print the result, and suggest the next command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import Seconds

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.fleet import Fleet, Published, Waited

SECONDS = Seconds(0, 86_400)


def wait_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--wait` and `--timeout`."""
    seconds = click.option(
        "--timeout",
        "timeout_s",
        metavar="SECONDS",
        type=SECONDS,
        default=30.0,
        show_default=True,
        help="How long --wait waits, and a vote lasts.",
    )
    wait = click.option("--wait", is_flag=True, help="Wait until every process has accepted or refused it.")
    return wait(seconds(command))


def wait_for(
    remote: Remote, fleet: Fleet, published: Published, timeout_s: float, done: dict[str, Any] | None
) -> bool:
    """Wait, and print the result, or add it to `done`. Returns whether all processes accepted it."""
    return say(remote, fleet.wait(published, timeout_s=timeout_s), None, done)


def say(
    remote: Remote, waited: Waited, back: Published | None, done: dict[str, Any] | None, max_nack: int = 0
) -> bool:
    """Print the result of waiting, or add it to `done`. `back`: the rollback, if one was needed."""
    from hotconf.cli.fleet.text import published_json, published_line, status_json, waited_lines

    fine = back is None and not (waited.superseded or waited.missing) and len(waited.refused) <= max_nack
    fine = fine and bool(waited.status.members)  # a misspelt name must not pass in a pipeline
    if done is not None:
        done |= {"accepted": fine, "superseded": waited.superseded, "status": status_json(waited.status)}
        done["rolled_back"] = None if back is None else published_json(back)
        return fine
    for line in waited_lines(waited):
        echo(line)
    if back is not None:
        echo(f"rolled back: {published_line(replace(back, action='publish'))}")
    elif waited.refused and not waited.superseded:
        hint(remote, "to go back", "rollback")
    return fine


def hint(remote: Remote, what: str, command: str, *more: str) -> None:
    """Suggest the next command, on a terminal."""
    if sys.stderr.isatty():
        from hotconf.fleet.typed import command_line

        reached = {"name": remote.name, **remote.arguments, "endpoints": remote.endpoints.split(",")}
        # In colour, it is not wrapped, so that it can be copied.
        echo(f"{what}: {command_line(reached, os.environ, command, *more)}", err=True, color=True)
