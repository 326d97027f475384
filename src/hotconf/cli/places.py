"""Where things are unless a path is given: the configuration's directory, its file and its log."""

from __future__ import annotations

import os
from pathlib import Path

from hotconf.errors import UsageError


def home() -> Path:
    """`$CODE_HOME`, else `~/.code`."""
    try:
        return Path(os.environ.get("CODE_HOME") or "~/.code").expanduser()
    except RuntimeError as error:
        raise UsageError("there is no home directory to look in: give a PATH, or set CODE_HOME") from error


def default_path() -> Path:
    """`config.toml` in the configuration's directory."""
    return home() / "config.toml"
