"""The problem of a resource that could not be made: at the line of what it is made of, without secrets."""

from __future__ import annotations

from typing import Any

from hotconf.config.merge import Origins
from hotconf.config.redaction.secret_values import secrets_around
from hotconf.config.validation.collector import LONGEST
from hotconf.engine.candidate import Valid
from hotconf.keypath import KeyPath
from hotconf.logs.scrubbing import KnownSecrets, secrets_of_snapshot
from hotconf.problems import Problem
from hotconf.resources.preparation import Refused
from hotconf.runtime.applying.concern import is_path
from hotconf.secrets.scrubber import Scrubber
from hotconf.snapshot import Snapshot
from hotconf.sources.base import Options
from hotconf.text import printable, shortened


def refusal(outcome: Refused, good: Valid[Any], options: Options[Any], known: KnownSecrets) -> Problem:
    """Why what is made of `good` could not be made. From now on `known` knows its secrets."""
    snapshot = Snapshot(good.config, 0, good.digest, good.loaded_at, good.files, good.origins)
    found = secrets_of_snapshot(options.schema, snapshot) | secrets_around([outcome.error])
    known.load(Scrubber(found))
    text = shortened(printable(known.scrubber()(outcome.text, words=True)), LONGEST)
    path = _path(outcome, good)
    problem = Problem(text, path, "apply", file=options.path)
    return good.origins.placed(problem) if isinstance(good.origins, Origins) else problem


def _path(outcome: Refused, good: Valid[Any]) -> KeyPath:
    """What it selects; of a function, the first value that changed."""
    if outcome.resource is not None and is_path(outcome.resource):
        selected: KeyPath = outcome.resource.recipe.select.keywords["path"]  # type: ignore[attr-defined]
        return selected
    return good.changes[0].path if good.changes else ()
