"""The statistics and the health of a watcher, as any thread may ask for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hotconf.logs import records
from hotconf.watch.observer import ASKED_FOR

if TYPE_CHECKING:
    from hotconf.runtime.reloader import Reloader
    from hotconf.status.health import Health
    from hotconf.subscribers.stats import Stats


def stats(reloader: Reloader[Any]) -> Stats:
    """Counts and timings, and what is wrong."""
    cycle, bus, history = reloader.cycle, reloader.bus, reloader.history
    made = cycle.applying
    return reloader.meter.stats(cycle.observation.status[0], trouble(reloader), bus.failures)._replace(
        retries=reloader.notifier.retries,
        close_failures=0 if made is None else made.keeper.close_failures,
        last_trouble=cycle.observation.last_trouble,
        state_trouble=None if history is None else history.trouble,
        listener_failures=reloader.notifier.failures,
    )


def trouble(reloader: Reloader[Any]) -> str | None:
    """Why not every change is noticed at once; None if all is well."""
    cycle, made = reloader.cycle, reloader.cycle.applying
    _, found = cycle.observation.status
    used = None if cycle.closed else reloader.check()
    if used is None:
        return _ORPHANED if reloader.orphaned else found
    loads = [loader.trouble for loader in used.loaders]
    making = None if made is None else made.trouble
    more = (used.trouble, *loads, reloader.bus.delivery.worker.trouble, records.trouble(), making)
    cut_off = None if reloader.sourced is None else reloader.sourced.trouble
    return "; ".join(filter(None, (found, *more, cut_off))) or None


def health(reloader: Reloader[Any]) -> Health:
    """How the watcher is, why, and since when."""
    from hotconf.status.health import Health, recalled, refused, waiting  # late: few programs ask

    status, since, failed = reloader.meter.course
    pending, reason = reloader.pending, ""
    if (idle := _not_running(reloader)) is not None:
        status, reason = "unwatched", idle
    elif status == "degraded":
        reason = recalled(failed)
    elif status == "failed" and failed is not None:
        reason = refused(failed)
    elif status == "unwatched":
        reason = "hot reload is off"
    elif (why := _degraded(reloader)) is not None:
        status, reason, since = "degraded", why, _troubled_since(reloader)
    elif pending is not None:
        status, reason = "pending", waiting(pending)
    else:
        status, since = "ok", max(since, _well_since(reloader))
    return Health.of(status, reason, since, reloader.publisher.secrets.scrubber())


_ORPHANED = "the thread hotconf-driver cannot be started in this child of a fork"


def _not_running(reloader: Reloader[Any]) -> str | None:
    if reloader.cycle.closed:
        return "closed"
    if reloader.inert:
        return "a command only looks at this program"
    if reloader.check() is None:
        return _ORPHANED if reloader.orphaned else "not started"
    return None


def _degraded(reloader: Reloader[Any]) -> str | None:
    """Why it works, but not as well as it should."""
    found, history = trouble(reloader), reloader.history
    if found not in (None, ASKED_FOR):
        return found
    if history is not None and history.fails:
        return f"states are not kept: {history.trouble}"
    return None


def _troubled_since(reloader: Reloader[Any]) -> datetime:
    meter = reloader.meter
    if meter.troubled_at is None:
        meter.troubled_at = reloader.cycle.observation.troubled_at or datetime.now(UTC)
    return meter.troubled_at


def _well_since(reloader: Reloader[Any]) -> datetime:
    meter = reloader.meter
    if meter.troubled_at is not None:
        meter.troubled_at, meter.well_at = None, datetime.now(UTC)
    return meter.well_at
