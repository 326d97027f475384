"""The statuses of one configuration's processes."""

from __future__ import annotations

from pathlib import Path

from hotconf.status.folder import contents
from hotconf.status.record import Status, decode
from hotconf.status.requests import key


def statuses(state_dir: Path, main: Path | None = None) -> list[Status]:
    """Those of all living processes that run `main`, an absolute path, with this state directory; by process.

    Without `main`: of all configurations. Files of dead processes are removed, others' files and what makes no sense
    left out. Raises `UsageError` for a directory that is not to be trusted, and `OSError`.
    """
    wanted = None if main is None else key(main)
    found = (decode(data) for _, data in contents(state_dir))
    mine = (status for status in found if status is not None and wanted in (None, status.key))
    return sorted(mine, key=lambda status: (status.host, status.pid, status.started))
