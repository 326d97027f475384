"""`Refusal`: a command that cannot do what it was asked; exit status 2."""

from __future__ import annotations

import click


class Refusal(click.ClickException):
    """What is in the way, said on stderr."""

    exit_code = 2
