"""Before a publish: read a document from a file or stdin, check it by the program's model, compare it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.cli.echo import echo
from hotconf.cli.options import stdin
from hotconf.cli.refusal import Declined, Refusal
from hotconf.errors import UsageError
from hotconf.formats.registry import FormatName, format_of, name_of
from hotconf.sources.source import Fetched, Link, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.cli.program import Program
    from hotconf.fleet import Fleet
    from hotconf.problems import Problem
    from hotconf.sources.base import Options

_STDIN: Final = Path("-")
_MOST_BYTES: Final = 1 << 24
"""Files are read up to this size."""
_MOST_NAMED: Final = 5


class _Document(Source):
    """A source of one document, which never changes."""

    kind = "etcd"

    def __init__(self, name: str, fetched: Fetched) -> None:
        self._name = name
        self._fetched = fetched

    @property
    def name(self) -> str:
        """The fleet's."""
        return self._name

    def read(self) -> Fetched:
        """Always the same."""
        return self._fetched

    def watch(self, link: Link) -> Callable[[], object]:  # noqa: ARG002 - it never changes
        """Nothing."""
        return lambda: None


def content(file: Path, form: FormatName | None) -> tuple[bytes, FormatName]:
    """What FILE, or standard input, holds, and what that is written in."""
    from hotconf.cli.contact import patiently
    from hotconf.sources.files import paths, reading

    most = _MOST_BYTES  # the fleet's own limit is lower, and says why
    if file == _STDIN:
        return stdin(most), form or "toml"
    read = patiently(lambda: reading.read(paths.absolute(file), most), file)
    if read.problem is not None:
        raise Refusal(str(replace(read.problem, file=file)))
    return read.data, form or name_of(format_of(file))


def check(fleet: Fleet, data: bytes, form: FormatName, program: Program, title: str) -> list[str]:
    """Show what is wrong with the document, which is called `title`. Returns warnings; raises `Declined` if it must
    not be published.

    Only the document is judged: a layer on the machines may set what is missing in it.
    """
    from hotconf.fleet import TooLargeError
    from hotconf.fleet.publishing.documents import MOST_BYTES

    options = None if len(data) > MOST_BYTES else _options(fleet.name, data, form, program)
    if options is not None and _shows_errors(options, title):
        raise Declined("nothing was published: the document is not valid")
    try:
        fleet.check(data, form)
    except (TooLargeError, UsageError) as error:
        raise Declined(f"nothing was published: {error}") from error
    warnings = []
    if program.lacks_model:
        text = "only the syntax was checked: --app MODULE:NAME or --schema MODULE:NAME names a model, --no-app none"
        warnings.append(f"Warning: {text}")
    if secrets := list(islice(_secrets(fleet.name, data, form, options), _MOST_NAMED + 1)):
        more = ", …" if len(secrets) > _MOST_NAMED else ""
        named = ", ".join(secrets[:_MOST_NAMED])
        text = "everyone who may read the fleet can read them. Set them in a layer on the machines"
        warnings.append(f"Warning: the document has secrets ({named}{more}): {text}")
    return warnings


def _shows_errors(options: Options[Any], title: str) -> bool:
    from hotconf.cli.findings import as_text, findings
    from hotconf.cli.program import lenient
    from hotconf.inspection.inspect import inspect

    found = inspect(options)
    found = replace(found, problems=tuple(map(lenient, found.problems)))
    shown = list(findings(found, options.schema, options.path, Path(title)))
    if shown:
        echo(as_text(shown, sys.stderr), err=True, color=True)
    return any(problem.severity == "error" for problem in found.problems)


def _secrets(name: str, data: bytes, form: FormatName, options: Options[Any] | None) -> Iterator[str]:
    """The keys at which the document has secrets, by their names, by the model, or as a URL's password."""
    from hotconf.cli.program import unmodelled
    from hotconf.config.redaction.secret_values import secrets_in
    from hotconf.config.shape import Shape, shape_of
    from hotconf.formats.registry import named, parse
    from hotconf.keypath import KeyPath, dotted
    from hotconf.problems import Problem

    path = _Document(name, Fetched(data, "1", form)).path
    found = parse(data, path, form=named(form))
    todo: list[tuple[KeyPath, Any, Shape, bool]] = []
    if not isinstance(found, Problem):
        todo.append(((), found.table, shape_of((options or unmodelled(path)).schema), False))
    while todo:
        at, value, shape, secret = todo.pop()
        secret = secret or shape.secret
        if isinstance(value, dict) and not secret:
            inner = [((*at, key), below, shape.child(key), shape.names_secret(key)) for key, below in value.items()]
            todo += reversed(inner)
        elif isinstance(value, list) and not secret:
            below = zip(value, shape.items(), strict=False)
            todo += reversed([((*at, nth), item, kind, False) for nth, (item, kind) in enumerate(below)])
        elif secrets_in(value, ("secret",) if secret else at):
            yield dotted(at)


def errors_in(name: str, fetched: Fetched, program: Program) -> tuple[Problem, ...]:
    """Why the document is refused; empty if it is not. Without a model only its syntax is judged."""
    from hotconf.cli.program import lenient, unmodelled
    from hotconf.inspection.inspect import inspect

    options = _options(name, fetched.data, fetched.format, program)
    if options is None:
        source = _Document(name, fetched)
        options = unmodelled(source.path)._replace(source=source)
    problems = map(lenient, inspect(options).problems)
    return tuple(problem for problem in problems if problem.severity == "error")


def difference(
    name: str,
    old: tuple[bytes, FormatName] | None,
    new: tuple[bytes, FormatName],
    program: Program,
    titles: tuple[str, str],
) -> Iterator[str]:
    """Lines of a unified diff of two documents, with secrets as …. `titles`: what each of them is."""
    from hotconf.cli.program import unmodelled
    from hotconf.config.redaction.secret_keys import secret_keys
    from hotconf.inspection.kept import documents
    from hotconf.report.difference import unified
    from hotconf.text import printable

    known = _options(name, *new, program)
    options = known or unmodelled(_Document(name, Fetched(new[0], "1", new[1])).path)
    lines = unified(*documents(options, old, new), secret_keys=secret_keys(options.schema))
    if lines:
        yield lines[0] if old is None else printable(f"--- {titles[0]}")
        yield printable(f"+++ {titles[1]}")
    yield from lines[2:]


def show_difference(fleet: Fleet, old: str, new: str, program: Program) -> None:
    """Print the difference of two versions to stderr."""
    from hotconf.cli.paint import painted

    before, after = fleet.show(old), fleet.show(new)
    titles = (f"{fleet.name} version {before.version}", f"{fleet.name} version {after.version}")
    for line in difference(fleet.name, (before.data, before.format), (after.data, after.format), program, titles):
        echo(painted(line, sys.stderr, "difference"), err=True, color=True)


def _options(name: str, data: bytes, form: FormatName, program: Program) -> Options[Any] | None:
    """How a program would load it, without layers; None if no model is known."""
    from hotconf.cli.program import files_only
    from hotconf.sources.base import Options

    if not program.has_model:
        return None
    source = _Document(name, Fetched(data, "1", form))
    if program.app is not None:
        given = files_only(program.app.options)
        return given._replace(path=source.path, source=source, fileless=False, format=None)
    return Options(source.path, program.model(), source=source, home=str(Path.cwd()))
