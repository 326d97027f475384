"""The arguments and options that several commands share."""

from __future__ import annotations

import math
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable


# Whether it can be read is for the command to find out: that is a problem of the file, and not of how it was called.
class _Path(click.Path):
    """Any path, untouched: a mount that does not answer would stop the command before it could say so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return Path(value)


PATH: Final = _Path(path_type=Path, readable=False)


def state_dir_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--state-dir DIR`, with `text`, and where that is by default, as its help."""
    return click.option("--state-dir", metavar="DIR", type=PATH, help=f"{text}; {_BY_DEFAULT}.")


def json_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--json`, with `text` as its help, and `--format json`, its other spelling, as one argument `as_json`."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*arguments: Any, as_json: bool, output: str, **options: Any) -> None:
            command(*arguments, as_json=as_json or output == "json", **options)

        form = click.option("--format", "output", type=click.Choice(("text", "json")), default="text", help=_AS_JSON)
        return click.option("--json", "as_json", is_flag=True, help=text)(form(run))

    return add


_AS_JSON: Final = "--format json is the same as --json."
_BY_DEFAULT: Final = "by default the program's own state_dir, or else .hotconf in $CODE_HOME (~/.code)"
BASELINE: Final = "Where states are kept, which show what files are missing"


class Seconds(click.FloatRange):
    """A number that is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse what compares with nothing."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return found


timeout_option = click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=Seconds(0, 86_400),
    default=30.0,
    show_default=True,
    help="How long --wait waits.",
)
path_argument = click.argument("path", required=False, type=PATH)


def stdin(most: int) -> bytes:
    """The content of standard input, at most `most` bytes. Raises `UsageError` if there is none."""
    if sys.stdin is None:
        raise click.UsageError("there is no standard input to read")
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise click.UsageError(f"standard input cannot be read: {error.strerror}") from error
