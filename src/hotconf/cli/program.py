"""Which model and layers a command uses: those of the program's own watcher, of `--schema`, or the built-in ones."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli import places
from hotconf.cli.echo import echo
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.text import printable, short_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotconf.cli.imports import App
    from hotconf.problems import Problem
    from hotconf.schema import Schema
    from hotconf.sources.base import Options

_BUILT_IN: Final = "speckit"
_HOW: Final = (
    "name the program's watcher (--app MODULE:NAME, HOTCONF_APP, or [tool.hotconf] app in pyproject.toml), "
    "or a model (--schema MODULE:NAME; --schema speckit is the built-in one)"
)


_NAME_IT: Final = (
    'Name yours in pyproject.toml, [tool.hotconf] app = "myapp.config:watcher", or with --app MODULE:NAME'
)


class Program:
    """What the options of a command say about the program. Nothing is imported before it is needed."""

    def __init__(
        self, app: str | None, schema: Schema[Any] | str | None, *, no_app: bool, profile: str | None = None
    ) -> None:
        self._named = app
        self._profile = profile
        self._schema = schema
        self._looks = self._wants_own = schema is None and not no_app
        self._found: App | None = None

    @property
    def app(self) -> App | None:
        """The program's own watcher, imported by the first call. Raises `Refusal` if it is unavailable."""
        if self._looks:
            self._looks = False
            from hotconf.cli.imports import find

            self._found = find(self._named)
        return self._found

    def path(self, given: Path | None) -> Path:
        """The main file: `given`; the app's, relative to the working directory if it lies there; or the default."""
        if given is not None:
            return given
        if self.app is not None:
            return places.near(self.app.options.path)
        default = places.default_path()
        self._say_default(f"{printable(short_path(default))} is used")
        return default

    @property
    def named(self) -> str:
        """The option that names it, as it is to be typed again, after a space; empty if the surroundings name it."""
        return f" --app {shlex.quote(printable(self._named))}" if self._named is not None else ""

    @property
    def has_model(self) -> bool:
        """Whether a program or a model was named."""
        return self._schema is not None or self.app is not None

    @property
    def lacks_model(self) -> bool:
        """Whether neither was named, and that was not asked for."""
        return self._wants_own and not self.has_model

    def file(self, given: Path | None) -> Path:
        """The same, for what is done to a file. Raises `Refusal` if the app's document comes from a source."""
        if given is None and self.app is not None and (source := self.app.options.source) is not None:
            name = printable(source.name)
            raise Refusal(f"{name} is no file: give a PATH, or see `hotconf fleet --help` for what is published")
        return self.path(given)

    def model(self) -> Schema[Any]:
        """The model of the app, or that of `--schema`; else the built-in one."""
        if self._schema is not None and not isinstance(self._schema, str):
            return self._schema
        if self.app is not None:
            return self.app.options.schema
        from hotconf.speckit import SPECKIT

        self._say_default("this is about the built-in model")
        return SPECKIT

    def _say_default(self, what: str) -> None:
        """Once, unless it was asked for: the directory may be the wrong one."""
        if self._wants_own and not os.environ.get("CODE_HOME"):
            self._wants_own = False
            echo(f"No program is named here: {what}. {_NAME_IT}", err=True)

    def layers(self) -> tuple[object, ...]:
        """Those of the app."""
        return self.app.options.layers if self.app is not None else ()

    def state_dir(self, given: Path | None, main: Path) -> Path | None:
        """Where the states of `main`, which is absolute, are: `given`, else where the app keeps them, if it does."""
        if given is not None or self.is_built_in(main):
            return given
        return self.app.state_dir if self.app is not None else None

    def names_app(self, main: Path) -> bool:
        """Whether the app says how `main`, which is absolute, is loaded."""
        return not self.is_built_in(main) and self.app is not None

    def find(self, main: Path) -> Options[Any] | None:
        """How to load `main`, which is absolute; None if it is not known. Raises `UsageError` for a `--profile` where
        the program has none.
        """
        found = self._find(main)
        return found if self._profile is None or found is None else of_profile(found, self._profile)

    def _find(self, main: Path) -> Options[Any] | None:
        from hotconf.sources.base import Options

        if self.is_built_in(main):
            from hotconf.speckit import SPECKIT

            return Options(main, SPECKIT)
        if self._schema is not None and not isinstance(self._schema, str):
            from hotconf.sources.layers import declared_layers

            return Options(main, self._schema, layers=declared_layers(self._schema, flags=False))
        return self.app.on(main) if self.app is not None else None

    def options(self, main: Path) -> Options[Any]:
        """How to load `main`, which is absolute. If that is not known, checks its syntax, and raises `Refusal`."""
        found = self.find(main)
        if found is None:
            from hotconf.cli.findings import show_problems
            from hotconf.inspection.inspect import inspect

            show_problems(inspect(unmodelled(main)), main, unmodelled(main).schema)
            raise no_model(main)
        return found

    def is_built_in(self, main: Path) -> bool:
        """Whether the built-in schema is meant."""
        if self._schema is not None:
            return self._schema == _BUILT_IN
        if self._named is not None or (self._found is not None and self._found.options.path == main):
            return False
        return _is_default(main)


