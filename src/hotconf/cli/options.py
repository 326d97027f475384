"""The arguments and options that several commands share."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.errors import UsageError
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.schema import Schema

_BUILT_IN: Final = "hotconf.speckit:SPECKIT"


class _NoSchemaError(Exception):
    pass


def _load(ctx: click.Context, param: click.Parameter, value: str) -> Schema[Any]:
    module, _, name = value.partition(":")
    if not (module and name):
        raise click.BadParameter(
            f"{value!r} is not of the form MODULE:NAME, such as myapp.config:AppConfig", ctx, param
        )
    try:
        if value != _BUILT_IN and "" not in sys.path:
            # As `python -m` does: modules of the working directory can be named.
            sys.path.insert(0, "")
        return _schema(_named(module, name))
    except KeyboardInterrupt:
        raise
    except (ImportError, AttributeError, UsageError, _NoSchemaError) as error:
        reason = str(error)
    except BaseException as error:  # noqa: BLE001 (to import a module is to run it)
        reason = f"{type(error).__name__}: {error}"
    raise click.BadParameter(printable(f"{value}: {reason}"), ctx, param)


def _later(ctx: click.Context, param: click.Parameter, value: str) -> Callable[[], Schema[Any]]:
    if value == _BUILT_IN:
        return lambda: _load(ctx, param, value)  # it cannot fail, so that it can wait
    schema = _load(ctx, param, value)
    return lambda: schema


def _named(module: str, name: str) -> object:
    found: object = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _schema(found: Any) -> Schema[Any]:
    from pydantic import BaseModel, TypeAdapter
    from pydantic.dataclasses import is_pydantic_dataclass

    from hotconf.schema import Schema

    is_model = isinstance(found, type) and (issubclass(found, BaseModel) or is_pydantic_dataclass(found))
    if not (is_model or isinstance(found, Schema | TypeAdapter)):
        raise _NoSchemaError(f"neither a hotconf.Schema nor a pydantic model, but {_kind(found)}")
    schema: Schema[Any] = Schema.of(found)
    schema.complete()
    return schema


def _kind(found: object) -> str:
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"of type {type(found).__qualname__}"


# Whether it can be read is for the command to find out: that is a problem of the file, and not of how it was called.
class _Path(click.Path):
    """Any path, untouched: a mount that does not answer would stop the command before it could say so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return Path(value)


PATH: Final = _Path(path_type=Path, readable=False)


def state_dir_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--state-dir DIR`, with `text` as its help."""
    return click.option("--state-dir", metavar="DIR", type=PATH, help=text)


BASELINE: Final = (
    "Where the states are whose files are missed; .hotconf in the configuration's directory unless given."
)

path_argument = click.argument("path", required=False, type=PATH)
_schema_option = partial(
    click.option,
    "--schema",
    metavar="MODULE:NAME",
    default=_BUILT_IN,
    show_default=True,
    help="A Schema, with its checks, or a pydantic model; modules of the working directory are found. "
    "Checks that a program passes to HotReloadWatcher do not run.",
)
schema_option = _schema_option(callback=_load)
later_schema_option = _schema_option(callback=_later)
"""Gives a function that gives the schema; the built-in one is loaded no sooner than that is called."""


def stdin(most: int) -> bytes:
    """The content of standard input, at most `most` bytes. Raises `UsageError` if there is none."""
    if sys.stdin is None:
        raise click.UsageError("there is no standard input to read")
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise click.UsageError(f"standard input cannot be read: {error.strerror}") from error
