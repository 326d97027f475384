"""Choosing canaries: the publisher ranks the registered instances, and publishes one threshold."""

from __future__ import annotations

import math
import re
from typing import Final

from hotconf import arguments
from hotconf.errors import UsageError
from hotconf.fleet.protocol.records import Canary, rank
from hotconf.fleet.publishing.reading import State

_NUMBER: Final = re.compile(r"([0-9]{1,6})(%?)")
_LABEL: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._/-]*)=(.+)")


def canary_of(rule: str, salt: str, state: State) -> Canary:
    """The canaries by `rule`: `1`, `10%` (at least one) or `zone=eu`.

    Instances are ranked, not processes: all processes of an instance serve the same. Raises `UsageError` for an
    invalid rule, one that matches no instance or all of them, and if no version is published that the others could
    serve.
    """
    current = state.known.current
    if current is None:
        raise UsageError("canary: nothing is published that the others could serve")
    stable = current.stable
    if label := _LABEL.fullmatch(rule):
        key, value = label.groups()
        there = {who for who, said in state.instances.items() if said.labels.get(key) == value}
        if not there:
            raise UsageError(f"canary: no instance has the label {rule}")
        return Canary(rule, stable, label=(key, value))
    if (number := _NUMBER.fullmatch(rule)) is None:
        raise arguments.wrong("canary", rule, "a number (1), a part (10%) or a label (zone=eu)")
    count, percent = int(number[1]), number[2]
    names = {instance for instance, _ in state.instances}
    wanted = math.ceil(count * len(names) / 100) if percent else count
    if count < 1 or (percent and count >= 100):
        raise arguments.wrong("canary", rule, "a number from 1 on, or a part from 1% to 99%")
    if not names:
        raise UsageError("canary: no instance is registered")
    if wanted >= len(names):
        raise UsageError(f"canary: {rule} would be all {len(names)} registered instances")
    return Canary(rule, stable, salt=salt, until=sorted(rank(salt, name) for name in names)[wanted - 1])
