"""Where things are unless a path is given: the configuration's directory, its file and its log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hotconf.errors import UsageError

if TYPE_CHECKING:
    from hotconf.history.record import Damage, Record

_STATES: Final = ".hotconf"


def home() -> Path:
    """`$CODE_HOME`, else `~/.code`."""
    try:
        return Path(os.environ.get("CODE_HOME") or "~/.code").expanduser()
    except RuntimeError as error:
        raise UsageError("there is no home directory to look in: give a PATH, or set CODE_HOME") from error


def has_home() -> bool:
    """Whether there is such a directory to look in."""
    try:
        home()
    except UsageError:
        return False
    return True


def is_home(directory: Path) -> bool:
    """Whether it is that; without a home directory none is."""
    try:
        return directory == home()
    except UsageError:
        return False


def state_dir() -> Path | None:
    """Where the good states of all configurations are kept, `.hotconf` in the configuration's directory.

    None where they cannot be: there is no such directory, or the system is not POSIX.
    """
    try:
        return home() / _STATES if os.name == "posix" else None
    except UsageError:
        return None


def states_in(given: Path | None) -> Path:
    """The state directory `given`, or else that of the app."""
    from hotconf.sources.files.paths import absolute

    if os.name != "posix":
        raise UsageError("states can be kept on POSIX systems only")
    if given is not None:
        return absolute(given)
    try:
        return absolute(home() / _STATES)
    except UsageError as error:
        raise UsageError(
            "there is no home directory to look for states in: give --state-dir, or set CODE_HOME"
        ) from error


def kept_in(given: Path | None, main: Path) -> tuple[Path, list[tuple[int, Record | Damage]]]:
    """The same directory, and the states of `main` in it, the newest first."""
    from hotconf.history.store import StateStore

    where = states_in(given)
    return where, list(StateStore(where, main).newest_first())


def default_path() -> Path:
    """`config.toml` in the configuration's directory."""
    return home() / "config.toml"


def near(path: Path) -> Path:
    """`path`, which is absolute, relative to the working directory if it lies below that."""
    try:
        return path.relative_to(Path.cwd())
    except (OSError, ValueError):  # there may be no working directory
        return path
