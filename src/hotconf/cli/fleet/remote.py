"""The argument NAME and the options that all fleet commands share: which fleet, and how to reach etcd."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import PATH
from hotconf.cli.refusal import Declined, Refusal
from hotconf.errors import UsageError

if TYPE_CHECKING:
    from hotconf.fleet import TLS, Fleet

_NEEDED: Final = "give --endpoints URL, or set HOTCONF_ETCD_ENDPOINTS"


@dataclass(frozen=True, slots=True)
class Remote:
    """A fleet, and how to reach it."""

    name: str
    endpoints: str
    user: str | None
    password: str | None = field(repr=False)
    tls: TLS | None
    prefix: str
    insecure: bool
    done: dict[str, Any] = field(default_factory=dict)
    """What --json says of the act, as far as it has come: a failure is added to it."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Fleet` and `Etcd`, without the name."""
        return {
            "endpoints": self.endpoints,
            "tls": self.tls,
            "user": self.user,
            "password": self.password,
            "prefix": self.prefix,
            "insecure": self.insecure,
        }

    @contextmanager
    def open(self) -> Iterator[Fleet]:
        """The fleet. What etcd refuses, or the fleet does not accept, ends the command with one line."""
        from hotconf.fleet import AbortedError, ConflictError, Fleet, FleetError, UnchangedError

        try:
            with Fleet(self.name, **self.arguments) as fleet:
                yield fleet
        except AbortedError as error:
            raise Declined(f"nothing was published: {error}") from error
        except (ConflictError, UnchangedError) as error:
            raise Declined(str(error)) from error
        except FleetError as error:
            raise Refusal(str(error)) from error


@contextmanager
def _failures(remote: Remote, *, as_json: bool) -> Iterator[None]:
    """With --json, print failures as an object on stdout, too."""
    try:
        yield
    except (click.ClickException, UsageError, OSError, KeyboardInterrupt) as error:
        if as_json and not isinstance(error, BrokenPipeError):
            from hotconf.cli.fleet.text import failure_json

            echo(json.dumps({**remote.done, **failure_json(error)}))
        raise


def fleet_command(command: Callable[..., None]) -> Callable[..., None]:
    """Pass NAME and the shared options to a command, as the argument `remote`."""

    @wraps(command)
    def run(
        *arguments: Any,
        name: str,
        endpoints: str | None,
        user: str | None,
        password_file: Path | None,
        cacert: Path | None,
        cert: Path | None,
        key_file: Path | None,
        prefix: str | None,
        insecure: bool,
        **options: Any,
    ) -> None:
        if not endpoints:
            raise Refusal(f"where is etcd? {_NEEDED}")
        files = [None if each is None else str(each) for each in (cacert, cert, key_file)]
        from hotconf.fleet import TLS
        from hotconf.fleet.protocol.keys import PREFIX

        tls = TLS(*files) if any(files) else None
        password = None if user is None else _password(user, password_file)
        remote = Remote(name, endpoints, user, password, tls, prefix or PREFIX, insecure)
        with _failures(remote, as_json=options.get("as_json", False)):
            command(*arguments, remote=remote, **options)

    for option in reversed(_OPTIONS):
        run = option(run)
    return click.argument("name")(run)


_OPTIONS: Final[tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]] = (
    click.option(
        "--endpoints",
        metavar="URL,…",
        envvar="HOTCONF_ETCD_ENDPOINTS",
        help="Where etcd is; also HOTCONF_ETCD_ENDPOINTS.",
    ),
    click.option("--user", metavar="USER", envvar="HOTCONF_ETCD_USER", help="A user of etcd; HOTCONF_ETCD_USER."),
    click.option(
        "--password-file",
        metavar="FILE",
        type=PATH,
        envvar="HOTCONF_ETCD_PASSWORD_FILE",
        help="Its password, instead of HOTCONF_ETCD_PASSWORD or being asked.",
    ),
    click.option(
        "--cacert",
        metavar="FILE",
        type=PATH,
        envvar="HOTCONF_ETCD_CACERT",
        help="The certificates that signed etcd's; the system's trusted ones by default.",
    ),
    click.option("--cert", metavar="FILE", type=PATH, envvar="HOTCONF_ETCD_CERT", help="A client certificate."),
    click.option("--key-file", metavar="FILE", type=PATH, envvar="HOTCONF_ETCD_KEY", help="Its key."),
    click.option(
        "--prefix", metavar="PREFIX", envvar="HOTCONF_ETCD_PREFIX", help="What etcd's keys begin with; /hotconf."
    ),
    click.option("--insecure", is_flag=True, help="Speak plain text, over a network too."),
)


def _password(user: str, file: Path | None) -> str:
    import os

    from hotconf.text import printable

    if file is not None:
        try:
            return file.read_text("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Refusal(f"{printable(str(file))}: not UTF-8") from None
    if (given := os.environ.get("HOTCONF_ETCD_PASSWORD")) is not None:
        return given
    if not sys.stdin.isatty():
        raise Refusal(
            f"what is the password of {printable(user)}? Set HOTCONF_ETCD_PASSWORD, or give --password-file"
        )
    asked: str = click.prompt(f"Password of {printable(user)}", hide_input=True, err=True)
    return asked
