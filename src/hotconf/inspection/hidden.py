"""Values that are not valid, but that a stronger layer hides: what comes to light when that layer goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hotconf.runtime.load import Part

if TYPE_CHECKING:
    from hotconf.config.pipeline import Layers
    from hotconf.engine.candidate import Valid
    from hotconf.problems import Problem
    from hotconf.sources.base import Options

_MOST_FILES: Final = 50
"""Of more files those that hide values of each other are not told apart."""


def hidden(options: Options[Any], good: Valid[Any]) -> tuple[Problem, ...]:
    """A warning for each value in the layers of `good` that would be an error without the layers that hide it.

    The weakest layers alone are validated, then those and the next one, and so on; users' validators and checks run
    for each of them.
    """
    layers: Layers = good.made_of
    together = Part(options, layers, layers).merged()
    found: dict[object, Problem] = {}
    for part in _parts(layers):
        judged = Part(options, layers, part)
        merged = judged.merged()
        if merged is None or together is None:
            continue
        for problem in judged.errors():
            origin, winner = merged.origins.get(problem.path), together.origins.locate(problem.path)
            if problem.path and origin is not None and winner is not None and winner != origin:
                warning = replace(problem, message=f"{problem.message}, hidden by {winner.where}", severity="warning")
                found.setdefault((origin, problem.path, problem.message), warning)
    return tuple(found.values())


def _parts(layers: Layers) -> Iterator[Layers]:
    """The layers without the strongest ones, from the fewest on."""
    count = len(layers.documents)
    for files in range(1 if count <= _MOST_FILES else count, count):
        yield layers._replace(documents=layers.documents[:files], over=(), problems=())
    for over in range(len(layers.over)):
        yield layers._replace(over=layers.over[:over], problems=())
