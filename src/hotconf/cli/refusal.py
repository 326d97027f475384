"""`Refusal`: a command that cannot do what it was asked, exit status 2; `Declined`: the answer is no, 1."""

from __future__ import annotations

import click


class Refusal(click.ClickException):
    """What is in the way, said on stderr."""

    exit_code = 2


class Declined(click.ClickException):
    """It tried, and what it asked does not want it; said on stderr."""

    exit_code = 1
