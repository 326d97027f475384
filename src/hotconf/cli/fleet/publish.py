"""`hotconf fleet publish`: make a document current, for all or some machines."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.exceptions import Exit

from hotconf.cli.echo import echo
from hotconf.cli.fleet import waiting
from hotconf.cli.fleet.remote import fleet_command
from hotconf.cli.options import PATH
from hotconf.cli.program import program_options
from hotconf.cli.refusal import Declined, confirm

if TYPE_CHECKING:
    from hotconf.cli.fleet.remote import Remote
    from hotconf.cli.program import Program
    from hotconf.fleet import Fleet, FleetStatus, Published
    from hotconf.fleet.protocol.records import Pause
    from hotconf.formats.registry import FormatName

_LONGEST_S: Final = 3600
"""How long processes may be asked."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How it is to be published."""

    canary: str | None
    all_or_nothing: bool
    quorum: str | None
    wait: bool
    timeout_s: float
    auto_rollback: bool
    max_nack: int | None
    bake_s: float | None
    override: bool
    note: str

    @property
    def asked_by(self) -> str | None:
        """The option by which processes are asked before anything is published."""
        return "--all-or-nothing" if self.all_or_nothing else "--quorum" if self.quorum is not None else None


@click.command(short_help="Make a document current.")
@fleet_command
@click.argument("file", type=PATH)
@click.option("--note", metavar="TEXT", default="", help="Why; kept in the history.")
@click.option("--canary", metavar="WHO", help="Only for these at first: 1, 10% or LABEL=VALUE; then promote.")
@click.option("--all-or-nothing", is_flag=True, help="Only if every process says that it can; else for none.")
@click.option(
    "--quorum", metavar="N", help="Only if that many say that they can: 50 or 90%; the others follow, or refuse."
)
@waiting.wait_options
@click.option("--auto-rollback", is_flag=True, help="With --wait: go back as soon as too many refuse it.")
@click.option(
    "--max-nack",
    metavar="N",
    type=click.IntRange(0),
    help="How many may refuse it before --auto-rollback; 0 by default.",
)
@click.option(
    "--bake",
    "bake_s",
    metavar="SECONDS",
    type=waiting.SECONDS,
    help="How long --auto-rollback watches, even if all accept it; --timeout by default.",
)
@click.option("--expect", metavar="VERSION", help="Only if this version is current.")
@click.option("--override", is_flag=True, help="Even while another publish is being voted on, which is dropped.")
@click.option("--type", "form", type=click.Choice(("toml", "yaml", "json")), help="What FILE is written in.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@program_options
def publish(
    remote: Remote,
    file: Path,
    expect: str | None,
    form: FormatName | None,
    yes: bool,
    as_json: bool,
    program: Program,
    **wanted: Any,
) -> None:
    """Make the content of FILE current in the fleet NAME; - is standard input.

    It is checked by the model of the program (--app, --schema), the difference to the current version is shown, with
    secrets as …, and you are asked to confirm, unless --yes is given. Nothing is published if something else became
    current in the meantime. Each process checks it again, and keeps what it has if it refuses.

    A document that is current already is not published again; with --wait or --all-or-nothing, its answers are
    waited for. --all-or-nothing and --quorum ask all, so they exclude --canary, --auto-rollback and --override.

    Exit status: 0 published, or current already; with --wait accepted by all, or by all but --max-nack;
    1 not published, or, with --wait, refused by one, not answered in time, or nobody is there; 2 etcd cannot be
    reached or refuses, or wrong usage.
    """
    from hotconf.cli.fleet import judging
    from hotconf.cli.fleet.text import published_json, published_line

    how = _Wanted(**wanted)
    _check(how)
    remote.done["published"] = None
    data, language = judging.content(file, form)
    with remote.open() as fleet:
        warnings = judging.check(fleet, data, language, program, _titled(file))
        status = fleet.status()
        if how.asked_by and not status.members:
            text = f"no process of {remote.name} is registered, so none can vote: nothing was published"
            raise Declined(f"{text}. Start one first, or publish without {how.asked_by}")
        seen = status.current.version if status.current is not None else "" if status.nothing else None
        expect = seen if expect is None else expect
        found = _already(status, (data, language), how) if expect == seen else None
        if found is None and expect == seen:
            _show_difference(fleet, status, _titled(file), (data, language), program)
            for warning in warnings:
                echo(warning, err=True)
            if not (yes or _is_current(status, (data, language))):  # which is refused
                _confirm(status, how)
        if status.pause is not None:
            _say_pause(remote, status.pause)
        published = found or _publish(fleet, data, language, expect, how)
        done = remote.done if as_json else None
        remote.done.update(published=published_json(published), unchanged=found is not None)
        if done is None:
            echo(f"{'already current' if found else 'published'}: {published_line(published)}")
        wait = how.wait or (found is not None and how.all_or_nothing)
        if how.quorum is not None and not wait and found is None:
            _say_votes(fleet, published, done)
        fine = _wait(remote, fleet, published, how, done, guarded=found is None) if wait else True
    if done is not None:
        echo(json.dumps(done))
    elif fine:
        _say_next(remote, how)
    if not fine:
        raise Exit(1)


def _is_current(status: FleetStatus, document: tuple[bytes, FormatName]) -> bool:
    data, language = document
    current = status.current
    return current is not None and (current.sha256, current.format) == (sha256(data).hexdigest(), language)


def _already(status: FleetStatus, document: tuple[bytes, FormatName], how: _Wanted) -> Published | None:
    """What is current, if that is this document, for those who are to serve it."""
    current = status.current if _is_current(status, document) else None
    return current if current is not None and current.canary in (None, how.canary) else None


def _say_pause(remote: Remote, pause: Pause) -> None:
    from hotconf.cli.fleet.text import pause_line

    echo(f"The fleet is {pause_line(pause)}. Processes keep what they have until it is resumed", err=True)
    waiting.hint(remote, "to resume it", "resume")


def _say_next(remote: Remote, how: _Wanted) -> None:
    if how.canary is not None:
        waiting.hint(remote, "to serve it everywhere", "promote")
        waiting.hint(remote, "to take it back", "rollback")
    elif not how.wait:
        waiting.hint(remote, "to see who accepts it", "status", "--watch")


def _check(how: _Wanted) -> None:
    if how.auto_rollback and not how.wait:
        raise click.UsageError("--auto-rollback needs --wait")
    if not how.auto_rollback and (how.max_nack is not None or how.bake_s is not None):
        option = "--bake" if how.max_nack is None else "--max-nack"
        raise click.UsageError(f"{option} needs --auto-rollback")
    if how.asked_by and not 1 <= how.timeout_s <= _LONGEST_S:
        raise click.UsageError(f"--timeout is from 1 to {_LONGEST_S} seconds with {how.asked_by}")
    if how.all_or_nothing and how.quorum is not None:
        raise click.UsageError("--all-or-nothing excludes --quorum")
    if how.asked_by and (how.canary is not None or how.auto_rollback or how.override):
        raise click.UsageError(f"{how.asked_by} excludes --canary, --auto-rollback and --override")


def _show_difference(
    fleet: Fleet, status: FleetStatus, title: str, new: tuple[bytes, FormatName], program: Program
) -> None:
    from hotconf.cli.fleet import judging
    from hotconf.cli.paint import painted
    from hotconf.errors import UsageError
    from hotconf.fleet import DeniedError, FleetError, UnreachableError

    old, was = None, ""
    if status.current is not None:
        try:
            shown = fleet.show(status.current.version)
        except (FleetError, UsageError) as error:
            if isinstance(error, UnreachableError | DeniedError):
                raise
            echo(f"The current version cannot be compared with it: {error}", err=True)
            return
        old, was = (shown.data, shown.format), f"{fleet.name} version {shown.version}"
    for line in judging.difference(fleet.name, old, new, program, (was, title)):
        echo(painted(line, sys.stderr, "difference"), err=True, color=True)


def _titled(file: Path) -> str:
    return "standard input" if file == Path("-") else str(file)


def _confirm(status: FleetStatus, how: _Wanted) -> None:
    from hotconf.cli.fleet.text import counted

    everyone = counted(len(status.members)) if status.members else "nobody yet: no process is registered"
    who = f"canary {how.canary}" if how.canary else everyone
    confirm(f"Publish to {who}. Go on?")


def _publish(fleet: Fleet, data: bytes, form: FormatName, expect: str | None, how: _Wanted) -> Published:
    wait_s = how.timeout_s
    if how.all_or_nothing:
        return fleet.publish_all_or_nothing(data, format=form, note=how.note, expect=expect, wait_s=wait_s)
    if how.quorum is not None:
        return fleet.publish_with_quorum(data, how.quorum, format=form, note=how.note, expect=expect, wait_s=wait_s)
    return fleet.publish(data, format=form, note=how.note, canary=how.canary, expect=expect, override=how.override)


def _say_votes(fleet: Fleet, published: Published, done: dict[str, Any] | None) -> None:
    """The votes, of which a quorum needs only some."""
    from hotconf.cli.fleet.text import status_json, voted_lines

    status = fleet.status()
    if done is not None:
        done["status"] = status_json(status, published.version)
        return
    for line in voted_lines(status, published.version):
        echo(line)


def _wait(
    remote: Remote, fleet: Fleet, published: Published, how: _Wanted, done: dict[str, Any] | None, *, guarded: bool
) -> bool:
    """Wait, and print the result. Returns whether it was accepted. `guarded`: --auto-rollback may go back."""
    max_nack = how.max_nack or 0
    if not (how.auto_rollback and guarded):
        return waiting.say(remote, fleet.wait(published, timeout_s=how.timeout_s), None, done, max_nack)
    bake_s = how.timeout_s if how.bake_s is None else how.bake_s
    echo(f"watching for {bake_s:g} s whether more than {max_nack} refuse it", err=True)
    waited, back = fleet.guard(published, bake_s=bake_s, max_nack=max_nack)
    return waiting.say(remote, waited, back, done, max_nack)
