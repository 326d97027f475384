"""`hotconf completion`: what a shell needs to complete commands, options, keys, themes and states."""

from __future__ import annotations

import os
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import BashComplete, CompletionItem, get_completion_class, split_arg_string

from hotconf.cli.echo import echo, return_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.cli.program import Program

SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = "_HOTCONF_COMPLETE"
_MOST: Final = 1000


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes the shell complete commands, options, keys of the model, themes and kept states.

    \b
    bash:  eval "$(hotconf completion bash)"       in ~/.bashrc
    zsh:   eval "$(hotconf completion zsh)"        in ~/.zshrc
    fish:  hotconf completion fish | source        in ~/.config/fish/config.fish
    """
    kind = Bash if shell == "bash" else get_completion_class(shell)
    root = ctx.find_root().command
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    found = kind(root, {}, "hotconf", _VARIABLE)
    echo(found.source_template % found.source_vars())  # its source() would first ask which bash is installed


class Bash(BashComplete):
    """By the line itself: bash splits `@3` and `MODULE:NAME` in its words."""

    source_template = BashComplete.source_template.replace(
        'COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD', 'COMP_WORDS="${COMP_LINE:0:$COMP_POINT}"'
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, without the program's name; and that one."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        if not line or line[-1].isspace():
            words.append("")
        return words[1:-1], words[-1]


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """The keys of the model, dotted."""
    return _quietly(ctx, lambda: [CompletionItem(each) for each in _keys(ctx) if each.startswith(incomplete)])


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The states that are kept, as `@N`; else files."""
    if not incomplete.startswith("@") or param.name == "path":
        return [CompletionItem(incomplete, type="file")]
    return _quietly(ctx, lambda: [each for each in _states(ctx) if each.value.startswith(incomplete)])


def themes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """The themes of the app."""

    def found() -> list[CompletionItem]:
        from textual.theme import BUILTIN_THEMES

        return [CompletionItem(name) for name in BUILTIN_THEMES if name.startswith(incomplete)]

    return _quietly(ctx, found)


def _quietly(ctx: click.Context, find: Any) -> list[CompletionItem]:
    """Nothing where something is wrong: that is for the command to say."""
    try:
        with redirect_stderr(StringIO()), ctx.scope(cleanup=False):
            found: list[CompletionItem] = find()
    except (Exception, SystemExit):  # noqa: BLE001 - the program is imported, whatever it does
        return []
    finally:
        return_stdout()
    return found


def program_of(ctx: click.Context) -> tuple[Program, Path]:
    """The program and the main file that the options so far name."""
    from hotconf.cli.program import Program

    given = ctx.params
    program = Program(given.get("app"), given.get("schema"), no_app=bool(given.get("no_app")))
    names = (given.get("path"), given.get("option"), *given.get("arguments", ()), given.get("old"), given.get("new"))
    path = next((Path(each) for each in names if each and not str(each).startswith("@")), None)
    return program, program.path(path)


def _keys(ctx: click.Context) -> Iterator[str]:
    from hotconf.cli.states import all_keys

    program, path = program_of(ctx)
    options = program.find(path.absolute())
    yield from all_keys(options.schema if options is not None else program.model(), _MOST)


def _states(ctx: click.Context) -> list[CompletionItem]:
    from hotconf.cli.contact import patiently
    from hotconf.cli.places import kept_in
    from hotconf.history.record import Damage
    from hotconf.text import local_time

    program, path = program_of(ctx)
    main = path.absolute()
    where = program.state_dir(ctx.params.get("state_dir"), main)
    _, every = patiently(partial(kept_in, where, main), where or main, needed=False)
    whole = ((number, found) for number, found in every if not isinstance(found, Damage))
    return [CompletionItem(f"@{number}", help=local_time(found.at)) for number, found in whole]
