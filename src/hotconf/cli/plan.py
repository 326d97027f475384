"""`hotconf plan`: what would an edit do? Nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hotconf.cli.echo import echo, stdout
from hotconf.cli.options import BASELINE, PATH, json_option, path_argument, state_dir_option, stdin
from hotconf.cli.program import profile_option, program_options
from hotconf.text import printable

if TYPE_CHECKING:
    from hotconf.cli.program import Program
    from hotconf.inspection.inspect import State
    from hotconf.problems import Problem
    from hotconf.report.ndjson import Json
    from hotconf.schema import Schema
    from hotconf.sources.base import Options

_STDIN: Final = Path("-")


@click.command(short_help="Show what an edit would do to a running program.")
@click.argument("file", type=PATH)
@path_argument
@json_option("One JSON object instead of text.")
@program_options
@profile_option
@state_dir_option(BASELINE)
@click.option(
    "--apply",
    is_flag=True,
    help="Call the program's factories, too: create all its resources, and close them again.",
)
@click.pass_context
def plan(
    ctx: click.Context,
    file: Path,
    path: Path | None,
    as_json: bool,
    program: Program,
    state_dir: Path | None,
    apply: bool,
) -> None:
    """Show what a program that runs PATH would do if PATH had the content of FILE: - is standard input.

    The files that FILE's watch_paths name are looked for next to PATH. stdout has the values that change, whether
    it would be accepted, with what waits for a restart, and the effect on watching; or, if it would be refused, the
    problems. Places in standard input are given as those of PATH. With --apply, a resource that cannot be created is
    a problem, too; nothing is published.

    Exit status: 0 it would be accepted; 1 it would be refused; 2 FILE or PATH is missing, unreadable or too large,
    or wrong usage.
    """
    from hotconf.cli import states
    from hotconf.cli.baseline import baseline_of
    from hotconf.cli.contact import located
    from hotconf.cli.findings import as_text, findings, show_problems
    from hotconf.cli.paint import show
    from hotconf.cli.refusal import Refusal
    from hotconf.cli.verdict import UNKNOWN, status
    from hotconf.cli.wrap import terminal_cells
    from hotconf.inspection.inspect import Inspection, State, inspect
    from hotconf.report.comparison import Rehearsal, refusal, refusal_json
    from hotconf.report.problems.lines import spelled
    from hotconf.sources.files.paths import absolute

    if apply and (program.app is None or program.app.watcher is None):
        raise Refusal(
            f"--apply needs the program's own watcher: {'give --app' if program.app is None else program.app.trouble}"
        )
    target = program.path(path)
    found = states.named(target, program, state_dir=state_dir)
    options = program.options(absolute(target))
    schema = options.schema
    now = found if isinstance(found, State) else None
    if not isinstance(found, State):
        if status(found.problems) == UNKNOWN:
            show_problems(found, target, schema)
            ctx.exit(UNKNOWN)
        echo(f"{printable(str(target))} is currently invalid, so the changes are unknown", err=True)
    content = _content(ctx, file, schema)
    main = located(target, program.find, content=content)
    baseline = baseline_of(options, program.state_dir(state_dir, main))
    against, start = (now.snapshot, now.start) if now else (None, None)
    edited = inspect(options, against=against, instead={main: content}, baseline=baseline, start=start)
    made: tuple[str, ...] | None = None
    if apply and isinstance(edited, State):
        made, problem = _tried(program, options, now, edited)
        if problem is not None:
            edited = Inspection((*edited.problems, problem), edited.files, edited.scrub, edited.form_of)
    content_of = main if file == _STDIN else absolute(file)
    if isinstance(edited, State):
        warnings = tuple(spelled(each, main, main, content_of) for each in edited.snapshot.warnings)
        edited = replace(edited, snapshot=replace(edited.snapshot, warnings=warnings))
        rehearsal = Rehearsal(now, edited, made, published=options.source is not None)
        if as_json:
            echo(_as_json(rehearsal.as_json()))
        else:
            show(rehearsal.as_text(terminal_cells(stdout())), "changes")
        return
    event = refusal([spelled(each, main, main, content_of) for each in edited.problems])
    if as_json:
        echo(_as_json(refusal_json(event)))
    else:
        shown = list(findings(edited, schema, main, target, None if file == _STDIN else file))
        echo(as_text(shown, stdout()), color=True)
        show("❌ Would be refused: the old configuration would stay", "outcome")
    ctx.exit(1)


def _tried(
    program: Program, options: Options[Any], now: State[Any] | None, edited: State[Any]
) -> tuple[tuple[str, ...], Problem | None]:
    """The names of what the program's factories make of `edited`, and why they do not."""
    from hotconf.cli.imports import running
    from hotconf.inspection.trial import Trial
    from hotconf.twin import acting, show

    app = program.app
    if app is None or app.watcher is None or (applying := acting(app.watcher)) is None:
        return (), None
    if now is not None and app.options.path == options.path:
        show(app.watcher, now.snapshot)
    trial = Trial(applying, options, now, edited)
    with running(lambda: f"waiting for {trial.doing}"):
        trial.run()
    return trial.made, trial.problem


def _content(ctx: click.Context, file: Path, schema: Schema[Any]) -> bytes:
    """What FILE holds; if that is unavailable, it is said why, and the command ends."""
    from hotconf.cli.contact import patiently
    from hotconf.cli.findings import show_problems
    from hotconf.cli.verdict import UNKNOWN
    from hotconf.inspection.inspect import Inspection
    from hotconf.sources.base import DEFAULT_MAX_BYTES, FileSet
    from hotconf.sources.files import paths, reading

    if file != _STDIN:
        read = patiently(lambda: reading.read(paths.absolute(file), DEFAULT_MAX_BYTES), file)
        content, problem = read.data, read.problem
    else:
        content = stdin(DEFAULT_MAX_BYTES + 1)
        problem = reading.too_large(file, DEFAULT_MAX_BYTES) if len(content) > DEFAULT_MAX_BYTES else None
    if problem is not None:
        named = paths.absolute(file)
        show_problems(Inspection((replace(problem, file=named),), FileSet.of(named)), file, schema)
        ctx.exit(UNKNOWN)
    return content


def _as_json(content: Json) -> str:
    import json

    return json.dumps(content, indent=2)
