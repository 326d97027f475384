"""The group of all commands."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import click

from hotconf import __version__
from hotconf.cli.group import Commands

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
    "fleet",
    "history",
    "rollback",
    "doctor",
    "completion",
)
"""In the order of the help; each is a function of that name in a module of that name."""


class _Hotconf(Commands):
    homes = MappingProxyType({name: f"hotconf.cli.{name}" for name in _COMMANDS})


@click.command(
    cls=_Hotconf,
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
