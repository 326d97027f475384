"""`Commands`: a group whose commands are imported when they are called, so that each pays only for itself."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Final

import click

from hotconf.cli.common import with_common
from hotconf.cli.echo import StdoutError, safe, silence, stdout
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.text import printable

_PREFIX: Final = "Error: "


class Commands(click.Group):
    """Each command is a function of its name in a module of `homes`."""

    homes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The module of each command, in the order of the help."""
    prefix: ClassVar[str] = ""
    """What stands before the command on the command line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """All, in the order of the help."""
        return list(self.homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in self.homes:
            return None
        command: click.Command = getattr(import_module(self.homes[cmd_name]), cmd_name)
        with_common(command, f"{self.prefix}{cmd_name}")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Says which command was probably meant."""
        if args and args[0] not in self.homes and not args[0].startswith("-"):
            from hotconf.config.suggest import did_you_mean

            hint = did_you_mean(args[0], self.homes)
            begun = [name for name in self.homes if name.startswith(args[0])]
            hint = f'did you mean "{begun[0]}"?' if len(begun) == 1 else hint
            if hint:
                raise click.UsageError(f"there is no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Says where an option belongs that is given before the command."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:  # some programs take `--app` before their command
            name, option = next((each for each in given if each in self.homes), None), error.option_name
            command = name and self.get_command(ctx, name)
            if not command or not any(option in parameter.opts for parameter in command.params):
                raise
            text = f"No such option {option!r} here: give it after the command, {ctx.command_path} {name} {option} …"
            raise click.NoSuchOption(option, text, ctx=ctx) from error

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Prints what is wrong with the arguments as one line."""
        if not sys.stdout.isatty():  # in a pipe no text is wrapped
            extra.setdefault("terminal_width", sys.maxsize)
        with _refusals():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Prints what goes wrong as one line."""
        with _refusals():
            return super().invoke(ctx)


@contextmanager
def _refusals() -> Iterator[None]:
    """Print errors as one line, with exit status 2."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = _shown(error.message)  # whatever kind of it: each says more of its own
        raise
    except UsageError as error:
        raise Refusal(_shown(str(error))) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            silence(stdout())
            raise StdoutError from error
        raise Refusal(_shown(_in_words(error))) from error


def _shown(message: str) -> str:
    """`message` as click writes it behind `Error: `."""
    text = safe(message)
    if not sys.stderr.isatty():
        return text
    from hotconf.cli.wrap import wrapped

    return wrapped(f"{_PREFIX}{text}", sys.stderr).removeprefix(_PREFIX)


def _in_words(error: OSError) -> str:
    """Where it failed, and why, as people say it."""
    reason = error.strerror or str(error)
    where = "stdout cannot be written to" if error.filename is None else str(error.filename)
    return printable(f"{where}: {reason}")
