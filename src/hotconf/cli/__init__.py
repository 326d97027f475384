"""The command line: one module a command, loaded when it is called."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run `hotconf` with the arguments of this process, and exit."""
    if sys.argv[1:2] in (["check"], ["status"]):
        _hurry()
    watches = sys.argv[1:2] == ["watch"]
    if watches:
        _outlive_hangup()
    from hotconf.cli.app import hotconf
    from hotconf.cli.echo import finish, prepare, silence

    prepare()
    if "_HOTCONF_COMPLETE" in os.environ:  # a shell completes a line: what an imported program writes would be in it
        silence(sys.stderr)
        from click.shell_completion import add_completion_class

        from hotconf.cli.completion import Bash

        add_completion_class(Bash)
    try:
        hotconf(prog_name="hotconf", obj="own process")
    except SystemExit as end:
        finish()
        _leave(end.code if isinstance(end.code, int) else 0)
        raise
    finally:
        finish()
        if watches:
            _ignore_hangup()  # at its end Python takes handlers away


def _leave(status: int) -> None:
    """End the process now if it has imported a program: its threads and exit handlers are not for a command."""
    imports = sys.modules.get("hotconf.cli.imports")
    if imports is not None and imports.IMPORTED:
        from hotconf.cli.foreign import leave

        sys.stderr.flush()
        leave(status)


def _ignore_hangup() -> None:
    import signal

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _outlive_hangup() -> None:
    """From here to the exit SIGHUP does not end the process: before the watch the first load is still to come, and
    after it there is nothing to reload. Where SIGHUP is ignored, as under nohup, it stays so.
    """
    import signal

    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda number, frame: None)  # noqa: ARG005


def _hurry() -> None:
    """What a process can do that is over in a moment, and is started at every save, commit or turn of a probe."""
    import atexit
    import gc

    # Nearly all of what is made stays until the end: do not look for garbage in it, while it lasts or when it ends.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    # pydantic looks through all installed packages for plugins, which may only watch a validation.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
