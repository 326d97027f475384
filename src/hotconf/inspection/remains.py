"""What is valid of a configuration that is refused, and what is known of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hotconf.config.validation.partial import without
from hotconf.runtime.load import Part
from hotconf.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotconf.config.pipeline import Layers
    from hotconf.engine.candidate import Invalid
    from hotconf.keypath import KeyPath
    from hotconf.sources.base import Options


class Remaining(NamedTuple):
    """What is left of it."""

    snapshot: Snapshot[Any]
    """Of what is valid, with the places of all values; its config is None if nothing is."""
    written: Mapping[str, Any]
    """What the layers say together, as it is written there."""
    unknown: tuple[KeyPath, ...]
    """Where nothing is valid."""


def remaining(options: Options[Any], refused: Invalid) -> Remaining | None:
    """What is left of what was `refused`; None if not all of it could be read. Users' validators run."""
    layers: Layers | None = refused.made_of
    if layers is None or any(each.severity == "error" for each in layers.problems):
        return None
    merged = Part(options, layers, layers).merged()
    if merged is None:
        return None
    try:
        found = without(options.schema, merged)
    except Exception:  # noqa: BLE001 - users' code, which was reported already
        found = None
    config, unknown = (None, ((),)) if found is None else (found.config, tuple(map(merged.home, found.unknown)))
    snapshot = Snapshot(config, 1, "", layers.loaded_at, (), merged.origins.of(config))
    return Remaining(snapshot, merged.table, unknown)
