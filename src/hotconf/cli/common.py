"""What all commands have: `--color`, examples below their help, and one standard input."""

from __future__ import annotations

from typing import Any, Final

import click

COLOR: Final = "hotconf.color"
"""Where the context of a command says when to use colours."""
_STDIN: Final = f"{__name__}.stdin"
"""Where it says that an argument is standard input."""
_STDIN_NAMES: Final = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
EXAMPLES: Final = {
    "run": ("hotconf run", "hotconf run config.yaml --schema myapp.config:AppConfig --theme nord"),
    "watch": ("hotconf watch", "hotconf watch --json | jq .event", "hotconf watch --exec './notify.sh'"),
    "check": (
        "hotconf check",
        "hotconf check -q conf.d/",
        "hotconf check --format github",
        "git show :app.toml | hotconf check -",
    ),
    "init": ("hotconf init", "hotconf init config.yaml --schema myapp.config:AppConfig", "hotconf init .env"),
    "show": ("hotconf show", "hotconf show --key server.port", "hotconf show @3", "hotconf show - < edit.toml"),
    "explain": ("hotconf explain server.port", "hotconf explain APP_SERVER__PORT"),
    "env": ("hotconf env", "hotconf env --prefix APP_"),
    "diff": (
        "hotconf diff @3 config.toml",
        "hotconf diff @1 @2 --path config.toml",
        "hotconf diff <(git show HEAD:config.toml) config.toml",
    ),
    "plan": ("hotconf plan edit.toml", "git show main:config.toml | hotconf plan -"),
    "schema": ("hotconf schema > config.schema.json", "hotconf schema --stamp config.toml"),
    "status": ("hotconf status", "hotconf status --json"),
    "reload": ("hotconf reload", "hotconf reload --wait"),
    "fleet": (
        "hotconf fleet publish shop/prod app.toml",
        "hotconf fleet status shop/prod",
    ),
    "fleet publish": (
        "hotconf fleet publish shop/prod app.toml --note 'larger pool' --wait",
        "hotconf fleet publish shop/prod app.toml --canary 1 --wait --auto-rollback",
        "git show main:app.yaml | hotconf fleet publish shop/prod - --type yaml --yes",
    ),
    "fleet status": ("hotconf fleet status shop/prod --watch",),
    "fleet rollback": ("hotconf fleet rollback shop/prod", "hotconf fleet rollback shop/prod 12 --yes"),
    "fleet diff": ("hotconf fleet diff shop/prod 11 12",),
    "fleet prune": ("hotconf fleet prune shop/prod", "hotconf fleet prune shop/prod --keep 20 --yes"),
    "fleet agent": ("hotconf fleet agent shop/prod --write /etc/shop/app.toml",),
    "history": ("hotconf history", "hotconf history --key server.port"),
    "rollback": ("hotconf rollback 3", "hotconf rollback @3 --yes"),
    "doctor": ("hotconf doctor", "hotconf doctor config.toml"),
    "completion": ('eval "$(hotconf completion bash)"',),
}


def with_common(command: click.Command, name: str) -> None:
    """Give `command`, once, what all commands have."""
    if any(COLOR in each.opts for each in command.params) or any("--color" in each.opts for each in command.params):
        return
    for each in command.params:
        if isinstance(each, click.Argument):
            each.callback = each.callback or _stdin_once
    command.params.append(_color())
    lines = "\n".join(f"  {each}" for each in EXAMPLES.get(name, ()))
    if lines:
        command.epilog = f"\b\nExamples:\n{lines}"


def _color() -> click.Option:
    return click.Option(
        ["--color"],
        type=click.Choice(("auto", "always", "never")),
        default="auto",
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Colours: auto means on terminals, unless NO_COLOR or CLICOLOR=0 is set.",
    )


def _remember(ctx: click.Context, param: click.Parameter, value: str) -> None:  # noqa: ARG001
    ctx.meta[COLOR] = value


def _stdin_once(ctx: click.Context, param: click.Parameter, value: Any) -> Any:  # noqa: ARG001
    """Standard input is read once: a second argument would find it empty, or the same."""
    for each in value if isinstance(value, tuple) else (value,):
        if str(each) in _STDIN_NAMES:
            if _STDIN in ctx.meta:
                raise click.UsageError("only one argument can be standard input", ctx)
            ctx.meta[_STDIN] = True
    return value