def unmodelled(main: Path) -> Options[Any]:
    """How to load `main` for its syntax only."""
    from hotconf.schema import Schema
    from hotconf.sources.base import Options

    return Options(main, Schema(dict[str, Any]))


def of_profile(options: Options[Any], name: str) -> Options[Any]:
    """How to load the same with that profile, whatever the environment says."""
    profile = options.profile
    if profile is None:
        raise UsageError(f"--profile {printable(name)}: the program has no layer Profile")
    chosen = profile.choosing(name)
    return options._replace(layers=tuple(chosen if each is profile else each for each in options.layers))


def of_own_profile(options: Options[Any], app: App | None) -> Options[Any]:
    """The same; for the file of a profile of the app's, how to load the app's main file with that profile."""
    if app is None or app.options.profile is None or options.path == app.options.path:
        return options
    found = app.options.profile.files(app.options.path).fullmatch(str(options.path))
    return options if found is None else of_profile(app.options, found[1])


def files_only(options: Options[Any]) -> Options[Any]:
    """How to load the files alone: a profile is one of them."""
    from hotconf.sources.base import ProfileLayer

    return options._replace(layers=tuple(each for each in options.layers if isinstance(each, ProfileLayer)))


def lenient(problem: Problem) -> Problem:
    """Where only files are checked: a layer may set a value that is missing."""
    if not is_missing(problem):
        return problem
    return replace(problem, severity="warning", hint="a layer over the files may set it")


def is_missing(problem: Problem) -> bool:
    """Whether it is about a required value."""
    from hotconf.config.validation.messages import MISSING

    return problem.kind == "schema" and problem.message.startswith(MISSING)


def no_model(main: Path, *, checked: bool = True) -> Refusal:
    """Says how to name one. `checked`: the syntax of the file was."""
    syntax = ", only its syntax was checked" if checked else ""
    return Refusal(f"no model is known for {printable(short_path(main))}{syntax}: {_HOW}")


def _is_default(main: Path) -> bool:
    from hotconf.sources.files.paths import absolute

    try:
        return main == absolute(places.default_path())
    except UsageError:  # there is no home directory
        return False


# The options


def _schema(ctx: click.Context, param: click.Parameter, value: str | None) -> Schema[Any] | str | None:
    if value is None or value == _BUILT_IN:
        return value
    from hotconf.cli.imports import schema

    try:
        return schema(value)
    except Refusal as error:
        raise click.BadParameter(error.message, ctx, param) from error


_APP: Final = click.option(
    "--app",
    metavar="MODULE:NAME",
    help="The program's HotReloadWatcher, or a function that returns it: its model, checks and layers are used. "
    "Default: HOTCONF_APP, or [tool.hotconf] app in the nearest pyproject.toml.",
)
_NO_APP: Final = click.option(
    "--no-app", is_flag=True, help="Import no program, even if one is configured: for untrusted checkouts."
)
_SCHEMA: Final = click.option(
    "--schema",
    metavar="MODULE:NAME",
    callback=_schema,
    help="A Schema with its checks, or a pydantic model, instead of a program; speckit is the built-in one.",
)


def program_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--app`, `--no-app` and `--schema`, as one argument `program`."""
    return _APP(_NO_APP(_SCHEMA(_with_program(command))))


def app_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--app` and `--no-app`, for a command that needs no model."""
    return _APP(_NO_APP(_with_program(command)))


def _checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from hotconf.sources.profile import Profile

    try:
        return value if value is None else Profile(value).fixed
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, param) from error


profile_option: Final = click.option(
    "--profile",
    metavar="NAME",
    callback=_checked_name,
    help="The profile to use instead of the one that the environment names.",
)


def _with_program(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(
        *arguments: Any,
        app: str | None,
        no_app: bool,
        schema: Schema[Any] | str | None = None,
        profile: str | None = None,
        **options: Any,
    ) -> None:
        if app is not None and (no_app or schema is not None):
            raise click.UsageError(f"give --app or {'--no-app' if no_app else '--schema'}, not both")
        command(*arguments, program=Program(app, schema, no_app=no_app, profile=profile), **options)

    return run
