"""The command line: one module a command, loaded when it is called."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `hotconf` with the arguments of this process, and exit."""
    from hotconf.cli.app import hotconf

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show ✅ gets an escape instead of ending the watch.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    hotconf(prog_name="hotconf")
