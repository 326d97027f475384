"""`hotconf doctor`: will a save of this file be noticed, and how soon?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotconf.cli.echo import echo
from hotconf.cli.options import BASELINE, json_option, path_argument, state_dir_option
from hotconf.cli.program import program_options

if TYPE_CHECKING:
    from hotconf.cli.program import Program


@click.command(short_help="Check whether, and how soon, a save is noticed.")
@path_argument
@program_options
@click.option("--no-probe", is_flag=True, help="Write nothing, not even a short-lived hidden file next to PATH.")
@json_option("One JSON object instead of text.")
@state_dir_option(BASELINE)
@click.pass_context
def doctor(
    ctx: click.Context,
    path: Path | None,
    program: Program,
    no_probe: bool,
    as_json: bool,
    state_dir: Path | None,
) -> None:
    """Examine the path to a configuration file and to those that its watch_paths name: links, permissions, mounts and
    file systems, and the limits of inotify.

    A hidden file is written next to PATH, to time how soon that is noticed, and removed again.

    Exit status: 0 all is well, perhaps with notes; 1 something has to be fixed; 2 wrong usage.
    """
    from hotconf.cli.baseline import baseline_of
    from hotconf.cli.contact import located
    from hotconf.cli.examine import examine
    from hotconf.cli.verdict import is_lost
    from hotconf.inspection.inspect import State, inspect
    from hotconf.report import doctor as report

    main = located(program.file(path), program.find)
    options = program.options(main)
    found = inspect(options, baseline=baseline_of(options, program.state_dir(state_dir, main)))
    lost = tuple(each.message for each in found.problems if is_lost(each))
    window = found.settings.debounce_ms if isinstance(found, State) else None
    seen = examine(
        main,
        files=found.files,
        probe=not no_probe,
        max_bytes=options.max_bytes,
        lost=lost,
        debounce_ms=window,
    )
    if as_json:
        import json

        echo(json.dumps(report.as_json(seen), indent=2))
    else:
        from hotconf.cli.paint import show

        show("\n".join(report.lines(seen)), "examination", hanging=report.INDENT)
    ctx.exit(int(report.to_fix(report.findings(seen))))
