"""The group of all commands. A command's module is imported when it is called, so that each pays only for itself."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import click

from hotconf import __version__
from hotconf.cli.common import with_common
from hotconf.cli.echo import StdoutError, safe, silence, stdout
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.text import printable

_COMMANDS: Final = (
    "run",
    "watch",
    "check",
    "init",
    "show",
    "explain",
    "env",
    "diff",
    "plan",
    "schema",
    "status",
    "reload",
    "history",
    "rollback",
    "doctor",
    "completion",
)
"""In the order of the help; each is a function of that name in a module of that name."""


class _OnDemand(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"hotconf.cli.{cmd_name}"), cmd_name)
        with_common(command, cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from hotconf.config.suggest import did_you_mean

            hint = did_you_mean(args[0], _COMMANDS)
            begun = [name for name in _COMMANDS if name.startswith(args[0])]
            hint = f'did you mean "{begun[0]}"?' if len(begun) == 1 else hint
            if hint:
                raise click.UsageError(f"there is no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:  # some programs take `--app` before their command
            name, option = next((each for each in given if each in _COMMANDS), None), error.option_name
            command = name and self.get_command(ctx, name)
            if not command or not any(option in parameter.opts for parameter in command.params):
                raise
            text = f"No such option {option!r} here: give it after the command, hotconf {name} {option} …"
            raise click.NoSuchOption(option, text, ctx=ctx) from error

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _refusals():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        with _refusals():
            return super().invoke(ctx)


@contextmanager
def _refusals() -> Iterator[None]:
    """Print errors as one line, with exit status 2."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = safe(error.message)  # whatever kind of it: each says more of its own
        raise
    except UsageError as error:
        raise Refusal(safe(str(error))) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            silence(stdout())
            raise StdoutError from error
        raise Refusal(safe(_in_words(error))) from error


def _in_words(error: OSError) -> str:
    """Where it failed, and why, as people say it."""
    reason = error.strerror or str(error)
    where = "stdout cannot be written to" if error.filename is None else str(error.filename)
    return printable(f"{where}: {reason}")


@click.command(
    cls=_OnDemand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Environment: CODE_HOME is the directory of config.toml and debug.log, ~/.code by default. "
    "HOTCONF_LOG=debug, or HOTCONF_LOG=hotconf.reload=debug,hotconf.watch=info, shows the log on stderr; "
    "HOTCONF_LOG_FORMAT=json makes it JSON.",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def hotconf() -> None:
    """Keep a configuration in step with its file, safely.

    A save becomes one complete, validated configuration, or the old one stays and hotconf reports why, and where.
    Without a PATH, the file is that of the program (--app MODULE:NAME, HOTCONF_APP, or [tool.hotconf] app in
    pyproject.toml); without a program $CODE_HOME/config.toml, else ~/.code/config.toml.
    """
