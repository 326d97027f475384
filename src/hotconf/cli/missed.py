"""Which state a program that starts now would miss files of: the commands say what it would say."""

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
    from hotconf.runtime import kept  # only where states are

    return kept.missed(directory, main, schema)
