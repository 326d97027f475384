"""`Refusal`: a command that cannot do what it was asked, exit status 2; `Declined`: no, 1; `confirm` asks."""

from __future__ import annotations

import sys

import click
from click.exceptions import Exit

from hotconf.cli.echo import echo


class Refusal(click.ClickException):
    """What is in the way, said on stderr."""

    exit_code = 2


class Declined(click.ClickException):
    """It tried, and what it asked does not want it; said on stderr."""

    exit_code = 1


def confirm(question: str) -> None:
    """Ask on the terminal. If the answer is no, says that nothing was changed, and ends the command with status 1."""
    if not can_ask():
        raise Refusal("there is no terminal to ask for confirmation: give --yes")
    if not click.confirm(question, err=True):
        echo("Nothing was changed", err=True)
        raise Exit(1)


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty()
