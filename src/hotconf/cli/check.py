"""`hotconf check`: is it valid? Loads exactly as the watcher would, and changes nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.echo import commands, echo, stdout
from hotconf.cli.findings import as_text, findings
from hotconf.cli.options import BASELINE, PATH, state_dir_option, stdin
from hotconf.cli.program import (
    files_only,
    lenient,
    no_model,
    of_own_profile,
    profile_option,
    program_options,
    unmodelled,
)
from hotconf.cli.verdict import status
from hotconf.text import source_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hotconf.cli.findings import Finding
    from hotconf.cli.program import Program
    from hotconf.problems import Problem
    from hotconf.sources.base import FileSet, Options

_STDIN: Final = Path("-")
_NO_NAME: Final = Path("<stdin>")


@click.command(short_help="Check files without applying them.")
@click.argument("paths", nargs=-1, type=PATH)
@program_options
@profile_option
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "concise", "json", "sarif", "github")),
    default="text",
    show_default=True,
    help="How problems are shown on stdout.",
)
@click.option("--stdin-filename", metavar="NAME", type=PATH, help="What to call the file that - reads from stdin.")
@click.option(
    "--files-only",
    is_flag=True,
    help="Check the files without the layers over them: missing required values are warnings.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print problems only, without the summary on stderr.")
@click.option("--watch", is_flag=True, help="Check again whenever one of the files has changed, until Ctrl+C.")
@click.option("--error-on-warning", is_flag=True, help="Exit with status 1 on warnings, too.")
@state_dir_option(BASELINE)
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[Path, ...],
    program: Program,
    form: str,
    stdin_filename: Path | None,
    files_only: bool,
    quiet: bool,
    watch: bool,
    error_on_warning: bool,
    state_dir: Path | None,
) -> None:
    """Check configuration files, each with the files that its watch_paths name. A PATH of - is standard input, in the
    place of the program's file; of a directory, each configuration file in it is checked by itself.

    Problems go to stdout, each once, in the order of the file: as text with their source lines, concise (one line
    each, FILE:LINE:COL: error: TEXT), json, sarif or github (workflow commands). A summary goes to stderr.

    Exit status: 0 valid, perhaps with warnings; 1 invalid; 2 a file is missing, unreadable or too large, the model is
    unknown (then only the syntax is checked), or wrong usage.
    """
    if stdin_filename is not None and _STDIN not in paths:
        raise click.UsageError("--stdin-filename needs - as a PATH")
    run = partial(_checked, paths, program, form, stdin_filename or _NO_NAME, state_dir, files_only, quiet)
    if watch:
        from hotconf.cli.again import repeatedly

        if _STDIN in paths:
            raise click.UsageError("--watch needs files: standard input is read once")
        repeatedly(run)
        return
    problems, _ = run()
    ctx.exit(_status(problems, error_on_warning=error_on_warning))


def _checked(
    paths: Sequence[Path],
    program: Program,
    form: str,
    stdin_name: Path,
    state_dir: Path | None,
    files_only: bool,
    quiet: bool,
) -> tuple[list[Problem], frozenset[Path]]:
    """Check all once, and show what is wrong. The problems, and the files that were read."""
    from hotconf.report.problems.lines import summary

    given = _files(paths) if paths else {program.path(None): None}
    checks = _Checks(program, stdin_name, state_dir, files_only=files_only)
    found = tuple(checks.findings(given))
    text = _shown(form, found)
    if text:
        commands(text) if form == "github" else echo(text, color=True)
    problems = [finding.problem for finding in found]
    if not quiet and (problems or checks.unknown is None):
        noun = "document" if any(map(source_name, given)) else "file"
        echo(summary(problems, len(given), layers=checks.layers, noun=noun), err=True)
    if checks.unknown is not None:
        raise no_model(checks.unknown)
    return problems, frozenset((*given, *checks.read))


def _files(paths: Iterable[Path]) -> dict[Path, str | None]:
    """The paths, each once; instead of a directory the configuration files in it, or a hint if there is none."""
    from hotconf.cli.contact import patiently

    files: dict[Path, str | None] = {}
    for path in paths:
        inside = patiently(partial(_inside, path), path)
        empty = None if inside is None else "it contains no configuration file"
        files.update(dict.fromkeys(inside) if inside else {path: empty})
    return files


def _inside(directory: Path) -> list[Path] | None:
    """The configuration files in it and below, without hidden ones and JSON Schemas; and the directories there that
    cannot be listed. None if it is not a directory.
    """
    from hotconf.formats.registry import is_configuration

    if not os.path.isdir(directory):  # noqa: PTH112 - which says no where it may not look
        return None
    found: list[Path] = []
    failed: list[OSError] = []
    for place, below, names in os.walk(directory, onerror=failed.append):
        below[:] = [name for name in below if not name.startswith(".")]
        files = (Path(place, name) for name in names if not _is_left_out(name))
        found += [each for each in files if is_configuration(each) and _may_be_file(each)]
    return sorted([*found, *(Path(error.filename) for error in failed)])


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.endswith(".schema.json") or name == "pyproject.toml"


def _may_be_file(path: Path) -> bool:
    """Whether it is a file, or cannot be looked at: why not is for reading it to say."""
    return os.path.isfile(path) or not os.path.exists(path)  # noqa: PTH110, PTH113 - which raise nothing


class _Checks:
    """The checks of all files that were given."""

    def __init__(self, program: Program, stdin_name: Path, state_dir: Path | None, *, files_only: bool) -> None:
        self.unknown: Path | None = None
        """A file of which only the syntax was checked."""
        self.read: set[Path] = set()
        self.layers = False
        """Layers over the files were checked, too."""
        self._program = program
        self._stdin_name = stdin_name
        self._state_dir = state_dir
        self._files_only = files_only

    def findings(self, given: Mapping[Path, str | None]) -> Iterator[Finding]:
        """What is wrong with them, each once. `given`: with a hint for one that cannot be read."""
        seen: set[tuple[object, ...]] = set()  # two files may have a fragment in common
        for path, hint in given.items():
            for finding in self._of(path, hint):
                problem = finding.problem  # what it is related to may differ
                key = (problem.place, problem.file, problem.line, problem.column, problem.message)
                if key not in seen:
                    seen.add(key)
                    yield finding

    def _of(self, path: Path, hint: str | None) -> Iterator[Finding]:
        from hotconf.cli.baseline import baseline_of
        from hotconf.cli.contact import located
        from hotconf.inspection.inspect import inspect
        from hotconf.sources.base import DEFAULT_MAX_BYTES

        content = stdin(DEFAULT_MAX_BYTES + 1) if path == _STDIN else None
        name = path if content is None else self._stdin_name
        app = self._program.app if content is not None and name == _NO_NAME else None
        stands_for = app.options.path if app is not None and app.options.source is None else None
        main = located(stands_for or name, self._program.find, content=content)
        options = self._program.find(main)
        if options is None:
            self.unknown = self.unknown or (main if hint is None else None)
            options = unmodelled(main)
        else:
            options = of_own_profile(options, self._program.app)
        if self._files_only:
            options = files_only(options)
        self.layers = self.layers or bool(options.layers and not self._files_only)
        instead = {} if content is None else {main: content}
        baseline = baseline_of(options, self._program.state_dir(self._state_dir, main))
        inspection = inspect(options, instead=instead, baseline=baseline, thorough=True)
        self.read.update(inspection.files.reads)
        if hint is not None:
            problems = tuple(replace(each, hint=each.hint or hint) for each in inspection.problems)
            inspection = replace(inspection, problems=problems)
        if self._files_only:
            problems = tuple(map(lenient, inspection.problems))
            inspection = replace(inspection, problems=problems)
        if content is not None and name == _NO_NAME and stands_for is None:
            inspection = replace(inspection, problems=tuple(map(_as_toml, inspection.problems)))
        yield from findings(inspection, options.schema, main, name)
        if stands_for is None:
            yield from self._of_profiles(options, name, inspection.files)

    def _of_profiles(self, options: Options[Any], name: Path, read: FileSet) -> Iterator[Finding]:
        """What cannot be read in the files of other profiles, if the environment decides which one counts."""
        profile = options.profile
        if profile is None or profile.fixed is not None:
            return
        from hotconf.inspection.inspect import inspect

        main = options.path
        for each in profile.names(main):
            file = main.with_name(f"{main.stem}.{each}{main.suffix}")
            if file not in read.reads:
                alone = unmodelled(file)._replace(format=options.format, allow_empty=True)
                yield from findings(inspect(alone), options.schema, file, name.with_name(file.name))


def _as_toml(problem: Problem) -> Problem:
    """Where nothing says what standard input is written in."""
    if problem.kind != "syntax":
        return problem
    note = "it is read as TOML: --stdin-filename config.yaml says otherwise"
    return replace(problem, hint=note)


def _shown(form: str, found: Sequence[Finding]) -> str:
    """What goes to stdout, without a newline at the end; each format is imported when it is asked for."""
    if form == "text":
        return as_text(found, stdout()) if found else ""
    if form == "concise":
        from hotconf.report.problems.lines import concise

        return "\n".join(concise(finding.as_given) for finding in found)
    if form == "github":
        from hotconf.report.problems.github import github

        return "\n".join(github(finding.as_given) for finding in found)
    if form == "sarif":
        from hotconf.report.problems.sarif import sarif

        return sarif((finding.problem for finding in found), Path.cwd())
    from hotconf.report.ndjson import to_json_file

    return to_json_file(finding.problem for finding in found)


def _status(problems: Sequence[Problem], *, error_on_warning: bool) -> int:
    return status(problems) or int(error_on_warning and bool(problems))
