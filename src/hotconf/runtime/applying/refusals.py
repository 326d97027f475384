"""The problem of a resource that could not be created: at the line of what it is made of, without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotconf.changes import Change
from hotconf.config.merge import Origins
from hotconf.config.redaction.secret_values import secrets_around
from hotconf.config.validation.collector import LONGEST
from hotconf.keypath import KeyPath
from hotconf.logs.scrubbing import KnownSecrets, secrets_of_snapshot
from hotconf.problems import Problem
from hotconf.resources.preparation import Refused, UnfitError
from hotconf.runtime.applying.concern import is_path
from hotconf.secrets.scrubber import Scrubber
from hotconf.snapshot import Snapshot
from hotconf.sources.base import Options
from hotconf.text import printable, shortened


def refusal(
    outcome: Refused, new: Snapshot[Any], changes: Sequence[Change], options: Options[Any], known: KnownSecrets
) -> Problem:
    """Why a resource of `new` could not be created. From now on `known` knows its secrets. `changes`: what is new."""
    found = secrets_of_snapshot(options.schema, new) | secrets_around([outcome.error])
    known.load(Scrubber(found))
    text = shortened(printable(known.scrubber()(outcome.text, words=True)), LONGEST)
    path = _path(outcome, changes)
    problem = Problem(text, path, "apply", file=options.path)
    return new.origins.placed(problem) if isinstance(new.origins, Origins) else problem


def _path(outcome: Refused, changes: Sequence[Change]) -> KeyPath:
    """What it selects; of a function, the first value that changed."""
    if outcome.resource is not None and is_path(outcome.resource):
        selected: KeyPath = outcome.resource.recipe.select.keywords["path"]  # type: ignore[attr-defined]
        return (*selected, *outcome.error.path) if isinstance(outcome.error, UnfitError) else selected
    return changes[0].path if changes else ()
