"""Before a publish: read a document from a file or stdin, check it by the program's model, compare it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.cli.echo import echo
from hotconf.cli.options import stdin
from hotconf.cli.refusal import Refusal
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


def errors_of(name: str, data: bytes, form: FormatName, program: Program) -> tuple[Problem, ...] | None:
    """Show what is wrong with the document, and return the errors; None if no model is known. Only the document is
    judged: a layer on the machines may set what is missing in it.
    """
    from hotconf.cli.findings import as_text, findings
    from hotconf.cli.program import lenient
    from hotconf.inspection.inspect import inspect

    options = _options(name, data, form, program)
    if options is None:
        return None
    found = inspect(options)
    found = replace(found, problems=tuple(map(lenient, found.problems)))
    shown = list(findings(found, options.schema, options.path, Path(name)))
    if shown:
        import sys

        echo(as_text(shown, sys.stderr), err=True, color=True)
    return tuple(problem for problem in found.problems if problem.severity == "error")


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
    import sys

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
