"""`hotconf fleet agent`: the document in a file, for programs that only watch files."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.options import PATH
from hotconf.cli.program import program_options
from hotconf.cli.refusal import Declined
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.cli.program import Program
    from hotconf.problems import Problem
    from hotconf.sources.source import Fetched


@click.command(short_help="Write the document to a file after each publish.")
@fleet_command
@click.option("--write", "path", metavar="PATH", type=PATH, required=True, help="The file; replaced by a rename.")
@click.option("--instance", metavar="NAME", help="Who this is in the fleet; the name of the host by default.")
@click.option("--label", "labels", metavar="NAME=VALUE", multiple=True, help="By which canaries are chosen.")
@click.option("--once", is_flag=True, help="End once the file has the current version, without joining the fleet.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400),
    help="How long --once waits; for ever by default.",
)
@program_options
def agent(
    remote: Remote,
    path: Path,
    instance: str | None,
    labels: tuple[str, ...],
    once: bool,
    timeout_s: float | None,
    program: Program,
) -> None:
    """Write the document of the fleet NAME to PATH, and again after each publish, until Ctrl+C or SIGTERM.

    For programs of this host, in any language, that only watch files. The agent is an instance of the fleet: what is
    not valid, by its syntax or by the model of --app or --schema, or cannot be written, is refused there, and the old
    file stays. A new file is private (mode 600); one that is there keeps its mode and owner.

    With --once it waits until something is published that can be written, writes it, and ends: for scripts, and for
    containers that prepare others. Nobody waits for its answer, and status does not list it.

    Exit status: 0 stopped on request, or with --once written; 1 with --once not written, because the time ran out or
    it was stopped; 2 wrong usage.
    """
    from hotconf.fleet import Etcd
    from hotconf.fleet.agent import Agent
    from hotconf.sources.files.paths import absolute

    if timeout_s is not None and not once:
        raise click.UsageError("--timeout needs --once")
    pairs = [label.partition("=") for label in labels]
    if any(not equals for _, equals, _ in pairs):
        raise click.UsageError("--label is NAME=VALUE")
    named = {key: value for key, _, value in pairs}
    if path == Path():
        raise click.UsageError("--write needs the path of a file")
    judge = _Judge(remote.name, program)
    source = Etcd(remote.name, instance=instance, labels=named, **remote.arguments)
    writer = Agent(
        source.as_observer() if once else source,
        absolute(path),
        judge,
        lambda text: echo(text, err=True),  # its reader may close the pipe
    )

    def stop(*_: object) -> None:
        writer.stop()
        judge.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        written = writer.run(once=once, timeout_s=timeout_s)
    except _StoppedError:
        written = False
    if once and not written:
        raise Declined(f"{printable(str(path))} was not written: {writer.reason or 'it was stopped'}")


class _StoppedError(BaseException):
    """Ends the user's code in the main thread."""


class _Judge:
    """Validates documents with the user's model, whose code may take its time, or raise anything."""

    def __init__(self, name: str, program: Program) -> None:
        self._name = name
        self._program = program
        self._at_work = False

    def __call__(self, fetched: Fetched) -> tuple[Problem, ...]:
        """The errors for which the document is refused."""
        from hotconf.cli.fleet.judging import errors_in
        from hotconf.problems import Problem

        try:
            self._at_work = True
            return errors_in(self._name, fetched, self._program)
        except _StoppedError:
            raise
        except BaseException as error:  # noqa: BLE001 - a validator's; the agent follows the fleet whatever that does
            return (Problem(f"the model raised {type(error).__name__}", kind="internal"),)
        finally:
            self._at_work = False

    def stop(self) -> None:
        """End a validation that is under way; for a signal handler."""
        if self._at_work:
            raise _StoppedError
