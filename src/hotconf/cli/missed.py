"""The state whose files a program that starts now would find missing: the commands report what it would report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hotconf.cli.places import state_dir
from hotconf.core.candidate import NOTHING
from hotconf.runtime.paths import absolute

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.core.candidate import Standing
    from hotconf.schema import Schema


def missed(main: Path, schema: Schema[Any], given: Path | None) -> Standing:
    """The newest state of `main` that is kept in the state directory `given`, else in the app's."""
    directory = absolute(given) if given is not None else state_dir()
    if directory is None or not os.path.exists(directory):  # noqa: PTH110 - which says no where it may not look
        return NOTHING
    from hotconf.runtime import kept  # imported only if there are states

    return kept.missed(directory, main, schema)
