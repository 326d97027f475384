"""What the keeper logs."""

from __future__ import annotations

import time
from collections.abc import Iterable

from hotconf.logs.records import DEBUG, ERROR, WARNING, emit
from hotconf.resources.entry import SECOND, Entry, Task
from hotconf.resources.handle import TRACED, places
from hotconf.resources.preparation import Refused


def thread(text: str, error: BaseException | None) -> None:
    """What is wrong with the thread."""
    emit("reload", ERROR, "%s", _sentence(text), error=error)


def left_alone(task: Task) -> None:
    """Users' code did not return in time."""
    emit("reload", ERROR, "%s; its thread is abandoned", _sentence(task.text))


def returned(task: Task, error: BaseException | None) -> None:
    """It returned after all, or raised `error`, which is only said if it was said that it does not."""
    if not task.reported:
        return
    what, how = "Closing" if task.closing else "The factory", "returned"
    if error is not None:
        how = f"raised {type(error).__name__}"
    seconds = task.taken_ns // SECOND
    emit("reload", WARNING, "%s %s has %s after %d s", what, task.entry.name, how, seconds, error=error)


def refused(outcome: Refused) -> None:
    """Where a factory raised: the event and its record say only what. Once its secrets are known."""
    if outcome.resource is not None and outcome.error.__traceback__ is not None:
        emit("reload", DEBUG, "%s could not be created", outcome.resource.recipe.name, error=outcome.error)


def close_failed(entry: Entry, error: BaseException) -> None:
    """Users' code raised after its `yield`."""
    emit("reload", ERROR, "Closing %s raised %s", entry.name, type(error).__name__, error=error)


def overdue(entry: Entry) -> None:
    """A lease was not given back; under `python -X dev`, with where it was taken."""
    handle = entry.tether() if entry.tether is not None else None
    if handle is None:
        return
    where = sorted(set(places(handle)))
    del handle
    hint = f", taken at {', '.join(where)}" if where else "" if TRACED else "; python -X dev shows where it was taken"
    seconds = (time.monotonic_ns() - entry.retired_ns) // SECOND
    text = "%s was replaced %d s ago and is not closed: a lease of it has not ended%s"
    emit("reload", WARNING, text, entry.name, seconds, hint)


def left(entries: Iterable[Entry], tasks: Iterable[Task | None], *, in_time: bool) -> None:
    """What is not closed when its watcher is."""
    at_work = {task.entry: task.text for task in tasks if task is not None}
    for entry in entries:
        name = entry.name
        if entry in at_work:
            emit("reload", WARNING, "%s, and its watcher was closed", _sentence(at_work[entry]))
        elif not entry.dead:
            emit(
                "reload",
                WARNING,
                "%s is still leased after its watcher was closed: it closes when the lease ends",
                name,
            )
        elif not in_time:
            emit("reload", WARNING, "%s was not closed in time when its watcher was closed", name)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
