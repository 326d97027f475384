"""`hotconf run`: the terminal app. It is imported here only, and only when it is started."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.contact import located
from hotconf.cli.echo import echo, return_stdout
from hotconf.cli.offers import complete
from hotconf.cli.options import path_argument
from hotconf.cli.places import state_dir
from hotconf.cli.program import program_options
from hotconf.cli.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.cli.program import Program
    from hotconf.sources.base import Options


_THEME: Final = "The colour theme, such as nord, gruvbox or textual-light."


def _existing(ctx: click.Context, param: click.Parameter, theme: str | None) -> str | None:
    """Also where there is no app to show it: a typo would go unnoticed."""
    if theme is not None and find_spec("textual") is not None:
        from textual.theme import BUILTIN_THEMES

        if theme not in BUILTIN_THEMES:
            known = ", ".join(sorted(BUILTIN_THEMES))
            raise click.BadParameter(f"there is no theme {theme!r}; there are: {known}", ctx, param)
    return theme


@click.command(short_help="Watch your configuration live; create one if there is none.")
@path_argument
@program_options
@click.option(
    "--theme",
    metavar="NAME",
    callback=_existing,
    shell_complete=complete("themes"),
    help=_THEME,
)
@click.option("--mouse/--no-mouse", default=True, help="Let the app use the mouse.", show_default=True)
@click.option(
    "--busy-while", metavar="CMD", help="Start this shell command with the app: reloads are deferred until it ends."
)
def run(path: Path | None, program: Program, theme: str | None, mouse: bool, busy_while: str | None) -> None:
    """Watch PATH live, in a terminal app: its values, every change, and its outcome. ? shows the keys.

    Without a PATH, a commented configuration is written first if there never was one. Without a terminal, or
    without Textual, nothing is written, and events are printed as lines, as `hotconf watch` does.

    Each good state is kept in .hotconf in the configuration's directory ($CODE_HOME, else ~/.code), for `hotconf
    history` and `rollback`; if PATH is not valid, the last one is used until it is. Of a program with a state_dir of
    its own, the states there are shown, and none is written.
    """
    missing = _missing()
    if missing is not None:
        if busy_while:
            raise Refusal(f"--busy-while needs the terminal app: {missing}")
        echo(f"{missing[0].upper()}{missing[1:]}. Printing events instead.", err=True)
    target = program.path(path)
    main = located(target, program.find)
    # The built-in schema can wait until the first frame is up; a program is imported before.
    options = partial(program.options, main)
    if not program.is_built_in(main):
        options()
    own = program.state_dir(None, main)
    if missing is not None:
        from hotconf.cli.follow import follow

        follow(target, program, state_dir=state_dir())
    else:
        wrote = path is None and _write_first(target, options, own or state_dir())
        return_stdout()
        launching = partial(_launch, target, options, own, of_program=program.names_app(main))
        launching(theme=theme, mouse=mouse, busy_while=busy_while, wrote=wrote)


def _missing() -> str | None:
    """What the app lacks, if anything."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return "there is no terminal for the app"
    if os.environ.get("TERM", "dumb") == "dumb":
        return "this terminal cannot show the app (TERM is not set, or dumb)"
    if find_spec("textual") is None:
        return "the app needs Textual: pip install 'hotconf[tui]'"
    return None


def _write_first(target: Path, options: Callable[[], Options[Any]], kept_in: Path | None) -> bool:
    if os.path.lexists(target) or options().is_virtual or options().schema.template is None:
        return False
    if _was_there(target, kept_in):
        return False
    from hotconf.cli.template import write_template

    write_template(target, options().schema, options().form)
    return True


def _was_there(target: Path, kept_in: Path | None) -> bool:
    """Is a good state of it kept? Then what is missing is not a first configuration: the last good one is used."""
    if kept_in is None:
        return False
    from hotconf.errors import UsageError
    from hotconf.history.store import StateStore
    from hotconf.sources.files.paths import absolute

    try:
        return bool(StateStore(absolute(kept_in), absolute(target)).numbers())
    except (UsageError, OSError):  # there may be a file: better none written than one replaced
        return True


def _launch(
    target: Path,
    options: Callable[[], Options[Any]],
    own: Path | None,
    *,
    of_program: bool,
    theme: str | None,
    mouse: bool,
    busy_while: str | None,
    wrote: bool,
) -> None:
    from hotconf.cli.logs import logs
    from hotconf.tui.launch import launch

    welcome = ""
    if wrote:
        from hotconf.text import short_path

        welcome = f"Wrote a first configuration: {short_path(target)}. Press e to edit it."
    with logs(stderr=False):
        status = launch(
            target,
            options,
            theme=theme,
            mouse=mouse,
            busy_while=busy_while,
            welcome=welcome,
            state_dir=own or state_dir(),
            read_only=own is not None,
            of_program=of_program,
        )
    if status:
        sys.exit(status)
